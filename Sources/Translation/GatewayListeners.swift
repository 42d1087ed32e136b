internal import Base
internal import Registry
internal import Resources
internal import XDS

/// Listeners and route tables of a gateway.
struct GatewayListeners {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let ports: PortMap
    private let managers: ConnectionManagers
    private let routes: GatewayRoutes
    private let tunnels: GatewayTunnels
    private let serverTLS: ServerTLS

    init(mesh: MeshSnapshot, node: ProxyNode, ports: PortMap) {
        self.mesh = mesh
        self.node = node
        self.ports = ports
        managers = ConnectionManagers(mesh: mesh)
        routes = GatewayRoutes(mesh: mesh, node: node)
        tunnels = GatewayTunnels(mesh: mesh, node: node)
        serverTLS = ServerTLS(material: TLSMaterial(mesh: mesh, node: node))
    }

    func build(ledger: inout Ledger) -> Listeners {
        var built = Listeners()
        for group in GatewayPorts.groups(mesh: mesh, node: node, ports: ports, ledger: &ledger) {
            let chains: [FilterChainMessage]
            let served: [GatewayPorts.Member]
            var inspectsTLS = false
            switch group.content {
            case .http(let members):
                served = members
                chains = [http(members, group: group, built: &built, ledger: &ledger)]
            case .tls(let members):
                served = members
                chains = tls(members, group: group, built: &built, ledger: &ledger)
                inspectsTLS = true
            case .tcp(let member):
                served = [member]
                chains = tcp(member, group: group, ledger: &ledger)
            }
            // A listener without chains is refused by every proxy; its port stays closed.
            guard !chains.isEmpty else { continue }
            var listener = Chains.listener(
                name: group.listenerName,
                address: group.address,
                port: group.port,
                direction: .outbound,
                chains: chains,
                inspectsTLS: inspectsTLS,
                readsProxyHeader: mesh.settings.config.defaultConfig?.gatewayTopology?.proxyProtocol != nil
            )
            let profiles = served.map { ($0.source, EdgeProfile($0, mesh: mesh, ledger: &ledger)) }
            EdgeProfile.apply(profiles, to: &listener, mesh: mesh)
            built.listeners.append(listener)
        }
        return built
    }

    // MARK: Plain

    private func http(
        _ members: [GatewayPorts.Member],
        group: GatewayPorts.Group,
        built: inout Listeners,
        ledger: inout Ledger
    ) -> FilterChainMessage {
        let name = group.httpRoutesName
        built.routes.append(routes.plain(members, name: name, port: group.number, ledger: &ledger))
        let profile = EdgeProfile.ofShared(members, mesh: mesh, ledger: &ledger)
        let manager = managers.gateway(
            routeConfiguration: name,
            statPrefix: "outbound_\(group.listenerName)",
            profile: profile
        )
        var chain = Chains.chain(name: name, filter: Chains.http(manager))
        profile.apply(to: &chain)
        return chain
    }

    private func tcp(
        _ member: GatewayPorts.Member,
        group: GatewayPorts.Group,
        ledger: inout Ledger
    ) -> [FilterChainMessage] {
        let name = "tcp.\(group.number)"
        let profile = EdgeProfile(member, mesh: mesh, ledger: &ledger)
        let drafts = tunnels.tcp(member, ledger: &ledger).map { tunnel in
            Draft(
                name: name,
                condition: tunnel.condition,
                filters: filters(tunnel, group, profile, ledger),
                profile: profile,
                source: tunnel.source
            )
        }
        return chains(drafts, group: group, ledger: &ledger)
    }

    private func filters(
        _ tunnel: GatewayTunnels.Tunnel,
        _ group: GatewayPorts.Group,
        _ profile: EdgeProfile,
        _ ledger: Ledger
    ) -> [NetworkFilter] {
        ledger.tcpFilters(
            tunnel.targets,
            statPrefix: "outbound_\(group.listenerName)",
            settings: mesh.settings,
            otherwise: TCPOptions(idleTimeout: profile.tunnelIdleTimeout, durationMax: profile.tunnelDurationMax)
        )
    }

    // MARK: Chains

    /// A filter chain before it is known for which connections it wins.
    private struct Draft {
        var name: String
        var condition: TunnelChains.Condition
        var tls: DownstreamTLS?
        /// For chains that do not end TLS: they must not take plain connections.
        var transportProtocol = ""
        var filters: [NetworkFilter]
        var profile: EdgeProfile
        var source: ResourceKey
    }

    private func chains(
        _ all: [Draft],
        group: GatewayPorts.Group,
        ledger: inout Ledger
    ) -> [FilterChainMessage] {
        var drafts = all
        var parts = TunnelChains.parts(drafts.map(\.condition))
        if parts == nil {
            for draft in drafts where draft.condition.asksForAddresses {
                let message = "port \(group.number): too many combinations of names and address blocks"
                ledger.report(draft.source, .notSupported, message)
            }
            drafts.removeAll { $0.condition.asksForAddresses }
            parts = TunnelChains.parts(drafts.map(\.condition))
        }
        var used: [String: Int] = [:]
        return (parts ?? []).map { part in
            let draft = drafts[part.index]
            let count = used[draft.name, default: 0]
            used[draft.name] = count + 1
            var chain = Chains.chain(
                name: count == 0 ? draft.name : "\(draft.name)~\(count)",
                serverNames: part.serverNames,
                transportProtocol: part.serverNames.isEmpty ? draft.transportProtocol : "",
                destinations: part.destinations,
                sources: part.sources,
                tls: draft.tls,
                filters: draft.filters
            )
            draft.profile.apply(to: &chain)
            return chain
        }
    }

    // MARK: TLS

    /// The names already taken on a port; two chains for one name would make the whole listener invalid.
    private struct ServerNames {
        private var taken: Set<String> = []

        mutating func claim(_ names: [String]) -> (free: [String], lost: [String]) {
            var free: [String] = []
            var lost: [String] = []
            for name in names {
                if taken.insert(name).inserted { free.append(name) } else { lost.append(name) }
            }
            return (free, lost)
        }
    }

    private func tls(
        _ members: [GatewayPorts.Member],
        group: GatewayPorts.Group,
        built: inout Listeners,
        ledger: inout Ledger
    ) -> [FilterChainMessage] {
        var names = ServerNames()
        var drafts: [Draft] = []
        let shared = GatewayRoutes.SecurePort(members)
        for (index, member) in members.enumerated() {
            let gateway = member.source
            guard member.endsTLS else {
                let profile = EdgeProfile(member, mesh: mesh, ledger: &ledger)
                let isAutomatic = member.server.tls?.effectiveMode == .autoPassthrough
                let found =
                    isAutomatic
                    ? tunnels.automatic(member, ledger: &ledger) : tunnels.passthrough(member, ledger: &ledger)
                for tunnel in found where !tunnel.targets.isEmpty {
                    // Rules for some addresses may share a name with others.
                    let claimed =
                        tunnel.condition.asksForAddresses
                        ? (free: tunnel.condition.serverNames, lost: []) : names.claim(tunnel.condition.serverNames)
                    reportLost(claimed.lost, source: tunnel.source, group: group, ledger: &ledger)
                    guard !claimed.free.isEmpty else { continue }
                    drafts.append(
                        passthrough(tunnel, names: claimed.free, group: group, profile: profile, ledger: ledger)
                    )
                }
                continue
            }
            let claimed = names.claim(member.hosts.map(\.host.text))
            reportLost(claimed.lost, source: gateway, group: group, ledger: &ledger)
            guard !claimed.free.isEmpty else { continue }
            drafts += terminated(
                member,
                names: claimed.free,
                position: index,
                shared: shared,
                group: group,
                built: &built,
                ledger: &ledger
            )
        }
        return chains(drafts, group: group, ledger: &ledger)
    }

    private func terminated(
        _ member: GatewayPorts.Member,
        names: [String],
        position: Int,
        shared: GatewayRoutes.SecurePort,
        group: GatewayPorts.Group,
        built: inout Listeners,
        ledger: inout Ledger
    ) -> [Draft] {
        guard let settings = member.server.tls else { return [] }
        let gateway = member.source
        let portName = member.server.port?.name ?? String(group.number)
        let name = "https.\(group.number).\(portName).\(gateway.name).\(gateway.namespace)"
        let isHTTP = member.portProtocol == .https
        let downstream: DownstreamTLS
        do {
            downstream = try serverTLS.gateway(settings, isHTTP: isHTTP, gateway: gateway, ledger: &ledger)
        } catch {
            ledger.report(gateway, error.reason, "port \(portName): \(error.message)")
            return []
        }
        let profile = EdgeProfile(member, mesh: mesh, ledger: &ledger)
        if isHTTP {
            built.routes.append(
                routes.secure(position, of: shared, name: name, port: group.number, ledger: &ledger)
            )
            let manager = managers.gateway(
                routeConfiguration: name,
                statPrefix: "outbound_\(group.listenerName)",
                profile: profile
            )
            return [
                Draft(
                    name: name,
                    condition: TunnelChains.Condition(serverNames: sniNames(names)),
                    tls: downstream,
                    filters: [Chains.http(manager)],
                    profile: profile,
                    source: gateway
                )
            ]
        }
        return tunnels.tcp(member, ledger: &ledger).map { tunnel in
            var condition = tunnel.condition
            condition.serverNames = sniNames(names)
            return Draft(
                name: name,
                condition: condition,
                tls: downstream,
                filters: filters(tunnel, group, profile, ledger),
                profile: profile,
                source: tunnel.source
            )
        }
    }

    private func passthrough(
        _ tunnel: GatewayTunnels.Tunnel,
        names: [String],
        group: GatewayPorts.Group,
        profile: EdgeProfile,
        ledger: Ledger
    ) -> Draft {
        var condition = tunnel.condition
        condition.serverNames = sniNames(names)
        return Draft(
            name: "tls.\(group.number).\(names[0])",
            condition: condition,
            transportProtocol: "tls",
            filters: filters(tunnel, group, profile, ledger),
            profile: profile,
            source: tunnel.source
        )
    }

    /// `*` is no server name: a chain for every name has no condition on names.
    private func sniNames(_ names: [String]) -> [String] { names.contains("*") ? [] : names }

    private func reportLost(_ names: [String], source: ResourceKey, group: GatewayPorts.Group, ledger: inout Ledger) {
        guard !names.isEmpty else { return }
        let list = names.joined(separator: ", ")
        ledger.report(source, .hostConflict, "port \(group.number): \(list) is served by an older resource")
    }
}

/// What listeners of a proxy consist of.
struct Listeners {
    var listeners: [ListenerMessage] = []
    var routes: [RouteConfigurationMessage] = []
    var clusters: [ClusterMessage] = []
}
