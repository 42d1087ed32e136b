/// gRPC's message framing: one byte flags, four bytes length in network order, the message.
///
/// Source: gRPC over HTTP/2, "Length-Prefixed-Message". Compression is not offered, so a compressed
/// message is an error.
struct Deframer: Sendable {
    let bytesMax: Int
    private var buffer: [UInt8] = []
    private var start = 0

    init(bytesMax: Int) { self.bytesMax = bytesMax }

    static func frame(_ message: [UInt8]) -> [UInt8] {
        let count = UInt32(clamping: message.count)
        var framed: [UInt8] = [0]
        framed.reserveCapacity(message.count + 5)
        for shift in [24, 16, 8, 0] as [UInt32] { framed.append(UInt8(truncatingIfNeeded: count >> shift)) }
        framed += message
        return framed
    }

    mutating func append(_ bytes: [UInt8]) {
        if start == buffer.count {
            buffer = bytes
            start = 0
            return
        }
        if start > 0 {
            buffer.removeSubrange(..<start)
            start = 0
        }
        buffer += bytes
    }

    /// The next whole message, or nil when more bytes are needed.
    /// - Throws: `.resourceExhausted` as soon as the length is known to be too big, `.unimplemented` when compressed.
    mutating func next() throws(GRPCStatus) -> [UInt8]? {
        guard buffer.count - start >= 5 else { return nil }
        guard buffer[start] == 0 else { throw GRPCStatus(.unimplemented, "compressed messages are not taken") }
        let count = buffer[(start + 1)..<(start + 5)].reduce(0) { $0 << 8 | Int($1) }
        guard count <= bytesMax else {
            throw GRPCStatus(.resourceExhausted, "a message of \(count) bytes is above the limit of \(bytesMax)")
        }
        guard buffer.count - start - 5 >= count else { return nil }
        let message = Array(buffer[(start + 5)..<(start + 5 + count)])
        start += 5 + count
        return message
    }

    /// - Throws: `.internal` when the stream ended inside a message.
    func finish() throws(GRPCStatus) {
        if start < buffer.count { throw GRPCStatus(.internal, "the stream ended inside a message") }
    }
}
