internal import Base
internal import COpenSSL

/// A compiled TLS configuration, for many sessions on any number of loops.
///
/// Sessions are bound to certificates and rules about the peer (`binding`), so one is never resumed under another
/// client-certificate policy than the one it was made under.
///
/// `@unchecked Sendable`: every field is set in `init` and never changes; OpenSSL counts references to an SSL_CTX and
/// guards what SSL_new reads with its own locks.
public final class TLSContext: @unchecked Sendable {
    public let configuration: TLSConfiguration
    let raw: OpaquePointer
    /// Server role, unless resumption is off.
    private(set) var ticketKeys: TicketKeys?
    /// Looked up once: by name it would be searched for with every ticket.
    let ticketCipher: OpaquePointer?
    private(set) var staples = TLSStaples()
    /// ALPN list in wire form: length-prefixed names.
    private let wireProtocols: UnsafeMutableBufferPointer<UInt8>

    /// - Throws: `TLSConfigurationError` for unreadable PEM, a key that does not belong to its certificate, unknown
    ///   ciphers.
    public init(_ configuration: TLSConfiguration) throws(TLSConfigurationError) {
        self.configuration = configuration
        let method = configuration.role == .server ? TLS_server_method() : TLS_client_method()
        guard let raw = SSL_CTX_new(method) else { throw TLSContext.failure("context") }
        self.raw = raw
        var wire: [UInt8] = []
        for name in configuration.applicationProtocols {
            guard (1...255).contains(name.utf8.count), wire.count < 4096 else {
                SSL_CTX_free(raw)
                throw TLSConfigurationError("application protocol names have 1 to 255 bytes")
            }
            wire.append(UInt8(name.utf8.count))
            wire.append(contentsOf: name.utf8)
        }
        wireProtocols = .allocate(capacity: wire.count)
        _ = wireProtocols.initialize(fromContentsOf: wire)
        let isServer = configuration.role == .server
        ticketCipher = isServer ? EVP_CIPHER_fetch(nil, "AES-256-CBC", nil) : nil
        try applyBasics()
        try applyIdentities()
        try applyVerification()
        applyProtocols()
    }

    deinit {
        SSL_CTX_free(raw)
        EVP_CIPHER_free(ticketCipher)
        wireProtocols.deallocate()
    }

    private func applyBasics() throws(TLSConfigurationError) {
        gh_tls_set_app_data(raw, Unmanaged.passUnretained(self).toOpaque())
        _ = gh_tls_set_mode(raw, gh_tls_mode_release | gh_tls_mode_moving | gh_tls_mode_no_chain)
        gh_tls_set_options(
            raw,
            gh_tls_no_renegotiation | gh_tls_no_compression | gh_tls_server_preference | gh_tls_prefer_chacha
        )
        // What versions below 1.2 sign with is beneath every other security level (OpenSSL 3.0).
        if configuration.minimumVersion < .tls12 { SSL_CTX_set_security_level(raw, 0) }
        guard configuration.minimumVersion <= configuration.maximumVersion,
            gh_tls_set_min_version(raw, TLSContext.number(configuration.minimumVersion)) == 1,
            gh_tls_set_max_version(raw, TLSContext.number(configuration.maximumVersion)) == 1
        else { throw TLSContext.failure("protocol versions") }
        let suites = configuration.cipherSuites ?? TLSContext.defaultSuites
        guard SSL_CTX_set_cipher_list(raw, suites) == 1,
            SSL_CTX_set_ciphersuites(raw, TLSContext.suites13) == 1
        else { throw TLSContext.failure("cipher suites") }
        guard gh_tls_set_groups(raw, configuration.curves ?? "X25519:P-256:P-384") == 1 else {
            throw TLSContext.failure("curves")
        }
        if let names = configuration.signatureAlgorithms {
            guard gh_tls_set_signatures(raw, names) == 1, gh_tls_set_client_signatures(raw, names) == 1 else {
                throw TLSContext.failure("signature algorithms")
            }
        }
        guard configuration.role == .server else {
            gh_tls_session_cache(raw, gh_tls_cache_client)
            SSL_CTX_sess_set_new_cb(raw, keepSession)
            return
        }
        let binding = TLSContext.binding(of: configuration)
        if configuration.tickets != .off { ticketKeys = TicketKeys(configuration.tickets, binding: binding) }
        applyResumption(binding: binding)
    }

    private static func number(_ version: TLSVersion) -> Int32 {
        switch version {
        case .tls10: gh_tls_1_0
        case .tls11: gh_tls_1_1
        case .tls12: gh_tls_1_2
        case .tls13: gh_tls_1_3
        }
    }

    /// AES-128 first: SHA-384, which the library's own order begins with, costs a handshake some 90,000 instructions
    /// more, and neither key is ever guessed.
    private static let suites13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"

    private static let defaultSuites =
        "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
        + "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"

    private func applyIdentities() throws(TLSConfigurationError) {
        if configuration.role == .server && configuration.identities.isEmpty {
            throw TLSConfigurationError("a server needs a certificate")
        }
        for identity in configuration.identities {
            let chain = try TLSContext.certificates(in: identity.certificateChain, what: "certificate chain")
            defer { for certificate in chain { X509_free(certificate) } }
            guard let leaf = chain.first else { throw TLSConfigurationError("certificate chain: no certificate in it") }
            guard SSL_CTX_use_certificate(raw, leaf) == 1 else { throw TLSContext.failure("certificate") }
            _ = gh_tls_clear_chain(raw)
            for certificate in chain.dropFirst() where gh_tls_add_chain_certificate(raw, certificate) != 1 {
                throw TLSContext.failure("certificate chain")
            }
            let bio = try TLSContext.memory(identity.privateKey)
            defer { BIO_free(bio) }
            guard let key = PEM_read_bio_PrivateKey(bio, nil, nil, nil) else { throw TLSContext.failure("private key") }
            defer { EVP_PKEY_free(key) }
            guard SSL_CTX_use_PrivateKey(raw, key) == 1, SSL_CTX_check_private_key(raw) == 1 else {
                throw TLSContext.failure("private key does not belong to the certificate")
            }
            if let staple = identity.ocspStaple { try staples.add(staple, about: leaf) }
        }
        if !staples.isEmpty { gh_tls_on_status(raw, showStaple) }
    }

    private func applyProtocols() {
        guard !wireProtocols.isEmpty else { return }
        if configuration.role == .server {
            SSL_CTX_set_alpn_select_cb(raw, selectProtocol, Unmanaged.passUnretained(self).toOpaque())
        } else {
            SSL_CTX_set_alpn_protos(raw, wireProtocols.baseAddress, UInt32(wireProtocols.count))
        }
    }

    /// Our first protocol that the client's list (wire form) contains; the pointer is into our own list.
    fileprivate func select(from list: UnsafeBufferPointer<UInt8>) -> (UnsafePointer<UInt8>, UInt8)? {
        guard let mine = wireProtocols.baseAddress else { return nil }
        var i = 0
        while i < wireProtocols.count {
            let length = Int(mine[i])
            var j = 0
            while j < list.count {
                let other = Int(list[j])
                if j + 1 + other > list.count { break }
                if other == length, (0..<length).allSatisfy({ mine[i + 1 + $0] == list[j + 1 + $0] }) {
                    return (UnsafePointer(mine + i + 1), UInt8(length))
                }
                j += 1 + other
            }
            i += 1 + length
        }
        return nil
    }

    // MARK: PEM

    static func memory(_ bytes: [UInt8]) throws(TLSConfigurationError) -> OpaquePointer {
        // BIO_new_mem_buf would keep a pointer to the array; a copying BIO has no lifetime rule.
        guard bytes.count < 1 << 22, let bio = BIO_new(BIO_s_mem()) else { throw failure("memory") }
        BIO_write(bio, bytes, Int32(bytes.count))
        return bio
    }

    /// The caller frees the certificates.
    static func certificates(in pem: [UInt8], what: String) throws(TLSConfigurationError) -> [OpaquePointer] {
        let bio = try memory(pem)
        defer { BIO_free(bio) }
        var found: [OpaquePointer] = []
        while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) { found.append(certificate) }
        let code = ERR_peek_last_error()
        ERR_clear_error()
        // Running out of PEM blocks is reported as "no start line"; anything else is a damaged block.
        if code != 0 && Int(code & 0x7FFFFF) != Int(PEM_R_NO_START_LINE) {
            for certificate in found { X509_free(certificate) }
            throw TLSConfigurationError("\(what): unreadable PEM")
        }
        return found
    }

    static func failure(_ what: String) -> TLSConfigurationError {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0, let text = ERR_reason_error_string(code) else { return TLSConfigurationError(what) }
        return TLSConfigurationError("\(what): \(String(cString: text))")
    }
}

private func selectProtocol(
    _ ssl: OpaquePointer?,
    _ out: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
    _ outLength: UnsafeMutablePointer<UInt8>?,
    _ list: UnsafePointer<UInt8>?,
    _ count: UInt32,
    _ argument: UnsafeMutableRawPointer?
) -> Int32 {
    guard let argument, let out, let outLength else { return SSL_TLSEXT_ERR_NOACK }
    let context = Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue()
    if let (name, length) = context.select(from: UnsafeBufferPointer(start: list, count: Int(count))) {
        out.pointee = name
        outLength.pointee = length
        return SSL_TLSEXT_ERR_OK
    }
    return context.configuration.refusesUnknownProtocols ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK
}
