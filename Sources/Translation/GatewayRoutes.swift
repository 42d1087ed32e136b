internal import Base
internal import Registry
internal import Resources
internal import XDS

/// Route tables of a gateway: one for the plain HTTP servers of a port, one for each HTTPS server.
struct GatewayRoutes {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let routes: RouteBuilder

    init(mesh: MeshSnapshot, node: ProxyNode) {
        self.mesh = mesh
        self.node = node
        routes = RouteBuilder(mesh: mesh, node: node)
    }

    /// A host name with the VirtualServices that serve it there.
    private struct Shown {
        var rules: [RoutingRules] = []
        var redirectsToHTTPS = false
    }

    // MARK: Plain HTTP

    func plain(
        _ members: [GatewayPorts.Member],
        name: String,
        port: Int,
        ledger: inout Ledger
    ) -> RouteConfigurationMessage {
        var hosts = VirtualHosts()
        fill(&hosts, members: members, port: port, all: HostIndex(), ledger: &ledger)
        return finish(hosts, name: name, port: port)
    }

    // MARK: HTTPS

    /// Up to so many hosts of other servers are named one by one; beyond it, every host that is not served here
    /// counts as misdirected, so that tables do not grow with the square of the servers.
    private static let namedStrangersMax = 64

    /// A request for a host of another TLS server of the port is served here only when that server's TLS settings are
    /// the same ones; else it is misdirected and gets 421 (RFC 9110 §15.5.20), whatever the connection's own server
    /// name was.
    func secure(
        _ position: Int,
        of shared: SecurePort,
        name: String,
        port: Int,
        ledger: inout Ledger
    ) -> RouteConfigurationMessage {
        let alike = shared.alike(position)
        let own = HostIndex(alike.flatMap { $0.hosts.map(\.host) })
        let isNamed = shared.hosts.count - own.count <= Self.namedStrangersMax
        var named: [HostPattern] = []
        if isNamed || own.hasWildcard {
            // A stranger's name below one of our wildcards must be named in any case; the wildcard would serve it.
            named = shared.hosts.filter { !own.contains($0) && (isNamed || own.closest(to: $0) != nil) }
        }
        if !isNamed, !own.contains(HostPattern("*")) { named.append(HostPattern("*")) }
        var hosts = VirtualHosts()
        if !named.isEmpty {
            hosts.add(
                name: "misdirected:\(port)",
                domains: named.map(\.text).sorted(),
                routes: [OwnRoutes.answer(421, name: "misdirected")]
            )
        }
        fill(&hosts, members: alike, port: port, all: shared.index, ledger: &ledger)
        return finish(hosts, name: name, port: port)
    }

    /// The TLS servers of one port.
    struct SecurePort {
        let members: [GatewayPorts.Member]
        /// Every host of every server, once.
        let hosts: [HostPattern]
        let index: HostIndex
        private let groups: [String: [Int]]

        init(_ members: [GatewayPorts.Member]) {
            self.members = members
            hosts = Set(members.flatMap { $0.hosts.map(\.host) }).sorted { $0.text < $1.text }
            index = HostIndex(hosts)
            groups = Dictionary(grouping: members.indices) { Self.key(members[$0]) }
        }

        /// The server itself and those with the same TLS settings, certificate included.
        func alike(_ position: Int) -> [GatewayPorts.Member] {
            let own = members[position]
            let others = (groups[Self.key(own)] ?? []).filter { $0 != position }.map { members[$0] }
            return [own] + others.filter { $0.endsTLS && $0.portProtocol == .https && $0.server.tls == own.server.tls }
        }

        private static func key(_ member: GatewayPorts.Member) -> String {
            "\(member.server.tls?.effectiveMode.rawValue ?? "") \(member.server.tls?.credentialName ?? "")"
        }
    }

    // MARK: Parts

    /// - Parameter all: hosts of every server of the port; what another one's host matches more closely than any of
    ///   ours is not served here.
    private func fill(
        _ hosts: inout VirtualHosts,
        members: [GatewayPorts.Member],
        port: Int,
        all: HostIndex,
        ledger: inout Ledger
    ) {
        let gateways = Set(members.map(\.reference))
        let own = HostIndex(members.flatMap { $0.hosts.map(\.host) })
        var shown: [String: Shown] = [:]
        for member in members {
            let redirects = member.server.tls?.httpsRedirect ?? false
            let bound = mesh.routing(boundTo: member.reference)
            for (owner, pattern) in member.hosts {
                for (rules, name) in bound.shown(by: pattern) where rules.isVisible(in: node.namespace) {
                    guard owner == "*" || owner == rules.namespace, !isForeign(name, own: own, all: all) else {
                        continue
                    }
                    var entry = shown[name.text] ?? Shown()
                    if !entry.rules.contains(where: { $0.source == rules.source }) { entry.rules.append(rules) }
                    entry.redirectsToHTTPS = entry.redirectsToHTTPS || redirects
                    shown[name.text] = entry
                }
                if redirects { shown[pattern.text, default: Shown()].redirectsToHTTPS = true }
            }
        }
        for (name, entry) in shown.sorted(by: { $0.key < $1.key }) {
            let built = entry.rules.sorted { $0.order < $1.order }.flatMap { rules in
                routes.routes(of: rules, gateways: gateways, port: port, ledger: &ledger)
            }
            hosts.add(
                name: "\(name):\(port)",
                domains: [name],
                routes: built,
                redirectsToHTTPS: entry.redirectsToHTTPS
            )
        }
    }

    private func isForeign(_ name: HostPattern, own: HostIndex, all: HostIndex) -> Bool {
        guard let closest = all.closest(to: name) else { return false }
        return !own.contains(closest)
    }

    private func finish(_ hosts: VirtualHosts, name: String, port: Int) -> RouteConfigurationMessage {
        var hosts = hosts
        if isExit, mesh.settings.config.outboundTrafficPolicy?.mode == .registryOnly {
            hosts.add(name: "block_all", domains: ["*"], routes: [OwnRoutes.answer(502, name: "block_all")])
        }
        if hosts.isEmpty { hosts.add(name: "blackhole:\(port)", domains: ["*"], routes: []) }
        var message = RouteConfigurationMessage()
        message.name = name
        message.virtualHosts = hosts.build()
        message.validateClusters = Wire.bool(false)
        message.ignorePortInHostMatching = true
        message.maxDirectResponseBodySizeBytes = Wire.uint(1 << 20)
        return message
    }

    /// The mesh's exit refuses unknown hosts as the sidecars do.
    private var isExit: Bool { node.labels["istio"] == "egressgateway" }
}
