import Base
import HTTP
import Routing
import XDS

/// Shorthands that keep the rows readable.
enum Make {
    static func bytes<R>(_ text: String, _ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try Array(text.utf8).withUnsafeBytes(body)
    }

    static func address(_ text: String) throws -> SocketAddress { try required(SocketAddress(text)) }

    static func block(_ text: String) throws -> CIDR { try required(CIDR(text)) }

    static func connection(isTLS: Bool = false, peer: ConnectionFacts.Peer? = nil, name: String = "") -> ConnectionFacts
    {
        ConnectionFacts(
            directRemote: SocketAddress(IPAddress(ipv4: 0x0A00_0001), port: 4000),
            local: SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 8080),
            isTLS: isTLS,
            requestedServerName: Array(name.utf8),
            peer: peer
        )
    }

    static func facts(_ connection: ConnectionFacts = connection(), remote: UInt32 = 0x0909_0909) -> RequestFacts {
        RequestFacts(connection: connection, remote: SocketAddress(IPAddress(ipv4: remote), port: 5000))
    }

    static func forward(_ cluster: String) -> Route.Action { .forward(RouteAction(destination: .cluster(cluster))) }

    static func route(_ match: RouteMatch, to cluster: String) -> Route {
        Route(match: match, action: forward(cluster))
    }

    static func table(_ hosts: [VirtualHost], ignoresPort: Bool = true) throws -> RouteTable {
        try RouteTable(
            compiling: RouteConfiguration(name: "test", virtualHosts: hosts, ignoresPortInHost: ignoresPort)
        )
    }

    /// One virtual host for everything.
    static func table(_ routes: [Route]) throws -> RouteTable {
        try table([VirtualHost(name: "all", domains: ["*"], routes: routes)])
    }

    struct Missing: Error {}

    static func required<T>(_ value: T?) throws -> T {
        guard let value else { throw Missing() }
        return value
    }
}

extension RouteTable {
    /// The name of the cluster a request goes to; other outcomes in brackets.
    func destination(
        _ head: MessageHead,
        connection: ConnectionFacts = Make.connection(),
        seed: UInt64 = 1
    ) -> String {
        var random = SeededGenerator(seed: seed)
        switch match(head, connection: connection, random: &random) {
        case .none: return "(none)"
        case .requiresTLS: return "(tls)"
        case .route(let entry):
            switch entry.action {
            case .forward(let action):
                switch action.target {
                case .cluster(let choice): return choice.name
                case .weighted(let weighted): return weighted.pick(random: random.next()).name
                case .header(let name): return "(header \(String(decoding: name, as: UTF8.self)))"
                }
            case .redirect: return "(redirect)"
            case .respond: return "(respond)"
            case .nonForwarding: return "(non-forwarding)"
            }
        }
    }

    func entry(_ head: MessageHead) throws -> RouteEntry {
        var random = SeededGenerator(seed: 1)
        guard case .route(let entry) = match(head, connection: Make.connection(), random: &random) else {
            throw Make.Missing()
        }
        return entry
    }
}
