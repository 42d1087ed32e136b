import HTTP
import Testing
import Transport

/// Source of the rows: grpc.io, "gRPC Web" (PROTOCOL-WEB); RFC 4648 §4 and §10.
@Suite struct GRPCWebTests {
    static func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(
        "which content types are gRPC-Web",
        arguments: [
            ("application/grpc-web", "binary"), ("application/grpc-web+proto", "binary+proto"),
            ("application/grpc-web-text", "text"), ("application/grpc-web-text+proto", "text+proto"),
            ("application/grpc-web; charset=utf-8", "binary; charset=utf-8"), ("application/grpc", ""),
            ("application/grpc-webx", ""), ("application/grpc-web-textual", ""), ("text/plain", ""),
        ]
    ) func form(_ type: String, _ wanted: String) {
        let got = Self.bytes(type).withUnsafeBytes { type in
            GRPCWeb.form(type).map {
                ($0.form == .text ? "text" : "binary") + String(decoding: $0.suffix, as: UTF8.self)
            }
        }
        #expect(got ?? "" == wanted)
    }

    @Test(
        "base64 in any pieces",
        arguments: [
            ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYmFy", "foobar"),
            // Two senders' pieces in one body, each padded.
            ("Zg==Zm8=Zm9v", "ffofoo"), ("", ""),
        ]
    ) func read(_ text: String, _ wanted: String) {
        for size in 1...max(1, text.utf8.count) {
            var reader = Base64Reader()
            var out: [UInt8] = []
            var rest = Self.bytes(text)[...]
            while !rest.isEmpty {
                let isRead = Array(rest.prefix(size)).withUnsafeBytes { reader.read($0, into: &out) }
                #expect(isRead)
                rest = rest.dropFirst(size)
            }
            #expect(out == Self.bytes(wanted) && reader.isAtBoundary)
        }
    }

    @Test("what is no base64", arguments: ["Zg=x", "=Zg=", "Z===", "Zm9!", "Zm\n9v", "Zm-v", "Zg==="])
    func refused(_ text: String) {
        var reader = Base64Reader()
        var out: [UInt8] = []
        let isRead = Self.bytes(text).withUnsafeBytes { reader.read($0, into: &out) }
        #expect(!isRead || !reader.isAtBoundary)
    }

    @Test(arguments: 0..<40) func `frames survive the way through text, padded where a message ends`(_ size: Int) {
        let message = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 37) }
        let frames = GRPCFraming.frame(message) + GRPCFraming.frame([1])
        for cut in 1...7 {
            var writer = Base64FrameWriter()
            var text: [UInt8] = []
            var rest = frames[...]
            while !rest.isEmpty {
                Array(rest.prefix(cut)).withUnsafeBytes { writer.write($0, into: &text) }
                rest = rest.dropFirst(cut)
            }
            // Complete without being told that the body has ended.
            #expect(text.count % 4 == 0)
            var reader = Base64Reader()
            var out: [UInt8] = []
            let isRead = text.withUnsafeBytes { reader.read($0, into: &out) }
            #expect(isRead && out == frames)
        }
    }

    @Test func `trailers become the last frame`() {
        var out: [UInt8] = []
        let trailers = MessageHead.trailers([("grpc-status", "5"), ("Grpc-Message", "gone"), ("x-a", "")])
        GRPCWeb.appendTrailers(trailers, to: &out)
        let text = "grpc-status:5\r\ngrpc-message:gone\r\nx-a:\r\n"
        #expect(out == [0x80, 0, 0, 0, UInt8(text.utf8.count)] + Self.bytes(text))
    }
}

@Suite struct ProtocolSwitchTests {
    @Test func `the answer to a WebSocket key is that of RFC 6455`() throws {
        let stage = try Stage()
        stage.service.onStream = { stream, _ in
            #expect(stream.head.text("sec-websocket-key")?.utf8.count == 24)
            #expect(stream.head.text("sec-websocket-version") == "13")
            stream.sendHead(
                .response(status: 101, fields: [("upgrade", "websocket"), ("sec-websocket-accept", "dropped")]),
                endStream: false
            )
        }
        let client = try stage.client(.http2)
        for _ in 0..<5 { stage.loop.runOnce(waitingAtMost: .milliseconds(5)) }
        let answer = Answer()
        let fields = [("upgrade", "websocket"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]
        try #require(client.open(answer)).sendHead(.request(path: "/", authority: "a", fields: fields), endStream: true)
        pump(stage.loop, "no answer") { answer.head != nil }
        #expect(answer.head?.status == 101 && answer.head?.text("upgrade") == "websocket")
        #expect(answer.head?.text("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }
}
