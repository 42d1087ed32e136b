internal import COpenSSL

/// A certificate revocation list (RFC 5280 §5), as far as operators want to know it.
public struct RevocationList: Equatable, Sendable {
    /// RFC 2253 text of the authority that signed it.
    public let issuer: String
    /// Unix seconds after which it must not be believed; nil when the authority promised no newer one.
    public let nextUpdate: Int64?

    /// Every list in a PEM bundle.
    ///
    /// - Throws: `CertificateError.malformed` for a damaged block or when there is none.
    public static func all(pem: [UInt8]) throws(CertificateError) -> [RevocationList] {
        let bio = memoryBIO(pem)
        defer { BIO_free(bio) }
        var lists: [RevocationList] = []
        while let handle = gh_read_crl_pem(bio) {
            defer { X509_CRL_free(handle) }
            var end: Int64 = 0
            let hasEnd = gh_unix_time(X509_CRL_get0_nextUpdate(handle), &end) == 1
            lists.append(RevocationList(issuer: name(X509_CRL_get_issuer(handle)), nextUpdate: hasEnd ? end : nil))
        }
        let isAtEnd = gh_pem_at_end() == 1
        LibraryErrors.clear()
        guard isAtEnd, !lists.isEmpty else { throw .malformed("no readable revocation list") }
        return lists
    }

    private static func name(_ name: OpaquePointer?) -> String {
        guard let name, let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        _ = gh_print_name(bio, name)
        var start: UnsafeMutablePointer<UInt8>?
        let count = gh_bio_bytes(bio, &start)
        return String(decoding: UnsafeBufferPointer(start: start, count: max(0, count)), as: UTF8.self)
    }
}

/// What a DER OCSP response (RFC 6960) has to say about one certificate.
public enum StatusAnswer: Equatable, Sendable {
    /// No successful OCSP response.
    case unreadable
    /// It answers about other certificates.
    case foreign
    /// It is about the certificate. Unix seconds after which it is stale; nil when it never is.
    case about(until: Int64?)

    public init(der: [UInt8], of certificate: Certificate) {
        var handle: OpaquePointer?
        certificate.der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            handle = d2i_X509(nil, &start, bytes.count)
        }
        defer { X509_free(handle) }
        var end: Int64 = 0
        switch handle.map({ gh_ocsp_answers(der, der.count, $0, &end) }) {
        case 1: self = .about(until: end == 0 ? nil : end)
        case -1: self = .foreign
        default: self = .unreadable
        }
        LibraryErrors.clear()
    }
}
