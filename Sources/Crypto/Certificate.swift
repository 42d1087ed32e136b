public import Base
internal import COpenSSL

/// Why bytes are not a usable certificate, or why one could not be made.
public enum CertificateError: Error, Equatable, Sendable {
    /// Not DER or PEM of a certificate; the library's reason.
    case malformed(String)
    /// No `-----BEGIN CERTIFICATE-----` block in the text.
    case noCertificate
    /// A name holds a NUL or is not text: a classic way to deceive readers of certificates.
    case badName(String)
    /// Signing failed; the library's reason.
    case notSigned(String)
}

/// One X.509 certificate (RFC 5280): its DER bytes, and what they say, read once.
public struct Certificate: Hashable, Sendable {
    public let der: [UInt8]

    /// RFC 2253 text with the most specific part first: `CN=a,O=b`. Empty when the certificate has no subject.
    public let subject: String
    public let issuer: String
    /// The first `CN` of the subject.
    public let commonName: String?
    /// Every `O` of the subject, in order; groups of an administrator's client certificate.
    public let organizations: [String]
    /// Lower-case hex without separators.
    public let serial: String
    /// Unix seconds.
    public let notBefore: Int64
    /// Unix seconds.
    public let notAfter: Int64
    /// Subject alternative names by kind, in order.
    public let uriNames: [String]
    public let dnsNames: [String]
    public let ipAddresses: [IPAddress]
    /// Basic constraints say that it may sign certificates.
    public let isCA: Bool
    /// Subject and issuer are the same name, as in a root.
    public let isSelfIssued: Bool
    public let publicKeyAlgorithm: String
    /// SubjectPublicKeyInfo in DER.
    public let publicKeyDER: [UInt8]
    /// SHA-256 of `der`: what XFCC's `Hash` and pinning by certificate use.
    public let fingerprint: [UInt8]

    /// SHA-256 of the SubjectPublicKeyInfo: pinning by key.
    public var publicKeyFingerprint: [UInt8] { Digest.sha256(publicKeyDER) }

    public init(der: [UInt8]) throws(CertificateError) {
        var handle: OpaquePointer?
        var isWhole = false
        der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            handle = d2i_X509(nil, &start, bytes.count)
            isWhole = start == bytes.baseAddress?.advanced(by: bytes.count)
        }
        guard let handle else { throw .malformed(LibraryErrors.take("not a certificate")) }
        defer { X509_free(handle) }
        guard isWhole else { throw .malformed("bytes after the certificate") }
        try self.init(reading: handle, der: der)
    }

    /// Reads everything out of `handle`, which the caller keeps owning.
    init(reading handle: OpaquePointer, der: [UInt8]) throws(CertificateError) {
        var start: Int64 = 0
        var end: Int64 = 0
        guard
            gh_unix_time(X509_get0_notBefore(handle), &start) == 1,
            gh_unix_time(X509_get0_notAfter(handle), &end) == 1
        else { throw .malformed("an unreadable validity date") }
        guard let key = X509_get0_pubkey(handle) else {
            throw .malformed(LibraryErrors.take("no public key"))
        }
        let names = gh_names_of(handle)
        defer { GENERAL_NAMES_free(names) }
        let alternatives = try AlternativeNames(reading: names)
        let subjectName = X509_get_subject_name(handle)
        self.der = der
        subject = rfc2253(subjectName)
        issuer = rfc2253(X509_get_issuer_name(handle))
        commonName = try entries(of: subjectName, NID_commonName).first
        organizations = try entries(of: subjectName, NID_organizationName)
        serial = hexadecimal(X509_get0_serialNumber(handle))
        notBefore = start
        notAfter = end
        uriNames = alternatives.uris
        dnsNames = alternatives.dnsNames
        ipAddresses = alternatives.addresses
        isCA = X509_check_ca(handle) == 1
        isSelfIssued = X509_NAME_cmp(subjectName, X509_get_issuer_name(handle)) == 0
        publicKeyAlgorithm = algorithmOfKey(key).description
        publicKeyDER = Crypto.publicKeyDER(of: key)
        fingerprint = Digest.sha256(der)
        LibraryErrors.clear()
    }

    /// The first certificate in PEM text.
    public init(pem: String) throws(CertificateError) {
        let all = try Self.chain(pem: Array(pem.utf8))
        self = all[0]
    }

    /// Every certificate in PEM text, in order; text around the blocks is allowed.
    /// - Throws: `.noCertificate` when there is none; `.malformed` when any block is bad.
    public static func chain(pem: [UInt8]) throws(CertificateError) -> [Certificate] {
        let bio = memoryBIO(pem)
        defer { BIO_free(bio) }
        var found: [Certificate] = []
        while let handle = gh_read_certificate_pem(bio) {
            defer { X509_free(handle) }
            found.append(try Certificate(reading: handle, der: encoding(of: handle)))
        }
        let isAtEnd = gh_pem_at_end() == 1
        let reason = LibraryErrors.take("not a certificate")
        guard isAtEnd else { throw .malformed(reason) }
        guard !found.isEmpty else { throw .noCertificate }
        return found
    }

    public static func chain(pem: String) throws(CertificateError) -> [Certificate] {
        try chain(pem: Array(pem.utf8))
    }

    /// PEM, with the final line break.
    public var pem: String { pemBlock("CERTIFICATE", der) }

    public static func pem(of chain: [Certificate]) -> String { chain.map(\.pem).joined() }

    /// Both ends included, RFC 5280 §4.1.2.5.
    public func isValid(at unixSeconds: Int64) -> Bool { notBefore <= unixSeconds && unixSeconds <= notAfter }

    /// Whether `key` is the private half of this certificate's key.
    public func matches(_ key: PrivateKey) -> Bool { key.withHandle { Crypto.publicKeyDER(of: $0) } == publicKeyDER }

    public var publicKey: PublicKey? { try? PublicKey(der: publicKeyDER) }

    /// Runs `body` with a parsed copy that lives only inside it.
    func withHandle<R>(_ body: (OpaquePointer) -> R) -> R? {
        der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            guard let handle = d2i_X509(nil, &start, bytes.count) else { return nil }
            defer { X509_free(handle) }
            return body(handle)
        }
    }
}

/// Subject alternative names, sorted by kind. Kinds we do not use (e-mail, directory names) are passed over.
struct AlternativeNames {
    var uris: [String] = []
    var dnsNames: [String] = []
    var addresses: [IPAddress] = []

    init(reading names: OpaquePointer?) throws(CertificateError) {
        guard let names else { return }
        for at in 0..<gh_names_count(names) {
            var start: UnsafePointer<UInt8>?
            var count: Int32 = 0
            let kind = gh_names_get(names, at, &start, &count)
            guard let start else { continue }
            let bytes = Array(UnsafeBufferPointer(start: start, count: Int(count)))
            switch kind {
            case GEN_URI: uris.append(try text(bytes))
            case GEN_DNS: dnsNames.append(try text(bytes))
            case GEN_IPADD: if let address = address(bytes) { addresses.append(address) }
            default: continue
            }
        }
    }

    private func address(_ bytes: [UInt8]) -> IPAddress? {
        func number(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
        switch bytes.count {
        case 4: return IPAddress(ipv4: UInt32(truncatingIfNeeded: number(bytes[...])))
        case 16: return IPAddress(ipv6High: number(bytes[..<8]), low: number(bytes[8...]))
        default: return nil
        }
    }
}

/// IA5 text: 7-bit, without NUL.
private func text(_ bytes: [UInt8]) throws(CertificateError) -> String {
    guard bytes.allSatisfy({ $0 != 0 && $0 < 0x80 }) else { throw .badName("a name that is not plain text") }
    return String(decoding: bytes, as: UTF8.self)
}

/// Every value of one attribute of a distinguished name.
private func entries(of name: OpaquePointer?, _ kind: Int32) throws(CertificateError) -> [String] {
    var found: [String] = []
    var at = X509_NAME_get_index_by_NID(name, kind, -1)
    while at >= 0 {
        var start: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&start, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)))
        defer { CRYPTO_free(start, nil, 0) }
        guard count >= 0 else { throw .badName("a subject that is not text") }
        let bytes = UnsafeBufferPointer(start: start, count: Int(count))
        guard !bytes.contains(0) else { throw .badName("a subject with a NUL") }
        found.append(String(decoding: bytes, as: UTF8.self))
        at = X509_NAME_get_index_by_NID(name, kind, at)
    }
    return found
}

func rfc2253(_ name: OpaquePointer?) -> String {
    let bio = BIO_new(BIO_s_mem())
    defer { BIO_free(bio) }
    guard gh_print_name(bio, name) >= 0 else { return "" }
    return String(decoding: bytes(in: bio), as: UTF8.self)
}

private func hexadecimal(_ number: UnsafePointer<ASN1_INTEGER>?) -> String {
    guard let number, let start = ASN1_STRING_get0_data(number) else { return "" }
    return Hex.encode(Array(UnsafeBufferPointer(start: start, count: Int(ASN1_STRING_length(number)))))
}

/// DER of a parsed certificate.
func encoding(of handle: OpaquePointer) -> [UInt8] {
    var start: UnsafeMutablePointer<UInt8>?
    let count = i2d_X509(handle, &start)
    defer { CRYPTO_free(start, nil, 0) }
    return count > 0 ? Array(UnsafeBufferPointer(start: start, count: Int(count))) : []
}

/// One PEM block, RFC 7468.
func pemBlock(_ label: String, _ der: [UInt8]) -> String {
    let text = Array(Base64.encode(der).utf8)
    var lines = "-----BEGIN \(label)-----\n"
    var at = 0
    while at < text.count {
        let end = min(at + 64, text.count)
        lines += String(decoding: text[at..<end], as: UTF8.self) + "\n"
        at = end
    }
    return lines + "-----END \(label)-----\n"
}
