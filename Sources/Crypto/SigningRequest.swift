public import Base
internal import COpenSSL

/// A PKCS #10 certificate signing request (RFC 2986) whose signature was checked: the sender holds the private key.
public struct SigningRequest: Sendable {
    public let der: [UInt8]
    public let publicKey: PublicKey
    /// The names it asks for. A certificate authority that knows the caller ignores them.
    public let uriNames: [String]
    public let dnsNames: [String]
    public let subject: String

    /// - Throws: `.malformed` for bad encoding, a wrong signature, or a key too weak to certify.
    public init(der: [UInt8]) throws(CertificateError) {
        var handle: OpaquePointer?
        der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            handle = d2i_X509_REQ(nil, &start, bytes.count)
        }
        guard let handle else { throw .malformed(LibraryErrors.take("not a signing request")) }
        defer { X509_REQ_free(handle) }
        guard let key = X509_REQ_get0_pubkey(handle), X509_REQ_verify(handle, key) == 1 else {
            throw .malformed(LibraryErrors.take("the request is not signed by its own key"))
        }
        switch algorithmOfKey(key) {
        case .rsa(let bits) where bits >= 2048: break
        case .ec("prime256v1"), .ec("secp384r1"), .ed25519: break
        case let weak: throw .malformed("a key of kind \(weak) is not certified")
        }
        guard let publicKey = try? PublicKey(der: publicKeyDER(of: key)) else { throw .malformed("no public key") }
        let names = gh_names_asked(handle)
        defer { GENERAL_NAMES_free(names) }
        let alternatives = try AlternativeNames(reading: names)
        self.der = der
        self.publicKey = publicKey
        uriNames = alternatives.uris
        dnsNames = alternatives.dnsNames
        subject = rfc2253(X509_REQ_get_subject_name(handle))
        LibraryErrors.clear()
    }

    public init(pem: String) throws(CertificateError) {
        let bytes = Array(pem.utf8)
        let bio = memoryBIO(bytes)
        defer { BIO_free(bio) }
        guard let handle = PEM_read_bio_X509_REQ(bio, nil, nil, nil) else {
            throw .malformed(LibraryErrors.take("not a signing request"))
        }
        defer { X509_REQ_free(handle) }
        try self.init(der: requestEncoding(of: handle))
    }

    /// A request for `key`, asking for the given names.
    public static func make(
        key: PrivateKey,
        uriNames: [String] = [],
        dnsNames: [String] = [],
        ipAddresses: [IPAddress] = []
    ) throws(CertificateError) -> SigningRequest {
        guard let handle = X509_REQ_new() else { throw .notSigned("out of memory") }
        defer { X509_REQ_free(handle) }
        var isDone = X509_REQ_set_version(handle, 0) == 1
        if !(uriNames.isEmpty && dnsNames.isEmpty && ipAddresses.isEmpty) {
            let names = generalNames(uris: uriNames, dnsNames: dnsNames, addresses: ipAddresses)
            defer { GENERAL_NAMES_free(names) }
            isDone = isDone && names != nil && gh_names_ask(handle, names) == 1
        }
        let isEd25519 = key.algorithm == .ed25519
        isDone =
            isDone
            && key.withHandle {
                X509_REQ_set_pubkey(handle, $0) == 1 && X509_REQ_sign(handle, $0, isEd25519 ? nil : EVP_sha256()) > 0
            }
        guard isDone else { throw .notSigned(LibraryErrors.take("the request could not be written")) }
        return try SigningRequest(der: requestEncoding(of: handle))
    }

    /// PEM, with the final line break.
    public var pem: String { pemBlock("CERTIFICATE REQUEST", der) }
}

private func requestEncoding(of handle: OpaquePointer) -> [UInt8] {
    var start: UnsafeMutablePointer<UInt8>?
    let count = i2d_X509_REQ(handle, &start)
    defer { CRYPTO_free(start, nil, 0) }
    return count > 0 ? Array(UnsafeBufferPointer(start: start, count: Int(count))) : []
}
