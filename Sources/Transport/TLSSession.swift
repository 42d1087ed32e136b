internal import Base
internal import COpenSSL

/// What the BIO callbacks see. One per loop: only one session is worked on at a time.
struct TLSIO {
    var input: BytePointer?
    var inputCount = 0
    var output: MutableBytePointer
    var outputCount = 0
    var outputCapacity: Int

    init(output: MutableBytePointer, outputCapacity: Int) {
        self.output = output
        self.outputCapacity = outputCapacity
    }
}

/// TLS on one connection: the engine below, the handshake's facts above.
public final class TLSSession {
    enum State { case handshaking, established, failed }

    public let context: TLSContext
    let raw: OpaquePointer?
    private let loop: EventLoop
    var state = State.handshaking
    /// No byte was given to the engine yet: bytes the handler left over belong to it.
    var isFresh = true
    var wasCloseSent = false
    private var wasTicketOffered = false
    /// Written before the handshake ended.
    var pending = SpillBuffer()
    private var cachedPeer: PeerCertificate?
    private var isPeerKnown = false

    /// Why the handshake failed, in words for the log.
    public internal(set) var failure: String?

    public var isEstablished: Bool { state == .established }

    /// Where a client's sessions come from and go to.
    fileprivate let resumption: TLSResumption?

    /// - Parameters:
    ///   - serverName: client role: sent as SNI unless it is empty or an address.
    ///   - resumption: client role: the endpoint's stored sessions.
    init(context: TLSContext, serverName: String?, loop: EventLoop, resumption: TLSResumption? = nil) {
        self.context = context
        self.loop = loop
        self.resumption = resumption
        raw = SSL_new(context.raw)
        guard let raw else {
            state = .failed
            return
        }
        let bio = BIO_new(TLSSession.method)
        BIO_set_init(bio, 1)
        BIO_set_data(bio, loop.tlsIO)
        SSL_set_bio(raw, bio, bio)
        if context.configuration.role == .server {
            SSL_set_accept_state(raw)
        } else {
            SSL_set_connect_state(raw)
            if let serverName, !serverName.isEmpty, IPAddress(serverName) == nil {
                _ = gh_tls_set_server_name(raw, serverName)
            }
            if let resumption {
                gh_tls_set_own(raw, Unmanaged.passUnretained(self).toOpaque())
                resumption.use(for: raw)
            }
        }
    }

    deinit {
        if let raw { SSL_free(raw) }
        pending.release()
    }

    // MARK: Facts, known once the handshake is done

    /// The negotiated application protocol; nil when there is none.
    public var applicationProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(raw, &name, &count)
        guard let name, count > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: name, count: Int(count)), as: UTF8.self)
    }

    /// ALPN chose HTTP/2.
    public var isHTTP2: Bool {
        var name: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(raw, &name, &count)
        guard let name, count == 2 else { return false }
        return name[0] == 0x68 && name[1] == 0x32
    }

    /// The SNI that was sent or received.
    public var serverName: String? {
        guard let raw, let name = SSL_get_servername(raw, TLSEXT_NAMETYPE_host_name) else { return nil }
        return String(cString: name)
    }

    /// `TLSv1.3` and the like.
    public var version: String { raw.map { String(cString: SSL_get_version($0)) } ?? "" }

    /// OpenSSL's name of the cipher suite.
    public var cipherSuite: String {
        guard let raw, let cipher = SSL_get_current_cipher(raw) else { return "" }
        return String(cString: SSL_CIPHER_get_name(cipher))
    }

    public var isResumed: Bool { gh_tls_is_resumed(raw) != 0 }

    /// The peer's certificate, verified unless it says otherwise; nil when it showed none.
    public var peerCertificate: PeerCertificate? {
        if isPeerKnown { return cachedPeer }
        guard let raw, isEstablished else { return nil }
        isPeerKnown = true
        if let certificate = SSL_get1_peer_certificate(raw) {
            cachedPeer = PeerCertificate(
                certificate,
                chain: SSL_get_peer_cert_chain(raw),
                isServer: SSL_is_server(raw) == 1,
                isVerified: SSL_get_verify_result(raw) == X509_V_OK
            )
            X509_free(certificate)
        }
        return cachedPeer
    }

    // MARK: Engine

    enum Step { case done, needsInput, failed }

    func handshake() -> Step {
        guard state == .handshaking, let raw else { return .failed }
        let result = SSL_do_handshake(raw)
        if result == 1 {
            state = .established
            return .done
        }
        if SSL_get_error(raw, result) == SSL_ERROR_WANT_READ { return .needsInput }
        state = .failed
        // A session that was refused is not tried again.
        resumption?.forget()
        let verdict = SSL_get_verify_result(raw)
        let code = ERR_get_error()
        if verdict != X509_V_OK, let text = X509_verify_cert_error_string(verdict) {
            failure = "peer certificate: \(String(cString: text))"
        } else if code != 0, let text = ERR_reason_error_string(code) {
            failure = String(cString: text)
        } else {
            failure = "handshake failed"
        }
        ERR_clear_error()
        return .failed
    }

    enum ReadResult { case bytes(Int), drained, ended, failed }

    func read(into block: MutableBytePointer, _ room: Int) -> ReadResult {
        let count = SSL_read(raw, block, Int32(clamping: room))
        if count > 0 { return .bytes(Int(count)) }
        switch SSL_get_error(raw, count) {
        case SSL_ERROR_WANT_READ: return .drained
        case SSL_ERROR_ZERO_RETURN: return .ended
        default:
            state = .failed
            ERR_clear_error()
            return .failed
        }
    }

    /// Server, TLS 1.3: a ticket goes in front of the next write. Asked for once, when there is something to answer.
    ///
    /// Why not in the handshake: it would be a packet of its own, which costs both sides a system call and a wake-up,
    /// and connections that come to nothing would get one too.
    func offerTicket() {
        guard !wasTicketOffered else { return }
        wasTicketOffered = true
        if context.ticketKeys != nil, SSL_version(raw) == gh_tls_1_3 { SSL_new_session_ticket(raw) }
    }

    /// Encrypts into the loop's cipher block. At most 64 KiB a call; the caller empties the block in between.
    func write(_ p: BytePointer, _ n: Int) -> Bool {
        if SSL_write(raw, p, Int32(truncatingIfNeeded: n)) > 0 { return true }
        state = .failed
        ERR_clear_error()
        return false
    }

    func shutdown() {
        wasCloseSent = true
        SSL_shutdown(raw)
        ERR_clear_error()
    }

    // Made once, never changed: OpenSSL only reads it.
    private nonisolated(unsafe) static let method: OpaquePointer? = {
        let made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gatehouse")
        BIO_meth_set_read(made, readCipher)
        BIO_meth_set_write(made, writeCipher)
        BIO_meth_set_ctrl(made, controlCipher)
        return made
    }()
}

/// A client's session is complete, or a ticket has come. 1: the reference is ours now.
func keepSession(_ ssl: OpaquePointer?, _ session: OpaquePointer?) -> Int32 {
    guard let ssl, let session, let data = gh_tls_own(ssl) else { return 0 }
    let own = Unmanaged<TLSSession>.fromOpaque(data).takeUnretainedValue()
    guard let resumption = own.resumption else { return 0 }
    resumption.keep(session)
    return 1
}

private func readCipher(_ bio: OpaquePointer?, _ p: UnsafeMutablePointer<CChar>?, _ n: Int32) -> Int32 {
    gh_bio_clear_retry(bio)
    guard let data = BIO_get_data(bio), let p else { return -1 }
    let io = data.assumingMemoryBound(to: TLSIO.self)
    let have = io.pointee.inputCount
    guard have > 0, let source = io.pointee.input else {
        gh_bio_retry_read(bio)
        return -1
    }
    let count = min(have, Int(n))
    UnsafeMutableRawPointer(p).copyMemory(from: source, byteCount: count)
    io.pointee.input = source + count
    io.pointee.inputCount = have &- count
    return Int32(truncatingIfNeeded: count)
}

private func writeCipher(_ bio: OpaquePointer?, _ p: UnsafePointer<CChar>?, _ n: Int32) -> Int32 {
    guard let data = BIO_get_data(bio), let p else { return -1 }
    let io = data.assumingMemoryBound(to: TLSIO.self)
    let used = io.pointee.outputCount
    let count = Int(n)
    guard count >= 0, count <= io.pointee.outputCapacity &- used else { return -1 }
    UnsafeMutableRawPointer(io.pointee.output + used).copyMemory(from: p, byteCount: count)
    io.pointee.outputCount = used &+ count
    return n
}

private func controlCipher(_ bio: OpaquePointer?, _ command: Int32, _ l: Int, _ p: UnsafeMutableRawPointer?) -> Int {
    command == gh_bio_flush ? 1 : 0
}
