import Base
import HTTP
import Testing
import Transport

/// Messages that HTTP/2 frames correctly and that must not reach an origin: what a translation to HTTP/1 would turn
/// into two requests, or into one that two readers understand differently (RFC 9113 §8, §10.3).
@Suite struct HTTP2MessageTests {
    typealias Row = HTTP2FrameTests.Row

    static func row(_ says: String, _ fields: [(String, String)], _ expect: HTTP2FrameTests.Outcome) -> Row {
        Row(says: says, bytes: Wire.frame(Wire.headers, 5, 1, Wire.block(fields)), expect: expect)
    }

    static func with(_ name: String, _ value: String) -> [(String, String)] { Wire.pseudo() + [(name, value)] }

    static let malformed = HTTP2FrameTests.Outcome.reset(1)

    static let pseudoRows: [Row] = [
        row("an unknown pseudo field", with(":unknown", "x"), malformed),
        row("a response's pseudo field", with(":status", "200"), malformed),
        row("a pseudo field behind an ordinary one", [("x", "y")] + Wire.pseudo(), malformed),
        row("no method", Array(Wire.pseudo().dropFirst()), malformed),
        row("no scheme", Wire.pseudo().filter { $0.0 != ":scheme" }, malformed),
        row("no path", Wire.pseudo().filter { $0.0 != ":path" }, malformed),
        row("no authority and no host", Wire.pseudo().filter { $0.0 != ":authority" }, malformed),
        row("two methods", [(":method", "GET")] + Wire.pseudo(), malformed),
        row("two schemes", [(":scheme", "http")] + Wire.pseudo(), malformed),
        row("two paths", [(":path", "/")] + Wire.pseudo(), malformed),
        row("two authorities", [(":authority", "a.test")] + Wire.pseudo(), malformed),
        row("an empty path", Wire.pseudo(path: ""), malformed),
        row("a path that is no path", Wire.pseudo(path: "admin"), malformed),
        row("an absolute path", Wire.pseudo(path: "http://b.test/"), malformed),
        row("a path of a star, for GET", Wire.pseudo(path: "*"), malformed),
        row("a path of a star, for OPTIONS", Wire.pseudo("OPTIONS", path: "*"), .answered(200)),
        row("a blank in the path", Wire.pseudo(path: "/a b"), malformed),
        row("a whole request line in the path", Wire.pseudo(path: "/ HTTP/1.1\r\nx: y"), malformed),
        row("a fragment in the path", Wire.pseudo(path: "/a#b"), .answered(400)),
        row("a tab in the path", Wire.pseudo(path: "/a\tb"), malformed),
        row("letters beyond ASCII in the path", Wire.pseudo(path: "/\u{e9}"), .answered(400)),
        row("a blank in the method", Wire.pseudo("GET /x"), malformed),
        row("a line end in the method", Wire.pseudo("GET\r\n"), malformed),
        row("an empty method", Wire.pseudo(""), malformed),
        row("a method of lower case is another method", Wire.pseudo("get"), .answered(200)),
        row(
            "an unknown scheme",
            [(":method", "GET"), (":scheme", "ftp"), (":authority", "a.test"), (":path", "/")],
            .answered(400)
        ),
        row(
            "a scheme that is more",
            [(":method", "GET"), (":scheme", "http://b.test/?"), (":authority", "a.test"), (":path", "/")],
            malformed
        ),
        row("TRACE", Wire.pseudo("TRACE"), .answered(0)),
    ]

    @Test("pseudo fields", arguments: pseudoRows) func pseudo(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    static func authority(_ value: String, host: String? = nil) -> [(String, String)] {
        [(":method", "GET"), (":scheme", "http"), (":authority", value), (":path", "/")]
            + (host.map { [("host", $0)] } ?? [])
    }

    static let authorityRows: [Row] = [
        row("with a port", authority("a.test:8080"), .answered(200)),
        row("an address in brackets", authority("[::1]:80"), .answered(200)),
        row("user information", authority("user@a.test"), .answered(400)),
        row("user information and a password", authority("a.test:80@b.test"), .answered(400)),
        row("a path", authority("a.test/x"), malformed),
        row("a blank", authority("a.test b.test"), malformed),
        row("a comma", authority("a.test,b.test"), .answered(400)),
        row("a port that is no number", authority("a.test:x"), .answered(400)),
        row("a port that is too large", authority("a.test:65536"), .answered(400)),
        row("two ports", authority("a.test:80:80"), .answered(400)),
        row("nothing", authority(""), malformed),
        row("a host that agrees", authority("a.test", host: "a.test"), .answered(200)),
        row("a host that differs", authority("a.test", host: "b.test"), .answered(400)),
        row("a host that differs in its port", authority("a.test", host: "a.test:80"), .answered(400)),
        row("an empty host", authority("a.test", host: ""), malformed),
        row("two hosts", authority("a.test", host: "a.test") + [("host", "a.test")], malformed),
        row("a host alone", Wire.pseudo().filter { $0.0 != ":authority" } + [("host", "a.test")], .answered(200)),
        row(
            "a host alone that is malformed",
            Wire.pseudo().filter { $0.0 != ":authority" } + [("host", "a@b")],
            .answered(400)
        ),
    ]

    @Test("authority", arguments: authorityRows) func authority(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    static let fieldRows: [Row] = [
        row("upper case in a name", with("X-Upper", "y"), malformed),
        row("a blank in a name", with("x y", "z"), malformed),
        row("a colon in a name", with("x:y", "z"), malformed),
        row("a line end in a name", with("x\r\ny", "z"), malformed),
        row("a NUL in a name", with("x\u{0}", "z"), malformed),
        row("an empty name", with("", "z"), malformed),
        row("a CR in a value", with("x", "a\rb"), malformed),
        row("an LF in a value", with("x", "a\nb"), malformed),
        row("a whole line in a value", with("x", "a\r\nhost: b.test"), malformed),
        row("a NUL in a value", with("x", "a\u{0}b"), malformed),
        row("a blank before a value", with("x", " a"), malformed),
        row("a tab behind a value", with("x", "a\t"), malformed),
        row("a blank inside a value", with("x", "a b"), .answered(200)),
        row("an empty value", with("x", ""), .answered(200)),
        row("connection", with("connection", "close"), malformed),
        row("keep-alive", with("keep-alive", "timeout=5"), malformed),
        row("proxy-connection", with("proxy-connection", "close"), malformed),
        row("transfer-encoding", with("transfer-encoding", "chunked"), malformed),
        row("upgrade", with("upgrade", "websocket"), malformed),
        row("te with gzip", with("te", "gzip"), malformed),
        row("te with trailers", with("te", "trailers"), .answered(200)),
        row("te with trailers and more", with("te", "trailers, gzip"), malformed),
        row("a length without content", with("content-length", "5"), malformed),
        row("a length of zero without content", with("content-length", "0"), .answered(200)),
        row("a length that is no number", with("content-length", "0x0"), malformed),
        row("a signed length", with("content-length", "+0"), malformed),
        row("a list of lengths", with("content-length", "0, 0"), malformed),
        row("two lengths", with("content-length", "0") + [("content-length", "0")], malformed),
        row("129 fields", Wire.pseudo() + (0..<129).map { ("x-\($0)", "y") }, .answered(0)),
        row("128 fields", Wire.pseudo() + (0..<128).map { ("x-\($0)", "y") }, .answered(200)),
    ]

    @Test("fields", arguments: fieldRows) func fields(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    static func body(_ length: String, _ pieces: [Int], trailers: [(String, String)]? = nil) -> [UInt8] {
        var bytes = Wire.post(1, fields: [("content-length", length)])
        for (index, piece) in pieces.enumerated() {
            let isLast = index == pieces.count - 1 && trailers == nil
            bytes += Wire.frame(Wire.data, isLast ? 1 : 0, 1, [UInt8](repeating: 97, count: piece))
        }
        if let trailers { bytes += Wire.frame(Wire.headers, 5, 1, Wire.block(trailers)) }
        return bytes
    }

    static let bodyRows: [Row] = [
        Row(says: "as long as it says", bytes: body("5", [2, 3]), expect: .answered(200)),
        Row(says: "shorter", bytes: body("5", [4]), expect: malformed),
        Row(says: "longer", bytes: body("5", [6]), expect: malformed),
        Row(says: "longer in pieces", bytes: body("5", [3, 3]), expect: malformed),
        Row(says: "shorter, ended by trailers", bytes: body("5", [4], trailers: [("x", "y")]), expect: malformed),
        Row(
            says: "as long as it says, with trailers",
            bytes: body("5", [5], trailers: [("x", "y")]),
            expect: .answered(200)
        ),
        Row(
            says: "trailers with a pseudo field",
            bytes: body("1", [1], trailers: [(":path", "/x")]),
            expect: malformed
        ),
        Row(
            says: "trailers with transfer-encoding",
            bytes: body("1", [1], trailers: [("transfer-encoding", "chunked")]),
            expect: malformed
        ),
        Row(
            says: "trailers with a second length",
            bytes: body("1", [1], trailers: [("content-length", "9")]),
            expect: malformed
        ),
        Row(
            says: "trailers that do not end the stream",
            bytes: Wire.post(1) + Wire.frame(Wire.headers, 4, 1, Wire.block([("x", "y")])),
            expect: malformed
        ),
    ]

    @Test("content", arguments: bodyRows) func content(_ row: Row) throws { try HTTP2FrameTests.check(row) }

    @Test func `cookie crumbs become one field, in order`() throws {
        let stage = try Stage()
        var cookies: [String] = []
        stage.service.onStream = { stream, _ in
            cookies = stream.head.fieldList.filter { $0.name == "cookie" }.map(\.value)
            stream.sendHead(.response(status: 200), endStream: true)
        }
        let client = try stage.raw()
        client.send(
            Wire.opening
                + Wire.request(1, fields: [("cookie", "a=1"), ("x", "y"), ("cookie", "b=2"), ("cookie", "c=3")])
        )
        pump(stage.loop, "no answer") { client.hasEnded(1) }
        #expect(cookies == ["a=1; b=2; c=3"])
    }

    @Test func `what frames or addresses a message is dropped from its trailers`() throws {
        final class Keeper: ServerStreamConsumer {
            var trailers: [String]?
            override func onTrailers(_ stream: ServerStream, _ trailers: MessageHead) {
                self.trailers = trailers.fieldList.map(\.name)
            }
        }
        let stage = try Stage()
        let keeper = Keeper()
        stage.service.onStream = { stream, _ in stream.consumer = keeper }
        let client = try stage.raw()
        let fields = [
            ("x-sum", "1"), ("authorization", "x"), ("cookie", "a=b"), ("host", "b.test"), ("expect", "100-continue"),
        ]
        client.send(Wire.opening + Wire.post(1) + Wire.frame(Wire.headers, 5, 1, Wire.block(fields)))
        pump(stage.loop, "no trailers") { keeper.trailers != nil }
        #expect(keeper.trailers == ["x-sum"])
    }
}
