import Base
import HTTP
import Routing
import Testing
import XDS

@Suite struct PathReadingTests {
    /// What a lenient application makes of each spelling.
    static let admin = [
        "/admin", "//admin", "/./admin", "/x/../admin", "/x/..//admin", "/%61dmin", "/%2561dmin", "/x/%2e%2e/admin",
        "/x/.%2E/admin", "/x%2f..%2fadmin", "/x/..%2fadmin", "/x/..%5cadmin", "/x\\..\\admin", "/x/..;/admin",
        "/x/..;a=b/admin", "/.;/admin", "/x/%252e%252e/admin", "/x/%252e%252e%252fadmin", "/%2fadmin", "/..%252fadmin",
        "/../admin", "/x/y/../../admin",
    ]

    private func read(_ reading: PathReading, _ text: String) -> String? {
        var output: [UInt8] = []
        return Make.bytes(text) { reading.read($0, into: &output) } ? String(decoding: output, as: UTF8.self) : nil
    }

    @Test("spellings of /admin", arguments: admin) func resolves(_ text: String) {
        #expect(read(.resolved, text) == "/admin")
        #expect(read(.bare, text + "?q=/../x") == "/admin?q=/../x")
        #expect(text == "/admin" || Make.bytes(text) { PathReading.isAmbiguous($0) })
    }

    @Test func `parameters go only in the bare reading`() {
        #expect(read(.resolved, "/admin;a=b/x;c") == "/admin;a=b/x;c")
        #expect(read(.bare, "/admin;a=b/x;c") == "/admin/x")
        #expect(read(.bare, "/%61dmin%3bx") == "/admin")
    }

    @Test func `what is meant literally stays`() {
        for text in ["/a%20b", "/a%3Fb", "/100%25", "/a..b/.c/d...", "/a/...", "/%zz", "/%"] {
            #expect(read(.resolved, text) == text)
        }
        #expect(read(.resolved, "/a%00b") == nil)
        #expect(!Make.bytes("/plain/path.html?x=//;%2e") { PathReading.isAmbiguous($0) })
    }

    @Test func `random paths never crash, and reading twice changes nothing more`() {
        var random = SeededGenerator(seed: 7)
        let alphabet = Array("/.%2eEfF5cC\\;?3bB#a \u{7F}".utf8)
        for _ in 0..<20_000 {
            let text = (0..<Int(random.below(28))).map { _ in alphabet[Int(random.below(UInt32(alphabet.count)))] }
            var once: [UInt8] = []
            guard text.withUnsafeBytes({ PathReading.bare.read($0, into: &once) }) else { continue }
            let path = once.prefix { $0 != 0x3F && $0 != 0x23 }
            #expect(!path.contains(0x3B) && !path.contains(0x5C))
        }
    }
}

@Suite struct CompressionRuleTests {
    private func decide(
        accepting: String?,
        status: UInt16 = 200,
        _ fields: [(String, String)] = [("content-type", "text/html; charset=utf-8")],
        method: String = "GET",
        edit: (inout Compressor) -> Void = { _ in }
    ) -> CompressionRule.Decision {
        var settings = Compressor()
        edit(&settings)
        let request = MessageHead.request(
            method: method,
            path: "/",
            authority: "a",
            fields: accepting.map { [("accept-encoding", $0)] } ?? []
        )
        return CompressionRule(compiling: settings).decide(
            request: request,
            response: MessageHead.response(status: status, fields: fields),
            endStream: false
        )
    }

    /// RFC 9110 §12.5.3.
    static let preferences: [(String?, Bool)] = [
        (nil, false), ("", false), ("gzip", true), ("GZIP", true), ("x-gzip", true),
        ("deflate, gzip;q=1.0, *;q=0.5", true),
        ("br", false), ("gzip;q=0", false), ("gzip;q=0.0", false), ("gzip;q=0.001", true), ("*", true),
        ("*;q=0", false),
        ("gzip;q=0, *", false), ("*;q=0, gzip", true), ("identity", false), ("identity, gzip;q=0.5", false),
        ("identity;q=0.5, gzip", true), ("gzip;q=2x", false), ("gzipx", false), ("gzip ; q=0.8", true),
    ]

    @Test("the client's preference decides", arguments: preferences.indices) func prefers(_ index: Int) {
        let (text, isWanted) = Self.preferences[index]
        #expect(decide(accepting: text) == (isWanted ? .compress : .vary), "\(text ?? "nothing")")
    }

    @Test func `only what gains is compressed`() {
        let html = ("content-type", "text/html")
        #expect(decide(accepting: "gzip", [html, ("content-length", "29")]) == .leave)
        #expect(decide(accepting: "gzip", [html, ("content-length", "30")]) == .compress)
        #expect(decide(accepting: "gzip", [("content-type", "image/png")]) == .leave)
        #expect(decide(accepting: "gzip", []) == .leave)
        #expect(decide(accepting: "gzip", [html, ("content-encoding", "br")]) == .leave)
        #expect(decide(accepting: "gzip", [html, ("cache-control", "max-age=1, No-Transform")]) == .leave)
        #expect(decide(accepting: "gzip", [html], method: "HEAD") == .leave)
        for status in [UInt16(204), 304] { #expect(decide(accepting: "gzip", status: status, [html]) == .leave) }
        #expect(decide(accepting: "gzip", status: 206, [html]) { $0.uncompressibleStatuses = [206] } == .leave)
        #expect(decide(accepting: "gzip", [html, ("etag", "\"a\"")]) { $0.skipsETags = true } == .leave)
        #expect(decide(accepting: "gzip", [("content-type", "A/B")]) { $0.contentTypes = ["a/b"] } == .compress)
    }

    @Test func `the head becomes that of the compressed representation`() {
        let rule = CompressionRule(compiling: Compressor())
        let head = MessageHead.response(
            status: 200,
            fields: [("content-length", "99"), ("etag", "\"a\""), ("vary", "origin")]
        )
        rule.apply(.compress, to: head)
        #expect(head.contentLength == nil && head.text(.contentEncoding) == "gzip" && head.text(.etag) == "W/\"a\"")
        #expect(head.fieldList.filter { $0.name == "vary" }.map(\.value) == ["origin", "accept-encoding"])
        let weak = MessageHead.response(status: 200, fields: [("etag", "W/\"a\""), ("vary", "*")])
        rule.apply(.vary, to: weak)
        #expect(weak.text(.etag) == "W/\"a\"" && weak.text(.vary) == "*" && weak.text(.contentEncoding) == nil)
    }
}
