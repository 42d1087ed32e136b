internal import Base

/// The opening handshake's key and its answer (RFC 6455 §1.3), which HTTP/2 does without (RFC 8441 §5): whoever
/// stands between the two protocols makes the one and computes the other.
///
/// SHA-1 is what the protocol asks for. It proves that the peer speaks WebSocket, and protects nothing.
enum WebSocketKey {
    static let textBytes = 24
    static let answerBytes = 28

    /// A random key in base64.
    static func make(into out: MutableBytePointer) {
        var random = SystemRandomNumberGenerator()
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { bytes in
            for i in 0..<16 { bytes[i] = UInt8.random(in: 0...255, using: &random) }
            encode(UnsafeRawBufferPointer(bytes), into: out)
        }
    }

    /// `Sec-WebSocket-Accept` for a key, at `out`. False when the key is longer than any key is.
    static func answer(to key: UnsafeRawBufferPointer, into out: MutableBytePointer) -> Bool {
        guard key.count <= 64, let start = key.baseAddress else { return false }
        let suffix: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 128) { message in
            guard let p = message.baseAddress else { return }
            var text = ByteWriter(p)
            text.put(UnsafeRawBufferPointer(start: start, count: key.count))
            text.put(suffix)
            let digest = SHA1.digest(UnsafeRawBufferPointer(start: p, count: text.count))
            withUnsafeBytes(of: digest.bytes) { encode($0, into: out) }
        }
        return true
    }

    private static func encode(_ bytes: UnsafeRawBufferPointer, into out: MutableBytePointer) {
        let alphabet: StaticString = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        var at = 0
        var i = 0
        while i < bytes.count {
            let left = bytes.count &- i
            let group =
                UInt32(bytes[i]) << 16 | (left > 1 ? UInt32(bytes[i &+ 1]) << 8 : 0)
                | (left > 2 ? UInt32(bytes[i &+ 2]) : 0)
            for place in 0..<4 {
                let digit = alphabet.utf8Start[Int(group >> UInt32(18 &- 6 &* place) & 63)]
                out[at] = place <= left ? digit : 61
                at &+= 1
            }
            i &+= 3
        }
    }
}

/// FIPS 180-4 §6.1, for short messages.
struct SHA1 {
    private var state: (UInt32, UInt32, UInt32, UInt32, UInt32) = (
        0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0
    )

    /// The twenty octets, as big-endian words in memory order.
    var bytes: (UInt32, UInt32, UInt32, UInt32, UInt32) {
        (state.0.bigEndian, state.1.bigEndian, state.2.bigEndian, state.3.bigEndian, state.4.bigEndian)
    }

    static func digest(_ message: UnsafeRawBufferPointer) -> SHA1 {
        var hash = SHA1()
        let blocks = (message.count + 8) / 64 + 1
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 64) { block in
            for index in 0..<blocks {
                for i in 0..<64 {
                    let at = index * 64 + i
                    block[i] = at < message.count ? message[at] : at == message.count ? 0x80 : 0
                }
                if index == blocks - 1 {
                    let bits = UInt64(message.count) * 8
                    for i in 0..<8 { block[56 + i] = UInt8(truncatingIfNeeded: bits >> UInt64(56 - 8 * i)) }
                }
                hash.add(UnsafeRawBufferPointer(block))
            }
        }
        return hash
    }

    private mutating func add(_ block: UnsafeRawBufferPointer) {
        var (a, b, c, d, e) = state
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 80) { w in
            for i in 0..<16 { w[i] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * i, as: UInt32.self)) }
            for i in 16..<80 { w[i] = SHA1.turn(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1) }
            for i in 0..<80 {
                let (f, k): (UInt32, UInt32) =
                    switch i {
                    case ..<20: (b & c | ~b & d, 0x5A82_7999)
                    case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
                    case ..<60: (b & c | b & d | c & d, 0x8F1B_BCDC)
                    default: (b ^ c ^ d, 0xCA62_C1D6)
                    }
                let next = SHA1.turn(a, 5) &+ f &+ e &+ k &+ w[i]
                (a, b, c, d, e) = (next, a, SHA1.turn(b, 30), c, d)
            }
        }
        state = (state.0 &+ a, state.1 &+ b, state.2 &+ c, state.3 &+ d, state.4 &+ e)
    }

    private static func turn(_ value: UInt32, _ count: UInt32) -> UInt32 { value << count | value >> (32 - count) }
}
