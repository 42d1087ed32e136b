internal import Base

enum HTTP2Preface {
    enum Match { case whole, part, no }

    /// The client connection preface (RFC 9113 §3.4).
    static func match(_ p: BytePointer, _ count: Int) -> Match {
        let text: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        for i in 0..<min(count, text.utf8CodeUnitCount) where p[i] != text.utf8Start[i] { return .no }
        return count >= text.utf8CodeUnitCount ? .whole : .part
    }
}
