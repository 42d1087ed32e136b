public import Base

/// HTTP/1.1, HTTP/2 and gRPC for the control plane: the proxy's own protocol stack on a reactor thread of its own, with
/// handlers that are ordinary async functions.
///
/// Each request runs in a task of its own off the reactor thread. The task is cancelled when the client goes away.
public final class HTTPServer: Sendable {
    public typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse

    public struct Options: Sendable {
        /// A request with more content than this gets 413. gRPC streams are not limited in sum, only per message.
        public var requestBodyBytesMax = 16 << 20
        /// Requests being handled at once, over all listeners; more get 503 with `retry-after`.
        public var concurrentRequestsMax = 4096
        /// Connections open at once; more are closed at once.
        public var connectionsMax = 10_000
        /// How long a connection may be without a request.
        public var idleTimeout = Duration.seconds(300)
        /// How long the content of a request may take to arrive (not of gRPC streams).
        public var bodyTimeout = Duration.seconds(60)
        /// How long a request head may take to arrive.
        public var headTimeout = Duration.seconds(15)

        public init() {}
    }

    let core: ServerCore

    /// Starts the reactor thread. Nothing listens yet.
    /// - Throws: when the process is out of descriptors or threads.
    public init(_ options: Options = Options(), handler: @escaping Handler) throws(ListenError) {
        core = try ServerCore(options, handler)
    }

    deinit { core.stop() }

    /// Opens a TCP listener. With port 0 the kernel chooses one.
    /// - Parameter tls: nil means plaintext. HTTP/2 is offered by ALPN with TLS and by its preface without.
    /// - Returns: the address really bound.
    @discardableResult
    public func listen(tcp address: SocketAddress, tls: TLSOptions? = nil) async throws(ListenError) -> SocketAddress {
        try await core.listen(address, tls)
    }

    /// Opens a unix socket; a socket left over at `path` is replaced. Handlers see the peer's process.
    public func listen(unixPath path: String, mode: UInt32 = 0o600) async throws(ListenError) {
        try await core.listen(unixPath: path, mode: mode)
    }

    /// Shows another certificate to connections from now on, on every TLS listener bound to `address`.
    public func replaceTLS(_ tls: TLSOptions, on address: SocketAddress) async throws(ListenError) {
        try await core.replaceTLS(tls, address)
    }

    /// Stops accepting, tells clients to go (`connection: close`, GOAWAY), returns when all requests are answered or
    /// `limit` is over; what is left then is cut off. Streams that never end (watches, ADS) are cancelled at once after
    /// the ordinary requests ended.
    public func drain(within limit: Duration) async { await core.drain(within: limit) }

    /// Cuts everything off and ends the reactor thread.
    public func close() { core.stop() }
}
