internal import Base
internal import Transport

/// HTTP/1 to an upstream: one exchange at a time, no pipelining.
final class HTTP1ClientEngine: ClientEngine {
    enum Input { case idle, head, fixed, chunked, trailers, untilClose, raw, dead }

    /// It holds this engine, until the connection is closed.
    let client: ClientConnection
    let transport: Connection
    private let token: BytePointer
    var input = Input.idle
    private var left: UInt64 = 0
    private var decoder = ChunkDecoder()
    private var current: HTTP1ClientStream?
    private var isKeepAlive = true
    private var informationalCount = 0
    private let notice = AvailabilityNotice()

    init(_ client: ClientConnection) {
        self.client = client
        transport = client.transport
        token = ByteClass.token
        super.init()
        notice.engine = self
    }

    override var canOpenStream: Bool { current == nil && input == .idle }

    override func open(_ consumer: ClientStreamConsumer, isReused: Bool) -> ClientStream? {
        let stream = HTTP1ClientStream(connection: client, consumer: consumer, isReused: isReused, engine: self)
        current = stream
        informationalCount = 0
        return stream
    }

    /// The request's head was written.
    func requestStarted() { input = .head }

    // MARK: Input

    override func received(_ bytes: BytePointer, _ count: Int) -> Int {
        var at = 0
        while at < count && transport.isOpen {
            switch input {
            case .head:
                let used = receiveHead(bytes + at, count &- at)
                if used <= 0 { return used < 0 ? count : at }
                at &+= used
            case .fixed: at &+= receiveFixed(bytes + at, count &- at)
            case .chunked:
                guard receiveChunked(bytes, count, &at) else { return count }
            case .trailers:
                let used = receiveTrailers(bytes + at, count &- at)
                if used <= 0 { return used < 0 ? count : at }
                at &+= used
            case .untilClose, .raw:
                deliver(bytes + at, count &- at)
                return count
            case .idle, .dead:
                // Nothing was asked: bytes here belong to no request of ours, and trusting them would poison the next
                // one.
                input = .dead
                transport.close()
                return count
            }
            if transport.isReadingPaused && at < count { return at }
        }
        return at
    }

    /// The stream is taken up once for the piece and for the end that may follow it.
    private func receiveFixed(_ p: BytePointer, _ count: Int) -> Int {
        let used = Int(min(left, UInt64(count)))
        left &-= UInt64(used)
        guard let stream = current else { return used }
        if !stream.isClosed { stream.consumer?.onData(stream, UnsafeRawBufferPointer(start: p, count: used)) }
        if left == 0 {
            noteRest(count &- used)
            if current === stream { completeResponse(stream) }
        }
        return used
    }

    private func deliver(_ p: BytePointer, _ count: Int) {
        guard let current, !current.isClosed else { return }
        current.consumer?.onData(current, UnsafeRawBufferPointer(start: p, count: count))
    }

    private func receiveHead(_ p: BytePointer, _ count: Int) -> Int {
        guard let stream = current else { return -1 }
        let head = MessageHead()
        var parser = HTTP1HeadParser(
            token: token,
            headBytesMax: client.options.headBytesMax,
            fieldsMax: client.options.fieldsMax
        )
        let used = parser.parseResponse(p, count, into: head)
        if used == HTTP1HeadParser.incomplete { return 0 }
        guard used > 0 else { return fail(.malformed(parser.reason)) }
        let status = head.status
        if status < 200 && status != 101 {
            if head.contentLength != nil || parser.isChunked {
                return fail(.malformed("content in an informational response"))
            }
            informationalCount &+= 1
            if informationalCount > ClientStream.informationalMax {
                return fail(.malformed("too many informational responses"))
            }
            stream.consumer?.onInformational(stream, head)
            return used
        }
        if status == 101 && !stream.wantsUpgrade { return fail(.malformed("an upgrade nobody asked for")) }
        isKeepAlive = parser.isKeepAlive
        stream.isResponseStarted = true
        stream.settleUpgrade(head)
        let framing = frame(head, parser, stream)
        input = framing
        let isEnd = framing == .idle
        if isEnd {
            stream.isResponseComplete = true
            noteRest(count &- used)
        }
        stream.consumer?.onHead(stream, head, endStream: isEnd)
        if isEnd && current === stream { endResponse(stream) }
        return used
    }

    /// Where the content ends (RFC 9112 §6.3); `.idle` stands for no content.
    private func frame(_ head: MessageHead, _ parser: HTTP1HeadParser, _ stream: HTTP1ClientStream) -> Input {
        let status = head.status
        if status == 101 || (stream.method == .connect && status < 300) {
            head.remove(.contentLength)
            return .raw
        }
        if stream.method == .head || status == 304 { return .idle }
        if status == 204 {
            // Content behind a 204 would be read as the next response: such a connection is not used again.
            if parser.isChunked || (head.contentLength ?? 0) > 0 { isKeepAlive = false }
            head.remove(.contentLength)
            return .idle
        }
        if parser.isChunked {
            decoder = ChunkDecoder()
            return .chunked
        }
        if let length = head.contentLength {
            left = length
            return length == 0 ? .idle : .fixed
        }
        isKeepAlive = false
        return .untilClose
    }

    private func receiveChunked(_ bytes: BytePointer, _ count: Int, _ at: inout Int) -> Bool {
        while at < count && input == .chunked {
            switch decoder.step(bytes, count, at: &at) {
            case .needsMore: return true
            case .data(let offset, let run):
                deliver(bytes + offset, run)
                if transport.isReadingPaused { return true }
            case .trailers: input = .trailers
            case .malformed(let reason):
                _ = fail(.malformed(reason))
                return false
            }
        }
        return true
    }

    private func receiveTrailers(_ p: BytePointer, _ count: Int) -> Int {
        if count >= 2 && p[0] == 13 && p[1] == 10 {
            noteRest(count &- 2)
            completeResponse()
            return 2
        }
        let trailers = MessageHead()
        var parser = HTTP1HeadParser(
            token: token,
            headBytesMax: client.options.headBytesMax,
            fieldsMax: client.options.fieldsMax
        )
        let used = parser.parseTrailers(p, count, into: trailers)
        guard used >= 0 else { return fail(.malformed(parser.reason)) }
        if used == 0 { return 0 }
        noteRest(count &- used)
        if let current, !current.isClosed { current.consumer?.onTrailers(current, trailers) }
        completeResponse()
        return used
    }

    /// Bytes behind a complete response belong to no request: whoever got this connection next would take them for
    /// its own.
    private func noteRest(_ count: Int) {
        if count > 0 { isKeepAlive = false }
    }

    private func completeResponse() {
        if let stream = current { completeResponse(stream) }
    }

    private func completeResponse(_ stream: HTTP1ClientStream) {
        input = .idle
        stream.isResponseComplete = true
        stream.consumer?.onEnd(stream)
        if current === stream { endResponse(stream) }
    }

    /// The response is over; the exchange is when the request is, too.
    private func endResponse(_ stream: HTTP1ClientStream) {
        if stream.isRequestComplete { endExchange(stream, isDeferred: false) }
    }

    /// Called by the stream when the request was handed over completely.
    func requestCompleted(_ stream: HTTP1ClientStream) {
        guard current === stream else { return }
        if input == .raw {
            transport.shutdownWrite()
            if stream.isResponseComplete { transport.finish() }
        } else if stream.isResponseComplete {
            endExchange(stream, isDeferred: true)
        }
    }

    private func endExchange(_ stream: HTTP1ClientStream, isDeferred: Bool) {
        forget(stream)
        guard isKeepAlive, !client.isRetired else {
            input = .dead
            client.isRetired = true
            transport.finish()
            return
        }
        input = .idle
        transport.resumeReading()
        if isDeferred { transport.loop.enqueue(notice) } else { client.delegate?.onAvailable(client) }
    }

    func tellAvailable() {
        if client.canOpenStream { client.delegate?.onAvailable(client) }
    }

    private func forget(_ stream: HTTP1ClientStream) {
        stream.isClosed = true
        stream.consumer = nil
        current = nil
        client.openStreams = 0
    }

    // MARK: Ends

    override func inputEnded() {
        guard let stream = current else {
            client.isRetired = true
            transport.close()
            return
        }
        switch input {
        case .untilClose:
            completeResponse()
            transport.close()
        case .raw:
            stream.isResponseComplete = true
            stream.consumer?.onEnd(stream)
            if stream.isRequestComplete { transport.finish() }
        case .idle, .head, .fixed, .chunked, .trailers, .dead:
            client.isRetired = true
            transport.close()
        }
    }

    override func writable() {
        guard let current, !current.isClosed else { return }
        current.consumer?.onWritable(current)
    }

    private func fail(_ failure: StreamFailure) -> Int {
        input = .dead
        client.isRetired = true
        if let stream = current {
            let consumer = stream.consumer
            forget(stream)
            consumer?.onReset(stream, failure)
        }
        transport.close()
        return -1
    }

    /// The stream gives up: the connection's state is unknown to us from here on.
    func abandon(_ stream: HTTP1ClientStream) {
        guard current === stream else { return }
        forget(stream)
        if !stream.isRequestStarted {
            transport.loop.enqueue(notice)
            return
        }
        input = .dead
        client.isRetired = true
        transport.close()
    }

    override func drain() {
        if current == nil { transport.finish() }
    }

    override func closed(_ reason: CloseReason) {
        notice.engine = nil
        input = .dead
        guard let stream = current else { return }
        let consumer = stream.consumer
        let isUnsent = !stream.isRequestStarted
        forget(stream)
        if stream.isResponseComplete { return }
        consumer?.onReset(stream, isUnsent ? .refused : .connectionClosed(reason))
    }
}

/// Tells the pool outside of the call that made the connection free.
private final class AvailabilityNotice: DeferredWork {
    unowned(unsafe) var engine: HTTP1ClientEngine?

    override func runDeferred() { engine?.tellAvailable() }
}
