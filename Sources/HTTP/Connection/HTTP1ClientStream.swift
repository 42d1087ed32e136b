internal import Base
internal import Transport

/// One HTTP/1 exchange on the client side.
final class HTTP1ClientStream: ClientStream {
    private let engine: HTTP1ClientEngine
    private var framing = OutgoingFraming.none
    private var owed: UInt64 = 0
    private(set) var method = Method.get
    private(set) var wantsUpgrade = false
    private(set) var isRequestStarted = false
    /// The upstream has switched protocols: content is raw from here.
    private var isSwitched = false
    /// Raw bytes that came before the switch. Sent any earlier, an upstream that refuses would read them as a request
    /// of their own.
    private var early = SpillBuffer()

    init(connection: ClientConnection, consumer: ClientStreamConsumer, isReused: Bool, engine: HTTP1ClientEngine) {
        self.engine = engine
        super.init(connection: connection, consumer: consumer, isReused: isReused)
    }

    deinit { early.release() }

    private var transport: Connection { connection.transport }

    override var isWritable: Bool { early.isEmpty && transport.isWritable }
    override var bufferedBytes: Int { transport.bufferedBytes &+ early.count }

    override func sendHead(_ head: MessageHead, endStream: Bool) {
        guard !isClosed, !isRequestStarted else { return }
        guard head.wireBytesMax &+ head.authority.count <= Connection.stagedReserveMax else {
            reset(.internalError)
            return
        }
        isRequestStarted = true
        method = head.method
        wantsUpgrade = head.has(.upgrade)
        framing = choose(head, endStream)
        var out = ByteWriter(transport.reserve(head.wireBytesMax &+ head.authority.count))
        head.writeRequest(&out, framing: framing, connection.options.headerCase)
        transport.commit(out.count)
        engine.requestStarted()
        if endStream && framing != .raw { complete() }
    }

    /// A refused upgrade or CONNECT leaves an ordinary exchange whose request is complete; an accepted one is raw
    /// from here.
    func settleUpgrade(_ head: MessageHead) {
        if head.status == 101 {
            framing = .raw
            isRequestComplete = false
            isSwitched = true
        } else if framing == .raw {
            isSwitched = method == .connect && head.status < 300
            if !isSwitched { isRequestComplete = true }
        }
        if early.isEmpty { return }
        if isSwitched { transport.write(early.bytes) }
        early.release()
    }

    private func choose(_ head: MessageHead, _ endStream: Bool) -> OutgoingFraming {
        if method == .connect || (wantsUpgrade && endStream) || (wantsUpgrade && head.contentLength == nil) {
            head.remove(.contentLength)
            return .raw
        }
        if let length = head.contentLength {
            if endStream && length > 0 {
                head.remove(.contentLength)
                return .empty
            }
            owed = length
            return .length
        }
        guard endStream else { return .chunked }
        switch method {
        case .post, .put, .patch: return .empty
        case .get, .head, .delete, .connect, .options, .trace, .other: return .none
        }
    }

    override func sendData(_ bytes: UnsafeRawBufferPointer, endStream: Bool) {
        guard isRequestStarted, !isRequestComplete, !isClosed else { return }
        if bytes.count > 0 {
            switch framing {
            case .none, .empty: break
            case .raw, .untilClose: writeRaw(bytes)
            case .chunked: writeChunk(bytes)
            case .length:
                guard UInt64(bytes.count) <= owed else {
                    reset(.internalError)
                    return
                }
                owed &-= UInt64(bytes.count)
                transport.write(bytes)
            }
        }
        if endStream { finishContent() }
    }

    private func writeRaw(_ bytes: UnsafeRawBufferPointer) {
        if isSwitched {
            transport.write(bytes)
        } else if let start = bytes.baseAddress {
            early.append(start.assumingMemoryBound(to: UInt8.self), bytes.count)
        }
    }

    private func writeChunk(_ bytes: UnsafeRawBufferPointer) {
        var out = ByteWriter(transport.reserve(32))
        out.put(hex: bytes.count)
        out.put("\r\n")
        transport.commit(out.count)
        transport.write(bytes)
        transport.write("\r\n")
    }

    private func finishContent() {
        if framing == .length && owed > 0 {
            reset(.internalError)
            return
        }
        if framing == .chunked { transport.write("0\r\n\r\n") }
        complete()
    }

    override func sendTrailers(_ trailers: MessageHead) {
        guard isRequestStarted, !isRequestComplete, !isClosed else { return }
        guard framing == .chunked, trailers.wireBytesMax <= Connection.stagedReserveMax else {
            finishContent()
            return
        }
        var out = ByteWriter(transport.reserve(trailers.wireBytesMax))
        out.put("0\r\n")
        trailers.writeLines(&out)
        out.put("\r\n")
        transport.commit(out.count)
        complete()
    }

    private func complete() {
        guard !isRequestComplete else { return }
        isRequestComplete = true
        engine.requestCompleted(self)
    }

    override func reset(_ code: HTTP2ErrorCode) {
        guard !isClosed else { return }
        engine.abandon(self)
        isClosed = true
        consumer = nil
    }

    override func pauseReading() {
        if !isResponseComplete && !isClosed { transport.pauseReading() }
    }

    override func resumeReading() {
        if !isClosed { transport.resumeReading() }
    }
}
