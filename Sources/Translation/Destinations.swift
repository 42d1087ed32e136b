internal import Registry
internal import Resources

/// Finds the service behind a destination and the policy its callers use.
struct Destinations {
    let mesh: MeshSnapshot
    let node: ProxyNode

    /// A destination as far as it resolves.
    struct Resolved {
        var reference: ClusterReference
        /// Nil when the registry has no such service.
        var service: MeshService?
        var port: MeshPort?
        var policy: DestinationPolicy?
        /// The sections in force for this port and subset.
        var traffic: TrafficSections

        /// True when requests may be HTTP/2 towards it, which is what gRPC needs.
        var mayCarryGRPC: Bool {
            if port?.portProtocol.isHTTP2 == true { return true }
            let http = traffic.connectionPool?.http
            return http?.h2UpgradePolicy == .upgrade || http?.useClientProtocol == true
        }

        /// Requests go to the host they name: nobody knows endpoints, and nothing is captured on its way here.
        var forwardsByName: Bool {
            if service?.resolution == .original || service?.resolution == .dynamic { return true }
            return traffic.loadBalancer?.simple == .passthrough
        }

        var isGRPC: Bool { port?.portProtocol.isGRPC == true }
    }

    /// - Parameters:
    ///   - listenPort: stands in for a port that is neither written nor the service's only one.
    ///   - source: the resource that a problem is told against; nil reports none.
    func resolve(
        _ destination: Destination,
        listenPort: Int,
        source: ResourceKey?,
        ledger: inout Ledger
    ) -> Resolved {
        var service = mesh.services.service(named: destination.host, callerNamespace: node.namespace)
        if service == nil, let source {
            service = mesh.services.service(named: destination.host, callerNamespace: source.namespace)
        }
        if let target = service?.aliasOf {
            service = mesh.services.service(named: target, callerNamespace: node.namespace) ?? service
        }
        let number: Int
        if let written = destination.port?.number {
            number = Int(written)
        } else if let ports = service?.ports, ports.count == 1, let only = ports.first {
            number = only.number
        } else {
            number = listenPort
        }
        let resolved = resolve(
            host: service?.hostname ?? destination.host,
            service: service,
            port: number,
            subset: destination.subset ?? ""
        )
        note(resolved, source: source, ledger: &ledger)
        return resolved
    }

    /// A service's own port, without any VirtualService.
    func resolve(_ service: MeshService, port: MeshPort, ledger: inout Ledger) -> Resolved {
        var service = service
        if let target = service.aliasOf {
            service = mesh.services.service(named: target, callerNamespace: node.namespace) ?? service
        }
        let resolved = resolve(host: service.hostname, service: service, port: port.number, subset: "")
        note(resolved, source: nil, ledger: &ledger)
        return resolved
    }

    func resolve(host: String, service: MeshService?, port: Int, subset: String) -> Resolved {
        let policy = mesh.destinations.policy(
            for: host,
            serviceNamespace: service?.namespace,
            callerNamespace: node.namespace,
            callerLabels: node.labels
        )
        var traffic = TrafficSections(policy, port: port, subset: subset)
        if traffic.loadBalancer == nil, service?.isSticky == true {
            var hash = ConsistentHashLB()
            hash.useSourceIp = true
            traffic.loadBalancer = LoadBalancerSettings()
            traffic.loadBalancer?.consistentHash = hash
        }
        return Resolved(
            reference: ClusterReference(host: host, port: port, subset: subset),
            service: service,
            port: service?.port(numbered: port),
            policy: policy,
            traffic: traffic
        )
    }

    private func note(_ resolved: Resolved, source: ResourceKey?, ledger: inout Ledger) {
        let reference = resolved.reference
        ledger.need(reference)
        if resolved.forwardsByName { ledger.forward(reference) }
        let pool = resolved.traffic.connectionPool ?? mesh.settings.config.defaultTrafficPolicy?.connectionPool
        ledger.carry(
            reference,
            with: TCPOptions(
                idleTimeout: pool?.tcp?.idleTimeout,
                durationMax: pool?.tcp?.maxConnectionDuration,
                connectAttemptsMax: 3,
                hashesSource: resolved.traffic.loadBalancer?.consistentHash?.useSourceIp == true,
                tunnel: resolved.traffic.tunnel
            )
        )
        if let service = resolved.service { ledger.use(service.source) }
        ledger.use(resolved.policy?.sources ?? [])
        guard let source else { return }
        if resolved.service == nil {
            ledger.report(source, .destinationMissing, "destination host \(reference.host) is not in the registry")
        } else if resolved.port == nil {
            let message = "destination host \(reference.host) has no port \(reference.port)"
            ledger.report(source, .destinationMissing, message)
        }
        if !reference.subset.isEmpty, resolved.policy?.subset(named: reference.subset) == nil {
            let message = "no DestinationRule defines subset \(reference.subset) of \(reference.host)"
            ledger.report(source, .subsetMissing, message)
        }
    }
}

/// The sections of a traffic policy after inheritance.
///
/// Source: Istio. A section of a subset replaces the parent's whole section; an entry of `portLevelSettings` for the
/// port replaces load balancer, connection pool, outlier detection and TLS together, absent ones included; tunnel,
/// PROXY header and retry budget stay.
struct TrafficSections {
    var loadBalancer: LoadBalancerSettings?
    var connectionPool: ConnectionPoolSettings?
    var outlierDetection: Resources.OutlierDetection?
    var tls: ClientTLSSettings?
    var proxyProtocol: TrafficPolicy.ProxyProtocol?
    var tunnel: TrafficPolicy.TunnelSettings?
    var retryBudget: TrafficPolicy.RetryBudget?

    init(_ policy: DestinationPolicy?, port: Int, subset: String) {
        if let base = policy?.trafficPolicy { apply(base, port: port) }
        if !subset.isEmpty, let own = policy?.subset(named: subset)?.trafficPolicy { apply(own, port: port) }
    }

    private mutating func apply(_ policy: TrafficPolicy, port: Int) {
        loadBalancer = policy.loadBalancer ?? loadBalancer
        connectionPool = policy.connectionPool ?? connectionPool
        outlierDetection = policy.outlierDetection ?? outlierDetection
        tls = policy.tls ?? tls
        proxyProtocol = policy.proxyProtocol ?? proxyProtocol
        tunnel = policy.tunnel ?? tunnel
        retryBudget = policy.retryBudget ?? retryBudget
        guard let own = policy.portLevelSettings.first(where: { $0.port?.number.map(Int.init) == port }) else { return }
        loadBalancer = own.loadBalancer
        connectionPool = own.connectionPool
        outlierDetection = own.outlierDetection
        tls = own.tls
    }
}
