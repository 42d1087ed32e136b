internal import COpenSSL

extension TLSContext {
    func applyVerification() throws(TLSConfigurationError) {
        let mode: Int32
        switch configuration.peerVerification {
        case .none: mode = gh_tls_verify_none
        case .optional: mode = gh_tls_verify_peer
        case .required: mode = gh_tls_verify_require
        }
        SSL_CTX_set_verify(raw, mode, configuration.peerVerification == .none ? nil : verifyPeer)
        SSL_CTX_set_verify_depth(raw, 10)
        guard configuration.peerVerification != .none else { return }
        let store = SSL_CTX_get_cert_store(raw)
        if let bundle = configuration.trustedCertificates {
            let roots = try TLSContext.certificates(in: bundle, what: "trust bundle")
            defer { for certificate in roots { X509_free(certificate) } }
            guard !roots.isEmpty else { throw TLSConfigurationError("trust bundle: no certificate in it") }
            // An intermediate in the bundle is an anchor of its own.
            X509_STORE_set_flags(store, UInt(X509_V_FLAG_PARTIAL_CHAIN))
            for certificate in roots {
                guard X509_STORE_add_cert(store, certificate) == 1 else { throw TLSContext.failure("trust bundle") }
                if configuration.role == .server { SSL_CTX_add_client_CA(raw, certificate) }
            }
        } else if configuration.role == .client {
            SSL_CTX_set_default_verify_paths(raw)
        }
        if let lists = configuration.revocationLists { try addRevocation(lists, to: store) }
    }

    private func addRevocation(_ pem: [UInt8], to store: OpaquePointer?) throws(TLSConfigurationError) {
        let bio = try TLSContext.memory(pem)
        defer { BIO_free(bio) }
        var count = 0
        while let list = PEM_read_bio_X509_CRL(bio, nil, nil, nil) {
            count += 1
            let isAdded = X509_STORE_add_crl(store, list) == 1
            X509_CRL_free(list)
            guard isAdded else { throw TLSContext.failure("revocation list") }
        }
        let code = ERR_peek_last_error()
        ERR_clear_error()
        guard count > 0, code == 0 || Int(code & 0x7FFFFF) == Int(PEM_R_NO_START_LINE) else {
            throw TLSConfigurationError("revocation list: unreadable PEM")
        }
        X509_STORE_set_flags(store, UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL))
    }

    /// Whether a chain error is one that this configuration overlooks.
    ///
    /// A server with pins and no authorities asks for these very certificates, whoever signed them (Envoy).
    fileprivate func overlooks(_ error: Int32) -> Bool {
        if configuration.acceptsUntrusted { return true }
        let isUnanchored =
            configuration.trustedCertificates == nil && configuration.role == .server && hasPins
            && configuration.revocationLists == nil
        if isUnanchored { return true }
        return configuration.allowsExpired
            && (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
    }

    private var hasPins: Bool { !configuration.certificatePins.isEmpty || !configuration.publicKeyPins.isEmpty }

    /// Whether the leaf certificate is one of the pinned ones and carries a name that one of the rules accepts.
    fileprivate func accepts(_ certificate: OpaquePointer?) -> Bool {
        acceptsPins(of: certificate) && acceptsNames(of: certificate)
    }

    private func acceptsPins(of certificate: OpaquePointer?) -> Bool {
        guard hasPins else { return true }
        var digest = [UInt8](repeating: 0, count: 64)
        var count: UInt32 = 0
        if X509_digest(certificate, EVP_sha256(), &digest, &count) == 1, count == 32,
            configuration.certificatePins.contains(where: { $0.elementsEqual(digest.prefix(32)) })
        {
            return true
        }
        return gh_public_key_digest(certificate, &digest) == 1
            && configuration.publicKeyPins.contains { $0.elementsEqual(digest.prefix(32)) }
    }

    private func acceptsNames(of certificate: OpaquePointer?) -> Bool {
        if configuration.subjectAltNames.isEmpty { return true }
        var isAccepted = false
        PeerCertificate.forEachName(of: certificate) { kind, bytes in
            if !isAccepted { isAccepted = configuration.subjectAltNames.contains { $0.matches(kind, bytes) } }
        }
        return isAccepted
    }
}

/// OpenSSL has judged one certificate of the chain, the leaf last; pins and names are judged here.
private func verifyPeer(_ isGood: Int32, _ store: OpaquePointer?) -> Int32 {
    guard let ssl = gh_tls_of_store(store), let data = gh_tls_app_data(SSL_get_SSL_CTX(ssl)) else { return 0 }
    let context = Unmanaged<TLSContext>.fromOpaque(data).takeUnretainedValue()
    let acceptsAll = context.configuration.acceptsUntrusted
    if isGood != 1 {
        let error = X509_STORE_CTX_get_error(store)
        guard context.overlooks(error) else { return 0 }
        // The result stays an error for those who look, unless the configuration calls such a peer verified.
        if !acceptsAll { X509_STORE_CTX_set_error(store, X509_V_OK) }
        return 1
    }
    guard X509_STORE_CTX_get_error_depth(store) == 0 else { return 1 }
    if context.accepts(X509_STORE_CTX_get_current_cert(store)) { return 1 }
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH)
    return acceptsAll ? 1 : 0
}
