import Base
import Routing
import Testing

@Suite struct PathNormalizerTests {
    static let base = PathNormalizer(normalizes: true, mergesSlashes: false, escapedSlashes: .keep)
    static let merging = PathNormalizer(normalizes: true, mergesSlashes: true, escapedSlashes: .keep)
    static let decoding = PathNormalizer(normalizes: true, mergesSlashes: true, escapedSlashes: .forward)
    static let none = PathNormalizer(normalizes: false, mergesSlashes: false, escapedSlashes: .keep)

    struct Row: CustomTestStringConvertible, Sendable {
        var input: String
        var base: String
        var merging: String
        var decoding: String
        var testDescription: String { input }

        init(_ input: String, _ base: String, _ merging: String? = nil, _ decoding: String? = nil) {
            self.input = input
            self.base = base
            self.merging = merging ?? base
            self.decoding = decoding ?? merging ?? base
        }
    }

    /// Checked against Envoy 1.40 with the same options.
    static let rows: [Row] = [
        Row("/", "/"), Row("/a/b", "/a/b"), Row("/a/./b", "/a/b"), Row("/a/../b", "/b"), Row("/../../b", "/b"),
        Row("/a/..", "/"), Row("/a/.", "/a/"), Row("/.", "/"), Row("/..", "/"), Row("/a/b/..", "/a/"),
        Row("/a/...", "/a/..."), Row("/a/.b", "/a/.b"), Row("/a/..b", "/a/..b"), Row("/a.", "/a."),
        Row("/a/%2e%2E/b", "/b"), Row("/a/%2e/b", "/a/b"), Row("/%41%2d%7E", "/A-~"), Row("/a%20b", "/a%20b"),
        Row("/a\\b", "/a/b"), Row("/a\\..\\b", "/b"), Row("/a%5cb", "/a%5cb", nil, "/a/b"),
        Row("/a%2Fb", "/a%2Fb", nil, "/a/b"), Row("/a%2f%2e%2e%2Fb", "/a%2f..%2Fb", nil, "/b"),
        Row("/a//b", "/a//b", "/a/b"), Row("//a", "//a", "/a"), Row("/a///", "/a///", "/a/"),
        Row("/a//../b", "/a/b"), Row("/a?x=/../%41//", "/a?x=/../%41//"), Row("/a/../b?c=%2F", "/b?c=%2F"),
        Row("/a|b^c[d]{e}`f\"g<h>", "/a%7Cb%5Ec[d]%7Be%7D%60f%22g%3Ch%3E"), Row("/%80%ff", "/%80%ff"),
        Row("/*:@!$&'()+,;=~_-.", "/*:@!$&'()+,;=~_-."), Row("/a%3Fb%25", "/a%3Fb%25"),
    ]

    private func run(_ normalizer: PathNormalizer, _ text: String) -> (PathNormalizer.Outcome, String) {
        var output = Array("untouched".utf8)
        let outcome = Make.bytes(text) { normalizer.normalize($0, into: &output) }
        return (outcome, outcome == .unchanged ? text : String(decoding: output, as: UTF8.self))
    }

    @Test("paths get their one form", arguments: rows) func normalizes(_ row: Row) {
        #expect(run(Self.base, row.input).1 == row.base)
        #expect(run(Self.merging, row.input).1 == row.merging)
        #expect(run(Self.decoding, row.input).1 == row.decoding)
        #expect(run(Self.none, row.input) == (.unchanged, row.input))
    }

    @Test("normalising twice changes nothing more", arguments: rows) func settles(_ row: Row) {
        let once = run(Self.decoding, row.input).1
        #expect(run(Self.decoding, once).1 == once)
    }

    @Test func `a NUL is refused, escaped or not`() {
        #expect(run(Self.base, "/a%00b").0 == .rejected)
        #expect(run(Self.base, "/a\0b").0 == .rejected)
    }

    @Test func `the strictest level refuses what has no one reading`() {
        for text in [
            "/%zz", "/%", "/%4", "/a%2%66b", "/a/..;/b", "/a/..;x=1/b", "/.;/a", "/a/%2e%2e;/b", "/a%2f..;%2fb",
        ] {
            #expect(run(Self.decoding, text).0 == .rejected, "\(text)")
            #expect(run(Self.base, text).0 != .rejected, "\(text)")
        }
        for text in ["/a;b=c/d", "/...;a", "/a.;b", "/a?b=%zz&c=/..;"] {
            #expect(run(Self.decoding, text) == (.unchanged, text))
        }
    }

    @Test func `escaped slashes are rejected or redirected when so configured`() {
        let rejecting = PathNormalizer(normalizes: true, mergesSlashes: false, escapedSlashes: .reject)
        let redirecting = PathNormalizer(normalizes: true, mergesSlashes: true, escapedSlashes: .redirect)
        #expect(run(rejecting, "/a%2fb").0 == .rejected)
        #expect(run(rejecting, "/a/b?x=%2f").0 == .unchanged)
        #expect(run(redirecting, "/a%5C%2Fb?q") == (.redirect, "/a/b?q"))
    }

    @Test func `random targets never crash and settle after one pass`() {
        var random = SeededGenerator(seed: 42)
        let alphabet = Array("/.%2eEfF5cC\\?#a \u{7F}".utf8)
        for _ in 0..<20_000 {
            let length = Int(random.below(24))
            let text = (0..<length).map { _ in alphabet[Int(random.below(UInt32(alphabet.count)))] }
            for normalizer in [Self.base, Self.merging, Self.decoding] {
                var once: [UInt8] = []
                let first = text.withUnsafeBytes { normalizer.normalize($0, into: &once) }
                guard first == .rewritten else { continue }
                #expect(!once.prefix { $0 != 0x3F && $0 != 0x23 }.contains(0x5C) || normalizer != Self.decoding)
            }
        }
    }
}
