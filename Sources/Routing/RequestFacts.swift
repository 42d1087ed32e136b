public import Base

/// What a connection knows about its two ends; made once per connection, after the handshake.
///
/// Shape: belongs to one worker, like the connection it describes.
public final class ConnectionFacts {
    /// The certificate the peer showed.
    public struct Peer: Sendable {
        /// URI subject alternative names, in certificate order (`spiffe://…`).
        public var uriNames: [[UInt8]]
        public var dnsNames: [[UInt8]]
        /// RFC 2253 text.
        public var subject: [UInt8]
        public var issuer: [UInt8]
        /// Lower-case hexadecimal SHA-256 of the DER form.
        public var sha256: [UInt8]
        /// URL-encoded PEM, for `%DOWNSTREAM_PEER_CERT%`; empty when not kept.
        public var pem: [UInt8]
        /// Chain and names were verified.
        public var isValidated: Bool

        public init(
            uriNames: [[UInt8]] = [],
            dnsNames: [[UInt8]] = [],
            subject: [UInt8] = [],
            issuer: [UInt8] = [],
            sha256: [UInt8] = [],
            pem: [UInt8] = [],
            isValidated: Bool = true
        ) {
            self.uriNames = uriNames
            self.dnsNames = dnsNames
            self.subject = subject
            self.issuer = issuer
            self.sha256 = sha256
            self.pem = pem
            self.isValidated = isValidated
        }
    }

    /// The other end of the TCP connection, or what the PROXY protocol said it is.
    public let directRemote: SocketAddress
    /// Where the connection arrived (the original destination, when it was redirected).
    public let local: SocketAddress
    public let isTLS: Bool
    /// Lower case; empty without SNI.
    public let requestedServerName: [UInt8]
    /// `TLSv1.3`; empty on plain connections.
    public let tlsVersion: [UInt8]
    public let tlsCipher: [UInt8]
    public let peer: Peer?
    /// The peer showed a certificate.
    public let isMutual: Bool

    public init(
        directRemote: SocketAddress,
        local: SocketAddress,
        isTLS: Bool = false,
        requestedServerName: [UInt8] = [],
        tlsVersion: [UInt8] = [],
        tlsCipher: [UInt8] = [],
        peer: Peer? = nil
    ) {
        self.directRemote = directRemote
        self.local = local
        self.isTLS = isTLS
        self.requestedServerName = requestedServerName
        self.tlsVersion = tlsVersion
        self.tlsCipher = tlsCipher
        self.peer = peer
        isMutual = peer != nil
    }
}

/// What is known about one exchange besides its heads. Cheap to make: two references and a few words.
public struct RequestFacts {
    public var connection: ConnectionFacts
    /// The client, after trusted hops of `x-forwarded-for` (`xff_num_trusted_hops`).
    public var remote: SocketAddress
    /// `HTTP/1.1`, `HTTP/2`, `HTTP/1.0`.
    public var protocolName: StaticString
    /// Unix time in milliseconds.
    public var startMilliseconds: Int64
    /// Known once routed; used by `%ROUTE_NAME%`.
    public var route: RouteEntry?
    /// Known once picked; used by `%UPSTREAM_CLUSTER%` and `%UPSTREAM_HOST%`.
    public var cluster: ClusterChoice?
    public var upstream: SocketAddress?
    /// The answer's status, 0 before there is one.
    public var status: Int

    public init(
        connection: ConnectionFacts,
        remote: SocketAddress,
        protocolName: StaticString = "HTTP/1.1",
        startMilliseconds: Int64 = 0,
        route: RouteEntry? = nil,
        cluster: ClusterChoice? = nil,
        upstream: SocketAddress? = nil,
        status: Int = 0
    ) {
        self.connection = connection
        self.remote = remote
        self.protocolName = protocolName
        self.startMilliseconds = startMilliseconds
        self.route = route
        self.cluster = cluster
        self.upstream = upstream
        self.status = status
    }
}
