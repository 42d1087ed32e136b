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
    let secrets: [String: SecretSpec]

    private let workloads: [String: [Item<WorkloadEntrySpec>]]

    init(_ resources: ResourceSet) {
        meshConfig = resources.meshConfig
        services = resources.typed(ServiceSpec.self).map { Item($0) }
        serviceEntries = resources.typed(ServiceEntrySpec.self).map { Item($0) }
        workloads = Dictionary(grouping: resources.typed(WorkloadEntrySpec.self).map { Item($0) }) {
            $0.source.namespace
        }
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
        sidecars = resources.typed(SidecarSpec.self).map { .init(source: $0.key, spec: $0.spec) }
        secrets = Dictionary(
            resources.typed(SecretSpec.self).map { ("\($0.namespace)/\($0.name)", $0.spec) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    func workloadEntries(in namespace: String) -> [Item<WorkloadEntrySpec>] { workloads[namespace] ?? [] }
}
