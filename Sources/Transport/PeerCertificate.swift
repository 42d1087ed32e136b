internal import COpenSSL

/// What a peer showed of itself, for principals, policies and `x-forwarded-client-cert`.
public struct PeerCertificate: Sendable {
    /// RFC 2253 form, as Envoy prints it: `CN=client,O=Example`.
    public var subject = ""
    public var uriSANs: [String] = []
    public var dnsSANs: [String] = []
    /// SHA-256 of the DER form, 32 bytes.
    public var sha256: [UInt8] = []
    /// The leaf.
    public var pem = ""
    /// Leaf and intermediates as they were sent.
    public var chainPEM = ""
    public var serialNumber = ""
    /// Seconds since 1970; nil when the certificate's date is unreadable.
    public var notAfter: Int64?

    /// False only where the configuration accepts peers that fail: the names above are then their owner's claim and
    /// prove nothing.
    public var isVerified = true

    /// The first URI name, which is the SPIFFE id of a mesh peer; nil when it is not verified.
    public var principal: String? { isVerified ? uriSANs.first : nil }

    init(_ certificate: OpaquePointer, chain: OpaquePointer?, isServer: Bool, isVerified: Bool) {
        self.isVerified = isVerified
        subject = PeerCertificate.text { bio in
            _ = gh_tls_print_name(bio, X509_get_subject_name(certificate))
        }
        PeerCertificate.forEachName(of: certificate) { kind, bytes in
            if kind == .uri { uriSANs.append(String(decoding: bytes, as: UTF8.self)) }
            if kind == .dns { dnsSANs.append(String(decoding: bytes, as: UTF8.self)) }
        }
        var digest = [UInt8](repeating: 0, count: 64)
        var length: UInt32 = 0
        if X509_digest(certificate, EVP_sha256(), &digest, &length) == 1 { sha256 = Array(digest.prefix(Int(length))) }
        pem = PeerCertificate.text { bio in _ = PEM_write_bio_X509(bio, certificate) }
        // A server's view of the chain leaves the peer's leaf out, a client's has it.
        chainPEM = isServer ? pem : ""
        for i in 0..<gh_chain_count(chain) {
            guard let next = gh_chain_at(chain, i) else { continue }
            chainPEM += PeerCertificate.text { bio in _ = PEM_write_bio_X509(bio, next) }
        }
        if let number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nil) {
            if let hex = BN_bn2hex(number) {
                serialNumber = String(cString: hex)
                CRYPTO_free(hex, #file, #line)
            }
            BN_free(number)
        }
        var fields = tm()
        if ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &fields) == 1 { notAfter = Int64(timegm(&fields)) }
    }

    private static func text(_ body: (OpaquePointer?) -> Void) -> String {
        guard let bio = BIO_new(BIO_s_mem()) else { return "" }
        defer { BIO_free(bio) }
        body(bio)
        var start: UnsafeMutablePointer<CChar>?
        let count = gh_bio_memory(bio, &start)
        guard let start, count > 0 else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    /// Every subject alternative name; the bytes are valid during the call. A name with a NUL inside is skipped: such
    /// names were used to make "good.example\0.evil" look like "good.example".
    static func forEachName(of certificate: OpaquePointer?, _ body: (SANMatcher.Kind, UnsafeRawBufferPointer) -> Void) {
        guard let certificate, let names = gh_san_list(certificate) else { return }
        defer { gh_san_free(names) }
        var index: Int32 = 0
        while true {
            var start: UnsafePointer<UInt8>?
            var count: Int32 = 0
            let type = gh_san_at(names, index, &start, &count)
            if type < 0 { return }
            index += 1
            guard let start, count > 0 else { continue }
            let bytes = UnsafeRawBufferPointer(start: start, count: Int(count))
            let kind: SANMatcher.Kind
            switch type {
            case gh_san_dns: kind = .dns
            case gh_san_uri: kind = .uri
            case gh_san_email: kind = .email
            case gh_san_ip: kind = .ip
            default: continue
            }
            if kind == .ip || !bytes.contains(0) { body(kind, bytes) }
        }
    }
}
