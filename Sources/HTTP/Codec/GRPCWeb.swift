internal import Base

/// gRPC-Web: gRPC for clients that see neither HTTP/2 frames nor trailers.
///
/// Source: grpc.io, "gRPC Web" (PROTOCOL-WEB): the content types, base64 in the text form, and trailers as a last frame
/// of the body whose flags have the highest bit. Translation as in Envoy's `grpc_web` filter.
public enum GRPCWeb {
    public enum Form: Sendable { case binary, text }

    /// The form a content type names, and what follows the name (`+proto`, parameters); nil for other types.
    public static func form(_ type: UnsafeRawBufferPointer?) -> (form: Form, suffix: UnsafeRawBufferPointer)? {
        guard let type else { return nil }
        if let suffix = suffix(type, behind: "application/grpc-web-text") { return (.text, suffix) }
        if let suffix = suffix(type, behind: "application/grpc-web") { return (.binary, suffix) }
        return nil
    }

    /// What stands behind `application/grpc` in an upstream's content type; nil when that is no gRPC.
    public static func grpcSuffix(_ type: UnsafeRawBufferPointer?) -> UnsafeRawBufferPointer? {
        type.flatMap { suffix($0, behind: "application/grpc") }
    }

    private static func suffix(_ type: UnsafeRawBufferPointer, behind name: StaticString) -> UnsafeRawBufferPointer? {
        let count = name.utf8CodeUnitCount
        guard type.count >= count, UnsafeRawBufferPointer(rebasing: type[..<count]).isSame(as: name) else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: type[count...])
        guard let next = rest.first else { return rest }
        return next == 0x2B || next == 0x3B || next == 0x20 ? rest : nil
    }

    /// Appends the last frame: the living fields of a trailer section as `name:value` lines.
    public static func appendTrailers(_ trailers: MessageHead, to out: inout [UInt8]) {
        let start = out.count
        out += [0x80, 0, 0, 0, 0]
        for index in 0..<trailers.fieldCount where trailers.isLive(index) {
            for byte in trailers.name(at: index) { out.append(byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte) }
            out.append(0x3A)
            out.append(contentsOf: trailers.value(at: index))
            out += [13, 10]
        }
        let length = UInt32(truncatingIfNeeded: out.count - start - 5)
        for place in 0..<4 { out[start + 1 + place] = UInt8(truncatingIfNeeded: length >> UInt32(24 - 8 * place)) }
    }
}

/// Decodes base64 as it arrives, in any pieces; padding may stand wherever a sender ended a piece of its own.
public struct Base64Reader: Sendable {
    private var group: UInt32 = 0
    private var count = 0
    private var padding = 0

    public init() {}

    /// Appends what the text stands for. False for what is no base64; nothing that follows can be trusted then.
    public mutating func read(_ text: UnsafeRawBufferPointer, into out: inout [UInt8]) -> Bool {
        out.reserveCapacity(out.count + text.count / 4 * 3 + 3)
        for byte in text {
            if byte == 0x3D {
                guard count >= 2 else { return false }
                padding += 1
                group <<= 6
            } else {
                guard padding == 0, let digit = Base64Reader.digit(byte) else { return false }
                group = group << 6 | digit
            }
            count += 1
            guard count == 4 else { continue }
            out.append(UInt8(truncatingIfNeeded: group >> 16))
            if padding < 2 { out.append(UInt8(truncatingIfNeeded: group >> 8)) }
            if padding < 1 { out.append(UInt8(truncatingIfNeeded: group)) }
            group = 0
            count = 0
            padding = 0
        }
        return true
    }

    /// No half group is waiting: the text may end here.
    public var isAtBoundary: Bool { count == 0 }

    private static func digit(_ byte: UInt8) -> UInt32? {
        switch byte {
        case 0x41...0x5A: UInt32(byte - 0x41)
        case 0x61...0x7A: UInt32(byte - 0x61 + 26)
        case 0x30...0x39: UInt32(byte - 0x30 + 52)
        case 0x2B: 62
        case 0x2F: 63
        default: nil
        }
    }
}

/// Encodes gRPC frames in base64. Padding is written where a frame ends, so that a client can read it at once; inside a
/// frame up to two octets wait for the next piece.
public struct Base64FrameWriter: Sendable {
    private var group: UInt32 = 0
    private var count = 0
    /// Octets of the present frame's five-octet prefix, and of its message, still to come.
    private var prefixLeft = GRPCFraming.prefixBytes
    private var length: UInt32 = 0
    private var messageLeft: UInt32 = 0

    public init() {}

    public mutating func write(_ bytes: UnsafeRawBufferPointer, into out: inout [UInt8]) {
        out.reserveCapacity(out.count + bytes.count / 3 * 4 + 8)
        for byte in bytes {
            put(byte, &out)
            if prefixLeft > 0 {
                prefixLeft -= 1
                // The first octet holds flags, and is shifted out.
                length = length << 8 | UInt32(byte)
                if prefixLeft == 0 { messageLeft = length }
            } else {
                messageLeft -= 1
            }
            if prefixLeft == 0 && messageLeft == 0 {
                prefixLeft = GRPCFraming.prefixBytes
                length = 0
                pad(&out)
            }
        }
    }

    /// Writes what still waits; for the end of a body.
    public mutating func finish(into out: inout [UInt8]) { pad(&out) }

    private mutating func put(_ byte: UInt8, _ out: inout [UInt8]) {
        group = group << 8 | UInt32(byte)
        count += 1
        if count == 3 { emit(4, &out) }
    }

    private mutating func pad(_ out: inout [UInt8]) {
        guard count > 0 else { return }
        let digits = count + 1
        group <<= UInt32(8 * (3 - count))
        emit(digits, &out)
        for _ in digits..<4 { out.append(0x3D) }
    }

    private mutating func emit(_ digits: Int, _ out: inout [UInt8]) {
        for place in 0..<digits { out.append(Base64FrameWriter.letter(group >> UInt32(18 - 6 * place) & 63)) }
        group = 0
        count = 0
    }

    private static func letter(_ digit: UInt32) -> UInt8 {
        let d = UInt8(truncatingIfNeeded: digit)
        return switch d {
        case ..<26: 0x41 + d
        case ..<52: 0x61 + d - 26
        case ..<62: 0x30 + d - 52
        case 62: 0x2B
        default: 0x2F
        }
    }
}
