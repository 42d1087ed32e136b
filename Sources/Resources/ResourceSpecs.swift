// The bridge between the typed bodies and the enumeration that holds any of them.

extension RoleSpec: ResourceSpec {
    public static var kind: ResourceKind { .role }
    public var wrapped: Spec { .role(self) }
    public init?(_ spec: Spec) {
        guard case .role(let value) = spec else { return nil }
        self = value
    }
}

extension ClusterRoleSpec: ResourceSpec {
    public static var kind: ResourceKind { .clusterRole }
    public var wrapped: Spec { .clusterRole(self) }
    public init?(_ spec: Spec) {
        guard case .clusterRole(let value) = spec else { return nil }
        self = value
    }
}

extension RoleBindingSpec: ResourceSpec {
    public static var kind: ResourceKind { .roleBinding }
    public var wrapped: Spec { .roleBinding(self) }
    public init?(_ spec: Spec) {
        guard case .roleBinding(let value) = spec else { return nil }
        self = value
    }
}

extension ClusterRoleBindingSpec: ResourceSpec {
    public static var kind: ResourceKind { .clusterRoleBinding }
    public var wrapped: Spec { .clusterRoleBinding(self) }
    public init?(_ spec: Spec) {
        guard case .clusterRoleBinding(let value) = spec else { return nil }
        self = value
    }
}

extension NamespaceSpec: ResourceSpec {
    public static var kind: ResourceKind { .namespace }
    public var wrapped: Spec { .namespace(self) }
    public init?(_ spec: Spec) {
        guard case .namespace(let value) = spec else { return nil }
        self = value
    }
}

extension SecretSpec: ResourceSpec {
    public static var kind: ResourceKind { .secret }
    public var wrapped: Spec { .secret(self) }
    public init?(_ spec: Spec) {
        guard case .secret(let value) = spec else { return nil }
        self = value
    }
}

extension ConfigMapSpec: ResourceSpec {
    public static var kind: ResourceKind { .configMap }
    public var wrapped: Spec { .configMap(self) }
    public init?(_ spec: Spec) {
        guard case .configMap(let value) = spec else { return nil }
        self = value
    }
}

extension ServiceSpec: ResourceSpec {
    public static var kind: ResourceKind { .service }
    public var wrapped: Spec { .service(self) }
    public init?(_ spec: Spec) {
        guard case .service(let value) = spec else { return nil }
        self = value
    }
}

extension EndpointsSpec: ResourceSpec {
    public static var kind: ResourceKind { .endpoints }
    public var wrapped: Spec { .endpoints(self) }
    public init?(_ spec: Spec) {
        guard case .endpoints(let value) = spec else { return nil }
        self = value
    }
}

extension ServiceAccountSpec: ResourceSpec {
    public static var kind: ResourceKind { .serviceAccount }
    public var wrapped: Spec { .serviceAccount(self) }
    public init?(_ spec: Spec) {
        guard case .serviceAccount(let value) = spec else { return nil }
        self = value
    }
}

extension EndpointSliceSpec: ResourceSpec {
    public static var kind: ResourceKind { .endpointSlice }
    public var wrapped: Spec { .endpointSlice(self) }
    public init?(_ spec: Spec) {
        guard case .endpointSlice(let value) = spec else { return nil }
        self = value
    }
}

extension GatewaySpec: ResourceSpec {
    public static var kind: ResourceKind { .gateway }
    public var wrapped: Spec { .gateway(self) }
    public init?(_ spec: Spec) {
        guard case .gateway(let value) = spec else { return nil }
        self = value
    }
}

extension VirtualServiceSpec: ResourceSpec {
    public static var kind: ResourceKind { .virtualService }
    public var wrapped: Spec { .virtualService(self) }
    public init?(_ spec: Spec) {
        guard case .virtualService(let value) = spec else { return nil }
        self = value
    }
}

extension DestinationRuleSpec: ResourceSpec {
    public static var kind: ResourceKind { .destinationRule }
    public var wrapped: Spec { .destinationRule(self) }
    public init?(_ spec: Spec) {
        guard case .destinationRule(let value) = spec else { return nil }
        self = value
    }
}

extension ServiceEntrySpec: ResourceSpec {
    public static var kind: ResourceKind { .serviceEntry }
    public var wrapped: Spec { .serviceEntry(self) }
    public init?(_ spec: Spec) {
        guard case .serviceEntry(let value) = spec else { return nil }
        self = value
    }
}

extension SidecarSpec: ResourceSpec {
    public static var kind: ResourceKind { .sidecar }
    public var wrapped: Spec { .sidecar(self) }
    public init?(_ spec: Spec) {
        guard case .sidecar(let value) = spec else { return nil }
        self = value
    }
}

extension WorkloadEntrySpec: ResourceSpec {
    public static var kind: ResourceKind { .workloadEntry }
    public var wrapped: Spec { .workloadEntry(self) }
    public init?(_ spec: Spec) {
        guard case .workloadEntry(let value) = spec else { return nil }
        self = value
    }
}

extension WorkloadGroupSpec: ResourceSpec {
    public static var kind: ResourceKind { .workloadGroup }
    public var wrapped: Spec { .workloadGroup(self) }
    public init?(_ spec: Spec) {
        guard case .workloadGroup(let value) = spec else { return nil }
        self = value
    }
}

extension ProxyConfigSpec: ResourceSpec {
    public static var kind: ResourceKind { .proxyConfig }
    public var wrapped: Spec { .proxyConfig(self) }
    public init?(_ spec: Spec) {
        guard case .proxyConfig(let value) = spec else { return nil }
        self = value
    }
}

extension MeshConfigSpec: ResourceSpec {
    public static var kind: ResourceKind { .meshConfig }
    public var wrapped: Spec { .meshConfig(self) }
    public init?(_ spec: Spec) {
        guard case .meshConfig(let value) = spec else { return nil }
        self = value
    }
}

extension EdgePolicySpec: ResourceSpec {
    public static var kind: ResourceKind { .edgePolicy }
    public var wrapped: Spec { .edgePolicy(self) }
    public init?(_ spec: Spec) {
        guard case .edgePolicy(let value) = spec else { return nil }
        self = value
    }
}

extension HealthCheckPolicySpec: ResourceSpec {
    public static var kind: ResourceKind { .healthCheckPolicy }
    public var wrapped: Spec { .healthCheckPolicy(self) }
    public init?(_ spec: Spec) {
        guard case .healthCheckPolicy(let value) = spec else { return nil }
        self = value
    }
}

extension RoutePolicySpec: ResourceSpec {
    public static var kind: ResourceKind { .routePolicy }
    public var wrapped: Spec { .routePolicy(self) }
    public init?(_ spec: Spec) {
        guard case .routePolicy(let value) = spec else { return nil }
        self = value
    }
}

extension Spec {
    /// The type that the body of a kind has; nil for opaque kinds.
    static func type(of kind: ResourceKind) -> (any ResourceSpec.Type)? {
        switch kind {
        case .namespace: NamespaceSpec.self
        case .secret: SecretSpec.self
        case .configMap: ConfigMapSpec.self
        case .service: ServiceSpec.self
        case .endpoints: EndpointsSpec.self
        case .serviceAccount: ServiceAccountSpec.self
        case .endpointSlice: EndpointSliceSpec.self
        case .gateway: GatewaySpec.self
        case .virtualService: VirtualServiceSpec.self
        case .destinationRule: DestinationRuleSpec.self
        case .serviceEntry: ServiceEntrySpec.self
        case .sidecar: SidecarSpec.self
        case .workloadEntry: WorkloadEntrySpec.self
        case .workloadGroup: WorkloadGroupSpec.self
        case .proxyConfig: ProxyConfigSpec.self
        case .meshConfig: MeshConfigSpec.self
        case .edgePolicy: EdgePolicySpec.self
        case .healthCheckPolicy: HealthCheckPolicySpec.self
        case .routePolicy: RoutePolicySpec.self
        case .role: RoleSpec.self
        case .clusterRole: ClusterRoleSpec.self
        case .roleBinding: RoleBindingSpec.self
        case .clusterRoleBinding: ClusterRoleBindingSpec.self
        case .event: nil
        }
    }
}
