import Foundation
import HTTP
import Testing
import Transport

@Suite struct HTTP1ServerTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var bytes: String
        var status: String
        var testDescription: String { says }
    }

    static let host = "Host: a.test\r\n"

    /// RFC 9112, one sentence a row; where it leaves a choice we refuse.
    static let refused: [Row] = [
        Row(says: "a request names its host", bytes: "GET / HTTP/1.1\r\n\r\n", status: "400"),
        Row(says: "two hosts are one too many", bytes: "GET / HTTP/1.1\r\n\(host)\(host)\r\n", status: "400"),
        Row(says: "a host has no spaces", bytes: "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", status: "400"),
        Row(says: "a port is at most 65535", bytes: "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", status: "400"),
        Row(
            says: "length and chunked exclude each other",
            bytes: "POST / HTTP/1.1\r\n\(host)Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            status: "400"
        ),
        Row(
            says: "two lengths are one too many",
            bytes: "POST / HTTP/1.1\r\n\(host)Content-Length: 1\r\nContent-Length: 1\r\n\r\n",
            status: "400"
        ),
        Row(
            says: "a sign is not a digit",
            bytes: "POST / HTTP/1.1\r\n\(host)Content-Length: +1\r\n\r\n",
            status: "400"
        ),
        Row(
            says: "a length must fit 63 bits",
            bytes: "POST / HTTP/1.1\r\n\(host)Content-Length: 9223372036854775808\r\n\r\n",
            status: "400"
        ),
        Row(
            says: "only chunked is a transfer coding",
            bytes: "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: gzip, chunked\r\n\r\n",
            status: "501"
        ),
        Row(
            says: "HTTP/1.0 has no transfer codings",
            bytes: "POST / HTTP/1.0\r\n\(host)Transfer-Encoding: chunked\r\n\r\n",
            status: "400"
        ),
        Row(says: "a bare LF ends no line", bytes: "GET / HTTP/1.1\n\(host)\r\n", status: "400"),
        Row(says: "a bare CR is no blank", bytes: "GET / HTTP/1.1\r\n\(host)X: a\rb\r\n\r\n", status: "400"),
        Row(says: "a line is not folded", bytes: "GET / HTTP/1.1\r\n\(host)X: a\r\n b\r\n\r\n", status: "400"),
        Row(says: "NUL is no text", bytes: "GET / HTTP/1.1\r\n\(host)X: a\u{0}b\r\n\r\n", status: "400"),
        Row(says: "a name touches its colon", bytes: "GET / HTTP/1.1\r\n\(host)X : a\r\n\r\n", status: "400"),
        Row(says: "a name is not empty", bytes: "GET / HTTP/1.1\r\n\(host): a\r\n\r\n", status: "400"),
        Row(says: "a target starts with a slash", bytes: "GET a HTTP/1.1\r\n\(host)\r\n", status: "400"),
        Row(says: "a target has no fragment", bytes: "GET /#a HTTP/1.1\r\n\(host)\r\n", status: "400"),
        Row(says: "the asterisk is for OPTIONS", bytes: "GET * HTTP/1.1\r\n\(host)\r\n", status: "400"),
        Row(says: "CONNECT wants a port", bytes: "CONNECT a.test HTTP/1.1\r\n\(host)\r\n", status: "400"),
        Row(says: "user information is refused", bytes: "GET http://u@a.test/ HTTP/1.1\r\n\(host)\r\n", status: "400"),
        Row(says: "version 2 needs its preface", bytes: "GET / HTTP/2.0\r\n\(host)\r\n", status: "505"),
        Row(says: "a version has one digit each", bytes: "GET / HTTP/1.10\r\n\(host)\r\n", status: "400"),
        Row(
            says: "a chunk size is hexadecimal",
            bytes: "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
            status: "400"
        ),
        Row(
            says: "a chunk ends where it says",
            bytes: "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
            status: "400"
        ),
        Row(
            says: "a trailer line has a colon",
            bytes: "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0\r\nbad\r\n\r\n",
            status: "400"
        ),
        Row(
            says: "128 fields are enough",
            bytes: "GET / HTTP/1.1\r\n\(host)" + String(repeating: "X: y\r\n", count: 129) + "\r\n",
            status: "431"
        ),
        Row(
            says: "64 KiB of head are enough",
            bytes: "GET / HTTP/1.1\r\n\(host)X: " + String(repeating: "y", count: 70_000) + "\r\n\r\n",
            status: "431"
        ),
    ]

    @Test("refused because", arguments: refused) func refuses(_ row: Row) throws {
        let stage = try Stage()
        let client = try stage.raw()
        client.send(row.bytes)
        client.expect("no answer") { client.isClosed }
        #expect(client.text.hasPrefix("HTTP/1.1 \(row.status) "))
        #expect(client.text.contains("connection: close\r\n"))
    }

    @Test("the same bytes one by one are refused, too", arguments: refused.prefix(26)) func refusesSlowly(_ row: Row)
        throws
    {
        let stage = try Stage()
        let client = try stage.raw()
        for b in row.bytes.utf8 where !client.isClosed {
            client.send([b])
            stage.loop.runOnce(waitingAtMost: .zero)
        }
        client.expect("no answer") { client.isClosed }
        #expect(client.text.hasPrefix("HTTP/1.1 \(row.status) "))
    }

    @Test func `fifty pipelined requests are answered in order`() throws {
        let stage = try Stage()
        let client = try stage.raw()
        client.send((0..<50).map { "GET /\($0) HTTP/1.1\r\n\(HTTP1ServerTests.host)\r\n" }.joined())
        client.expect("answers are missing") { client.text.components("HTTP/1.1 200 OK") == 50 }
        #expect(stage.service.seen == (0..<50).map { "GET /\($0) a.test" })
    }

    @Test func `pipelined requests wait for an answer that comes later`() throws {
        let stage = try Stage()
        var waiting: [ServerStream] = []
        stage.service.onStream = { stream, _ in waiting.append(stream) }
        let client = try stage.raw()
        client.send("GET /1 HTTP/1.1\r\n\(HTTP1ServerTests.host)\r\nGET /2 HTTP/1.1\r\n\(HTTP1ServerTests.host)\r\n")
        client.expect("no request") { waiting.count == 1 }
        stage.loop.runOnce(waitingAtMost: .zero)
        #expect(waiting.count == 1)
        waiting[0].sendHead(.response(status: 204), endStream: true)
        client.expect("no second request") { waiting.count == 2 && client.text.hasSuffix("204 No Content\r\n\r\n") }
        #expect(waiting[1].head.pathText == "/2")
    }

    @Test func `bodies of both framings arrive whole, in any pieces`() throws {
        for pieces in [1, 7, 1000] {
            let stage = try Stage()
            let client = try stage.raw()
            let text =
                "POST /a HTTP/1.1\r\n\(HTTP1ServerTests.host)Content-Length: 11\r\n\r\nhello world"
                + "POST /b HTTP/1.1\r\n\(HTTP1ServerTests.host)Transfer-Encoding: chunked\r\n\r\n"
                + "5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"
            let bytes = Array(text.utf8)
            for start in stride(from: 0, to: bytes.count, by: pieces) {
                client.send(Array(bytes[start..<min(start + pieces, bytes.count)]))
                stage.loop.runOnce(waitingAtMost: .zero)
            }
            client.expect("an echo is missing") { client.text.components("hello world") == 2 }
            client.expect("no trailers") { client.text.hasSuffix("0\r\nX-Sum: 1\r\n\r\n") }
        }
    }

    @Test func `a client that closed its half is still answered`() throws {
        let stage = try Stage()
        var stream: ServerStream?
        stage.service.onStream = { first, _ in stream = first }
        let client = try stage.raw()
        client.send("GET / HTTP/1.1\r\n\(HTTP1ServerTests.host)\r\n")
        client.connection?.shutdownWrite()
        client.expect("no request") { stream != nil }
        stream?.sendHead(.response(status: 200), endStream: true)
        client.expect("no end") { client.isClosed }
        #expect(client.text.hasPrefix("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"))
    }

    @Test func `an early answer arrives although the body goes on`() throws {
        let stage = try Stage()
        stage.service.onStream = { stream, _ in stream.sendHead(.response(status: 413), endStream: true) }
        let client = try stage.raw()
        client.send("POST / HTTP/1.1\r\n\(HTTP1ServerTests.host)Content-Length: 10000000\r\n\r\n")
        client.send([UInt8](repeating: 0x61, count: 2_000_000))
        client.expect("no answer") { client.text.contains("\r\n\r\n") }
        #expect(client.text.hasPrefix("HTTP/1.1 413 ") && client.text.contains("connection: close\r\n"))
    }

    @Test func `after 101 both directions are raw`() throws {
        final class Raw: ServerStreamConsumer {
            override func onData(_ stream: ServerStream, _ bytes: UnsafeRawBufferPointer) {
                stream.sendData(bytes, endStream: false)
            }
            override func onEnd(_ stream: ServerStream) { stream.end() }
        }
        let stage = try Stage()
        stage.service.onStream = { stream, _ in
            stream.consumer = Raw()
            stream.sendHead(.response(status: 101, fields: [("upgrade", "echo")]), endStream: false)
        }
        let client = try stage.raw()
        client.send("GET / HTTP/1.1\r\n\(HTTP1ServerTests.host)Connection: upgrade\r\nUpgrade: echo\r\n\r\nhello")
        client.expect("no echo") { client.text.hasSuffix("\r\n\r\nhello") }
        #expect(client.text.contains("connection: upgrade\r\n"))
        client.connection?.shutdownWrite()
        client.expect("no end") { client.isClosed }
    }

    @Test func `HTTP/1.0 without a length is delimited by closing`() throws {
        let stage = try Stage()
        stage.service.onStream = { stream, _ in
            stream.sendHead(.response(status: 200), endStream: false)
            stream.sendData("hello", endStream: true)
        }
        let client = try stage.raw()
        client.send("GET / HTTP/1.0\r\n\r\n")
        client.expect("no end") { client.isClosed }
        #expect(client.text == "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello")
    }

    @Test func `draining closes an idle connection and lets a busy one finish`() throws {
        let stage = try Stage()
        var stream: ServerStream?
        stage.service.onStream = { first, _ in stream = first }
        let idle = try stage.raw(), busy = try stage.raw()
        busy.send("GET / HTTP/1.1\r\n\(HTTP1ServerTests.host)\r\n")
        busy.expect("no request") { stream != nil && stage.service.connections.count == 2 }
        for connection in stage.service.connections { connection.drain() }
        idle.expect("idle stays") { idle.isClosed }
        #expect(!busy.isClosed)
        stream?.sendHead(.response(status: 200), endStream: true)
        busy.expect("busy stays") { busy.isClosed }
        #expect(busy.text.contains("connection: close\r\n"))
    }
}

extension String {
    /// How often `part` occurs.
    func components(_ part: String) -> Int {
        var count = 0
        var rest = Substring(self)
        while let found = rest.range(of: part) {
            count += 1
            rest = rest[found.upperBound...]
        }
        return count
    }
}
