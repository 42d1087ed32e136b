/// A growing byte buffer that log lines are written into without intermediate strings.
///
/// Shape: one owner at a time. A worker fills it, hands the whole buffer to the log writer, and gets another one back.
/// Limits: it grows up to `bytesMax`; a line that would not fit is dropped by its writer and counted.
public final class LogBuffer {
    public private(set) var base: UnsafeMutableRawPointer
    public private(set) var capacity: Int
    public internal(set) var count = 0

    public init(capacity: Int) {
        self.capacity = max(capacity, 64)
        base = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { base.deallocate() }

    public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    public func removeAll() { count = 0 }

    /// Makes room for `more` bytes; the buffer may move.
    @inline(__always) func reserve(_ more: Int) {
        if count &+ more > capacity { grow(more) }
    }

    @inline(never) private func grow(_ more: Int) {
        let larger = max(capacity &* 2, count &+ more)
        let new = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        new.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = new
        capacity = larger
    }

    @inline(__always) func put(_ byte: UInt8) {
        reserve(1)
        base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
        count &+= 1
    }

    @inline(__always) func put(_ text: StaticString) {
        let length = text.utf8CodeUnitCount
        reserve(length)
        (base + count).copyMemory(from: text.utf8Start, byteCount: length)
        count &+= length
    }

    func put(_ raw: UnsafeRawBufferPointer) {
        guard let start = raw.baseAddress, raw.count > 0 else { return }
        reserve(raw.count)
        (base + count).copyMemory(from: start, byteCount: raw.count)
        count &+= raw.count
    }

    @inline(__always) func put(decimal value: UInt64) {
        // Parts of addresses, statuses, short durations: most numbers of a log line.
        if value < 1000 { putSmall(UInt32(truncatingIfNeeded: value)) } else { putLarge(value) }
    }

    private func putSmall(_ value: UInt32) {
        reserve(3)
        var at = count
        if value >= 10 {
            if value >= 100 {
                base.storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ value / 100), toByteOffset: at, as: UInt8.self)
                at &+= 1
            }
            base.storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ value / 10 % 10), toByteOffset: at, as: UInt8.self)
            at &+= 1
        }
        base.storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ value % 10), toByteOffset: at, as: UInt8.self)
        count = at &+ 1
    }

    private func putLarge(_ value: UInt64) {
        var digits = 1
        var rest = value
        while rest >= 10 {
            rest /= 10
            digits &+= 1
        }
        reserve(digits)
        rest = value
        var at = count &+ digits
        count = at
        repeat {
            at &-= 1
            base.storeBytes(of: UInt8(48 &+ rest % 10), toByteOffset: at, as: UInt8.self)
            rest /= 10
        } while rest > 0
    }

    /// `value` as exactly `width` digits, zero filled.
    func put(_ value: Int, width: Int) {
        reserve(width)
        var rest = value
        var at = count &+ width
        count = at
        for _ in 0..<width {
            at &-= 1
            base.storeBytes(of: UInt8(48 &+ rest % 10), toByteOffset: at, as: UInt8.self)
            rest /= 10
        }
    }

    /// A JSON string with its quotes. Control bytes, quotes and backslashes are escaped; bytes that are not valid UTF-8
    /// become U+FFFD, so that a peer cannot break the line.
    ///
    /// Source: RFC 8259 §7.
    public func putJSON(_ raw: UnsafeRawBufferPointer) {
        reserve(raw.count &* 6 &+ 2)
        put(34)
        var index = 0
        let total = raw.count
        while index < total {
            // Eight harmless bytes at a time.
            while index &+ 8 <= total {
                let word = raw.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                if Self.needsCare(word) { break }
                base.storeBytes(of: word, toByteOffset: count, as: UInt64.self)
                count &+= 8
                index &+= 8
            }
            guard index < total else { break }
            let byte = raw[index]
            if byte >= 0x20, byte != 34, byte != 92, byte < 0x7F {
                base.storeBytes(of: byte, toByteOffset: count, as: UInt8.self)
                count &+= 1
                index &+= 1
            } else if byte < 0x80 {
                putEscaped(byte)
                index &+= 1
            } else {
                let length = Self.scalarLength(raw, at: index)
                if length == 0 {
                    put("\u{FFFD}")
                    index &+= 1
                } else {
                    put(UnsafeRawBufferPointer(rebasing: raw[index..<index &+ length]))
                    index &+= length
                }
            }
        }
        put(34)
    }

    /// Whether some byte may be a control character, a quote, a backslash or not ASCII. May say so without reason,
    /// never the other way round.
    @inline(__always) private static func needsCare(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quote = word ^ 0x2222_2222_2222_2222
        let backslash = word ^ 0x5C5C_5C5C_5C5C_5C5C
        let delete = word ^ 0x7F7F_7F7F_7F7F_7F7F
        let hits = (word &- 0x2020_2020_2020_2020) | (quote &- ones) | (backslash &- ones) | (delete &- ones) | word
        return hits & 0x8080_8080_8080_8080 != 0
    }

    private func putEscaped(_ byte: UInt8) {
        switch byte {
        case 34: put("\\\"")
        case 92: put("\\\\")
        case 10: put("\\n")
        case 13: put("\\r")
        case 9: put("\\t")
        default:
            put("\\u00")
            put(Self.hexDigit(byte >> 4))
            put(Self.hexDigit(byte & 15))
        }
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 48 &+ nibble : 87 &+ nibble }

    /// The length of the well-formed UTF-8 sequence at `start`, or zero. Source: RFC 3629 §4.
    private static func scalarLength(_ raw: UnsafeRawBufferPointer, at start: Int) -> Int {
        let first = raw[start]
        let length =
            first >= 0xC2 && first <= 0xDF ? 2 : first & 0xF0 == 0xE0 ? 3 : first >= 0xF0 && first <= 0xF4 ? 4 : 0
        if length == 0 || start &+ length > raw.count { return 0 }
        let second = raw[start &+ 1]
        let low: UInt8 = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80
        let high: UInt8 = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF
        if second < low || second > high { return 0 }
        for offset in 2..<max(2, length) where raw[start &+ offset] & 0xC0 != 0x80 { return 0 }
        return length
    }
}
