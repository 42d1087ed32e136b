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
    private final var first: HTTP2Stream?
    final var streamCount = 0
    final var inspector: FrameInspector
    private final var becameWritable: [HTTP2Stream] = []
    private final var stopping: [HTTP2Stream] = []
    private final let stopTimer = HTTP2StopTimer()
    private final var isFlushing = false
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
        while let stream = first { unlink(stream) }
        if let raw { nghttp2_session_del(raw) }
        raw = nil
    }

    // MARK: Events for the sides; called from inside nghttp2, which must not be fed or drained from there

    /// A HEADERS frame began. Returns the stream that gets its fields, or nil to skip them.
    func headersBegan(_ id: Int32, _ known: HTTP2Stream?, isRequest: Bool) -> HTTP2Stream? { known }
    func headersEnded(_ stream: HTTP2Stream, endStream: Bool) {}
    func pseudoField(_ stream: HTTP2Stream, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {}
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
        let used = nghttp2_session_mem_recv(raw, bytes, count)
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

    private final func flush() {
        guard let raw, !isFlushing, transport.isOpen else { return }
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
        if !becameWritable.isEmpty { tellWritable() }
        // Unsent output remains with nghttp2 until the socket takes more; `writable` comes back here.
        if transport.isOpen && nghttp2_session_want_read(raw) == 0 && nghttp2_session_want_write(raw) == 0 {
            transport.finish(lingering: !hasFailed)
        }
        flushed()
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
        stream.next = first
        first?.previous = stream
        first = stream
        streamCount &+= 1
    }

    final func unlink(_ stream: HTTP2Stream) {
        let next = stream.next
        next?.previous = stream.previous
        if let previous = stream.previous { previous.next = next } else { first = next }
        stream.next = nil
        stream.previous = nil
        streamCount &-= 1
    }

    /// Visits every stream; the visitor may close the visited one.
    final func forEachStream(_ body: (HTTP2Stream) -> Void) {
        var stream = first
        while let current = stream {
            stream = current.next
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
        while let stream = first {
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

    /// Fills one DATA frame. Returns bytes, or the deferred error.
    final func fill(_ stream: HTTP2Stream, _ out: MutableBytePointer, _ room: Int, _ flags: inout UInt32) -> Int {
        let count = min(stream.body.count, room)
        if count == 0 && !stream.isEnding {
            stream.isDeferred = true
            return Int(gh_h2_err_deferred)
        }
        if count > 0, let p = stream.body.start {
            memcpy(out, p, count)
            stream.body.drop(count)
            stream.lastOutput = transport.loop.now
            inspector.flood.dataFramesSent &+= 1
        }
        if stream.body.isEmpty {
            transport.loop.spareBuffers.give(&stream.body)
            if stream.isEnding {
                flags |= gh_h2_eof
                if let trailers = stream.trailers {
                    flags |= gh_h2_no_end_stream
                    stream.trailers = nil
                    submitTrailers(stream.id, trailers)
                }
            }
        }
        if stream.isCongested && stream.body.count <= HTTP2Stream.lowWatermark { becameWritable.append(stream) }
        return count
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
