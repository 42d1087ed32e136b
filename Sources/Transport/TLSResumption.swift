internal import COpenSSL

/// Sessions that a client may resume with one endpoint, under one context and server name. Belongs to one loop.
///
/// A TLS 1.3 ticket is used once (RFC 8446 §C.4); older sessions again and again. Whoever holds this must let go of it
/// when the rules about the server change.
public final class TLSResumption {
    private let capacity: Int
    /// The newest last.
    private var sessions: [OpaquePointer] = []

    /// - Parameter capacity: sessions kept at most; 0 keeps none.
    public init(capacity: Int) {
        self.capacity = capacity
    }

    deinit { forget() }

    public var count: Int { sessions.count }

    /// Takes ownership of one reference.
    func keep(_ session: OpaquePointer) {
        guard capacity > 0 else {
            SSL_SESSION_free(session)
            return
        }
        if sessions.count >= capacity { SSL_SESSION_free(sessions.removeFirst()) }
        sessions.append(session)
    }

    /// Offers the newest session that is still good in a handshake to come.
    func use(for ssl: OpaquePointer) {
        while let session = sessions.popLast() {
            let isGood =
                SSL_SESSION_is_resumable(session) == 1 && gh_session_is_old(session) == 0
                && gh_session_peer_expired(session) == 0
            if isGood { SSL_set_session(ssl, session) }
            if isGood && SSL_SESSION_get_protocol_version(session) < gh_tls_1_3 {
                sessions.append(session)
            } else {
                SSL_SESSION_free(session)
            }
            if isGood { return }
        }
    }

    func forget() {
        for session in sessions { SSL_SESSION_free(session) }
        sessions = []
    }
}
