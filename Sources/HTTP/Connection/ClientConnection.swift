public import Base
public import Transport

/// How a connection to an upstream speaks.
public struct ClientOptions: Sendable {
    public enum Version: Sendable {
        case http1
        /// Without TLS by prior knowledge; with TLS whatever ALPN says, so that peers without ALPN work.
        case http2
        /// HTTP/2 when ALPN chose it, otherwise HTTP/1.
        case negotiated
    }

    public var version = Version.http1
    /// Connecting and the TLS handshake.
    public var connectTimeout = Duration.seconds(10)
    /// Response head and trailer limits.
    public var headBytesMax = 64 << 10
    public var fieldsMax = 128
    /// HTTP/2: our own bound beside the peer's SETTINGS_MAX_CONCURRENT_STREAMS.
    public var concurrentStreamsMax = 1024
    public var streamWindowBytes = 64 << 10
    public var connectionWindowBytes = 1 << 20
    /// HTTP/2: a PING after each interval; a peer that then stays silent for the timeout is given up. Nil: none.
    public var pingInterval: Duration?
    public var pingTimeout = Duration.seconds(10)
    /// Requests sent before the connection is retired. 0 means no limit.
    public var requestsMax = 0
    /// HTTP/1: how names of request fields are written.
    public var headerCase = HeaderCase.asReceived
    /// Local address to connect from.
    public var source: IPAddress?

    public init() {}
}

/// The pool's view of its connections. All calls come from the loop, never from inside a call into the connection.
open class ClientConnectionDelegate {
    public init() {}

    /// Connected, and secured when TLS was asked for: streams can be opened.
    open func onReady(_ connection: ClientConnection) {}

    /// `canOpenStream` has become true again: HTTP/1 is idle, HTTP/2 has a slot or a raised limit.
    open func onAvailable(_ connection: ClientConnection) {}

    /// No more streams on this connection (GOAWAY, `Connection: close`, `requestsMax`); open ones go on.
    open func onRetired(_ connection: ClientConnection) {}

    /// Gone, or never came to be. Open streams have been told before.
    open func onClose(_ connection: ClientConnection, _ reason: CloseReason) {}
}

/// HTTP to one upstream endpoint: HTTP/1, or HTTP/2 by ALPN or prior knowledge.
public final class ClientConnection: ConnectionHandler {
    /// The socket below. Set right after connecting began.
    public private(set) var transport: Connection
    public let options: ClientOptions
    /// Dropped when the connection is gone.
    public private(set) var delegate: ClientConnectionDelegate?
    public private(set) var version = HTTPVersion.http1
    /// Connected, not closed.
    public private(set) var isReady = false
    /// No further stream will be opened here.
    public internal(set) var isRetired = false
    /// Streams opened so far.
    public internal(set) var requestCount = 0
    public internal(set) var openStreams = 0
    /// Any tag the pool likes.
    public var tag = 0
    /// Any object the pool wants to find again from a stream.
    public var userState: AnyObject?

    var engine: ClientEngine?

    /// Starts connecting; `onReady` or `onClose` follows.
    ///
    /// - Parameters:
    ///   - resumption: stored TLS sessions of the peer; new ones go there.
    ///   - preamble: bytes in front of everything else on the wire.
    /// - Throws: `SocketError` when no socket could be made, or a unix path has no listener.
    public init(
        to address: NetworkAddress,
        loop: EventLoop,
        tls: (context: TLSContext, serverName: String?)? = nil,
        options: ClientOptions,
        resumption: TLSResumption? = nil,
        preamble: [UInt8] = [],
        delegate: ClientConnectionDelegate
    ) throws(SocketError) {
        self.options = options
        self.delegate = delegate
        let relay = HandlerRelay()
        transport = try Connection.connect(
            to: address,
            loop: loop,
            tls: tls,
            timeout: options.connectTimeout,
            from: options.source,
            resumption: resumption,
            preamble: preamble,
            handler: relay
        )
        super.init()
        transport.handler = self
    }

    /// Speaks over a connection that is open already, such as one half of a socket pair. `onReady` comes at once.
    package init(over transport: Connection, options: ClientOptions, delegate: ClientConnectionDelegate) {
        self.options = options
        self.delegate = delegate
        self.transport = transport
        super.init()
        transport.handler = self
        onOpen(transport)
    }

    /// A stream can be opened now.
    public var canOpenStream: Bool {
        isReady && !isRetired && transport.isOpen && (engine?.canOpenStream ?? false)
    }

    /// Ready and without open streams.
    public var isIdle: Bool { isReady && openStreams == 0 }

    /// Opens a stream for one exchange; nil unless `canOpenStream`.
    public func open(_ consumer: ClientStreamConsumer) -> ClientStream? {
        guard canOpenStream, let stream = engine?.open(consumer, isReused: requestCount > 0) else { return nil }
        requestCount += 1
        openStreams += 1
        if options.requestsMax > 0 && requestCount >= options.requestsMax { retire() }
        return stream
    }

    /// Opens no more streams; closes when the open ones are done, at once when there are none.
    public func drain() {
        isRetired = true
        engine?.drain()
    }

    /// Closes now; open streams are told `onReset`.
    public func close() { transport.close() }

    func retire() {
        guard !isRetired else { return }
        isRetired = true
        delegate?.onRetired(self)
    }

    public override func onOpen(_ connection: Connection) {
        let wantsHTTP2: Bool
        switch options.version {
        case .http1: wantsHTTP2 = false
        case .http2: wantsHTTP2 = connection.tls == nil || connection.tls?.applicationProtocol != "http/1.1"
        case .negotiated: wantsHTTP2 = connection.tls?.isHTTP2 == true
        }
        version = wantsHTTP2 ? .http2 : .http1
        engine = wantsHTTP2 ? HTTP2ClientEngine(self) : HTTP1ClientEngine(self)
        isReady = true
        delegate?.onReady(self)
    }

    public override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
        engine?.received(bytes, count) ?? count
    }

    public override func onWritable(_ connection: Connection) { engine?.writable() }

    public override func onEnd(_ connection: Connection) {
        if let engine { engine.inputEnded() } else { connection.finish() }
    }

    public override func onClose(_ connection: Connection, _ reason: CloseReason) {
        isReady = false
        isRetired = true
        engine?.closed(reason)
        engine = nil
        let last = delegate
        delegate = nil
        last?.onClose(self, reason)
    }
}

/// Stands in while the connection's real handler is being initialised.
private final class HandlerRelay: ConnectionHandler {}

/// One protocol's half of a `ClientConnection`.
class ClientEngine {
    var canOpenStream: Bool { false }
    func open(_ consumer: ClientStreamConsumer, isReused: Bool) -> ClientStream? { nil }
    func received(_ bytes: BytePointer, _ count: Int) -> Int { count }
    func writable() {}
    func inputEnded() {}
    func drain() {}
    func closed(_ reason: CloseReason) {}
}
