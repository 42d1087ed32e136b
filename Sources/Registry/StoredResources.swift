internal import Resources

/// Typed lists of what is stored, each in winning order.
struct StoredResources {
    struct Item<Spec: ResourceSpec> {
        var source: ResourceKey
        var labels: [String: String]
        var annotations: [String: String]
        var order: CreationOrder
        var spec: Spec

        init(_ typed: Typed<Spec>) {
            source = typed.key
            labels = typed.metadata.labels
            annotations = typed.metadata.annotations
            order = CreationOrder(sequence: typed.creationSequence, name: typed.name, namespace: typed.namespace)
            spec = typed.spec
        }
    }

    let meshConfig: MeshConfigSpec
    let services: [Item<ServiceSpec>]
    let serviceEntries: [Item<ServiceEntrySpec>]
    let endpoints: [String: EndpointsSpec]
    let endpointSlices: [String: [EndpointSliceSpec]]
    let gateways: [GatewayServers]
    let virtualServices: [RoutingRulesBuilder.Stored]
    let destinationRules: [(source: ResourceKey, spec: DestinationRuleSpec)]
    let sidecars: [MeshSnapshot.StoredSidecar]
    let edgePolicies: [(source: ResourceKey, spec: EdgePolicySpec)]
    let secrets: [String: SecretSpec]
    /// Of ServiceEntries: host to the addresses that were given to it.
    let automaticAddresses: [ResourceKey: [String: [String]]]
    let healthChecks: [(source: ResourceKey, spec: HealthCheckPolicySpec)]
    let routePolicies: [(source: ResourceKey, spec: RoutePolicySpec)]

    /// By `namespace` and one `key=value` of its labels.
    private let workloadsByLabel: [String: [Item<WorkloadEntrySpec>]]

    init(_ resources: ResourceSet) {
        meshConfig = resources.meshConfig
        services = resources.typed(ServiceSpec.self).map { Item($0) }
        serviceEntries = resources.typed(ServiceEntrySpec.self).map { Item($0) }
        var byLabel: [String: [Item<WorkloadEntrySpec>]] = [:]
        for typed in resources.typed(WorkloadEntrySpec.self) {
            var item = Item(typed)
            item.labels.merge(item.spec.labels) { _, own in own }
            for (key, value) in item.labels { byLabel["\(typed.namespace)/\(key)=\(value)", default: []].append(item) }
        }
        workloadsByLabel = byLabel
        endpoints = Dictionary(
            resources.typed(EndpointsSpec.self).map { ("\($0.namespace)/\($0.name)", $0.spec) },
            uniquingKeysWith: { first, _ in first }
        )
        var slices: [String: [EndpointSliceSpec]] = [:]
        for slice in resources.typed(EndpointSliceSpec.self) {
            guard let service = slice.metadata.labels["kubernetes.io/service-name"] else { continue }
            slices["\(slice.namespace)/\(service)", default: []].append(slice.spec)
        }
        endpointSlices = slices
        gateways = resources.typed(GatewaySpec.self).map { typed in
            GatewayServers(source: typed.key, spec: typed.spec, order: Item(typed).order)
        }
        virtualServices = resources.typed(VirtualServiceSpec.self).map { typed in
            RoutingRulesBuilder.Stored(source: typed.key, spec: typed.spec, order: Item(typed).order)
        }
        destinationRules = resources.typed(DestinationRuleSpec.self).map { ($0.key, $0.spec) }
        edgePolicies = resources.typed(EdgePolicySpec.self).map { ($0.key, $0.spec) }
        sidecars = resources.typed(SidecarSpec.self).map { .init(source: $0.key, spec: $0.spec) }
        var automatic: [ResourceKey: [String: [String]]] = [:]
        for resource in resources.unordered(.serviceEntry) where resource.status?["addresses"] != nil {
            automatic[resource.key] = VirtualAddresses.of(resource.status)
        }
        automaticAddresses = automatic
        healthChecks = resources.typed(HealthCheckPolicySpec.self).map { ($0.key, $0.spec) }
        secrets = Dictionary(
            resources.typed(SecretSpec.self).map { ("\($0.namespace)/\($0.name)", $0.spec) },
            uniquingKeysWith: { first, _ in first }
        )
        routePolicies = resources.typed(RoutePolicySpec.self).map { ($0.key, $0.spec) }
    }

    /// WorkloadEntries with all the labels, oldest first; none for an empty selector. Their `labels` are those of the
    /// object and of the spec together.
    func workloadEntries(in namespace: String, selector: [String: String]) -> [Item<WorkloadEntrySpec>] {
        guard let first = selector.min(by: { ($0.key, $0.value) < ($1.key, $1.value) }) else { return [] }
        let candidates = workloadsByLabel["\(namespace)/\(first.key)=\(first.value)"] ?? []
        return candidates.filter { Labels.contains($0.labels, all: selector) }
    }
}
