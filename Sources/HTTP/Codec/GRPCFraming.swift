internal import Base

/// Length-prefixed gRPC messages (grpc.io, "gRPC over HTTP2"): one byte of flags, four of length, the message.
public enum GRPCFraming {
    public static let prefixBytes = 5

    /// The prefix of a message of `count` bytes, uncompressed.
    public static func prefix(count: Int) -> [UInt8] {
        let n = UInt32(clamping: count)
        return [0, UInt8(n >> 24), UInt8(n >> 16 & 255), UInt8(n >> 8 & 255), UInt8(n & 255)]
    }

    /// One message with its prefix, ready for `sendData`.
    public static func frame(_ message: [UInt8]) -> [UInt8] { prefix(count: message.count) + message }
}

/// Cuts a stream of DATA into gRPC messages, whatever their boundaries.
public struct GRPCMessageReader: Sendable {
    public enum Failure: Error, Equatable, Sendable {
        /// `grpc-encoding` is not supported: answer UNIMPLEMENTED.
        case compressed
        /// Longer than `messageBytesMax`: answer RESOURCE_EXHAUSTED.
        case tooLarge(bytes: Int)
    }

    public let messageBytesMax: Int
    private var buffer: [UInt8] = []
    private var start = 0

    public init(messageBytesMax: Int = 4 << 20) {
        self.messageBytesMax = messageBytesMax
    }

    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        if start > 0 && start == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 256 << 10)
            start = 0
        }
        buffer.append(contentsOf: bytes)
    }

    /// The next whole message; nil until more bytes come.
    public mutating func next() throws(Failure) -> [UInt8]? {
        guard buffer.count - start >= GRPCFraming.prefixBytes else { return nil }
        guard buffer[start] == 0 else { throw .compressed }
        let length = buffer[(start + 1)...(start + 4)].reduce(0) { $0 << 8 | Int($1) }
        guard length <= messageBytesMax else { throw .tooLarge(bytes: length) }
        let body = start + GRPCFraming.prefixBytes
        guard buffer.count - body >= length else {
            if start > 64 << 10 {
                buffer.removeFirst(start)
                start = 0
            }
            return nil
        }
        start = body + length
        return Array(buffer[body..<start])
    }

    /// No half message is waiting: the stream may end here.
    public var isAtBoundary: Bool { start == buffer.count }
}
