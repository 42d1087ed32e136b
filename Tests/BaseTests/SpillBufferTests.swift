import Base
import Testing

@Suite struct SpillBufferTests {
    @Test func `bytes come out in the order they went in`() {
        var buffer = SpillBuffer()
        defer { buffer.release() }
        var expected: [UInt8] = []
        var random = SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let piece = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: 0...255, using: &random)
            }
            piece.withUnsafeBufferPointer { if let p = $0.baseAddress { buffer.append(p, piece.count) } }
            expected += piece
            let dropped = Int.random(in: 0...expected.count, using: &random)
            #expect(Array(buffer.bytes.prefix(dropped)) == Array(expected.prefix(dropped)))
            buffer.drop(dropped)
            expected.removeFirst(dropped)
            #expect(buffer.count == expected.count)
        }
        #expect(Array(buffer.bytes) == expected)
    }

    @Test func `a released buffer owns nothing and can be used again`() {
        var buffer = SpillBuffer()
        buffer.append("hello")
        buffer.release()
        #expect(buffer.isEmpty && buffer.start == nil)
        buffer.append("again")
        #expect(Array(buffer.bytes) == Array("again".utf8))
        buffer.release()
    }

    @Test func `lower-case comparison knows letters, digits and hyphens`() {
        let text = Array("Content-LENGTH".utf8)
        text.withUnsafeBufferPointer { bytes in
            guard let p = bytes.baseAddress else { return }
            #expect(equalsLowercased(p, text.count, "content-length"))
            #expect(!equalsLowercased(p, text.count, "content-lengtg"))
            #expect(!equalsLowercased(p, 7, "content-length"))
        }
    }
}
