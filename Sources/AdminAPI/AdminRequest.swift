/// One request to the admin API, as any transport delivers it.
///
/// Shape: the body is whole and bounded by the transport (`bodyBytesMax`); `path` is the raw path as sent, still
/// percent-encoded, without the query.
public struct AdminRequest: Sendable {
    /// Which door the request came through: it decides who may be believed.
    public enum Door: Sendable {
        /// The TLS listener: every request needs credentials.
        case secure
        /// The plain listener of `--dev-http`, bound to loopback only: whoever reaches it is cluster-admin, unless it
        /// is a browser that another site has sent (Host and Origin are checked).
        case development
    }

    /// The largest body that is read, in bytes. A larger one is answered 413.
    public static let bodyBytesMax = 8 << 20

    public var method: String
    public var path: String
    /// What follows `?`, as sent; empty without one.
    public var query: String
    /// Field lines in wire order. Names compare without case.
    public var headers: [(name: String, value: String)]
    public var body: [UInt8]
    /// The body was larger than `bodyBytesMax`, and `body` is not to be used.
    public var isBodyTooLarge: Bool
    public var door: Door
    /// The peer's address as text, without port; empty for a unix socket.
    public var peerAddress: String
    /// What the client's certificate says, when the TLS layer verified one against the admin CA.
    public var clientCertificate: ClientCertificate?

    /// The subject of a verified client certificate: the common name is the user, organisations are the groups.
    public struct ClientCertificate: Sendable, Equatable {
        public var commonName: String
        public var organizations: [String]

        public init(commonName: String, organizations: [String]) {
            self.commonName = commonName
            self.organizations = organizations
        }
    }

    public init(
        method: String,
        path: String,
        query: String = "",
        headers: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        isBodyTooLarge: Bool = false,
        door: Door,
        peerAddress: String = "127.0.0.1",
        clientCertificate: ClientCertificate? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
        self.isBodyTooLarge = isBodyTooLarge
        self.door = door
        self.peerAddress = peerAddress
        self.clientCertificate = clientCertificate
    }

    /// The values of a field, in order.
    func values(of name: String) -> [String] {
        headers.compactMap { $0.name.lowercased() == name ? $0.value : nil }
    }

    /// The first value of a field; `name` is in lower case.
    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name }?.value
    }
}

/// The answer to one request.
public struct AdminResponse: Sendable {
    /// What follows the head.
    public enum Body: Sendable {
        case bytes([UInt8])
        /// Pieces as they come, for watches. The stream ends by itself; dropping it ends the watch.
        case stream(AsyncStream<[UInt8]>)
    }

    public var status: Int
    public var headers: [(name: String, value: String)]
    public var body: Body

    public init(status: Int, headers: [(name: String, value: String)] = [], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first value of a field, for tests and callers in this process.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    mutating func setHeader(_ name: String, _ value: String) {
        headers.removeAll { $0.name.lowercased() == name.lowercased() }
        headers.append((name, value))
    }
}
