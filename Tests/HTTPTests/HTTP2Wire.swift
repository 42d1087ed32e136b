import HTTP
import Testing
import Transport

/// HTTP/2 written and read by hand: frames and header blocks as they are on the wire, right or wrong.
enum Wire {
    static let data: UInt8 = 0, headers: UInt8 = 1, priority: UInt8 = 2, reset: UInt8 = 3, settings: UInt8 = 4
    static let push: UInt8 = 5, ping: UInt8 = 6, goAway: UInt8 = 7, window: UInt8 = 8, continuation: UInt8 = 9
    /// END_STREAM, which is also ACK.
    static let end: UInt8 = 1
    static let endHeaders: UInt8 = 4, padded: UInt8 = 8, hasPriority: UInt8 = 0x20

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    static let opening = preface + frame(settings, 0, 0)
    static let probe = frame(ping, 0, 0, Array("probe123".utf8))

    static func frame(_ type: UInt8, _ flags: UInt8, _ stream: UInt32, _ payload: [UInt8] = []) -> [UInt8] {
        number(UInt32(payload.count)).dropFirst() + [type, flags] + number(stream) + payload
    }

    static func number(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
    }

    static func setting(_ id: UInt8, _ value: UInt32) -> [UInt8] { [0, id] + number(value) }

    /// Literal fields that are never indexed, without Huffman coding.
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { [0x10] + text($0.0) + text($0.1) }
    }

    static func text(_ value: String) -> [UInt8] { length(value.utf8.count) + Array(value.utf8) }

    /// A number with a prefix of seven bits (RFC 7541 §5.1).
    static func length(_ count: Int) -> [UInt8] {
        guard count >= 127 else { return [UInt8(count)] }
        var out: [UInt8] = [127]
        var rest = count - 127
        while rest >= 128 {
            out.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        return out + [UInt8(rest)]
    }

    static func pseudo(_ method: String = "GET", path: String = "/") -> [(String, String)] {
        [(":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", path)]
    }

    static func request(
        _ stream: UInt32,
        _ method: String = "GET",
        fields: [(String, String)] = [],
        flags: UInt8 = end | endHeaders
    ) -> [UInt8] {
        frame(headers, flags, stream, block(pseudo(method) + fields))
    }

    static func post(_ stream: UInt32, fields: [(String, String)] = []) -> [UInt8] {
        request(stream, "POST", fields: fields, flags: endHeaders)
    }

    struct Frame {
        var type: UInt8
        var flags: UInt8
        var stream: UInt32
        var payload: [UInt8]

        /// The error code of RST_STREAM or GOAWAY.
        var code: UInt32? {
            let bytes = type == Wire.reset ? payload[...] : type == Wire.goAway ? payload.dropFirst(4).prefix(4) : []
            return bytes.isEmpty ? nil : bytes.reduce(0) { $0 << 8 | UInt32($1) }
        }

        var endsStream: Bool { (type == Wire.headers || type == Wire.data) && flags & Wire.end != 0 }
    }
}

extension RawClient {
    /// The whole frames received so far.
    var frames: [Wire.Frame] {
        var found: [Wire.Frame] = []
        var at = 0
        while bytes.count - at >= 9 {
            let length = bytes[at..<(at + 3)].reduce(0) { $0 << 8 | Int($1) }
            guard bytes.count - at >= 9 + length else { break }
            let stream = bytes[(at + 5)..<(at + 9)].reduce(0) { $0 << 8 | UInt32($1) } & 0x7FFF_FFFF
            let payload = Array(bytes[(at + 9)..<(at + 9 + length)])
            found.append(Wire.Frame(type: bytes[at + 3], flags: bytes[at + 4], stream: stream, payload: payload))
            at += 9 + length
        }
        return found
    }

    var goAwayCode: UInt32? { frames.first { $0.type == Wire.goAway }?.code }

    func resetCode(_ stream: UInt32) -> UInt32? {
        frames.first { $0.type == Wire.reset && $0.stream == stream }?.code
    }

    func hasEnded(_ stream: UInt32) -> Bool { frames.contains { $0.stream == stream && $0.endsStream } }

    var isProbeAnswered: Bool { frames.contains { $0.type == Wire.ping && $0.flags == Wire.end } }

    /// The first octet of a response's header block names its status when that is in HPACK's static table.
    func status(_ stream: UInt32) -> Int? {
        guard let first = frames.first(where: { $0.type == Wire.headers && $0.stream == stream })?.payload.first else {
            return nil
        }
        return [0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500][Int(first)] ?? 0
    }
}
