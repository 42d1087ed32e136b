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
        fill(&hosts, members: members, port: port, except: [:], ledger: &ledger)
        return finish(hosts, name: name, port: port)
    }

    // MARK: HTTPS

    /// - Parameter others: every other TLS server of the port. A request for one of their hosts is served here only when
    ///   that server's TLS settings are the same ones; else it is misdirected and gets 421 (RFC 9110 §15.5.20), whatever
    ///   the connection's own server name was.
    func secure(
        _ member: GatewayPorts.Member,
        others: [GatewayPorts.Member],
        name: String,
        port: Int,
        ledger: inout Ledger
    ) -> RouteConfigurationMessage {
        let alike = others.filter { $0.endsTLS && $0.portProtocol == .https && $0.server.tls == member.server.tls }
        let strangers = others.filter {
            !($0.endsTLS && $0.portProtocol == .https && $0.server.tls == member.server.tls)
        }
        var misdirected: [String: Bool] = [:]
        let own = ([member] + alike).flatMap { $0.hosts.map(\.host) }
        for stranger in strangers {
            for (_, host) in stranger.hosts where !own.contains(host) { misdirected[host.text] = true }
        }
        var hosts = VirtualHosts()
        for domain in misdirected.keys.sorted() {
            hosts.add(
                name: "misdirected|\(domain):\(port)",
                domains: [domain],
                routes: [OwnRoutes.answer(421, name: "misdirected")]
            )
        }
        fill(&hosts, members: [member] + alike, port: port, except: misdirected, ledger: &ledger)
        return finish(hosts, name: name, port: port)
    }

    // MARK: Parts

    /// - Parameter except: hosts of other servers; what they match more closely than any own host is not served here.
    private func fill(
        _ hosts: inout VirtualHosts,
        members: [GatewayPorts.Member],
        port: Int,
        except: [String: Bool],
        ledger: inout Ledger
    ) {
        let gateways = Set(members.map(\.gateway.reference))
        let own = members.flatMap { $0.hosts.map(\.host) }
        var shown: [String: Shown] = [:]
        for member in members {
            let redirects = member.server.tls?.httpsRedirect ?? false
            for rules in mesh.routing(boundTo: member.gateway.reference, proxyNamespace: node.namespace) {
                for host in rules.hosts {
                    for name in member.shown(host, of: rules.namespace) {
                        guard !isForeign(name, own: own, foreign: except.keys) else { continue }
                        var entry = shown[name.text] ?? Shown()
                        if !entry.rules.contains(where: { $0.source == rules.source }) { entry.rules.append(rules) }
                        entry.redirectsToHTTPS = entry.redirectsToHTTPS || redirects
                        shown[name.text] = entry
                    }
                }
            }
            guard redirects else { continue }
            for (_, host) in member.hosts { shown[host.text, default: Shown()].redirectsToHTTPS = true }
        }
        for (name, entry) in shown.sorted(by: { $0.key < $1.key }) {
            let built = entry.rules.sorted { $0.order < $1.order }.flatMap { rules in
                routes.routes(of: rules, gateways: gateways, port: port, ledger: &ledger)
            }
            guard !built.isEmpty || entry.redirectsToHTTPS || !entry.rules.isEmpty else { continue }
            hosts.add(
                name: "\(name):\(port)",
                domains: [name],
                routes: built,
                redirectsToHTTPS: entry.redirectsToHTTPS
            )
        }
    }

    /// True when another server's host describes `name` more closely than any of ours.
    private func isForeign(_ name: HostPattern, own: [HostPattern], foreign: Dictionary<String, Bool>.Keys) -> Bool {
        func closest(_ patterns: [HostPattern]) -> HostPattern? {
            patterns.filter { name.isSubset(of: $0) }.min(by: HostPattern.moreSpecific)
        }
        guard let theirs = closest(foreign.map { HostPattern($0) }) else { return false }
        guard let ours = closest(own) else { return true }
        return theirs != ours && HostPattern.moreSpecific(theirs, ours)
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
