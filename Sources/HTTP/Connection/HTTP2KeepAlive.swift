internal import Base
internal import CNghttp2
internal import Transport

/// PINGs on an HTTP/2 connection, of either side, so that a dead peer is noticed.
///
///     resting ──interval──▶ asking ──anything received──▶ resting; nothing within the timeout closes the connection
///
/// Source: Envoy `KeepaliveSettings`. Whatever the peer sends proves that it lives, not only the answer to the PING.
final class HTTP2KeepAlive: LoopTimer {
    private unowned let session: HTTP2Session
    private let interval: Duration
    private let timeout: Duration
    private var isAsking = false

    init(_ session: HTTP2Session, interval: Duration, timeout: Duration) {
        self.session = session
        self.interval = interval
        self.timeout = timeout
        super.init()
        session.transport.loop.schedule(self, after: interval)
    }

    /// Bytes came from the peer.
    func received() {
        guard isAsking else { return }
        isAsking = false
        session.transport.loop.schedule(self, after: interval)
    }

    override func fire() {
        guard session.transport.isOpen else { return }
        if isAsking {
            session.transport.close()
            return
        }
        isAsking = true
        session.ping()
        session.transport.loop.schedule(self, after: timeout)
    }
}

extension HTTP2Session {
    func ping() {
        nghttp2_submit_ping(raw, 0, nil)
        touch()
    }
}
