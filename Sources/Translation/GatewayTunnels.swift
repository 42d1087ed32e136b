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

    /// Which connections go where.
    struct Tunnel {
        var condition: TunnelChains.Condition
        var targets: [(cluster: String, weight: Int)]
        var source: ResourceKey
    }

    /// The tcp rules for this server's hosts and port, in the order in which they win; nothing can follow one that
    /// takes every connection.
    func tcp(_ member: GatewayPorts.Member, ledger: inout Ledger) -> [Tunnel] {
        var tunnels: [Tunnel] = []
        for rules in bound(to: member)
        where rules.hosts.contains(where: { !member.shown($0, of: rules.namespace).isEmpty }) {
            for rule in rules.tcp {
                for condition in Self.conditions(of: rule, at: member) {
                    ledger.use(rules.source)
                    let tunnel = tunnel(condition, rule.route, member, rules.source, &ledger)
                    guard !tunnel.targets.isEmpty else { continue }
                    tunnels.append(tunnel)
                    if !condition.asksForAddresses { return tunnels }
                }
            }
        }
        return tunnels
    }

    private static func conditions(
        of rule: TCPRoute,
        at member: GatewayPorts.Member
    ) -> [TunnelChains.Condition] {
        if rule.match.isEmpty { return [TunnelChains.Condition()] }
        return rule.match.compactMap { match in
            guard match.port == nil || match.port.map(Int.init) == member.number,
                match.gateways.isEmpty || match.gateways.contains(member.reference)
            else { return nil }
            return TunnelChains.Condition(
                destinations: match.destinationSubnets.compactMap { CIDR($0) },
                sources: match.sourceSubnet.flatMap { CIDR($0) }.map { [$0] } ?? []
            )
        }
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
                    let condition = TunnelChains.Condition(
                        serverNames: names,
                        destinations: match.destinationSubnets.compactMap { CIDR($0) }
                    )
                    tunnels.append(tunnel(condition, rule.route, member, rules.source, &ledger))
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
                            condition: TunnelChains.Condition(serverNames: [reference.serverName]),
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

    private func tunnel(
        _ condition: TunnelChains.Condition,
        _ route: [RouteDestination],
        _ member: GatewayPorts.Member,
        _ source: ResourceKey,
        _ ledger: inout Ledger
    ) -> Tunnel {
        var targets: [(cluster: String, weight: Int)] = []
        for target in route where route.count == 1 || target.weight > 0 {
            let resolved = destinations.resolve(
                target.destination,
                listenPort: member.number,
                source: source,
                ledger: &ledger
            )
            targets.append((resolved.reference.name, max(1, Int(target.weight))))
        }
        return Tunnel(condition: condition, targets: targets, source: source)
    }
}
