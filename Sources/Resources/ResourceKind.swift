/// Every kind that is stored.
public enum ResourceKind: String, CaseIterable, Hashable, Sendable, Comparable {
    case namespace = "Namespace"
    case secret = "Secret"
    case configMap = "ConfigMap"
    case service = "Service"
    case endpoints = "Endpoints"
    case serviceAccount = "ServiceAccount"
    case event = "Event"
    case endpointSlice = "EndpointSlice"
    case gateway = "Gateway"
    case virtualService = "VirtualService"
    case destinationRule = "DestinationRule"
    case serviceEntry = "ServiceEntry"
    case sidecar = "Sidecar"
    case workloadEntry = "WorkloadEntry"
    case workloadGroup = "WorkloadGroup"
    case proxyConfig = "ProxyConfig"
    case meshConfig = "MeshConfig"
    case edgePolicy = "EdgePolicy"
    case healthCheckPolicy = "HealthCheckPolicy"
    case routePolicy = "RoutePolicy"
    case role = "Role"
    case clusterRole = "ClusterRole"
    case roleBinding = "RoleBinding"
    case clusterRoleBinding = "ClusterRoleBinding"

    /// In the order of declaration, which is also a good order to create objects in.
    public static func < (a: ResourceKind, b: ResourceKind) -> Bool { a.order < b.order }

    /// The position in `allCases`.
    var order: Int { Self.positions[self] ?? 0 }

    private static let positions = Dictionary(
        uniqueKeysWithValues: allCases.enumerated().map { ($0.element, $0.offset) }
    )

    /// False for what exists once for the whole product.
    public var isNamespaced: Bool {
        switch self {
        case .namespace, .meshConfig, .clusterRole, .clusterRoleBinding: false
        default: true
        }
    }
}

/// How a kind appears in the API.
public struct KindDescriptor: Sendable {
    /// A column of the Table form (`kubectl get`). Name and age columns are included.
    public struct Column: Sendable, Equatable {
        public var name: String
        /// `string`, `integer` or `date`.
        public var type: String
        /// Where the cell comes from, as in CustomResourceDefinitions: `.spec.hosts`; computed columns begin with `@`.
        public var path: String
        /// Above 0: only in wide output.
        public var priority: Int
    }

    public var kind: ResourceKind
    /// Empty for the core group.
    public var group: String
    /// The storage version first.
    public var versions: [String]
    public var plural: String
    public var singular: String
    public var shortNames: [String]
    public var categories: [String]
    public var isNamespaced: Bool
    public var hasStatus: Bool
    /// True: the fields of the kind are below `spec`. False: they stand beside `metadata` (Secret, Endpoints).
    public var hasSpec: Bool
    /// The names of the top-level members beside apiVersion, kind, metadata and status.
    public var columns: [Column]
    /// The shape of what is below `spec`, or of the top-level members.
    public var schema: @Sendable () -> SchemaNode

    public var storageVersion: String { versions[0] }
    /// `networking.istio.io/v1`, or `v1` in the core group.
    public func apiVersion(_ version: String) -> String { group.isEmpty ? version : "\(group)/\(version)" }
    public var storageAPIVersion: String { apiVersion(storageVersion) }
}

extension ResourceKind {
    public var descriptor: KindDescriptor { Self.table[order] }

    /// The kind with this apiVersion (`networking.istio.io/v1alpha3`) and kind word; nil when it is not served.
    public init?(apiVersion: String, kind: String) {
        guard let found = ResourceKind(rawValue: kind) else { return nil }
        let descriptor = found.descriptor
        guard descriptor.versions.contains(where: { descriptor.apiVersion($0) == apiVersion }) else { return nil }
        self = found
    }

    /// The kind behind a URL: group (empty for core), version, plural.
    public init?(group: String, version: String, plural: String) {
        guard
            let found = Self.allCases.first(where: { kind in
                let descriptor = kind.descriptor
                return descriptor.group == group && descriptor.plural == plural && descriptor.versions.contains(version)
            })
        else { return nil }
        self = found
    }

    /// The kind that a person means by `vs`, `virtualservice`, `virtualservices` or `VirtualService`.
    public init?(word: String) {
        let lower = word.lowercased()
        guard
            let found = Self.allCases.first(where: { kind in
                let descriptor = kind.descriptor
                return descriptor.plural == lower || descriptor.singular == lower
                    || descriptor.shortNames.contains(lower)
            })
        else { return nil }
        self = found
    }
}
