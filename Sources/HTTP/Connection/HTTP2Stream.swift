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
    /// From this size on it pays to flush before the end of the batch and to save a copy.
    static let lendBytesMin = 8 << 10

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

    /// Neighbours in the session's list, which counts the references.
    var next: Unmanaged<HTTP2Stream>?
    var previous: Unmanaged<HTTP2Stream>?

    /// Content that is being sent from its owner's memory, during one call of `send` only.
    var lent: BytePointer?
    var lentCount = 0
    /// Bytes of the DATA frame that nghttp2 is about to send.
    var announced = 0

    init(session: HTTP2Session) {
        self.session = session
        lastOutput = session.transport.loop.now
    }

    deinit { body.release() }

    var isWritable: Bool { !isCongested }

    /// Queues content; nghttp2 fetches it at the end of the batch.
    func send(_ bytes: UnsafeRawBufferPointer, ends: Bool) {
        if ends { isEnding = true }
        if bytes.count > 0, let p = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self) {
            if body.isEmpty {
                lastOutput = session.transport.loop.now
                if bytes.count >= HTTP2Stream.lendBytesMin {
                    lend(p, bytes.count)
                    return
                }
            }
            keep(p, bytes.count)
        }
        wake()
    }

    private func keep(_ p: BytePointer, _ count: Int) {
        if !body.hasBlock { body = session.transport.loop.spareBuffers.take() }
        body.append(p, count)
        if body.count > HTTP2Stream.highWatermark { isCongested = true }
    }

    /// What windows and socket do not take at once is copied.
    private func lend(_ p: BytePointer, _ count: Int) {
        lent = p
        lentCount = count
        wake()
        session.flushLent(self)
        let rest = lent, left = lentCount
        lent = nil
        lentCount = 0
        if left > 0, let rest { keep(rest, left) }
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
