import Resources
import Testing

@Suite struct JSONTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var text: String
        var expect: JSONValue?
        var testDescription: String { says }
    }

    static let rows: [Row] = [
        Row(says: "members keep their order", text: #"{"b":1,"a":2}"#, expect: ["b": 1, "a": 2]),
        Row(says: "integers and doubles differ", text: "[1,1.0,1e2]", expect: [1, 1.0, 100.0]),
        Row(says: "escapes are decoded", text: #""\u00e9\n\ud83d\ude00""#, expect: "é\n😀"),
        Row(says: "the largest integer is exact", text: "9223372036854775807", expect: .int(.max)),
        Row(says: "a leading zero is refused", text: "01", expect: nil),
        Row(says: "a key given twice is refused", text: #"{"a":1,"a":2}"#, expect: nil),
        Row(says: "half a surrogate pair is refused", text: #""\ud800""#, expect: nil),
        Row(says: "text after the value is refused", text: "{} x", expect: nil),
        Row(says: "a trailing comma is refused", text: "[1,]", expect: nil),
        Row(says: "a raw line break in a string is refused", text: "\"a\nb\"", expect: nil),
        Row(says: "an open object is refused", text: #"{"a":"#, expect: nil),
        Row(says: "nothing at all is refused", text: "", expect: nil),
        Row(says: "a number beyond all doubles is refused", text: "1e999", expect: nil),
    ]

    @Test("JSON text", arguments: rows) func parse(_ row: Row) {
        #expect((try? JSONValue(parsing: row.text)) == row.expect)
    }

    @Test func `what is parsed and written is the same text`() throws {
        let text = #"{"z":[1,2.5,-3,"a\"b\\\u0001",null,true],"a":{"k":{}},"e":[]}"#
        #expect(try JSONValue(parsing: text).text() == text)
    }

    @Test func `nesting beyond the limit is an error and not a crash`() {
        let deep = String(repeating: "[", count: 100_000)
        #expect(throws: SyntaxError.self) { try JSONValue(parsing: deep) }
        #expect(throws: SyntaxError.self) { try Manifest.documents(Array(deep.utf8), .yaml) }
        let dashes = String(repeating: "- ", count: 100_000)
        #expect(throws: SyntaxError.self) { try Manifest.documents(Array(dashes.utf8), .yaml) }
    }

    @Test func `an alias bomb is an error`() {
        var text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1...12 {
            let item = "*a\(level - 1)"
            text += "a\(level): &a\(level) [\(Array(repeating: item, count: 9).joined(separator: ","))]\n"
        }
        #expect(throws: SyntaxError.self) { try Manifest.documents(Array(text.utf8), .yaml) }
    }

    @Test func `lines of values are known in JSON and YAML`() throws {
        let json = "{\n \"a\": {\n  \"b\": [1,\n   2]}}"
        let (value, source) = try JSONValue.parse(Array(json.utf8))
        #expect(source.line(of: JSONPath([.key("a"), .key("b"), .index(1)]), in: value) == 4)
        #expect(source.line(of: JSONPath([.key("a"), .key("missing")]), in: value) == 2)
        let yaml = "# top\na:\n  b:\n  - 1\n  - c: 2\n"
        let document = try #require(try Manifest.documents(Array(yaml.utf8), .yaml).first)
        let path = JSONPath([.key("a"), .key("b"), .index(1), .key("c")])
        #expect(document.source.line(of: path, in: document.value) == 5)
    }

    @Test func `YAML scalars follow the core schema`() throws {
        let yaml = "[yes, true, ~, 1, 1.5, '1', 0x10, 1e3, 1.2.3, 10s, -, +1, .5, \"\", null]"
        let document = try #require(try Manifest.documents(Array(yaml.utf8), .yaml).first)
        #expect(
            document.value == [
                "yes", true, nil, 1, 1.5, "1", 16, 1000.0, "1.2.3", "10s", "-", 1, 0.5, "", nil,
            ]
        )
    }

    @Test func `a YAML stream has several documents and empty ones are dropped`() throws {
        let yaml = "---\na: 1\n---\n# nothing\n---\nb: 2\n"
        #expect(try Manifest.documents(Array(yaml.utf8), .yaml).map(\.value) == [["a": 1], ["b": 2]])
    }

    @Test(arguments: [
        ("10s", 10_000_000_000), ("1.5s", 1_500_000_000), ("100ms", 100_000_000), ("1h30m", 5_400_000_000_000),
        ("0s", 0), ("-1s", -1_000_000_000), ("250us", 250_000),
    ])
    func `durations have Go's form`(_ text: String, _ nanoseconds: Int64) {
        #expect(Duration(apiText: text)?.wholeNanoseconds == nanoseconds)
    }

    @Test(arguments: ["", "10", "s", "1.2.3s", "10 s", "1d", "--1s", ".s", "99999999999999h"])
    func `what is not a duration is refused`(_ text: String) {
        #expect(Duration(apiText: text) == nil)
    }

    @Test func `base64 is strict and round-trips`() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
        #expect(Base64.decode("YQ") == nil)
        #expect(Base64.decode("YR==") == nil)
        #expect(Base64.decode("Y===") == nil)
        #expect(Base64.decode("Y Q=") == nil)
    }

    @Test func `timestamps are RFC 3339`() {
        #expect(Timestamp("2026-01-31T12:00:00Z")?.secondsSinceEpoch == 1_769_860_800)
        #expect(Timestamp("2026-01-31T13:00:00.123+01:00")?.secondsSinceEpoch == 1_769_860_800)
        #expect(Timestamp(secondsSinceEpoch: 1_769_860_800).description == "2026-01-31T12:00:00Z")
        #expect(Timestamp(secondsSinceEpoch: -1).description == "1969-12-31T23:59:59Z")
        #expect(Timestamp("2026-01-31 12:00:00") == nil)
        #expect(Timestamp("2026-01-31T12:00:00+1:00") == nil)
    }
}
