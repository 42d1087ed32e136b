internal import COpenSSL

/// Bytes nobody can predict, from OpenSSL's generator seeded by the kernel.
public enum SecureRandom {
    /// Exactly `count` bytes. A generator that cannot deliver is a broken machine: going on with weak keys would be
    /// worse than stopping, so this is a precondition and not an error.
    public static func bytes(_ count: Int) -> [UInt8] {
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            precondition(RAND_bytes(buffer.baseAddress, Int32(clamping: count)) == 1, "the random generator failed")
            filled = count
        }
    }

    /// A bearer secret of `bytes` random bytes in unpadded URL-safe base64. 32 bytes carry 256 bits.
    public static func token(bytes count: Int = 32) -> String { Base64.encodeURL(bytes(count)) }

    /// A random version 4 UUID in lower case, RFC 9562 §5.4.
    public static func uuid() -> String {
        var bytes = bytes(16)
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let hex = Array(Hex.encode(bytes).utf8)
        let groups = [hex[0..<8], hex[8..<12], hex[12..<16], hex[16..<20], hex[20..<32]]
        return String(decoding: Array(groups.joined(separator: [UInt8(ascii: "-")])), as: UTF8.self)
    }
}

/// Comparison that takes the same time whatever differs.
public enum ConstantTime {
    /// Only the lengths may leak. For tokens, tags and password hashes.
    public static func equal(_ a: [UInt8], _ b: [UInt8]) -> Bool {
        a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
    }
}
