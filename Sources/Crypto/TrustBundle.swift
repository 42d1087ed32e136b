internal import COpenSSL

/// Why a chain is not trusted.
public enum TrustError: Error, Equatable, Sendable {
    case expired
    case notYetValid
    case revoked
    /// No path to one of the bundle's certificates.
    case unknownIssuer
    /// Trusted, but not for this use (server, client).
    case wrongPurpose
    /// Anything else, in the library's words.
    case other(String)
}

/// Certificates that are believed: the roots of a chain, and revocation lists.
public struct TrustBundle: Sendable {
    public enum Purpose: Sendable { case any, server, client }

    public let roots: [Certificate]
    /// Revocation lists in PEM. Empty means none is asked for; with any, every issuer in a chain needs one.
    public let revocationsPEM: [UInt8]

    public init(roots: [Certificate], revocationsPEM: [UInt8] = []) {
        self.roots = roots
        self.revocationsPEM = revocationsPEM
    }

    /// - Throws: as `Certificate.chain`.
    public init(pem: [UInt8], revocationsPEM: [UInt8] = []) throws(CertificateError) {
        self.init(roots: try Certificate.chain(pem: pem), revocationsPEM: revocationsPEM)
    }

    public init(pem: String) throws(CertificateError) { try self.init(pem: Array(pem.utf8)) }

    public var pem: String { Certificate.pem(of: roots) }

    /// RFC 5280 §6 path validation at a given time.
    ///
    /// - Parameters:
    ///   - chain: the leaf first, then what the peer sent along in any order.
    ///   - unixSeconds: the moment to judge validity at.
    /// - Throws: the first reason found. Names are not looked at; that is the caller's.
    public func verify(
        _ chain: [Certificate],
        for purpose: Purpose,
        at unixSeconds: Int64
    ) throws(TrustError) {
        guard let leaf = chain.first else { throw .other("an empty chain") }
        let store = X509_STORE_new()
        let context = X509_STORE_CTX_new()
        let untrusted = gh_chain_new()
        var held: [OpaquePointer] = []
        defer {
            X509_STORE_CTX_free(context)
            gh_chain_free(untrusted)
            X509_STORE_free(store)
            held.forEach { X509_free($0) }
        }
        for root in roots {
            guard let handle = parsed(root.der) else { throw .other("an unreadable root") }
            held.append(handle)
            X509_STORE_add_cert(store, handle)
        }
        for link in chain.dropFirst() {
            guard let handle = parsed(link.der) else { throw .other("an unreadable certificate") }
            held.append(handle)
            _ = gh_chain_push(untrusted, handle)
        }
        guard let subject = parsed(leaf.der) else { throw .other("an unreadable certificate") }
        held.append(subject)
        guard X509_STORE_CTX_init(context, store, subject, untrusted) == 1 else { throw .other("out of memory") }
        let parameters = X509_STORE_CTX_get0_param(context)
        X509_VERIFY_PARAM_set_time(parameters, time_t(unixSeconds))
        // A trusted intermediate is enough; roots need not be in the bundle.
        X509_VERIFY_PARAM_set_flags(parameters, UInt(X509_V_FLAG_PARTIAL_CHAIN) | (try addRevocations(to: store)))
        switch purpose {
        case .any: break
        case .server: X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER)
        case .client: X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT)
        }
        let isTrusted = X509_verify_cert(context) == 1
        let code = X509_STORE_CTX_get_error(context)
        LibraryErrors.clear()
        if !isTrusted { throw reason(code) }
    }

    /// The flags that make the store look at revocation lists, once they are in it.
    private func addRevocations(to store: OpaquePointer?) throws(TrustError) -> UInt {
        guard !revocationsPEM.isEmpty else { return 0 }
        let bio = memoryBIO(revocationsPEM)
        defer { BIO_free(bio) }
        while let list = gh_read_crl_pem(bio) {
            X509_STORE_add_crl(store, list)
            X509_CRL_free(list)
        }
        let isAtEnd = gh_pem_at_end() == 1
        LibraryErrors.clear()
        guard isAtEnd else { throw .other("an unreadable revocation list") }
        return UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)
    }

    private func reason(_ code: Int32) -> TrustError {
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED: .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid
        case X509_V_ERR_CERT_REVOKED: .revoked
        case X509_V_ERR_INVALID_PURPOSE: .wrongPurpose
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            .unknownIssuer
        default: .other(X509_verify_cert_error_string(Int(code)).map { String(cString: $0) } ?? "code \(code)")
        }
    }

    private func parsed(_ der: [UInt8]) -> OpaquePointer? {
        der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            return d2i_X509(nil, &start, bytes.count)
        }
    }
}
