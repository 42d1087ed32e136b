public import Resources

/// The mesh at one revision, indexed: what translation reads.
///
/// Shape: immutable; a change of resources or gateways makes a new one. Building it never fails: what does not
/// resolve is a problem of its resource, found during translation or listed in `unresolvedDelegates`.
public struct MeshSnapshot: Sendable {
    public let revision: UInt64
    public let settings: MeshSettings
    public let services: ServiceTable
    /// VirtualServices with hosts, oldest first.
    public let routing: [RoutingRules]
    /// Oldest first.
    public let gateways: [GatewayServers]
    public let destinations: DestinationPolicies
    public let edgePolicies: EdgePolicies
    public let routePolicies: RoutePolicies
    public let inputs: MeshInputs
    /// Root VirtualServices whose delegate is missing or not visible, with the sentence to show.
    public let unresolvedDelegates: [(root: ResourceKey, message: String)]

    private let boundRouting: [String: BoundRouting]
    private let sidecars: [StoredSidecar]
    private let secrets: [String: SecretSpec]
    private let healthChecks: [HealthCheckKey: (source: ResourceKey, check: HealthCheckPolicySpec.Check)]
    /// Some service is reached under the name that each request gives.
    public let forwardsByName: Bool

    private struct HealthCheckKey: Hashable {
        var host: String
        var subset: String
    }

    struct StoredSidecar: Sendable {
        var source: ResourceKey
        var spec: SidecarSpec
    }

    /// - Parameters:
    ///   - resources: everything stored.
    ///   - inputs: what is not a resource: connected gateways, permitted files, the trust bundle.
    public init(building resources: ResourceSet, inputs: MeshInputs = MeshInputs()) {
        let stored = StoredResources(resources)
        let settings = MeshSettings(config: stored.meshConfig, domain: inputs.domain)
        let gateways = stored.gateways
        revision = resources.revision
        self.settings = settings
        self.inputs = inputs
        self.gateways = gateways
        services = ServiceTable(
            ServiceBuilder(stored: stored, settings: settings, inputs: inputs, gateways: gateways).build()
        )
        var rules = RoutingRulesBuilder(
            domain: inputs.domain,
            defaultExportTo: settings.config.defaultVirtualServiceExportTo
        )
        routing = rules.build(stored.virtualServices)
        var bound: [String: [RoutingRules]] = [:]
        for rules in routing {
            for gateway in Set(rules.gateways) { bound[gateway, default: []].append(rules) }
        }
        boundRouting = bound.mapValues { BoundRouting($0) }
        unresolvedDelegates = rules.unresolvedDelegates
        destinations = DestinationPolicies(
            stored.destinationRules,
            rootNamespace: settings.rootNamespace,
            domain: inputs.domain,
            defaultExportTo: settings.config.defaultDestinationRuleExportTo
        )
        edgePolicies = EdgePolicies(stored.edgePolicies, defaults: settings.config.edgeDefaults)
        var checks: [HealthCheckKey: (source: ResourceKey, check: HealthCheckPolicySpec.Check)] = [:]
        for (source, spec) in stored.healthChecks {
            guard let check = spec.check else { continue }
            let host = HostName.expand(spec.host, namespace: source.namespace, domain: inputs.domain)
            let key = HealthCheckKey(host: host, subset: spec.subset ?? "")
            if checks[key] == nil { checks[key] = (source, check) }
        }
        healthChecks = checks
        forwardsByName =
            services.all.contains { $0.resolution == .original || $0.resolution == .dynamic }
            || stored.destinationRules.contains { $0.spec.asksForPassthrough }
        routePolicies = RoutePolicies(stored.routePolicies)
        sidecars = stored.sidecars
        secrets = stored.secrets
    }

    public func secret(_ name: String, namespace: String) -> SecretSpec? { secrets["\(namespace)/\(name)"] }

    /// The active check of a host's endpoints: the subset's own, else the host's. The oldest policy wins.
    public func healthCheck(
        for host: String,
        subset: String
    ) -> (source: ResourceKey, check: HealthCheckPolicySpec.Check)? {
        if !subset.isEmpty, let own = healthChecks[HealthCheckKey(host: host, subset: subset)] { return own }
        return healthChecks[HealthCheckKey(host: host, subset: "")]
    }

    /// What a workload's sidecar imports.
    public func sidecarScope(namespace: String, labels: [String: String]) -> SidecarScope {
        func choose(in owner: String, selecting: Bool) -> StoredSidecar? {
            sidecars.first { stored in
                guard stored.source.namespace == owner else { return false }
                let selector = stored.spec.workloadSelector?.labels ?? [:]
                return selecting ? !selector.isEmpty && Labels.contains(labels, all: selector) : selector.isEmpty
            }
        }
        let chosen =
            choose(in: namespace, selecting: true) ?? choose(in: namespace, selecting: false)
            ?? choose(in: settings.rootNamespace, selecting: false)
        guard let chosen else { return .everything }
        return SidecarScope(chosen.spec, source: chosen.source, workloadNamespace: namespace)
    }

    /// VirtualServices that sidecars of a workload's namespace follow.
    public func meshRouting(for scope: SidecarScope, namespace: String) -> BoundRouting {
        BoundRouting(
            (boundRouting["mesh"]?.all ?? []).filter { rules in
                rules.isVisible(in: namespace)
                    && rules.hosts.contains { scope.imports($0, namespace: rules.namespace) }
            }
        )
    }

    /// VirtualServices bound to a Gateway (`ns/name`), whoever may see them: see `RoutingRules.isVisible`.
    public func routing(boundTo gateway: String) -> BoundRouting { boundRouting[gateway] ?? BoundRouting() }
}
