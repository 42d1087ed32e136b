/// FNV-1a, twice with different starts: 128 bits against accidental equality. Not for anything an adversary chooses.
public enum ContentHash {
    /// 32 lower-case hex digits.
    public static func text(of bytes: [UInt8]) -> String {
        var low: UInt64 = 0xCBF2_9CE4_8422_2325
        var high: UInt64 = 0x9AE1_6A3B_2F90_404F ^ UInt64(bytes.count)
        for byte in bytes {
            low = (low ^ UInt64(byte)) &* 0x0000_0100_0000_01B3
            high = (high ^ UInt64(byte)) &* 0x9E37_79B9_7F4A_7C15
            high ^= high >> 29
        }
        return hex(high) + hex(low)
    }

    private static func hex(_ value: UInt64) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }
}
