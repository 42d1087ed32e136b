internal import Base
internal import CNghttp2
internal import CSys
internal import Transport

/// One HTTP/2 connection's frames, by nghttp2. Both sides derive from it.
///
/// Received bytes go in with `receive`; frames to send are fetched once per batch (`runDeferred`), so that everything
/// that one batch produced leaves in one write. Windows are returned to the peer by hand, which is
/// how a paused reader pushes back. nghttp2 checks frame and message rules; this class adds what it does not count
/// (`FrameInspector`, `FloodGuard`).
class HTTP2Session: DeferredWork {
    /// nghttp2 is asked for frames while less than this waits for the socket.
    private static let outputMax = 256 << 10
    /// Frames that may wait because the peer does not read: answers to its own frames, mostly.
    private static let queuedFramesMax = 1000

    final let transport: Connection
    final var raw: OpaquePointer?
    /// The list holds one reference to each of its streams, counted by hand.
    private final var first: Unmanaged<HTTP2Stream>?
    /// The stream and the head whose fields are arriving.
    private final var receiving: Unmanaged<HTTP2Stream>?
    private final var receivingHead: Unmanaged<MessageHead>?
    final var streamCount = 0
    final var inspector: FrameInspector
    private final var becameWritable: [HTTP2Stream] = []
    private final var stopping: [HTTP2Stream] = []
    private final let stopTimer = HTTP2StopTimer()
    private final var isFlushing = false
    private final var isReceiving = false
    private final var isLending = false
    private final var endings: [(HTTP2Stream, HTTP2ErrorCode)] = []
    final var hasFailed = false

    init(_ transport: Connection, isServer: Bool) {
        self.transport = transport
        inspector = FrameInspector(isServer: isServer)
        super.init()
        stopTimer.session = self
        let me = Unmanaged.passUnretained(self).toOpaque()
        let callbacks = HTTP2Callbacks.shared
        if isServer {
            nghttp2_session_server_new2(&raw, callbacks.raw, me, callbacks.options)
        } else {
            nghttp2_session_client_new2(&raw, callbacks.raw, me, callbacks.options)
        }
    }

    deinit {
        stopTimer.cancel()
        deleteSession()
    }

    // Not from inside a callback of nghttp2.
    private final func deleteSession() {
        while let stream = first { unlink(stream.takeUnretainedValue()) }
        if let raw { nghttp2_session_del(raw) }
        raw = nil
    }

    // MARK: Events for the sides; called from inside nghttp2, which must not be fed or drained from there

    /// A HEADERS frame began. Returns the stream that gets its fields, or nil to skip them.
    func headersBegan(_ id: Int32, _ known: HTTP2Stream?, isRequest: Bool) -> HTTP2Stream? { known }
    func headersEnded(_ stream: HTTP2Stream, endStream: Bool) {}
    func pseudoField(
        _ stream: HTTP2Stream,
        _ head: MessageHead,
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer
    ) {}
    func dataArrived(_ stream: HTTP2Stream, _ bytes: UnsafeRawBufferPointer) {}
    func inputEnded(_ stream: HTTP2Stream) {}
    func streamClosed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {}
    func streamWritable(_ stream: HTTP2Stream) {}
    func goAwayReceived() {}
    func settingsReceived() {}
    var headBytesMax: Int { 64 << 10 }
    var fieldsMax: Int { 128 }

    // MARK: Bytes

    final func receive(_ bytes: BytePointer, _ count: Int) {
        guard let raw, !hasFailed else { return }
        if let code = inspector.scan(bytes, count, now: transport.loop.now) {
            fail(code)
            return
        }
        isReceiving = true
        let used = nghttp2_session_mem_recv(raw, bytes, count)
        isReceiving = false
        if used < 0 { fail(used == Int(gh_h2_err_callback) ? .enhanceYourCalm : .protocolError) }
        if nghttp2_session_get_outbound_queue_size(raw) > HTTP2Session.queuedFramesMax { fail(.enhanceYourCalm) }
        touch()
    }

    /// Says GOAWAY and closes after it was sent.
    final func fail(_ code: HTTP2ErrorCode) {
        guard !hasFailed, let raw else { return }
        hasFailed = true
        nghttp2_session_terminate_session(raw, code.rawValue)
        touch()
    }

    /// Asks for a flush at the end of this batch.
    final func touch() { transport.loop.enqueue(self) }

    override final func runDeferred() { flush() }

    /// Sends large content straight from its owner's memory, as far as windows and socket allow.
    final func flushLent(_ stream: HTTP2Stream) {
        guard !isReceiving, !isFlushing, !hasFailed else { return }
        isLending = true
        pump()
        isLending = false
    }

    /// nghttp2 is done with a stream. Nobody is told from inside a call into a stream.
    final func ended(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        if isLending {
            endings.append((stream, code))
            touch()
        } else {
            streamClosed(stream, code)
        }
    }

    private final func flush() {
        guard let raw, !isFlushing, transport.isOpen else { return }
        while let (stream, code) = endings.popLast() { streamClosed(stream, code) }
        pump()
        if !becameWritable.isEmpty { tellWritable() }
        // Unsent output remains with nghttp2 until the socket takes more; `writable` comes back here.
        if transport.isOpen && nghttp2_session_want_read(raw) == 0 && nghttp2_session_want_write(raw) == 0 {
            transport.finish(lingering: !hasFailed)
        }
        flushed()
    }

    private final func pump() {
        guard let raw else { return }
        isFlushing = true
        while transport.isOpen && transport.bufferedBytes < HTTP2Session.outputMax {
            var data: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(raw, &data)
            guard count > 0, let data else {
                if count < 0 { transport.close() }
                break
            }
            transport.write(data, count)
        }
        isFlushing = false
    }

    /// After each flush, outside of nghttp2.
    func flushed() {}

    private final func tellWritable() {
        let streams = becameWritable
        becameWritable.removeAll(keepingCapacity: true)
        for stream in streams where stream.isCongested && stream.body.count <= HTTP2Stream.lowWatermark {
            stream.isCongested = false
            streamWritable(stream)
        }
    }

    // MARK: Streams

    final func link(_ stream: HTTP2Stream) {
        let link = Unmanaged.passRetained(stream)
        stream.next = first
        first?._withUnsafeGuaranteedRef { $0.previous = link }
        first = link
        streamCount &+= 1
    }

    /// Gives the list's reference up; the caller holds another.
    final func unlink(_ stream: HTTP2Stream) {
        let next = stream.next, previous = stream.previous
        next?._withUnsafeGuaranteedRef { $0.previous = previous }
        if let previous { previous._withUnsafeGuaranteedRef { $0.next = next } } else { first = next }
        stream.next = nil
        stream.previous = nil
        streamCount &-= 1
        let link = Unmanaged.passUnretained(stream)
        if let current = receiving, current.toOpaque() == link.toOpaque() { receive(into: nil) }
        link.release()
    }

    /// Visits every stream; the visitor may close the visited one.
    final func forEachStream(_ body: (HTTP2Stream) -> Void) {
        var stream = first?.takeUnretainedValue()
        while let current = stream {
            stream = current.next?.takeUnretainedValue()
            body(current)
        }
    }

    final func resumeData(_ id: Int32) {
        guard let raw else { return }
        nghttp2_session_resume_data(raw, id)
    }

    final func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        stream.dropOutput()
        guard let raw, stream.id > 0 else { return }
        nghttp2_submit_rst_stream(raw, 0, stream.id, code.rawValue)
        touch()
    }

    /// The response is complete and the request is not: a little later the peer is told to stop sending it.
    final func stopAfterOutput(_ stream: HTTP2Stream) {
        stream.pause()
        stopping.append(stream)
        if !stopTimer.isScheduled { transport.loop.schedule(stopTimer, after: HTTP2StopTimer.patience) }
    }

    fileprivate final func stopFinished() {
        guard let raw, !hasFailed else { return }
        let streams = stopping
        stopping.removeAll(keepingCapacity: true)
        for stream in streams where stream.server != nil && !stream.hasInputEnded {
            if nghttp2_session_get_stream_local_close(raw, stream.id) == 1 {
                nghttp2_submit_rst_stream(raw, 0, stream.id, HTTP2ErrorCode.noError.rawValue)
                touch()
            } else {
                stopping.append(stream)
            }
        }
        if !stopping.isEmpty { transport.loop.schedule(stopTimer, after: HTTP2StopTimer.patience) }
    }

    /// Gives `count` bytes back to the stream's window.
    final func consume(_ id: Int32, _ count: Int) {
        guard let raw else { return }
        nghttp2_session_consume_stream(raw, id, count)
        touch()
    }

    /// Tells every stream that the connection is gone.
    final func abandonAll(_ body: (HTTP2Stream) -> Void) {
        hasFailed = true
        while let (stream, _) = endings.popLast() { body(stream) }
        while let stream = first?.takeUnretainedValue() {
            unlink(stream)
            body(stream)
        }
        becameWritable.removeAll()
        stopping.removeAll()
        stopTimer.cancel()
    }

    // MARK: From the callbacks

    final func received(_ stream: HTTP2Stream?, _ id: Int32, _ bytes: UnsafeRawBufferPointer) {
        guard let raw else { return }
        // The connection's window is returned at once: one slow stream must not stop the others.
        nghttp2_session_consume_connection(raw, bytes.count)
        guard let stream else {
            nghttp2_session_consume_stream(raw, id, bytes.count)
            return
        }
        stream.receivedSinceCheck &+= bytes.count
        dataArrived(stream, bytes)
        if stream.isPaused {
            stream.unconsumed &+= bytes.count
        } else {
            nghttp2_session_consume_stream(raw, id, bytes.count)
        }
    }

    /// A header block begins; nil when nobody wants its fields.
    final func receive(into stream: HTTP2Stream?) {
        guard let stream else {
            receiving = nil
            receivingHead = nil
            return
        }
        let head = MessageHead()
        stream.incoming = head
        stream.incomingBytes = 0
        stream.isTooLarge = false
        receiving = Unmanaged.passUnretained(stream)
        receivingHead = Unmanaged.passUnretained(head)
    }

    /// One field of it. Names and values have been checked by nghttp2 (RFC 9113 §8.2.1).
    @inline(__always) final func received(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Int32 {
        guard let receiving, let receivingHead else { return 0 }
        return receiving._withUnsafeGuaranteedRef { stream in
            receivingHead._withUnsafeGuaranteedRef { head in
                stream.incomingBytes &+= name.count &+ value.count &+ 32
                if stream.incomingBytes > headBytesMax || head.fieldCount >= fieldsMax {
                    stream.isTooLarge = true
                    // Answering 431 keeps the connection, unless the list goes on and on.
                    return stream.incomingBytes > 4 * headBytesMax ? gh_h2_err_callback : 0
                }
                if name[0] == 58 {
                    pseudoField(stream, head, name, value)
                } else if !head.appendReceived(name, value) {
                    stream.flaw = "a field is malformed"
                }
                return 0
            }
        }
    }

    final func headersReceived(endStream: Bool) {
        guard let stream = receiving?.takeUnretainedValue() else { return }
        receive(into: nil)
        if endStream { stream.hasInputEnded = true }
        headersEnded(stream, endStream: endStream)
        stream.incoming = nil
    }

    /// Says how many bytes the next DATA frame carries; `sendContent` follows. Or the deferred error.
    final func fill(_ stream: HTTP2Stream, _ room: Int, _ flags: inout UInt32) -> Int {
        let available = stream.lentCount > 0 ? stream.lentCount : stream.body.count
        let count = min(available, room)
        if count == 0 && !stream.isEnding {
            stream.isDeferred = true
            return Int(gh_h2_err_deferred)
        }
        flags |= gh_h2_no_copy
        if count == available && stream.isEnding {
            flags |= gh_h2_eof
            if let trailers = stream.trailers {
                flags |= gh_h2_no_end_stream
                stream.trailers = nil
                submitTrailers(stream.id, trailers)
            }
        }
        stream.announced = count
        return count
    }

    /// Writes one DATA frame. Returns 0, or an error for nghttp2.
    final func sendContent(_ stream: HTTP2Stream, _ header: BytePointer) -> Int32 {
        let count = stream.announced
        guard transport.bufferedBytes < HTTP2Session.outputMax else { return gh_h2_err_would_block }
        guard count <= max(stream.lentCount, stream.body.count) else { return gh_h2_err_temporal }
        transport.write(header, 9)
        if count > 0 {
            stream.lastOutput = transport.loop.now
            inspector.flood.dataFramesSent &+= 1
            if let lent = stream.lent {
                transport.write(lent, count)
                stream.lent = lent + count
                stream.lentCount &-= count
                return 0
            }
            if let p = stream.body.start { transport.write(p, count) }
            stream.body.drop(count)
        }
        if stream.body.isEmpty { transport.loop.spareBuffers.give(&stream.body) }
        if stream.isCongested && stream.body.count <= HTTP2Stream.lowWatermark { becameWritable.append(stream) }
        return 0
    }

    private final func submitTrailers(_ id: Int32, _ trailers: MessageHead) {
        trailers.withNameValues(pseudo: 0, fill: { _ in }) { list, count in
            _ = nghttp2_submit_trailer(raw, id, list, count)
        }
    }
}

/// The pause between a complete response and RST_STREAM(NO_ERROR) for the rest of its request (RFC 9113 §8.1).
///
/// Why not at once: most such requests are just about to end by themselves, and what is wrong with their last frames
/// can be said only while the stream is known.
private final class HTTP2StopTimer: LoopTimer {
    static let patience = Duration.milliseconds(200)
    unowned(unsafe) var session: HTTP2Session?

    override func fire() { session?.stopFinished() }
}
