public import Base
internal import COpenSSL

/// What a certificate to be signed shall say.
public struct CertificateTemplate: Sendable {
    public enum Role: Equatable, Sendable {
        /// May sign leaves and nothing below them.
        case root
        case leaf(server: Bool, client: Bool)
    }

    public var role: Role
    public var commonName: String?
    public var organizations: [String] = []
    public var uriNames: [String] = []
    public var dnsNames: [String] = []
    public var ipAddresses: [IPAddress] = []
    /// Unix seconds.
    public var notBefore: Int64
    /// Unix seconds.
    public var notAfter: Int64

    public init(_ role: Role, commonName: String? = nil, notBefore: Int64, notAfter: Int64) {
        self.role = role
        self.commonName = commonName
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// A certificate for `key`, signed by that same key.
    public func selfSigned(with key: PrivateKey) throws(CertificateError) -> Certificate {
        try signed(for: key.publicKey, by: nil, signingKey: key)
    }

    /// A certificate for `key`, signed by `issuer`.
    /// - Throws: `.notSigned` when `issuerKey` is not the issuer's, or a name cannot be written.
    public func signed(
        for key: PublicKey,
        by issuer: Certificate,
        issuerKey: PrivateKey
    ) throws(CertificateError) -> Certificate {
        guard issuer.matches(issuerKey) else { throw .notSigned("the key is not the issuer's") }
        return try signed(for: key, by: issuer, signingKey: issuerKey)
    }

    private func signed(
        for key: PublicKey,
        by issuer: Certificate?,
        signingKey: PrivateKey
    ) throws(CertificateError) -> Certificate {
        guard let certificate = X509_new() else { throw .notSigned("out of memory") }
        defer { X509_free(certificate) }
        let isFilled = key.withHandle { fill(certificate, key: $0) }
        let isIssued: Bool
        if let issuer {
            isIssued = issuer.withHandle { finish(certificate, issuer: $0, signingKey) } ?? false
        } else {
            isIssued = finish(certificate, issuer: certificate, signingKey)
        }
        guard isFilled, isIssued else { throw .notSigned(LibraryErrors.take("a field could not be set")) }
        return try Certificate(der: encoding(of: certificate))
    }

    /// Everything that does not depend on the issuer.
    private func fill(_ certificate: OpaquePointer, key: OpaquePointer) -> Bool {
        // RFC 5280 §4.1.2.2: positive, at most 20 bytes; 127 random bits make a repeat impossible in practice.
        var serial = SecureRandom.bytes(16)
        serial[0] = serial[0] & 0x7F | 0x40
        guard X509_set_version(certificate, 2) == 1 else { return false }
        let number = BN_bin2bn(serial, 16, nil)
        defer { BN_free(number) }
        guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nil else { return false }
        let start = ASN1_TIME_set(nil, time_t(notBefore))
        let end = ASN1_TIME_set(nil, time_t(notAfter))
        defer {
            ASN1_STRING_free(start)
            ASN1_STRING_free(end)
        }
        return X509_set1_notBefore(certificate, start) == 1
            && X509_set1_notAfter(certificate, end) == 1
            && writeSubject(X509_get_subject_name(certificate))
            && X509_set_pubkey(certificate, key) == 1
    }

    private func writeSubject(_ name: OpaquePointer?) -> Bool {
        let organizationsWritten = organizations.allSatisfy { add("O", $0, to: name) }
        guard organizationsWritten else { return false }
        guard let commonName else { return true }
        return add("CN", commonName, to: name)
    }

    private func add(_ field: String, _ value: String, to name: OpaquePointer?) -> Bool {
        let bytes = Array(value.utf8)
        return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, bytes, Int32(clamping: bytes.count), -1, 0) == 1
    }

    /// Issuer, extensions (after both names and keys are there, because the key identifiers hash them), signature.
    private func finish(_ certificate: OpaquePointer, issuer: OpaquePointer, _ signingKey: PrivateKey) -> Bool {
        guard X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 else { return false }
        var extensions: [(Int32, String)]
        switch role {
        case .root:
            extensions = [
                (NID_basic_constraints, "critical,CA:TRUE,pathlen:0"),
                (NID_key_usage, "critical,keyCertSign,cRLSign"),
            ]
        case .leaf(let server, let client):
            extensions = [
                (NID_basic_constraints, "critical,CA:FALSE"),
                (NID_key_usage, "critical,digitalSignature,keyEncipherment"),
            ]
            let usages = (server ? ["serverAuth"] : []) + (client ? ["clientAuth"] : [])
            if !usages.isEmpty { extensions.append((NID_ext_key_usage, usages.joined(separator: ","))) }
        }
        extensions.append((NID_subject_key_identifier, "hash"))
        if issuer != certificate { extensions.append((NID_authority_key_identifier, "keyid:always")) }
        for (kind, text) in extensions {
            guard gh_extension_add(certificate, issuer, kind, text) == 1 else { return false }
        }
        guard attachNames(to: certificate) else { return false }
        let isEd25519 = signingKey.algorithm == .ed25519
        return signingKey.withHandle { X509_sign(certificate, $0, isEd25519 ? nil : EVP_sha256()) } > 0
    }

    private func attachNames(to certificate: OpaquePointer) -> Bool {
        guard !(uriNames.isEmpty && dnsNames.isEmpty && ipAddresses.isEmpty) else { return true }
        guard let names = generalNames(uris: uriNames, dnsNames: dnsNames, addresses: ipAddresses) else { return false }
        defer { GENERAL_NAMES_free(names) }
        // RFC 5280 §4.2.1.6: critical when the subject is empty.
        let isCritical = commonName == nil && organizations.isEmpty
        return gh_names_attach(certificate, names, isCritical ? 1 : 0) == 1
    }
}

/// The stack OpenSSL wants for subject alternative names; the caller frees it. nil when a name is not plain text.
func generalNames(uris: [String], dnsNames: [String], addresses: [IPAddress]) -> OpaquePointer? {
    guard let names = gh_names_new() else { return nil }
    var isDone = true
    for (kind, texts) in [(GEN_URI, uris), (GEN_DNS, dnsNames)] {
        for text in texts {
            let bytes = Array(text.utf8)
            let isPlain = !bytes.isEmpty && bytes.allSatisfy { $0 > 0x20 && $0 < 0x7F }
            isDone = isDone && isPlain && gh_names_add(names, Int32(kind), bytes, Int32(clamping: bytes.count)) == 1
        }
    }
    for address in addresses {
        let bytes = networkBytes(of: address)
        isDone = isDone && gh_names_add(names, Int32(GEN_IPADD), bytes, Int32(bytes.count)) == 1
    }
    if !isDone {
        GENERAL_NAMES_free(names)
        return nil
    }
    return names
}

private func networkBytes(of address: IPAddress) -> [UInt8] {
    let words = address.isIPv6 ? [address.high, address.low] : [address.high]
    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) } }
    return Array(bytes.prefix(address.isIPv6 ? 16 : 4))
}
