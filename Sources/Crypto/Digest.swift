internal import COpenSSL

/// One-shot hashes and message authentication codes.
public enum Digest {
    /// 32 bytes, FIPS 180-4.
    public static func sha256(_ bytes: [UInt8]) -> [UInt8] { one(bytes, EVP_sha256(), 32) }

    /// 32 bytes over the UTF-8 of `text`; how bearer tokens are kept.
    public static func sha256(_ text: String) -> [UInt8] { sha256(Array(text.utf8)) }

    /// 64 bytes.
    public static func sha512(_ bytes: [UInt8]) -> [UInt8] { one(bytes, EVP_sha512(), 64) }

    /// 20 bytes. Broken as a signature hash; only for formats that name it (WebSocket accept, key identifiers).
    public static func sha1(_ bytes: [UInt8]) -> [UInt8] { one(bytes, EVP_sha1(), 20) }

    /// 32 bytes, RFC 2104 with SHA-256.
    public static func hmacSHA256(key: [UInt8], _ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 32) { buffer, filled in
            var size: UInt32 = 0
            // A zero-length key still needs a non-null pointer; Swift's array bridging gives one.
            let done = HMAC(
                EVP_sha256(),
                key,
                Int32(clamping: key.count),
                bytes,
                bytes.count,
                buffer.baseAddress,
                &size
            )
            precondition(done != nil && size == 32, "HMAC-SHA-256 failed")
            filled = 32
        }
    }

    private static func one(_ bytes: [UInt8], _ algorithm: OpaquePointer?, _ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            var size: UInt32 = 0
            let done = EVP_Digest(bytes, bytes.count, buffer.baseAddress, &size, algorithm, nil)
            precondition(done == 1 && Int(size) == count, "the digest failed")
            filled = count
        }
    }
}
