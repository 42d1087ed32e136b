public import Transport
public import Base

/// Limits and deadlines of connections from clients. The defaults are the scorecard's bar for an internet edge.
public struct ServerOptions: Sendable {
    /// Request line and field lines together, and an HTTP/2 header list after decoding. More is answered with 431.
    public var headBytesMax = 64 << 10
    public var fieldsMax = 128
    /// From the first byte of a request, or from the connection's start, to the end of its head.
    public var headTimeout = Duration.seconds(10)
    /// Between two requests on one connection.
    public var idleTimeout = Duration.seconds(60)
    /// Slowest acceptable request body: bytes per second, judged every ten seconds. 0 turns it off.
    public var bodyRateMin = 240
    /// Output that makes no progress for this long ends the connection.
    public var sendTimeout = Duration.seconds(30)
    /// HTTP/2: SETTINGS_MAX_CONCURRENT_STREAMS.
    public var concurrentStreamsMax = 100
    /// HTTP/2: SETTINGS_INITIAL_WINDOW_SIZE, and so the most one stream buffers when its reader pauses.
    public var streamWindowBytes = 64 << 10
    /// HTTP/2: window of the connection as a whole.
    public var connectionWindowBytes = 1 << 20
    /// HTTP/2: a PING after each interval; a client that then stays silent for the timeout is given up. Nil: none.
    public var pingInterval: Duration?
    public var pingTimeout = Duration.seconds(20)
    /// HTTP/2 without TLS, recognised by its preface, on connections without ALPN.
    public var allowsHTTP2PriorKnowledge = true
    /// Requests served before the connection is asked to go. 0 means no limit.
    public var requestsMax = 0
    /// HTTP/1: how names of response fields are written.
    public var headerCase = HeaderCase.asReceived
    /// `http` and `https` as the scheme of requests that do not name one. Nil: by the presence of TLS.
    public var scheme: MessageHead.Scheme?

    public init() {}
}

/// Who serves the requests of a connection. All calls come from the loop.
open class ServerConnectionDelegate {
    public init() {}

    /// A request's head is complete. Set `stream.consumer` here, and answer now or later.
    open func onRequest(_ stream: ServerStream, endStream: Bool) {}

    /// The codec refused a message by itself: it answered `status` (0: no answer) and closes the connection or stream.
    open func onRejected(_ connection: ServerConnection, status: UInt16, reason: StaticString) {}

    /// HTTP/1: the client finished sending while it waits for a response. Most such clients are gone (only RFC 9112
    /// §9.6 says that they may still listen): end what would never end by itself, with `connection.close()`.
    open func onPeerFinished(_ connection: ServerConnection) {}

    /// The connection is gone; its streams have been told before.
    open func onClose(_ connection: ServerConnection, _ reason: CloseReason) {}
}

/// HTTP on an accepted connection: HTTP/1, or HTTP/2 by ALPN or by its preface.
///
/// Attach it to a connection that is plain, or whose TLS was started or is established; it replaces the connection's
/// handler.
public final class ServerConnection: ConnectionHandler {
    public let transport: Connection
    public let options: ServerOptions
    /// Dropped when the connection is gone.
    public private(set) var delegate: ServerConnectionDelegate?
    public internal(set) var version = HTTPVersion.http1
    /// Requests begun so far.
    public internal(set) var requestCount = 0
    /// Requests that are not finished.
    public internal(set) var openStreams = 0
    /// Asked to go: no request beyond the current ones is served.
    public internal(set) var isDraining = false
    /// Any object the owner wants to find again from a stream, such as its listener's state.
    public var userState: AnyObject?

    var engine: ServerEngine?

    @discardableResult
    public init(_ transport: Connection, options: ServerOptions, delegate: ServerConnectionDelegate) {
        self.transport = transport
        self.options = options
        self.delegate = delegate
        super.init()
        transport.handler = self
        if transport.isEstablished { start() }
    }

    var scheme: MessageHead.Scheme { options.scheme ?? (transport.tls == nil ? .http : .https) }

    private func start() {
        guard engine == nil else { return }
        if transport.tls?.isHTTP2 == true { startHTTP2() } else { engine = HTTP1ServerEngine(self) }
        if isDraining { engine?.drain() }
    }

    func startHTTP2() {
        version = .http2
        engine = HTTP2ServerEngine(self)
    }

    /// Finishes the current requests, then closes: `Connection: close`, or GOAWAY in two steps (RFC 9113 §6.8).
    public func drain() {
        guard !isDraining else { return }
        isDraining = true
        engine?.drain()
    }

    /// Closes now; open streams are told `onReset`.
    public func close() { transport.close() }

    public override func onOpen(_ connection: Connection) { start() }

    public override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
        if engine == nil { start() }
        return engine?.received(bytes, count) ?? count
    }

    public override func onWritable(_ connection: Connection) { engine?.writable() }

    public override func onEnd(_ connection: Connection) {
        if let engine { engine.inputEnded() } else { connection.finish() }
    }

    public override func onPeerFinished(_ connection: Connection) {
        if version == .http1, openStreams > 0 { delegate?.onPeerFinished(self) }
    }

    public override func onClose(_ connection: Connection, _ reason: CloseReason) {
        engine?.closed(reason)
        engine = nil
        let last = delegate
        delegate = nil
        last?.onClose(self, reason)
    }
}

/// One protocol's half of a `ServerConnection`.
class ServerEngine {
    func received(_ bytes: BytePointer, _ count: Int) -> Int { count }
    func writable() {}
    func inputEnded() {}
    func drain() {}
    func closed(_ reason: CloseReason) {}
}
