internal import Base
internal import HTTP

/// The HTTP/1 decoders. Source of the properties: RFC 9112 §2.2 and §11.2, what splits or merges messages must not
/// change their meaning, and what we send on must mean to the next one what it meant to us.
enum HTTP1Targets {
    static func head(_ kind: CodecProbe.Kind, _ input: SlackedInput) throws(FuzzFinding) {
        let whole = CodecProbe.parse(kind, input.start, input.count)
        try prefixes(kind, input, whole)
        guard whole.used > 0 else { return }
        try require(whole.used <= input.count, "the head is longer than the input")
        try require(end(of: input) == whole.used, "the head does not end at the first empty line")
        if kind == .request, whole.head.authority.isEmpty { return }
        try forwarded(kind, whole)
    }

    /// Bytes that come later never change what earlier ones meant.
    private static func prefixes(
        _ kind: CodecProbe.Kind,
        _ input: SlackedInput,
        _ whole: CodecProbe.Result
    ) throws(FuzzFinding) {
        let step = max(1, input.count / 256)
        for length in stride(from: 1, to: input.count, by: step) {
            let part = input.prefix(length)
            let result = CodecProbe.parse(kind, part.start, length)
            part.release()
            if result.used > 0 {
                try require(result.used == whole.used, "\(length) bytes end a head that more bytes end elsewhere")
            } else if result.used < 0 {
                try require(whole.used < 0, "\(length) bytes were refused and more were accepted")
            } else {
                try require(whole.used <= 0 || whole.used > length, "a complete head was called incomplete")
            }
        }
    }

    /// Where the first CR LF CR LF ends, the plain way.
    private static func end(of input: SlackedInput) -> Int? {
        let bytes = UnsafeBufferPointer(start: input.start, count: input.count)
        guard bytes.count >= 4 else { return nil }
        for index in 0...(bytes.count - 4)
        where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10 {
            return index + 4
        }
        return nil
    }

    private struct Facts: Equatable {
        var method: String
        var path: String
        var authority: String
        var status: UInt16
        var length: UInt64?
        var isChunked: Bool
        var fields: [String]

        init(_ result: CodecProbe.Result) {
            let head = result.head
            method = head.methodText
            path = head.pathText
            authority = head.authorityText
            status = head.status
            length = head.contentLength
            isChunked = result.isChunked
            fields = head.fieldList.map { "\($0.name):\($0.value)" }
        }
    }

    /// What is sent on reads back as the same message, and sending that on changes no byte.
    private static func forwarded(_ kind: CodecProbe.Kind, _ first: CodecProbe.Result) throws(FuzzFinding) {
        let once = CodecProbe.forward(kind, first)
        let block = once.withUnsafeBytes { SlackedInput($0) }
        defer { block.release() }
        let second = CodecProbe.parse(kind, block.start, block.count)
        try require(second.used == once.count, "what is sent on reads as \(second.used) of \(once.count) bytes")
        let twice = CodecProbe.forward(kind, second)
        try require(once == twice, "sending on twice differs from once")
        try require(Facts(first) == Facts(second), "the message changed its meaning on the way")
    }

    static func chunks(_ input: SlackedInput) throws(FuzzFinding) {
        let whole = CodecProbe.chunks(input.start, input.count, step: input.count)
        for step in [1, 2, 7] {
            let pieces = CodecProbe.chunks(input.start, input.count, step: step)
            try require(pieces == whole, "read \(step) by \(step) the body is another")
        }
        var encoded: [UInt8] = []
        if !whole.content.isEmpty {
            encoded += Array((String(whole.content.count, radix: 16) + "\r\n").utf8) + whole.content + [13, 10]
        }
        encoded += Array("0\r\n".utf8)
        let block = encoded.withUnsafeBytes { SlackedInput($0) }
        defer { block.release() }
        let again = CodecProbe.chunks(block.start, block.count, step: block.count)
        try require(again.content == whole.content && again.end == .trailers, "the content does not survive encoding")
    }
}
