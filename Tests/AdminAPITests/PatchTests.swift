import Resources
import Testing

@testable import AdminAPI

@Suite struct PatchTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var says: String
        var document: String
        var patch: String
        /// Nil: it does not apply.
        var expect: String?
        var testDescription: String { says }
    }

    /// RFC 7396 appendix A.
    static let merge: [Row] = [
        Row(says: "replaces", document: #"{"a":"b"}"#, patch: #"{"a":"c"}"#, expect: #"{"a":"c"}"#),
        Row(says: "adds", document: #"{"a":"b"}"#, patch: #"{"b":"c"}"#, expect: #"{"a":"b","b":"c"}"#),
        Row(says: "removes", document: #"{"a":"b"}"#, patch: #"{"a":null}"#, expect: "{}"),
        Row(says: "removes one", document: #"{"a":"b","b":"c"}"#, patch: #"{"a":null}"#, expect: #"{"b":"c"}"#),
        Row(says: "replaces a list", document: #"{"a":["b"]}"#, patch: #"{"a":"c"}"#, expect: #"{"a":"c"}"#),
        Row(says: "by a list", document: #"{"a":"c"}"#, patch: #"{"a":["b"]}"#, expect: #"{"a":["b"]}"#),
        Row(
            says: "deep",
            document: #"{"a":{"b":"c"}}"#,
            patch: #"{"a":{"b":"d","c":null}}"#,
            expect: #"{"a":{"b":"d"}}"#
        ),
        Row(says: "lists are atomic", document: #"{"a":[{"b":"c"}]}"#, patch: #"{"a":[1]}"#, expect: #"{"a":[1]}"#),
        Row(says: "keeps null outside", document: #"{"e":null}"#, patch: #"{"a":1}"#, expect: #"{"e":null,"a":1}"#),
        Row(
            says: "nested null of a new object",
            document: "{}",
            patch: #"{"a":{"bb":{"c":null}}}"#,
            expect: #"{"a":{"bb":{}}}"#
        ),
    ]

    @Test("merge patch", arguments: merge) func mergePatch(_ row: Row) throws {
        let got = MergePatch.apply(try JSONValue(parsing: row.patch), to: try JSONValue(parsing: row.document))
        #expect(got == (try JSONValue(parsing: row.expect ?? "")))
    }

    /// RFC 6902 appendix A, and the edges of RFC 6901.
    static let json: [Row] = [
        Row(
            says: "A.1 adds a member",
            document: #"{"foo":"bar"}"#,
            patch: #"[{"op":"add","path":"/baz","value":"qux"}]"#,
            expect: #"{"foo":"bar","baz":"qux"}"#
        ),
        Row(
            says: "A.2 adds an item",
            document: #"{"foo":["bar","baz"]}"#,
            patch: #"[{"op":"add","path":"/foo/1","value":"qux"}]"#,
            expect: #"{"foo":["bar","qux","baz"]}"#
        ),
        Row(
            says: "A.4 removes an item",
            document: "[1,2,3]",
            patch: #"[{"op":"remove","path":"/1"}]"#,
            expect: "[1,3]"
        ),
        Row(
            says: "A.6 moves a value",
            document: #"{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}"#,
            patch: #"[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]"#,
            expect: #"{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}"#
        ),
        Row(
            says: "A.7 moves an item",
            document: #"{"foo":["all","grass","cows","eat"]}"#,
            patch: #"[{"op":"move","from":"/foo/1","path":"/foo/3"}]"#,
            expect: #"{"foo":["all","cows","eat","grass"]}"#
        ),
        Row(
            says: "A.9 a failing test",
            document: #"{"baz":"qux"}"#,
            patch: #"[{"op":"test","path":"/baz","value":"bar"}]"#
        ),
        Row(
            says: "A.12 a target that is not there",
            document: "{}",
            patch: #"[{"op":"add","path":"/baz/bat","value":1}]"#
        ),
        Row(
            says: "A.14 escapes",
            document: #"{"/":9,"~1":10}"#,
            patch: #"[{"op":"test","path":"/~01","value":10}]"#,
            expect: #"{"/":9,"~1":10}"#
        ),
        Row(
            says: "A.15 strings are not numbers",
            document: #"{"/":9,"~1":10}"#,
            patch: #"[{"op":"test","path":"/~01","value":"10"}]"#
        ),
        Row(
            says: "A.16 appends",
            document: "[1]",
            patch: #"[{"op":"add","path":"/-","value":[2]}]"#,
            expect: "[1,[2]]"
        ),
        Row(says: "a leading zero is no index", document: "[1,2]", patch: #"[{"op":"remove","path":"/01"}]"#),
        Row(says: "an index past the end", document: "[1]", patch: #"[{"op":"add","path":"/2","value":1}]"#),
        Row(says: "replacing what is not there", document: "{}", patch: #"[{"op":"replace","path":"/a","value":1}]"#),
        Row(says: "moving into itself", document: #"{"a":{}}"#, patch: #"[{"op":"move","from":"/a","path":"/a/b"}]"#),
        Row(says: "the whole document", document: "{}", patch: #"[{"op":"replace","path":"","value":1}]"#, expect: "1"),
        Row(says: "an unknown operation", document: "{}", patch: #"[{"op":"spam","path":"/a"}]"#),
        Row(says: "a pointer without a slash", document: "{}", patch: #"[{"op":"add","path":"a","value":1}]"#),
    ]

    @Test("JSON patch", arguments: json) func jsonPatch(_ row: Row) throws {
        let document = try JSONValue(parsing: row.document)
        let patch = try JSONValue(parsing: row.patch)
        let got = Result { () throws(JSONPatch.Failure) in try JSONPatch(patch).apply(to: document) }
        guard let expect = row.expect else {
            #expect(throws: JSONPatch.Failure.self) { try got.get() }
            return
        }
        #expect(try got.get() == (try JSONValue(parsing: expect)))
    }

    static let strategic: [Row] = [
        Row(
            says: "merges ports by number",
            document: #"{"ports":[{"name":"http","port":80},{"port":81}]}"#,
            patch: #"{"ports":[{"port":80,"name":"web"},{"port":82}]}"#,
            expect: #"{"ports":[{"name":"web","port":80},{"port":81},{"port":82}]}"#
        ),
        Row(
            says: "what kubectl sends when a port changes",
            document: #"{"ports":[{"name":"http","port":80}]}"#,
            patch:
                ##"{"$setElementOrder/ports":[{"port":90}],"##
                + ##""ports":[{"name":"http","port":90},{"$patch":"delete","port":80}]}"##,
            expect: #"{"ports":[{"name":"http","port":90}]}"#
        ),
        Row(
            says: "orders items as listed",
            document: #"{"ports":[{"port":1},{"port":2}]}"#,
            patch: ##"{"$setElementOrder/ports":[{"port":2},{"port":3},{"port":1}],"ports":[{"port":3}]}"##,
            expect: #"{"ports":[{"port":2},{"port":3},{"port":1}]}"#
        ),
        Row(
            says: "sets merge by value and shrink by directive",
            document: #"{"finalizers":["a","b"]}"#,
            patch: ##"{"finalizers":["c"],"$deleteFromPrimitiveList/finalizers":["a"]}"##,
            expect: #"{"finalizers":["b","c"]}"#
        ),
        Row(says: "other lists are atomic", document: #"{"x":[1,2]}"#, patch: #"{"x":[3]}"#, expect: #"{"x":[3]}"#),
        Row(
            says: "replace and retainKeys",
            document: #"{"a":{"b":1,"c":2},"d":{"e":1,"f":2}}"#,
            patch: ##"{"a":{"$patch":"replace","z":1},"d":{"$retainKeys":["f"]}}"##,
            expect: #"{"a":{"z":1},"d":{"f":2}}"#
        ),
        Row(says: "null removes", document: #"{"a":1,"b":2}"#, patch: #"{"a":null}"#, expect: #"{"b":2}"#),
    ]

    @Test("strategic merge patch", arguments: strategic) func strategicMergePatch(_ row: Row) throws {
        let patch = try JSONValue(parsing: row.patch)
        let got = StrategicMergePatch.apply(patch, to: try JSONValue(parsing: row.document))
        #expect(got == (try JSONValue(parsing: row.expect ?? "")))
    }

    @Test(arguments: [
        #"{"a":"b","c":{"d":[1,2.5,true,null,"x"]},"e":[],"f":{}}"#,
        ##"{"a":"yes","b":"1","c":"","d":" x","e":"a: b","f":"#x"}"##,
        #"{"m":"line one\nline two\n","n":"x\ny","o":"\n","p":"a\n\n","q":"  lead\nx","r":"tab\there"}"#,
        #"[[1,[2,{"a":[3]}]],{"b":[[]]}]"#, #"{"-":"-","?":"?","a b":"c d","1":"~","null":"null","@x":"@y"}"#,
        #"{"u":"\u00e9\ud83d\ude00","c":"\u0001\u007f","b":"back\\slash \"quoted\""}"#, "\"text\"", "12",
    ])
    func `YAML that is written reads back as the same document`(text: String) throws {
        let value = try JSONValue(parsing: text)
        let yaml = YAMLWriter.write(value)
        let documents = try Manifest.documents(Array(yaml.utf8), .yaml)
        #expect(documents.map(\.value) == [value], "\(yaml)")
    }

    @Test func `ages are written as kubectl writes them`() {
        let rows: [(Int64, String)] = [
            (0, "0s"), (119, "119s"), (120, "2m"), (190, "3m10s"), (600, "10m"), (10_800, "3h"), (12_000, "3h20m"),
            (86_400, "24h"), (172_800, "2d"), (180_000, "2d2h"), (864_000, "10d"), (63_072_000, "2y"),
        ]
        for (seconds, text) in rows { #expect(Age.text(seconds: seconds) == text) }
    }
}
