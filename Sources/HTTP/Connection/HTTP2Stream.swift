internal import Base
internal import Transport

/// What both sides keep per HTTP/2 stream: the outgoing body and the incoming head.
///
/// nghttp2 holds an unretained pointer to it as the stream's user data; the session's list keeps it alive until
/// nghttp2 has reported the stream closed or the session is gone.
final class HTTP2Stream {
    /// Content that may wait per stream before its source is asked to pause, and when it may go on.
    static let highWatermark = 24 << 10
    static let lowWatermark = 8 << 10

    unowned(unsafe) let session: HTTP2Session
    var id: Int32 = 0
    /// The public face; exactly one of them is set until the stream is over for its user.
    var server: HTTP2ServerStream?
    var client: HTTP2ClientStream?

    var body = SpillBuffer()
    var trailers: MessageHead?
    /// Nothing follows `body` and `trailers`.
    var isEnding = false
    /// nghttp2 asked for data and got none; it must be woken.
    var isDeferred = false
    /// `onWritable` is owed.
    var isCongested = false

    /// The head being received.
    var incoming: MessageHead?
    var incomingBytes = 0
    var isTooLarge = false
    /// Why the head being received must be refused.
    var flaw: StaticString?
    /// The final head was delivered: what comes now are trailers.
    var hasHead = false
    var informationalCount = 0
    var isExtendedConnect = false
    /// Received and not yet returned to the peer's window.
    var unconsumed = 0
    var isPaused = false
    var hasInputEnded = false

    /// Content received since the last look at the rate, and when output last moved.
    var receivedSinceCheck = 0
    var checks = 0
    /// An ordinary request body, to which the minimum rate applies; false for tunnels.
    var awaitsBody = true
    var lastOutput = MonotonicTime(nanoseconds: 0)

    var next: HTTP2Stream?
    unowned(unsafe) var previous: HTTP2Stream?

    init(session: HTTP2Session) {
        self.session = session
        lastOutput = session.transport.loop.now
    }

    deinit { body.release() }

    var isWritable: Bool { !isCongested }

    /// Queues content; nghttp2 fetches it at the end of the batch.
    func send(_ bytes: UnsafeRawBufferPointer, ends: Bool) {
        if bytes.count > 0, let p = bytes.baseAddress {
            if body.isEmpty { lastOutput = session.transport.loop.now }
            if !body.hasBlock { body = session.transport.loop.spareBuffers.take() }
            body.append(p.assumingMemoryBound(to: UInt8.self), bytes.count)
            if body.count > HTTP2Stream.highWatermark { isCongested = true }
        }
        if ends { isEnding = true }
        wake()
    }

    func wake() {
        if isDeferred {
            isDeferred = false
            session.resumeData(id)
        }
        session.touch()
    }

    func dropOutput() {
        body.release()
        trailers = nil
    }

    func pause() { isPaused = true }

    func resume() {
        guard isPaused else { return }
        isPaused = false
        if unconsumed > 0 {
            session.consume(id, unconsumed)
            unconsumed = 0
        }
    }
}
