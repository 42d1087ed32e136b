/// gRPC calls to one server over an HTTP/2 connection that is opened when needed and again after it was lost.
public final class GRPCClient: Sendable {
    let client: HTTPClient
    /// Largest message taken from the server.
    let messageBytesMax: Int

    /// - Parameters:
    ///   - tls: nil means plaintext HTTP/2.
    ///   - keepaliveInterval: how often a silent connection is probed; nil never.
    public init(
        _ target: ClientTarget,
        tls: ClientTLSOptions? = nil,
        messageBytesMax: Int = 64 << 20,
        keepaliveInterval: Duration? = .seconds(30),
        connectTimeout: Duration = .seconds(10)
    ) throws(ClientError) {
        var options = HTTPClient.Options()
        options.tls = tls
        options.isHTTP2 = true
        options.keepaliveInterval = keepaliveInterval
        options.connectTimeout = connectTimeout
        client = try HTTPClient(target, options)
        self.messageBytesMax = messageBytesMax
    }

    /// One message out, one back.
    /// - Throws: the server's status when it is not OK; `.unavailable` without a connection; `.deadlineExceeded`.
    public func unary(
        _ path: String,
        _ message: [UInt8],
        metadata: Headers = [:],
        timeout: Duration? = .seconds(30)
    ) async throws(GRPCStatus) -> [UInt8] {
        let call = try await open(path, metadata: metadata, timeout: timeout)
        defer { call.cancel() }
        try await call.send(message)
        call.finish()
        guard let answer = try await call.next() else { throw GRPCStatus(.internal, "no response message") }
        guard try await call.next() == nil else { throw GRPCStatus(.internal, "more than one response message") }
        return answer
    }

    /// Opens a stream in both directions. Returns once the request head is sent, not waiting for the server.
    public func open(
        _ path: String,
        metadata: Headers = [:],
        timeout: Duration? = nil
    ) async throws(GRPCStatus) -> GRPCStream {
        try await client.core.openCall(path, metadata, timeout, messageBytesMax)
    }

    /// As `HTTPClient.replaceTLS`: open streams go on, later calls use a new connection.
    public func replaceTLS(_ tls: ClientTLSOptions) throws(ClientError) { try client.replaceTLS(tls) }

    public func close() { client.close() }
}

/// One open call of a `GRPCClient`. Sending and receiving may happen in two tasks; each side in one only.
public final class GRPCStream: Sendable {
    let exchange: ClientExchange
    let inbox: GRPCInbox

    init(_ exchange: ClientExchange, bytesMax: Int) {
        self.exchange = exchange
        inbox = GRPCInbox(exchange, bytesMax: bytesMax)
    }

    deinit { exchange.cancel() }

    /// Waits while the server is slow. - Throws: `.cancelled` or `.unavailable` when the call is over; `next` says why.
    public func send(_ message: [UInt8]) async throws(GRPCStatus) {
        do throws(BodyError) {
            try await exchange.outlet.write(Deframer.frame(message))
        } catch {
            throw GRPCStatus(.unavailable, "the call is over")
        }
    }

    /// Half-closes: no more messages from here.
    public func finish() { exchange.outlet.finish(.data([], isLast: true)) }

    /// The server's next message; nil when it ended the call with OK.
    /// - Throws: any other status.
    public func next() async throws(GRPCStatus) -> [UInt8]? { try await inbox.next() }

    /// Resets the stream. The server sees its task cancelled.
    public func cancel() { exchange.cancel() }
}
