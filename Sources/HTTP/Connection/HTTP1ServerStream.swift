internal import Base
internal import Transport

/// One HTTP/1 exchange on the server side: writes the response straight into the connection's gathered output.
final class HTTP1ServerStream: ServerStream {
    private let engine: HTTP1ServerEngine
    private var framing = OutgoingFraming.none
    /// Content still owed under `.length`.
    private var owed: UInt64 = 0

    init(head: MessageHead, engine: HTTP1ServerEngine) {
        self.engine = engine
        super.init(head: head, connection: engine.server)
    }

    private var transport: Connection { connection.transport }
    private var isHTTP10: Bool { head.minorVersion == 0 }

    override var isWritable: Bool { transport.isWritable }
    override var bufferedBytes: Int { transport.bufferedBytes }

    override func sendInformational(_ head: MessageHead) {
        guard !isClosed, !isResponseStarted, !isHTTP10, head.status >= 100, head.status < 200 else { return }
        head.remove(.contentLength)
        guard head.wireBytesMax <= Connection.stagedReserveMax else { return }
        var out = ByteWriter(transport.reserve(head.wireBytesMax))
        head.writeResponse(
            &out,
            framing: .none,
            closes: false,
            keepsAlive10: false,
            connection.options.headerCase
        )
        transport.commit(out.count)
    }

    override func sendHead(_ response: MessageHead, endStream: Bool) {
        guard !isClosed, !isResponseStarted else { return }
        guard response.wireBytesMax <= Connection.stagedReserveMax else {
            reset(.internalError)
            return
        }
        isResponseStarted = true
        framing = choose(response, endStream)
        if framing == .untilClose { engine.isLast = true }
        if !isRequestComplete && !engine.canDrain { engine.isLast = true }
        if connection.isDraining { engine.isLast = true }
        var out = ByteWriter(transport.reserve(response.wireBytesMax))
        let closes = engine.isLast && framing != .raw
        response.writeResponse(
            &out,
            framing: framing,
            closes: closes,
            keepsAlive10: isHTTP10,
            connection.options.headerCase
        )
        transport.commit(out.count)
        if framing == .raw {
            engine.enterRaw()
            if endStream { complete() }
        } else if endStream || framing == .none || framing == .empty {
            complete()
        }
    }

    private func choose(_ response: MessageHead, _ endStream: Bool) -> OutgoingFraming {
        let status = response.status
        if status == 101 || (head.method == .connect && status >= 200 && status < 300) {
            response.remove(.contentLength)
            return .raw
        }
        if status == 204 || status < 200 {
            response.remove(.contentLength)
            return .none
        }
        if status == 304 || head.method == .head { return .none }
        if let length = response.contentLength {
            if endStream && length > 0 {
                // Content was promised and none comes: the peer must not wait for it.
                response.remove(.contentLength)
                return .empty
            }
            owed = length
            return .length
        }
        if endStream { return .empty }
        return isHTTP10 ? .untilClose : .chunked
    }

    override func sendData(_ bytes: UnsafeRawBufferPointer, endStream: Bool) {
        guard isResponseStarted, !isResponseComplete, !isClosed else { return }
        if bytes.count > 0 {
            switch framing {
            case .none, .empty: break
            case .raw, .untilClose: transport.write(bytes)
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

    private func writeChunk(_ bytes: UnsafeRawBufferPointer) {
        var out = ByteWriter(transport.reserve(32))
        out.put(hex: bytes.count)
        out.put("\r\n")
        transport.commit(out.count)
        transport.write(bytes)
        transport.write("\r\n")
    }

    private func finishContent() {
        switch framing {
        case .length where owed > 0:
            // Shorter than promised: only closing tells the client.
            reset(.internalError)
            return
        case .chunked: transport.write("0\r\n\r\n")
        case .none, .empty, .length, .untilClose, .raw: break
        }
        complete()
    }

    override func sendTrailers(_ trailers: MessageHead) {
        guard isResponseStarted, !isResponseComplete, !isClosed else { return }
        if framing == .chunked && trailers.wireBytesMax <= Connection.stagedReserveMax {
            var out = ByteWriter(transport.reserve(trailers.wireBytesMax))
            out.put("0\r\n")
            trailers.writeLines(&out)
            out.put("\r\n")
            transport.commit(out.count)
            complete()
        } else {
            finishContent()
        }
    }

    private func complete() {
        guard !isResponseComplete else { return }
        isResponseComplete = true
        engine.responseCompleted()
    }

    override func reset(_ code: HTTP2ErrorCode) {
        guard !isClosed else { return }
        isClosed = true
        consumer = nil
        if engine.current === self { engine.current = nil }
        connection.openStreams = 0
        engine.input = .dead
        transport.close()
    }

    override func pauseReading() {
        if !isRequestComplete && !isClosed { transport.pauseReading() }
    }

    override func resumeReading() {
        if !isRequestComplete && !isClosed { transport.resumeReading() }
    }
}
