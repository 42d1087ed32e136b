internal import Base
internal import Registry
internal import Resources
internal import XDS

/// TCP through a gateway: plain, after TLS, and TLS that is passed on unopened.
struct GatewayTunnels {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let destinations: Destinations

    init(mesh: MeshSnapshot, node: ProxyNode) {
        self.mesh = mesh
        self.node = node
        destinations = Destinations(mesh: mesh, node: node)
    }

    /// Where one SNI name (or any, when the list is empty) goes.
    struct Tunnel {
        var serverNames: [String]
        var targets: [(cluster: String, weight: Int)]
        var source: ResourceKey
    }

    /// The first tcp rule of the oldest VirtualService that is for this server's hosts and port.
    func tcp(_ member: GatewayPorts.Member, ledger: inout Ledger) -> Tunnel? {
        for rules in bound(to: member)
        where rules.hosts.contains(where: { !member.shown($0, of: rules.namespace).isEmpty }) {
            for rule in rules.tcp {
                let isFor =
                    rule.match.isEmpty
                    || rule.match.contains { match in
                        (match.port == nil || match.port.map(Int.init) == member.number)
                            && (match.gateways.isEmpty || match.gateways.contains(member.reference))
                    }
                guard isFor else { continue }
                ledger.use(rules.source)
                let targets = resolve(rule.route, port: member.number, source: rules.source, ledger: &ledger)
                return Tunnel(serverNames: [], targets: targets, source: rules.source)
            }
        }
        return nil
    }

    /// The tls rules for this server's hosts, in the order in which they win.
    func passthrough(_ member: GatewayPorts.Member, ledger: inout Ledger) -> [Tunnel] {
        var tunnels: [Tunnel] = []
        for rules in bound(to: member) {
            for rule in rules.tls {
                for match in rule.match {
                    guard match.port == nil || match.port.map(Int.init) == member.number,
                        match.gateways.isEmpty || match.gateways.contains(member.reference)
                    else { continue }
                    let names = match.sniHosts.flatMap { member.shown($0, of: rules.namespace).map(\.text) }
                    guard !names.isEmpty else { continue }
                    ledger.use(rules.source)
                    tunnels.append(
                        Tunnel(
                            serverNames: names,
                            targets: resolve(rule.route, port: member.number, source: rules.source, ledger: &ledger),
                            source: rules.source
                        )
                    )
                }
            }
        }
        return tunnels
    }

    /// One tunnel for every port and subset of the mesh's services, told apart by the server name mesh callers send.
    func automatic(_ member: GatewayPorts.Member, ledger: inout Ledger) -> [Tunnel] {
        var tunnels: [Tunnel] = []
        for service in mesh.services.visible(from: node.namespace) where !service.isExternal {
            guard !member.shown(service.hostname, of: service.namespace).isEmpty else { continue }
            ledger.use(service.source)
            for port in service.ports where port.portProtocol != .udp {
                let policy = destinations.resolve(
                    host: service.hostname,
                    service: service,
                    port: port.number,
                    subset: ""
                ).policy
                for subset in [""] + (policy?.subsets.map(\.name) ?? []) {
                    let reference = ClusterReference(
                        host: service.hostname,
                        port: port.number,
                        subset: subset,
                        isPassthrough: true
                    )
                    ledger.need(reference)
                    tunnels.append(
                        Tunnel(
                            serverNames: [reference.serverName],
                            targets: [(reference.name, 1)],
                            source: member.source
                        )
                    )
                }
            }
        }
        return tunnels
    }

    private func bound(to member: GatewayPorts.Member) -> [RoutingRules] {
        mesh.routing(boundTo: member.reference).all.filter { $0.isVisible(in: node.namespace) }
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
