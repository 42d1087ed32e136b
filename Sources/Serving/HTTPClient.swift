/// Where a client connects to.
public enum ClientTarget: Sendable, Equatable {
    /// A host name or an address.
    case host(String, port: UInt16)
    case unix(path: String)
}

/// Requests to one server, over TCP, TLS or a unix socket. Connections are kept and shared.
///
/// Used by the command line, the ADS client and tests; the data plane has its own pools.
public final class HTTPClient: Sendable {
    public struct Options: Sendable {
        public var tls: ClientTLSOptions?
        /// HTTP/2 without asking (gRPC). With TLS and false, ALPN decides.
        public var isHTTP2 = false
        public var connectTimeout = Duration.seconds(10)
        /// A connection silent for this long is probed (TCP keep-alive), and dead after three unanswered probes as far
        /// apart; nil trusts it for ever.
        public var keepaliveInterval: Duration?

        public init() {}
    }

    public struct Response: Sendable {
        public var status: Int
        public var headers: Headers
        public var body: Body
        /// Complete once `body` has ended.
        public var trailers: Headers { body.trailers }
    }

    let core: ClientCore

    /// Nothing is connected before the first request.
    public init(_ target: ClientTarget, _ options: Options = Options()) throws(ClientError) {
        core = try ClientCore(target, options)
    }

    deinit { core.close() }

    /// Sends one request and returns when the response head is here. Cancelling the task resets the request.
    /// - Parameters:
    ///   - path: with query, percent-encoded.
    ///   - timeout: until the response head; nil waits for ever.
    public func send(
        _ method: String,
        _ path: String,
        headers: Headers = [:],
        body: [UInt8] = [],
        timeout: Duration? = .seconds(30)
    ) async throws(ClientError) -> Response {
        try await core.send(method, path, headers, body, timeout)
    }

    /// Believes and shows other certificates from the next connection on, which later requests will use; requests under
    /// way finish where they are. For renewed workload certificates. The server name stays the first one.
    /// - Throws: `.notConnected` for unusable PEM, `.closed` for a closed client or one without TLS.
    public func replaceTLS(_ tls: ClientTLSOptions) throws(ClientError) { try core.replaceTLS(tls) }

    /// Cuts off what is under way; later requests throw `.closed`.
    public func close() { core.close() }
}
