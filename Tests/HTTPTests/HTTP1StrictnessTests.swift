import Foundation
import HTTP
import Testing
import Transport

/// What stands between two readings of one message: RFC 9110 and RFC 9112, one sentence a row.
@Suite struct HTTP1StrictnessTests {
    static let host = HTTP1ServerTests.host
    static let chunked = "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n"

    static let fields: [(says: String, lines: String, status: String)] = [
        ("a coding behind chunked hides the end", "Transfer-Encoding: chunked, gzip", "400"),
        ("an unknown coding alone hides the end", "Transfer-Encoding: cow", "400"),
        ("an empty coding is none", "Transfer-Encoding:", "400"),
        ("chunked has no parameters", "Transfer-Encoding: chunked;q=1", "400"),
        ("a known end with an unknown coding is not ours to undo", "Transfer-Encoding: cow, chunked", "501"),
        ("chunked twice is one too many", "Transfer-Encoding: chunked, chunked", "501"),
        ("two coding fields are one too many", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "400"),
        ("a vertical tab is no blank", "Transfer-Encoding: \u{B}chunked", "400"),
        ("only 100-continue can be expected", "Expect: tea\r\nContent-Length: 1", "417"),
        ("one odd expectation spoils the list", "Expect: 100-continue, tea\r\nContent-Length: 1", "417"),
    ]

    static let badHosts = [
        "", "[::1", "[:::]", "[1::2::3]", "[12345::]", "[1:2:3:4:5:6:7]", "[::1.2.3.256]",
        "[::1.2.3]", "[1:2:3:4:5:6:7:8:9]", "a:b", "a:", "a%41", "a,b",
    ]

    private static func refused() -> [(says: String, bytes: String, status: String)] {
        var rows: [(says: String, bytes: String, status: String)] = []
        for field in fields {
            rows.append((field.says, "POST / HTTP/1.1\r\n\(host)\(field.lines)\r\n\r\n", field.status))
        }
        for name in badHosts { rows.append(("host \(name)", "GET / HTTP/1.1\r\nHost: \(name)\r\n\r\n", "400")) }
        let empty = String(repeating: "\r\n", count: 9)
        rows.append(("a few empty lines are enough", "\(empty)GET / HTTP/1.1\r\n\(host)\r\n", "400"))
        return rows
    }

    @Test func `what has two readings is refused`() throws {
        for row in Self.refused() {
            let stage = try Stage()
            let client = try stage.raw()
            client.send(row.bytes)
            client.expect("no answer") { client.isClosed }
            #expect(client.text.hasPrefix("HTTP/1.1 \(row.status) "), "\(row.says): \(client.text.prefix(40))")
        }
    }

    @Test(
        "a valid host",
        arguments: ["a", "a.", "a_b-c.test:0", "[::]", "[1::]:80", "[1:2:3:4:5:6:7:8]", "[::ffff:1.2.3.4]"]
    )
    func accepts(_ name: String) throws {
        let stage = try Stage()
        let client = try stage.raw()
        client.send("GET / HTTP/1.1\r\nHost: \(name)\r\n\r\n")
        client.expect("no answer") { client.text.hasPrefix("HTTP/1.1 200") }
    }

    /// Bytes of a request, and what of `upgrade` and `expect` the service must see.
    static let offers: [(says: String, bytes: String, upgrade: String?, expect: String?)] = [
        ("an upgrade is a connection option", "GET / HTTP/1.1\r\n\(host)Upgrade: a\r\n\r\n", nil, nil),
        ("nominated, it counts", "GET / HTTP/1.1\r\n\(host)Connection: Upgrade\r\nUpgrade: a\r\n\r\n", "a", nil),
        ("HTTP/1.0 has none", "GET / HTTP/1.0\r\n\(host)Connection: upgrade\r\nUpgrade: a\r\n\r\n", nil, nil),
        (
            "none beside content",
            "GET / HTTP/1.1\r\n\(host)Connection: upgrade\r\nUpgrade: a\r\nContent-Length: 1\r\n\r\nx",
            nil, nil
        ),
        (
            "none beside chunks",
            "GET / HTTP/1.1\r\n\(host)Connection: upgrade\r\nUpgrade: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            nil,
            nil
        ),
        ("nothing to expect without content", "GET / HTTP/1.1\r\n\(host)Expect: 100-continue\r\n\r\n", nil, nil),
        (
            "an expectation with content stands",
            "POST / HTTP/1.1\r\n\(host)Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
            nil, "100-Continue"
        ),
        (
            "HTTP/1.0 expects nothing", "POST / HTTP/1.0\r\n\(host)Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
            nil, nil
        ),
    ]

    @Test("offers", arguments: offers.indices) func sees(_ index: Int) throws {
        let row = Self.offers[index]
        let stage = try Stage()
        var seen: [String?]?
        stage.service.onStream = { stream, _ in
            seen = [stream.head.text(.upgrade), stream.head.text(.expect)]
            stream.sendHead(.response(status: 204), endStream: true)
        }
        let client = try stage.raw()
        client.send(row.bytes)
        client.expect("no request") { seen != nil }
        #expect(seen == [row.upgrade, row.expect], "\(row.says)")
    }

    @Test func `what a trailer may not say is gone`() throws {
        final class Sink: ServerStreamConsumer {
            var names: [String]?
            override func onTrailers(_ stream: ServerStream, _ trailers: MessageHead) {
                names = trailers.fieldList.map(\.name)
            }
        }
        let stage = try Stage()
        let sink = Sink()
        stage.service.onStream = { stream, _ in stream.consumer = sink }
        let client = try stage.raw()
        let forbidden = [
            "Content-Length: 1", "Host: b", "Authorization: x", "Set-Cookie: x", "X-Forwarded-For: 1.1.1.1",
        ]
        client.send(Self.chunked + "0\r\n" + (forbidden + ["X-Sum: 1"]).map { $0 + "\r\n" }.joined() + "\r\n")
        client.expect("no trailers") { sink.names != nil }
        #expect(sink.names == ["X-Sum"])
    }

    @Test func `names are written in the case asked for`() throws {
        for (headerCase, expected) in [
            (HeaderCase.asReceived, "x-mine: 1\r\nETag: 2\r\ncontent-length: 0\r\n"),
            (.preserved, "X-Mine: 1\r\nEtag: 2\r\nContent-Length: 0\r\n"),
            (.proper, "X-Mine: 1\r\nEtag: 2\r\nContent-Length: 0\r\n"),
        ] {
            let stage = try Stage { $0.headerCase = headerCase }
            stage.service.onStream = { stream, _ in
                stream.sendHead(.response(status: 200, fields: [("x-mine", "1"), ("ETag", "2")]), endStream: true)
            }
            let client = try stage.raw()
            client.send("GET / HTTP/1.1\r\n\(Self.host)\r\n")
            client.expect("no answer") { client.text.hasSuffix("\r\n\r\n") }
            #expect(client.text.contains(expected), "\(headerCase): \(client.text)")
        }
    }

    @Test func `each piece of compressed content can be sent at once, and the whole ends by itself`() throws {
        let encoder = try #require(GzipEncoder(level: 6))
        var pieces: [Int] = []
        var all: [UInt8] = []
        for piece in ["data: one\n\n", "data: two\n\n", ""] {
            var bytes = 0
            let isFine = Array(piece.utf8).withUnsafeBytes { input in
                encoder.write(input, isLast: piece.isEmpty) { output in
                    bytes += output.count
                    all += output
                }
            }
            #expect(isFine)
            pieces.append(bytes)
        }
        #expect(pieces.allSatisfy { $0 > 0 })
        #expect(all.prefix(3) == [0x1F, 0x8B, 8])
        // RFC 1952 §2.3.1: the last four bytes are the length of the input.
        #expect(all.suffix(4) == [22, 0, 0, 0])
    }
}
