/// Base 16, RFC 4648 §8.
public enum Hex {
    private static let digits = Array("0123456789abcdef".utf8)

    /// Lower case, two digits a byte.
    public static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Either case; nil for an odd length or any other character.
    public static func decode(_ text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for digit in text.utf8 {
            guard let value = value(of: digit) else { return nil }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// Base 64, RFC 4648 §4 and §5.
public enum Base64 {
    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    private static let standardValues = values(of: standard)
    private static let urlSafeValues = values(of: urlSafe)
    private static let pad = UInt8(ascii: "=")

    /// The standard alphabet, padded, in one line.
    public static func encode(_ bytes: [UInt8]) -> String { encode(bytes, standard, isPadded: true) }

    /// The URL-safe alphabet without padding, as JSON Web Tokens have it (RFC 7515 §2).
    public static func encodeURL(_ bytes: [UInt8]) -> String { encode(bytes, urlSafe, isPadded: false) }

    /// Strict: padding required, no other characters but line breaks, and the unused bits zero, so that one value
    /// has one spelling. nil otherwise. Line breaks are skipped because Secrets made by `base64` have them.
    public static func decode(_ text: String) -> [UInt8]? {
        decode(text.utf8.filter { $0 != 10 && $0 != 13 }, standardValues, isPadded: true)
    }

    /// Strict and unpadded; nil otherwise.
    public static func decodeURL(_ text: String) -> [UInt8]? {
        decode(Array(text.utf8), urlSafeValues, isPadded: false)
    }

    private static func values(of alphabet: [UInt8]) -> [UInt8] {
        var table = [UInt8](repeating: 255, count: 256)
        for (value, character) in alphabet.enumerated() { table[Int(character)] = UInt8(value) }
        return table
    }

    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8], isPadded: Bool) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var at = 0
        while at < bytes.count {
            let left = bytes.count - at
            let second = left > 1 ? bytes[at + 1] : 0
            let third = left > 2 ? bytes[at + 2] : 0
            text.append(alphabet[Int(bytes[at] >> 2)])
            text.append(alphabet[Int((bytes[at] & 3) << 4 | second >> 4)])
            if left > 1 {
                text.append(alphabet[Int((second & 15) << 2 | third >> 6)])
            } else if isPadded {
                text.append(pad)
            }
            if left > 2 { text.append(alphabet[Int(third & 63)]) } else if isPadded { text.append(pad) }
            at += 3
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func decode(_ input: [UInt8], _ table: [UInt8], isPadded: Bool) -> [UInt8]? {
        var text = input[...]
        if isPadded {
            guard text.count % 4 == 0 else { return nil }
            if text.last == pad { text.removeLast() }
            if text.last == pad { text.removeLast() }
        }
        guard text.count % 4 != 1 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var collected: UInt32 = 0
        var bits: UInt32 = 0
        for character in text {
            let value = table[Int(character)]
            guard value < 64 else { return nil }
            collected = collected << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: collected >> bits))
                collected &= (1 << bits) - 1
            }
        }
        return collected == 0 ? bytes : nil
    }
}
