import Base
import HTTP
import Testing

@Suite struct GRPCTests {
    @Test func `messages are cut out of any pieces`() throws {
        var random = SeededGenerator(seed: 3)
        let messages = (0..<50).map { _ in
            (0..<Int.random(in: 0...3000, using: &random)).map { UInt8(truncatingIfNeeded: $0) }
        }
        let wire = messages.flatMap(GRPCFraming.frame)
        var reader = GRPCMessageReader()
        var found: [[UInt8]] = []
        var at = 0
        while at < wire.count {
            let count = min(Int.random(in: 1...2000, using: &random), wire.count - at)
            Array(wire[at..<(at + count)]).withUnsafeBytes { reader.append($0) }
            at += count
            while let message = try reader.next() { found.append(message) }
        }
        #expect(found == messages && reader.isAtBoundary)
    }

    @Test func `compressed and oversized messages are refused`() {
        var reader = GRPCMessageReader(messageBytesMax: 10)
        [UInt8]([0, 0, 0, 0, 11]).withUnsafeBytes { reader.append($0) }
        #expect(throws: GRPCMessageReader.Failure.tooLarge(bytes: 11)) { try reader.next() }
        var other = GRPCMessageReader()
        [UInt8]([1, 0, 0, 0, 0]).withUnsafeBytes { other.append($0) }
        #expect(throws: GRPCMessageReader.Failure.compressed) { try other.next() }
    }

    @Test func `status, message and timeout survive the trip through fields`() {
        let head = MessageHead.trailers()
        head.setGRPCStatus(.unavailable, message: "no endpoint: 100 % über\n")
        #expect(head.grpcCode == .unavailable && head.grpcMessage == "no endpoint: 100 % über\n")
        #expect(head.text(.grpcMessage) == "no endpoint: 100 %25 %C3%BCber%0A")
        let request = MessageHead.request(path: "/", authority: "a", fields: [("grpc-timeout", "250m")])
        #expect(request.grpcTimeout == .milliseconds(250))
        request.set("grpc-timeout", "123456789S")
        #expect(request.grpcTimeout == nil)
        #expect(
            MessageHead.request(path: "/", authority: "a", fields: [("content-type", "application/grpc+proto")]).isGRPC
        )
        #expect(
            !MessageHead.request(path: "/", authority: "a", fields: [("content-type", "application/grpc-web")]).isGRPC
        )
    }
}
