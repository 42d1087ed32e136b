internal import Base
internal import Transport

/// HTTP/1 on an accepted connection: one exchange at a time, pipelined requests wait in the kernel or in one receive.
///
///     head ──▶ (fixed | chunked ─▶ trailers) ──▶ waiting ──response done──▶ head
///                                     101, CONNECT ──▶ raw         refused ──▶ dead
final class HTTP1ServerEngine: ServerEngine {
    enum Input { case head, fixed, chunked, trailers, waiting, raw, dead }

    /// Content of an unfinished request that is read and dropped to keep the connection, at most.
    private static let drainBytesMax: UInt64 = 64 << 10
    private static let emptyLinesMax = 8
    /// How long an idle connection stays open once the server drains.
    static let drainGrace = Duration.milliseconds(500)

    /// It holds this engine, until the connection is closed.
    let server: ServerConnection
    let transport: Connection
    private let token: BytePointer
    let timer: HTTP1ServerTimer
    var input = Input.head
    private var left: UInt64 = 0
    private var decoder = ChunkDecoder()
    var current: HTTP1ServerStream?
    /// No request follows the current one.
    var isLast = false
    private var hasInputEnded = false
    /// The next request waits until the client has read what was sent.
    private var isHeldBack = false
    private var emptyLines = 0
    /// Body bytes since the last look at the rate.
    var bodyBytes: UInt64 = 0
    var phaseStart: MonotonicTime
    var isHeadPartial = false

    init(_ server: ServerConnection) {
        self.server = server
        transport = server.transport
        token = ByteClass.token
        phaseStart = transport.loop.now
        timer = HTTP1ServerTimer()
        super.init()
        timer.engine = self
        timer.arm(within: server.options.headTimeout, on: transport.loop)
    }

    // MARK: Input

    override func received(_ bytes: BytePointer, _ count: Int) -> Int {
        var at = 0
        while at < count && transport.isOpen {
            switch input {
            case .head:
                // Who pipelines requests and reads no answers must not fill our memory with them.
                if !transport.isWritable {
                    isHeldBack = true
                    transport.pauseReading()
                    return at
                }
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
            case .raw:
                if let current {
                    current.consumer?.onData(current, UnsafeRawBufferPointer(start: bytes + at, count: count &- at))
                }
                return count
            case .waiting:
                transport.pauseReading()
                return at
            case .dead: return count
            }
            if transport.isReadingPaused && at < count { return at }
        }
        return at
    }

    /// Bytes used, 0 for incomplete, -1 when the connection is over for requests.
    private func receiveHead(_ p: BytePointer, _ count: Int) -> Int {
        if server.requestCount == 0 && p[0] == 0x50 && server.options.allowsHTTP2PriorKnowledge {
            switch HTTP2Preface.match(p, count) {
            case .whole:
                timer.cancel()
                input = .dead
                server.startHTTP2()
                return server.engine?.received(p, count) == count ? count : -1
            case .part: return 0
            case .no: break
            }
        }
        if p[0] == 13 { return receiveEmptyLine(p, count) }
        if isLast { return stopReading() }
        let head = MessageHead()
        var parser = HTTP1HeadParser(
            token: token,
            headBytesMax: server.options.headBytesMax,
            fieldsMax: server.options.fieldsMax
        )
        let used = parser.parseRequest(p, count, into: head)
        if used == HTTP1HeadParser.incomplete {
            if !isHeadPartial {
                isHeadPartial = true
                phaseStart = transport.loop.now
                timer.arm(within: server.options.headTimeout, on: transport.loop)
            }
            return 0
        }
        guard used > 0 else {
            // On a port that also speaks HTTP/2, what is neither protocol gets no answer in either.
            if parser.isForeign && server.requestCount == 0 && server.options.allowsHTTP2PriorKnowledge {
                return dropForeign(parser.reason)
            }
            return reject(parser.status, parser.reason)
        }
        begin(head, parser)
        return used
    }

    private func dropForeign(_ reason: StaticString) -> Int {
        input = .dead
        server.delegate?.onRejected(server, status: 0, reason: reason)
        transport.finish()
        return -1
    }

    /// Empty lines before a request line are tolerated (RFC 9112 §2.2), a few of them.
    private func receiveEmptyLine(_ p: BytePointer, _ count: Int) -> Int {
        if count < 2 { return 0 }
        guard p[1] == 10 else { return reject(400, "a bare CR") }
        emptyLines &+= 1
        return emptyLines > Self.emptyLinesMax ? reject(400, "too many empty lines") : 2
    }

    private func stopReading() -> Int {
        input = .dead
        return -1
    }

    private func begin(_ head: MessageHead, _ parser: HTTP1HeadParser) {
        isHeadPartial = false
        emptyLines = 0
        head.scheme = server.scheme
        server.requestCount &+= 1
        server.openStreams = 1
        let limit = server.options.requestsMax
        isLast = !parser.isKeepAlive || server.isDraining || (limit > 0 && server.requestCount >= limit)
        let stream = HTTP1ServerStream(head: head, engine: self)
        current = stream
        if parser.isChunked {
            input = .chunked
            decoder = ChunkDecoder()
        } else if let length = head.contentLength, length > 0 {
            input = .fixed
            left = length
        } else {
            input = .waiting
            // A CONNECT or an upgrade carries no content; what follows is raw if it is accepted.
            stream.isRequestComplete = true
        }
        if !stream.isRequestComplete { startBody() }
        server.delegate?.onRequest(stream, endStream: stream.isRequestComplete)
        if input == .waiting && current === stream { transport.pauseReading() }
    }

    func startBody() {
        bodyBytes = 0
        phaseStart = transport.loop.now
        timer.arm(within: .seconds(10), on: transport.loop)
    }

    private func receiveFixed(_ p: BytePointer, _ count: Int) -> Int {
        let used = Int(min(left, UInt64(count)))
        left &-= UInt64(used)
        deliver(p, used)
        if left == 0 { completeRequest() }
        return used
    }

    private func deliver(_ p: BytePointer, _ count: Int) {
        bodyBytes &+= UInt64(count)
        guard let current, !current.isClosed else { return }
        current.consumer?.onData(current, UnsafeRawBufferPointer(start: p, count: count))
    }

    /// False when the connection is over for requests.
    private func receiveChunked(_ bytes: BytePointer, _ count: Int, _ at: inout Int) -> Bool {
        while at < count && input == .chunked {
            switch decoder.step(bytes, count, at: &at) {
            case .needsMore: return true
            case .data(let offset, let run):
                deliver(bytes + offset, run)
                if transport.isReadingPaused { return true }
            case .trailers: input = .trailers
            case .malformed(let reason):
                _ = reject(400, reason)
                return false
            }
        }
        return true
    }

    private func receiveTrailers(_ p: BytePointer, _ count: Int) -> Int {
        if count >= 2 && p[0] == 13 && p[1] == 10 {
            completeRequest()
            return 2
        }
        let trailers = MessageHead()
        var parser = HTTP1HeadParser(
            token: token,
            headBytesMax: server.options.headBytesMax,
            fieldsMax: server.options.fieldsMax
        )
        let used = parser.parseTrailers(p, count, into: trailers)
        guard used >= 0 else { return reject(parser.status, parser.reason) }
        if used == 0 { return 0 }
        if let current, !current.isClosed { current.consumer?.onTrailers(current, trailers) }
        completeRequest()
        return used
    }

    private func completeRequest() {
        guard let stream = current else {
            // The response was complete long ago; the rest of this request was only drained.
            nextRequest()
            return
        }
        input = .waiting
        stream.isRequestComplete = true
        stream.consumer?.onEnd(stream)
        guard current === stream else { return }
        if stream.isResponseComplete { endExchange() } else if input == .waiting { transport.pauseReading() }
    }

    override func inputEnded() {
        hasInputEnded = true
        switch input {
        case .head, .dead: transport.finish()
        case .waiting: break
        case .raw:
            guard let current else {
                transport.finish()
                return
            }
            current.isRequestComplete = true
            current.consumer?.onEnd(current)
            if current.isResponseComplete { transport.finish() }
        case .fixed, .chunked, .trailers:
            failCurrent(.malformed("the request ended early"))
            transport.finish()
        }
    }

    override func writable() {
        if isHeldBack {
            isHeldBack = false
            transport.resumeReading()
        }
        guard let current, !current.isClosed else { return }
        current.consumer?.onWritable(current)
    }

    // MARK: Ends

    /// Called when the response was handed over completely.
    func responseCompleted() {
        guard let stream = current else { return }
        if input == .raw {
            transport.shutdownWrite()
            if stream.isRequestComplete { transport.finish() }
            return
        }
        if stream.isRequestComplete {
            endExchange()
            return
        }
        // Answered early. Dropping a small rest keeps the connection; anything else is cut off after the answer
        // arrived.
        forget(stream)
        if canDrain && !isLast {
            transport.resumeReading()
        } else {
            input = .dead
            transport.finish(lingering: true)
        }
    }

    private func forget(_ stream: HTTP1ServerStream) {
        stream.isClosed = true
        stream.consumer = nil
        current = nil
        server.openStreams = 0
    }

    private func endExchange() {
        guard let stream = current else { return }
        forget(stream)
        nextRequest()
    }

    private func nextRequest() {
        if isLast {
            input = .dead
            transport.finish()
            return
        }
        input = .head
        phaseStart = transport.loop.now
        timer.arm(within: server.isDraining ? Self.drainGrace : server.options.idleTimeout, on: transport.loop)
        transport.resumeReading()
    }

    /// The rest of the request is small enough to be read and dropped if the response is complete first.
    var canDrain: Bool { input == .fixed && left <= HTTP1ServerEngine.drainBytesMax }

    func enterRaw() {
        input = .raw
        timer.cancel()
        if let current { current.isRequestComplete = hasInputEnded }
        transport.resumeReading()
    }

    /// Answers in the codec's own name and closes. Returns -1.
    func reject(_ status: UInt16, _ reason: StaticString) -> Int {
        input = .dead
        let canAnswer = current.map { !$0.isResponseStarted } ?? true
        failCurrent(.malformed(reason))
        server.delegate?.onRejected(server, status: canAnswer ? status : 0, reason: reason)
        guard canAnswer else {
            transport.close()
            return -1
        }
        writeRefusal(status, reason)
        transport.finish(lingering: true)
        return -1
    }

    func writeRefusal(_ status: UInt16, _ reason: StaticString) {
        let head = MessageHead(byteCapacity: 256)
        head.status = status
        head.append(.contentType, "text/plain")
        var digits = ByteWriter(transport.reserve(1024))
        head.writeResponse(&digits, framing: .none, closes: true, keepsAlive10: false)
        // The blank line moves behind the length.
        digits.count &-= 2
        digits.put("content-length: ")
        digits.put(status: UInt16(truncatingIfNeeded: reason.utf8CodeUnitCount &+ 1))
        digits.put("\r\n\r\n")
        digits.put(reason)
        digits.put("\n")
        transport.commit(digits.count)
    }

    func failCurrent(_ failure: StreamFailure) {
        guard let stream = current else { return }
        let consumer = stream.consumer
        forget(stream)
        consumer?.onReset(stream, failure)
    }

    override func drain() {
        // A busy connection ends with its response, which says close. An idle one is kept for a moment: a request
        // that is on its way already is answered, with close, instead of meeting a closed socket.
        guard input == .head && !isHeadPartial else { return }
        phaseStart = transport.loop.now
        timer.arm(within: Self.drainGrace, on: transport.loop)
    }

    override func closed(_ reason: CloseReason) {
        timer.cancel()
        timer.engine = nil
        input = .dead
        failCurrent(.connectionClosed(reason))
    }
}
