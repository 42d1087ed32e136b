internal import COpenSSL

/// Why sealed bytes did not open.
public enum SealError: Error, Equatable, Sendable {
    /// A key that is not 32 bytes.
    case badKeyLength(Int)
    /// Shorter than nonce and tag together: a cut-off file.
    case truncated
    /// Wrong key, wrong context, or changed bytes. One answer for all three: telling them apart helps only attackers.
    case notAuthentic
}

/// A symmetric key that keeps bytes secret and unchanged: AES-256-GCM, NIST SP 800-38D.
///
/// Shape of sealed bytes: 12 bytes random nonce, ciphertext as long as the plaintext, 16 bytes tag.
/// Random nonces bound one key to about 2^32 seals; secrets and snapshots stay far below.
public struct SealingKey: Sendable {
    /// 32 bytes. Write them only to a file with mode 0600.
    public let bytes: [UInt8]

    private static let nonceBytes = 12
    private static let tagBytes = 16

    public init(bytes: [UInt8]) throws(SealError) {
        guard bytes.count == 32 else { throw .badKeyLength(bytes.count) }
        self.bytes = bytes
    }

    private init(fresh: [UInt8]) { bytes = fresh }

    /// A new random key.
    public static func generate() -> SealingKey { SealingKey(fresh: SecureRandom.bytes(32)) }

    /// - Parameter context: bytes that must be given again to open (what the content is for, so that one sealed value
    ///   cannot be put in another's place). Not part of the result.
    public func seal(_ plaintext: [UInt8], context: [UInt8] = []) -> [UInt8] {
        let nonce = SecureRandom.bytes(Self.nonceBytes)
        let context32 = Int32(clamping: context.count)
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var moved: Int32 = 0
        let body = [UInt8](unsafeUninitializedCapacity: plaintext.count + Self.tagBytes) { buffer, filled in
            let out = buffer.baseAddress
            var ok = EVP_EncryptInit_ex2(cipher, EVP_aes_256_gcm(), bytes, nonce, nil) == 1
            ok = ok && (context.isEmpty || EVP_EncryptUpdate(cipher, nil, &moved, context, context32) == 1)
            ok = ok && EVP_EncryptUpdate(cipher, out, &moved, plaintext, Int32(clamping: plaintext.count)) == 1
            let tag = out?.advanced(by: plaintext.count)
            ok = ok && EVP_EncryptFinal_ex(cipher, tag, &moved) == 1
            ok = ok && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), tag) == 1
            precondition(ok, "AES-256-GCM failed to seal")
            filled = plaintext.count + Self.tagBytes
        }
        return nonce + body
    }

    /// The plaintext, only when key, context and every byte are what they were.
    public func open(_ sealed: [UInt8], context: [UInt8] = []) throws(SealError) -> [UInt8] {
        let bodyBytes = sealed.count - Self.nonceBytes - Self.tagBytes
        guard bodyBytes >= 0 else { throw .truncated }
        let nonce = Array(sealed.prefix(Self.nonceBytes))
        let body = Array(sealed[Self.nonceBytes..<(Self.nonceBytes + bodyBytes)])
        var tag = Array(sealed.suffix(Self.tagBytes))
        let cipher = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(cipher) }
        var moved: Int32 = 0
        var isAuthentic = false
        // One byte more than needed keeps the base address non-null for an empty body.
        let plaintext = [UInt8](unsafeUninitializedCapacity: bodyBytes + 1) { buffer, filled in
            let out = buffer.baseAddress
            var ok = EVP_DecryptInit_ex2(cipher, EVP_aes_256_gcm(), bytes, nonce, nil) == 1
            ok =
                ok
                && (context.isEmpty
                    || EVP_DecryptUpdate(cipher, nil, &moved, context, Int32(clamping: context.count)) == 1)
            ok = ok && EVP_DecryptUpdate(cipher, out, &moved, body, Int32(clamping: bodyBytes)) == 1
            ok = ok && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagBytes), &tag) == 1
            ok = ok && EVP_DecryptFinal_ex(cipher, out?.advanced(by: bodyBytes), &moved) == 1
            isAuthentic = ok
            filled = ok ? bodyBytes : 0
        }
        if !isAuthentic {
            LibraryErrors.clear()
            throw .notAuthentic
        }
        return plaintext
    }
}
