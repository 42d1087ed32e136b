public import Base
public import HTTP

/// The compiled form of one `RouteConfiguration`: authority and path in, route out.
///
/// Source: Envoy's order. The authority picks one virtual host; its routes are tried from the top; the first whose
/// every condition holds wins. There is no fall-back to another virtual host.
///
/// Shape: immutable, shared by all workers. A lookup allocates nothing.
public final class RouteTable: Sendable {
    /// What a lookup found.
    public enum Outcome {
        case route(RouteEntry)
        /// The virtual host wants TLS and the request came without: answer 301 to the same address under `https`.
        case requiresTLS(RedirectAction)
        /// No virtual host, or none of its routes: 404, response flag NR.
        case none
    }

    final class VirtualHost: Sendable {
        let name: String
        let routes: [RouteEntry]
        let requiresTLS: Bool

        init(name: String, routes: [RouteEntry], requiresTLS: Bool) {
            self.name = name
            self.routes = routes
            self.requiresTLS = requiresTLS
        }
    }

    public let name: String
    /// Headers removed from requests that come from outside the mesh (`internal_only_headers`), lower case.
    public let internalOnlyHeaders: [[UInt8]]
    let hosts: HostTable
    let virtualHosts: [VirtualHost]
    let ignoresPort: Bool

    init(
        name: String,
        internalOnlyHeaders: [[UInt8]],
        hosts: HostTable,
        virtualHosts: [VirtualHost],
        ignoresPort: Bool
    ) {
        self.name = name
        self.internalOnlyHeaders = internalOnlyHeaders
        self.hosts = hosts
        self.virtualHosts = virtualHosts
        self.ignoresPort = ignoresPort
    }

    /// The route for a request whose path is already normalised.
    @inline(never) public func match(
        _ head: MessageHead,
        connection: ConnectionFacts,
        random: inout SeededGenerator
    ) -> Outcome {
        guard let host = virtualHost(for: head) else { return .none }
        if host.requiresTLS, !connection.isTLS { return .requiresTLS(Self.toTLS) }
        let query = RouteQuery(head, connection)
        var index = 0
        while index < host.routes.count {
            let entry = host.routes[index]
            if entry.match.miss(query, random: &random) == nil { return .route(entry) }
            index &+= 1
        }
        return .none
    }

    /// True when some virtual host takes the authority: what a coalesced connection is judged by.
    public func covers(_ authority: UnsafeRawBufferPointer) -> Bool {
        hosts.find(authority, ignoresPort: ignoresPort) != nil
    }

    private func virtualHost(for head: MessageHead) -> VirtualHost? {
        let index = hosts.find(head.authority, ignoresPort: ignoresPort)
        return index.map { virtualHosts[$0] }
    }

    private static let toTLS = RedirectAction(
        status: 301,
        scheme: Array("https".utf8),
        host: nil,
        port: nil,
        path: nil,
        replacesQuery: false,
        stripsQuery: false
    )
}
