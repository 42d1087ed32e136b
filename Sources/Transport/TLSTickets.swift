internal import Base
internal import COpenSSL
internal import Synchronization

/// The keys under which one server context makes and opens session tickets.
///
/// Configured keys are never used as they are: what encrypts a ticket is derived from one of them and from the
/// context's binding, so that a ticket opens only where certificate and client authorities are the same, on every
/// worker, process and host that was given the same keys. Keys of our own are random and replaced twice a day; the one
/// before still opens tickets.
final class TicketKeys: Sendable {
    /// One derived key. `name` stands in front of the ticket and finds the key again.
    struct Key: Sendable {
        var name: [UInt8]
        var cipher: [UInt8]
        var mac: [UInt8]

        init(secret: [UInt8], binding: [UInt8]) {
            name = Array(TicketKeys.derive(secret, binding, "name").prefix(16))
            cipher = TicketKeys.derive(secret, binding, "cipher")
            mac = TicketKeys.derive(secret, binding, "mac")
        }
    }

    private struct Ring {
        var keys: [Key]
        /// Nil: configured, replaced only with the whole context.
        var renewal: MonotonicTime?
    }

    private static let keyLifetime = Duration.seconds(12 * 3600)
    private static let configuredMax = 16

    private let binding: [UInt8]
    /// Touched once per full handshake and resumption, next to some hundred locks inside OpenSSL.
    private let ring: Mutex<Ring>

    init(_ tickets: SessionTickets, binding: [UInt8]) {
        self.binding = binding
        switch tickets {
        case .keys(let secrets):
            let keys = secrets.prefix(Self.configuredMax).map { Key(secret: $0, binding: binding) }
            ring = Mutex(Ring(keys: keys, renewal: nil))
        case .automatic, .off:
            ring = Mutex(Ring(keys: [], renewal: MonotonicTime(nanoseconds: 0)))
        }
    }

    /// The key for a new ticket.
    func newest() -> Key? {
        ring.withLock { ring in
            if let renewal = ring.renewal {
                let now = MonotonicTime.now()
                if ring.keys.isEmpty || now >= renewal {
                    ring.keys.insert(Key(secret: TLSContext.randomBytes(32), binding: binding), at: 0)
                    ring.keys.removeSubrange(min(2, ring.keys.count)...)
                    ring.renewal = now.advanced(by: Self.keyLifetime)
                }
            }
            return ring.keys.first
        }
    }

    /// The key a ticket was made under, and whether it is still the one for new tickets.
    func find(_ name: UnsafeBufferPointer<UInt8>) -> (key: Key, isNewest: Bool)? {
        ring.withLock { ring in
            guard let index = ring.keys.firstIndex(where: { $0.name.elementsEqual(name) }) else { return nil }
            return (ring.keys[index], index == 0)
        }
    }

    private static func derive(_ secret: [UInt8], _ binding: [UInt8], _ use: String) -> [UInt8] {
        let text = Array("gatehouse ticket \(use)\u{0}".utf8) + binding
        var out = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        let done = HMAC(EVP_sha256(), secret, Int32(clamping: secret.count), text, text.count, &out, &count)
        precondition(done != nil && count == 32, "HMAC-SHA-256 failed")
        return out
    }
}

extension TLSContext {
    /// What a session must have in common with this context to be resumed in it: 32 bytes.
    ///
    /// Everything that decided whether the client was let in, and the certificates that it was let in under.
    static func binding(of configuration: TLSConfiguration) -> [UInt8] {
        var text: [UInt8] = []
        func add(_ bytes: [UInt8]) {
            withUnsafeBytes(of: UInt64(bytes.count).bigEndian) { text.append(contentsOf: $0) }
            text += bytes
        }
        for identity in configuration.identities { add(identity.certificateChain) }
        let rules =
            "\(configuration.peerVerification) \(configuration.allowsExpired) \(configuration.acceptsUntrusted) "
            + "\(configuration.subjectAltNames.map { "\($0.kind) \($0.ignoresCase) \($0.pattern)" })"
        add(Array(rules.utf8))
        add(configuration.trustedCertificates ?? [])
        add(configuration.revocationLists ?? [])
        for pin in configuration.certificatePins { add(pin) }
        add([])
        for pin in configuration.publicKeyPins { add(pin) }
        var digest = [UInt8](repeating: 0, count: 32)
        var count: UInt32 = 0
        let done = EVP_Digest(text, text.count, &digest, &count, EVP_sha256(), nil)
        precondition(done == 1 && count == 32, "SHA-256 failed")
        return digest
    }

    static func randomBytes(_ count: Int) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        precondition(RAND_bytes(&bytes, Int32(clamping: count)) == 1, "the random generator failed")
        return bytes
    }

    /// Server: tickets, session ids of TLS 1.2, and what both are bound to.
    func applyResumption(binding: [UInt8]) {
        SSL_CTX_set_session_id_context(raw, binding, UInt32(binding.count))
        gh_tls_set_timeout(raw, Int(clamping: configuration.sessionLifetime.components.seconds))
        guard configuration.tickets != .off else {
            gh_tls_session_cache(raw, gh_tls_cache_off)
            SSL_CTX_set_num_tickets(raw, 0)
            gh_tls_set_options(raw, gh_tls_no_ticket)
            return
        }
        // TLS 1.3 tickets are made with the first answer (`offerTicket`), and leave in the same packet.
        SSL_CTX_set_num_tickets(raw, 0)
        _ = gh_tls_on_ticket(raw, ticketKey)
        if configuration.peerVerification == .none {
            // Clients without tickets resume by session id. Not where a client's certificate would have to be judged.
            gh_tls_session_cache(raw, gh_tls_cache_server)
            gh_tls_cache_size(raw, 2048)
        } else {
            gh_tls_session_cache(raw, gh_tls_cache_off)
            SSL_CTX_set_session_ticket_cb(raw, nil, judgeTicket, nil)
        }
    }
}

/// OpenSSL asks for the key of a new ticket (`encrypts` 1) or of one that came back. Answers: 1 go on, 2 go on and make
/// a fresh ticket, 0 no ticket (a full handshake), -1 failure.
private func ticketKey(
    _ ssl: OpaquePointer?,
    _ name: UnsafeMutablePointer<UInt8>?,
    _ iv: UnsafeMutablePointer<UInt8>?,
    _ cipher: OpaquePointer?,
    _ mac: OpaquePointer?,
    _ encrypts: Int32
) -> Int32 {
    guard let ssl, let name, let iv, let data = gh_tls_app_data(SSL_get_SSL_CTX(ssl)) else { return -1 }
    let context = Unmanaged<TLSContext>.fromOpaque(data).takeUnretainedValue()
    guard let keys = context.ticketKeys else { return 0 }
    if encrypts == 1 {
        guard let key = keys.newest(), RAND_bytes(iv, 16) == 1 else { return 0 }
        for (index, byte) in key.name.enumerated() { name[index] = byte }
        return begin(key, context, cipher, mac, iv, 1)
    }
    guard let (key, isNewest) = keys.find(UnsafeBufferPointer(start: name, count: 16)) else { return 0 }
    let result = begin(key, context, cipher, mac, iv, 0)
    // TLS 1.3 tickets are used once (RFC 8446 §C.4): the client needs the next one.
    let isRenewed = !isNewest || SSL_version(ssl) == gh_tls_1_3
    return result == 1 && isRenewed ? 2 : result
}

private func begin(
    _ key: TicketKeys.Key,
    _ context: TLSContext,
    _ cipher: OpaquePointer?,
    _ mac: OpaquePointer?,
    _ iv: UnsafeMutablePointer<UInt8>,
    _ encrypts: Int32
) -> Int32 {
    var macKey = key.mac
    return gh_ticket_begin(cipher, mac, context.ticketCipher, key.cipher, &macKey, macKey.count, iv, encrypts)
}

/// A ticket of a client whose certificate has expired since is not resumed: the full handshake will say so.
private func judgeTicket(
    _ ssl: OpaquePointer?,
    _ session: OpaquePointer?,
    _ name: UnsafePointer<UInt8>?,
    _ count: Int,
    _ status: SSL_TICKET_STATUS,
    _ argument: UnsafeMutableRawPointer?
) -> SSL_TICKET_RETURN {
    switch status {
    case SSL_TICKET_SUCCESS:
        gh_session_peer_expired(session) == 1 ? SSL_TICKET_RETURN_IGNORE_RENEW : SSL_TICKET_RETURN_USE
    case SSL_TICKET_SUCCESS_RENEW:
        gh_session_peer_expired(session) == 1 ? SSL_TICKET_RETURN_IGNORE_RENEW : SSL_TICKET_RETURN_USE_RENEW
    default: SSL_TICKET_RETURN_IGNORE_RENEW
    }
}
