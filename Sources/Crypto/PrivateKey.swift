internal import COpenSSL

/// Why bytes are not a usable key.
public enum KeyError: Error, Equatable, Sendable {
    /// Neither PEM nor DER of a key; the library's reason.
    case malformed(String)
    /// A pass-phrase protects it; nobody is there to type one.
    case encrypted
    /// Neither RSA, EC nor Ed25519.
    case unsupported(String)
    /// RSA below 2048 bits.
    case tooSmall(bits: Int)
}

/// What kind of public key, and how big.
public enum KeyAlgorithm: Equatable, Sendable, CustomStringConvertible {
    case rsa(bits: Int)
    /// An elliptic curve, in OpenSSL's name: `prime256v1`, `secp384r1`, …
    case ec(curve: String)
    case ed25519
    case other(String)

    public var description: String {
        switch self {
        case .rsa(let bits): "RSA \(bits)"
        case .ec("prime256v1"): "ECDSA P-256"
        case .ec("secp384r1"): "ECDSA P-384"
        case .ec(let curve): "ECDSA \(curve)"
        case .ed25519: "Ed25519"
        case .other(let name): name
        }
    }
}

/// A private key, with its public half.
///
/// Never printed: it has no description, and its text form must be asked for by name.
// @unchecked Sendable: `handle` is set once in `init`, owned alone and freed in `deinit`. Nothing in this room changes
// the EVP_PKEY after that; OpenSSL 3 documents reading operations on one EVP_PKEY from several threads as safe.
public final class PrivateKey: @unchecked Sendable {
    private let handle: OpaquePointer

    init(owning handle: OpaquePointer) { self.handle = handle }

    deinit { EVP_PKEY_free(handle) }

    /// A new key on NIST P-256: small, fast to sign with, accepted everywhere.
    public static func generateP256() -> PrivateKey { generated(gh_generate_ec("P-256")) }

    /// A new RSA key with exponent 65537. Takes tens to hundreds of milliseconds.
    public static func generateRSA(bits: Int = 2048) -> PrivateKey { generated(gh_generate_rsa(max(bits, 2048))) }

    private static func generated(_ handle: OpaquePointer?) -> PrivateKey {
        guard let handle else { preconditionFailure("key generation failed: \(LibraryErrors.take("no reason given"))") }
        return PrivateKey(owning: handle)
    }

    /// The first private key in PEM text: PKCS #8, PKCS #1 or SEC 1.
    public convenience init(pem: [UInt8]) throws(KeyError) {
        let bio = memoryBIO(pem)
        defer { BIO_free(bio) }
        guard let handle = gh_read_private_pem(bio) else {
            let isEncrypted = contains(pem, "ENCRYPTED")
            let reason = LibraryErrors.take("no private key found")
            throw isEncrypted ? .encrypted : .malformed(reason)
        }
        LibraryErrors.clear()
        self.init(owning: handle)
        try checkStrength()
    }

    public convenience init(pem: String) throws(KeyError) { try self.init(pem: Array(pem.utf8)) }

    /// DER: PKCS #8, PKCS #1 or SEC 1.
    public convenience init(der: [UInt8]) throws(KeyError) {
        var handle: OpaquePointer?
        der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            handle = d2i_AutoPrivateKey(nil, &start, bytes.count)
        }
        guard let handle else { throw .malformed(LibraryErrors.take("not a private key")) }
        self.init(owning: handle)
        try checkStrength()
    }

    private func checkStrength() throws(KeyError) {
        switch algorithm {
        case .rsa(let bits) where bits < 2048: throw .tooSmall(bits: bits)
        case .other(let name): throw .unsupported(name)
        case .rsa, .ec, .ed25519: break
        }
    }

    public var algorithm: KeyAlgorithm { algorithmOfKey(handle) }

    /// PKCS #8 in PEM, unencrypted: for a file with mode 0600.
    public var pem: String {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        precondition(PEM_write_bio_PKCS8PrivateKey(bio, handle, nil, nil, 0, nil, nil) == 1, "a held key has no PEM")
        return String(decoding: bytes(in: bio), as: UTF8.self)
    }

    /// The public half, for sharing.
    public var publicKey: PublicKey {
        let der = publicKeyDER(of: handle)
        guard let key = try? PublicKey(der: der) else { preconditionFailure("a held key has no public half") }
        return key
    }

    /// A signature over `message`: DER ECDSA with SHA-256 for EC keys, PKCS #1 v1.5 with SHA-256 for RSA, plain for
    /// Ed25519.
    public func sign(_ message: [UInt8]) -> [UInt8] {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        let hash: OpaquePointer? = algorithm == .ed25519 ? nil : EVP_sha256()
        var count = 0
        var ok = EVP_DigestSignInit(context, nil, hash, nil, handle) == 1
        ok = ok && EVP_DigestSign(context, nil, &count, message, message.count) == 1
        var signature = [UInt8](repeating: 0, count: count)
        ok = ok && EVP_DigestSign(context, &signature, &count, message, message.count) == 1
        precondition(ok, "a held key cannot sign")
        return Array(signature.prefix(count))
    }

    /// The key for a call into OpenSSL. The pointer is valid only inside `body`, which must not keep or change it.
    func withHandle<R, E: Error>(_ body: (OpaquePointer) throws(E) -> R) throws(E) -> R { try body(handle) }
}

/// A public key, for checking signatures.
// @unchecked Sendable: as for PrivateKey, `handle` is owned alone and never changed after `init`.
public final class PublicKey: @unchecked Sendable {
    private let handle: OpaquePointer

    /// SubjectPublicKeyInfo in DER.
    public init(der: [UInt8]) throws(KeyError) {
        var handle: OpaquePointer?
        der.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            handle = d2i_PUBKEY(nil, &start, bytes.count)
        }
        guard let handle else { throw .malformed(LibraryErrors.take("not a public key")) }
        self.handle = handle
    }

    deinit { EVP_PKEY_free(handle) }

    /// SubjectPublicKeyInfo in DER; its SHA-256 is the usual pin.
    public var der: [UInt8] { publicKeyDER(of: handle) }

    public var algorithm: KeyAlgorithm { algorithmOfKey(handle) }

    /// Whether `signature` over `message` came from the private half. Malformed signatures are just not valid.
    public func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        let context = EVP_MD_CTX_new()
        defer { EVP_MD_CTX_free(context) }
        let hash: OpaquePointer? = algorithm == .ed25519 ? nil : EVP_sha256()
        let isValid =
            EVP_DigestVerifyInit(context, nil, hash, nil, handle) == 1
            && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        if !isValid { LibraryErrors.clear() }
        return isValid
    }

    /// The key for a call into OpenSSL, which must not keep or change it.
    func withHandle<R>(_ body: (OpaquePointer) -> R) -> R { body(handle) }
}

/// What a memory BIO holds.
func bytes(in bio: OpaquePointer?) -> [UInt8] {
    var start: UnsafeMutablePointer<UInt8>?
    let count = gh_bio_bytes(bio, &start)
    return count > 0 ? Array(UnsafeBufferPointer(start: start, count: count)) : []
}

func algorithmOfKey(_ handle: OpaquePointer?) -> KeyAlgorithm {
    switch EVP_PKEY_get_base_id(handle) {
    case EVP_PKEY_RSA: return .rsa(bits: Int(EVP_PKEY_get_bits(handle)))
    case EVP_PKEY_ED25519: return .ed25519
    case EVP_PKEY_EC:
        var name = [CChar](repeating: 0, count: 80)
        var count = 0
        guard EVP_PKEY_get_group_name(handle, &name, name.count, &count) == 1 else { return .other("EC") }
        let text = name.prefix(count).map { UInt8(bitPattern: $0) }
        return .ec(curve: String(decoding: text, as: UTF8.self))
    case let id:
        guard let name = OBJ_nid2sn(id) else { return .other("unknown") }
        return .other(String(cString: name))
    }
}

/// SubjectPublicKeyInfo of a key.
func publicKeyDER(of handle: OpaquePointer?) -> [UInt8] {
    var start: UnsafeMutablePointer<UInt8>?
    let count = i2d_PUBKEY(handle, &start)
    defer { CRYPTO_free(start, nil, 0) }
    return count > 0 ? Array(UnsafeBufferPointer(start: start, count: Int(count))) : []
}

private func contains(_ bytes: [UInt8], _ word: String) -> Bool {
    let word = Array(word.utf8)
    guard bytes.count >= word.count else { return false }
    return (0...(bytes.count - word.count)).contains { bytes[$0..<($0 + word.count)].elementsEqual(word) }
}
