internal import Base
internal import Registry
internal import Resources
internal import XDS

/// TCP out of a sidecar: CONNECT tunnels and TLS told apart by server name.
struct SidecarTunnels {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let rules: BoundRouting
    let destinations: Destinations

    init(mesh: MeshSnapshot, node: ProxyNode, rules: BoundRouting) {
        self.mesh = mesh
        self.node = node
        self.rules = rules
        destinations = Destinations(mesh: mesh, node: node)
    }

    /// Where bytes for a port of a service go: by the tls rules of its VirtualService on a TLS port, by its tcp rules
    /// on others, else to the service itself.
    func targets(to service: MeshService, port: MeshPort, ledger: inout Ledger) -> [(cluster: String, weight: Int)] {
        if let routing = rules.governing(service.hostname) {
            if port.portProtocol.isTLS,
                let rule = tlsRule(of: routing, service: service, port: port.number)
            {
                ledger.use(routing.source)
                return resolve(rule.route, port: port.number, source: routing.source, ledger: &ledger)
            }
            if !port.portProtocol.isHTTP, let rule = tcpRule(of: routing, service: service, port: port.number) {
                ledger.use(routing.source)
                return resolve(rule.route, port: port.number, source: routing.source, ledger: &ledger)
            }
        }
        let name = destinations.resolve(service, port: port, ledger: &ledger).reference.name
        guard !port.portProtocol.isHTTP, let share = abortShare(service, port: port, ledger: &ledger) else {
            return [(name, 1)]
        }
        let closed = ledger.needBlackHole()
        return share >= 1_000_000 ? [(closed, 1)] : [(closed, share), (name, 1_000_000 - share)]
    }

    /// On a TCP port an abort of the service's rules closes that share of the connections, in millionths; nil where
    /// none applies. What a rule says of requests (paths, headers) cannot hold for a connection.
    private func abortShare(_ service: MeshService, port: MeshPort, ledger: inout Ledger) -> Int? {
        guard let routing = rules.governing(service.hostname) else { return nil }
        let rule = routing.http.first { rule in
            rule.match.isEmpty || rule.match.contains { applies($0, port: port.number) }
        }
        guard let share = rule?.fault?.abort?.percentage?.value, share > 0 else { return nil }
        ledger.use(routing.source)
        return Int(min(share, 100) * 10_000)
    }

    private func applies(_ match: HTTPMatchRequest, port: Int) -> Bool {
        (match.port == nil || match.port.map(Int.init) == port) && match.uri == nil && match.method == nil
            && match.authority == nil && match.scheme == nil && match.headers.isEmpty && match.withoutHeaders.isEmpty
            && match.queryParams.isEmpty && (match.gateways.isEmpty || match.gateways.contains("mesh"))
            && Labels.contains(node.labels, all: match.sourceLabels)
            && (match.sourceNamespace == nil || match.sourceNamespace == node.namespace)
    }

    /// A filter chain's worth of server names with where they go.
    struct Tunnel {
        var serverNames: [String]
        var targets: [(cluster: String, weight: Int)]
    }

    /// The TLS ports of services, and server names that only VirtualServices know.
    func byServerName(_ services: [MeshService], port only: Int?, ledger: inout Ledger) -> [Tunnel] {
        var tunnels: [Tunnel] = []
        var taken: Set<String> = []
        for routing in rules.all {
            for rule in routing.tls {
                for match in rule.match
                where applies(match, port: match.port.map(Int.init) ?? only ?? 443)
                    && Self.holds(match.destinationSubnets, services.first { routing.hosts.contains($0.hostname) })
                {
                    let number = match.port.map(Int.init) ?? only ?? 443
                    if let only, only != number { continue }
                    let names = match.sniHosts.map { $0.lowercased() }.filter { taken.insert($0).inserted }
                    guard !names.isEmpty else { continue }
                    ledger.use(routing.source)
                    tunnels.append(
                        Tunnel(
                            serverNames: names,
                            targets: resolve(rule.route, port: number, source: routing.source, ledger: &ledger)
                        )
                    )
                }
            }
        }
        for service in services {
            let secure = service.ports.filter { port in
                port.portProtocol.isTLS && (only == nil || only == port.number)
            }
            // The hello does not carry a port: 443 is meant, or the only TLS port there is.
            guard let port = secure.first(where: { $0.number == 443 }) ?? (secure.count == 1 ? secure.first : nil),
                taken.insert(service.hostname).inserted
            else { continue }
            let name = destinations.resolve(service, port: port, ledger: &ledger).reference.name
            tunnels.append(Tunnel(serverNames: [service.hostname], targets: [(name, 1)]))
        }
        return tunnels
    }

    // MARK: Rules

    private func tlsRule(of routing: RoutingRules, service: MeshService, port: Int) -> TLSRoute? {
        let name = HostPattern(service.hostname)
        return routing.tls.first { rule in
            rule.match.contains { match in
                applies(match, port: port) && Self.holds(match.destinationSubnets, service)
                    && match.sniHosts.contains { name.isSubset(of: HostPattern($0.lowercased())) }
            }
        }
    }

    /// An app names the service it wants: the addresses it would have asked for are the service's own.
    private static func holds(_ subnets: [String], _ service: MeshService?) -> Bool {
        if subnets.isEmpty { return true }
        let blocks = subnets.compactMap { CIDR($0) }
        return (service?.addresses ?? []).contains { text in
            guard let address = CIDR(text) else { return false }
            return blocks.contains { $0.prefixLength <= address.prefixLength && $0.contains(address.network) }
        }
    }

    /// Rules for callers' addresses are for gateways: behind a sidecar there is one caller.
    private func tcpRule(of routing: RoutingRules, service: MeshService, port: Int) -> TCPRoute? {
        routing.tcp.first { rule in
            rule.match.isEmpty
                || rule.match.contains { match in
                    (match.port == nil || match.port.map(Int.init) == port)
                        && (match.gateways.isEmpty || match.gateways.contains("mesh"))
                        && Labels.contains(node.labels, all: match.sourceLabels)
                        && (match.sourceNamespace == nil || match.sourceNamespace == node.namespace)
                        && match.sourceSubnet == nil && Self.holds(match.destinationSubnets, service)
                }
        }
    }

    private func applies(_ match: TLSMatchAttributes, port: Int) -> Bool {
        (match.port == nil || match.port.map(Int.init) == port)
            && (match.gateways.isEmpty || match.gateways.contains("mesh"))
            && Labels.contains(node.labels, all: match.sourceLabels)
            && (match.sourceNamespace == nil || match.sourceNamespace == node.namespace)
    }

    private func resolve(
        _ route: [RouteDestination],
        port: Int,
        source: ResourceKey,
        ledger: inout Ledger
    ) -> [(cluster: String, weight: Int)] {
        route.filter { route.count == 1 || $0.weight > 0 }.map { target in
            let resolved = destinations.resolve(target.destination, listenPort: port, source: source, ledger: &ledger)
            return (resolved.reference.name, max(1, Int(target.weight)))
        }
    }
}
