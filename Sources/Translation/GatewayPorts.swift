internal import Base
internal import Registry
internal import Resources

/// The servers of all Gateways that select a proxy, grouped by the socket they share.
///
/// Source: Istio. Plain HTTP servers of a port share one route table, TLS servers share a port by SNI, a plain TCP
/// server has its port alone. Whoever is older wins a conflict; the other server is left out and its Gateway told.
struct GatewayPorts {
    /// One server of one Gateway.
    struct Member {
        let source: ResourceKey
        /// `ns/name` of the Gateway.
        let reference: String
        let server: Server
        let number: Int
        let portProtocol: PortProtocol
        /// Hosts, lower case, with their namespace restriction; `*` means any namespace.
        let hosts: [(namespace: String, host: HostPattern)]
        let index: HostIndex

        init(_ gateway: GatewayServers, server: Server, number: Int, portProtocol: PortProtocol) {
            source = gateway.source
            reference = gateway.reference
            self.server = server
            self.number = number
            self.portProtocol = portProtocol
            hosts = server.hosts.map { text in
                guard let slash = text.firstIndex(of: "/") else { return ("*", HostPattern(text.lowercased())) }
                let owner = text[..<slash]
                let name = text[text.index(after: slash)...].lowercased()
                return (owner == "." ? gateway.source.namespace : String(owner), HostPattern(name))
            }
            index = HostIndex(hosts.map(\.host))
        }

        /// True when TLS is ended here.
        var endsTLS: Bool {
            switch server.tls?.effectiveMode {
            case .simple, .mutual, .optionalMutual, .istioMutual: portProtocol.isTLS
            case .passthrough, .autoPassthrough, nil: false
            }
        }

        /// The part of a VirtualService's host that this server shows: the narrower of the two names.
        func shown(_ host: String, of namespace: String) -> [HostPattern] {
            let wanted = HostPattern(host.lowercased())
            return hosts.compactMap { owner, own in
                guard owner == "*" || owner == namespace else { return nil }
                if wanted.isSubset(of: own) { return wanted }
                return own.isSubset(of: wanted) ? own : nil
            }
        }
    }

    enum Content {
        case http([Member])
        case tls([Member])
        case tcp(Member)
    }

    /// One listener to be.
    struct Group {
        var number: Int
        /// Written `bind`, which becomes part of the route table's name.
        var bind: String?
        var address: String
        var port: UInt16
        var content: Content

        var listenerName: String { "\(address)_\(number)" }
        var httpRoutesName: String { bind.map { "http.\(number).\($0)" } ?? "http.\(number)" }
    }

    static func groups(mesh: MeshSnapshot, node: ProxyNode, ports: PortMap, ledger: inout Ledger) -> [Group] {
        var groups: [Group] = []
        var sockets: [String: Int] = [:]
        for gateway in mesh.gateways where gateway.selects(node.labels) {
            ledger.use(gateway.source)
            for (index, server) in gateway.spec.servers.enumerated() {
                guard let port = server.port, let word = port.protocol, let spoken = PortProtocol(parsing: word) else {
                    continue
                }
                let member = Member(gateway, server: server, number: Int(port.number), portProtocol: spoken)
                guard place(member, ports: ports, groups: &groups, sockets: &sockets) else {
                    let message =
                        "servers[\(index)]: port \(port.number) is held by another server that cannot share it"
                    ledger.report(gateway.source, .portConflict, message)
                    continue
                }
            }
        }
        return groups
    }

    private static func place(
        _ member: Member,
        ports: PortMap,
        groups: inout [Group],
        sockets: inout [String: Int]
    ) -> Bool {
        let mapped = ports.binding(of: UInt16(clamping: member.number))
        let address = member.server.bind ?? mapped.address
        let socket = "\(address):\(mapped.port)"
        guard let known = sockets[socket] else {
            sockets[socket] = groups.count
            groups.append(
                Group(
                    number: member.number,
                    bind: member.server.bind,
                    address: address,
                    port: mapped.port,
                    content: content(of: member)
                )
            )
            return true
        }
        guard groups[known].number == member.number else { return false }
        switch (groups[known].content, content(of: member)) {
        case (.http(let members), .http(let more)):
            groups[known].content = .http(members + more)
        case (.tls(let members), .tls(let more)):
            groups[known].content = .tls(members + more)
        case (.http, _), (.tls, _), (.tcp, _):
            return false
        }
        return true
    }

    private static func content(of member: Member) -> Content {
        if member.portProtocol.isHTTP { return .http([member]) }
        return member.portProtocol.isTLS ? .tls([member]) : .tcp(member)
    }
}
