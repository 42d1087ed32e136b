/// The name of an object within the whole store.
public struct ResourceKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var kind: ResourceKind
    /// Empty for kinds outside of namespaces.
    public var namespace: String
    public var name: String

    public init(_ kind: ResourceKind, namespace: String, name: String) {
        self.kind = kind
        self.namespace = kind.isNamespaced ? namespace : ""
        self.name = name
    }

    public static func < (a: ResourceKey, b: ResourceKey) -> Bool {
        (a.kind, a.namespace, a.name) < (b.kind, b.namespace, b.name)
    }

    /// `VirtualService shop/web`.
    public var description: String { "\(kind.rawValue) \(namespace.isEmpty ? name : "\(namespace)/\(name)")" }
}

/// The typed body of an object.
public indirect enum Spec: Sendable, Equatable {
    case namespace(NamespaceSpec)
    case secret(SecretSpec)
    case configMap(ConfigMapSpec)
    case service(ServiceSpec)
    case endpoints(EndpointsSpec)
    case serviceAccount(ServiceAccountSpec)
    case event(OpaqueSpec)
    case endpointSlice(EndpointSliceSpec)
    case gateway(GatewaySpec)
    case virtualService(VirtualServiceSpec)
    case destinationRule(DestinationRuleSpec)
    case serviceEntry(ServiceEntrySpec)
    case sidecar(SidecarSpec)
    case workloadEntry(WorkloadEntrySpec)
    case workloadGroup(WorkloadGroupSpec)
    case proxyConfig(ProxyConfigSpec)
    case meshConfig(MeshConfigSpec)
    case edgePolicy(EdgePolicySpec)
    case healthCheckPolicy(HealthCheckPolicySpec)
    case routePolicy(RoutePolicySpec)
    case role(RoleSpec)
    case clusterRole(ClusterRoleSpec)
    case roleBinding(RoleBindingSpec)
    case clusterRoleBinding(ClusterRoleBindingSpec)
}

/// One object of the API: as written, and typed.
public struct Resource: Sendable, Equatable {
    public var kind: ResourceKind
    /// As the author wrote it, `networking.istio.io/v1alpha3`. Answers carry the version that was asked for.
    public var apiVersion: String
    public var metadata: ObjectMeta
    /// Every top-level member beside apiVersion, kind, metadata and status, in written order: `spec` for most kinds.
    public var body: JSONObject
    /// The typed form of `body`. Set by decoding only, so that the two agree.
    public internal(set) var spec: Spec
    /// Conditions and whatever else controllers report; `.null` is not used, nil means none.
    public var status: JSONValue?
    /// The store's counter when the object was created; a total order of age. Zero before the first write.
    public var creationSequence: UInt64 = 0

    public var key: ResourceKey { ResourceKey(kind, namespace: metadata.namespace, name: metadata.name) }

    /// The whole object in the order people expect; with `apiVersion`, as that version (versions share one shape).
    public func json(apiVersion: String? = nil) -> JSONValue {
        var object: JSONObject = [
            "apiVersion": .string(apiVersion ?? self.apiVersion), "kind": .string(kind.rawValue),
            "metadata": metadata.json,
        ]
        for (key, value) in body { object[key] = value }
        if let status { object["status"] = status }
        return .object(object)
    }
}

/// What one manifest says, with the warnings that come from it alone.
public struct DecodedResource: Sendable {
    public var resource: Resource
    public var warnings: [Warning]
    /// The lines of the manifest, when it was text.
    public var source: SourceMap?
}

/// The typed body of a kind, for code that handles one kind.
public protocol ResourceSpec: FieldObject {
    static var kind: ResourceKind { get }
    init?(_ spec: Spec)
    var wrapped: Spec { get }
}

/// An object seen as one kind.
public struct Typed<S: ResourceSpec>: Sendable, Equatable {
    public var metadata: ObjectMeta
    public var spec: S
    /// See `Resource.creationSequence`.
    public var creationSequence: UInt64

    public var name: String { metadata.name }
    public var namespace: String { metadata.namespace }
    public var key: ResourceKey { ResourceKey(S.kind, namespace: metadata.namespace, name: metadata.name) }

    /// Nil when the resource is of another kind.
    public init?(_ resource: Resource) {
        guard let spec = S(resource.spec) else { return nil }
        metadata = resource.metadata
        self.spec = spec
        creationSequence = resource.creationSequence
    }
}
