import Base
import Resources
import Store
import Testing

@testable import AdminAPI

@Suite struct ErrorTests {
    let fixture: APIFixture

    init() async throws { fixture = try await APIFixture() }

    @Test func `an unknown field is a 4xx that names its path and line`() async throws {
        let body = webYAML.replacing("  http:", with: "  htp:")
        let answer = await fixture.send("POST", virtualServices, body, type: "application/yaml")
        #expect([400, 422].contains(answer.status), "\(answer.text)")
        #expect(answer.fields.contains("spec.htp"))
        #expect(answer.causes.first { $0["field"] == "spec.htp" }?["line"] == 8)
    }

    @Test func `fieldValidation Warn and Ignore drop unknown fields, and Warn says so`() async throws {
        let body = configMap("a").replacing("\"data\"", with: "\"dta\":{},\"data\"")
        let strict = await fixture.send("POST", configMaps, body)
        #expect(strict.status == 400)
        #expect(strict.message.contains("unknown field \"dta\""))
        let warned = await fixture.send("POST", configMaps + "?fieldValidation=Warn", body)
        #expect(warned.status == 201, "\(warned.text)")
        #expect(warned.response.headers.contains { $0.name == "Warning" && $0.value.contains("dta") })
        #expect(warned.json["dta"] == nil)
        let second = body.replacing("\"a\"", with: "\"b\"")
        let ignored = await fixture.send("POST", configMaps + "?fieldValidation=Ignore", second)
        #expect(ignored.status == 201)
        #expect(!ignored.response.headers.contains { $0.name == "Warning" })
        #expect(await fixture.send("POST", configMaps + "?fieldValidation=Maybe", body).status == 400)
    }

    @Test func `all violations come at once, each with field, reason and message`() async throws {
        let body = """
            {"apiVersion":"networking.istio.io/v1","kind":"VirtualService","metadata":{"name":"Bad_Name"},
            "spec":{"hosts":[],"http":[{"route":[{"destination":{"host":"a.example.com"},"weight":"x"}]}]}}
            """
        let answer = await fixture.send("POST", virtualServices, body)
        #expect(answer.status == 422)
        #expect(answer.reason == "Invalid")
        #expect(answer.causes.count >= 2)
        #expect(answer.causes.allSatisfy { $0["reason"] != nil && $0["message"] != nil && $0["field"] != nil })
        #expect(answer.json.at("details", "kind") == "virtualservices")
    }

    @Test func `problem details are given to who asks for them`() async throws {
        let headers = [(name: "Accept", value: "application/problem+json"), (name: "X-Request-Id", value: "abc-1")]
        let answer = await fixture.send("GET", configMaps + "/nope", headers: headers)
        #expect(answer.status == 404)
        #expect(answer.response.header("Content-Type") == "application/problem+json")
        #expect(answer.json["status"] == 404)
        #expect(answer.json["requestId"] == "abc-1")
        #expect(answer.json["instance"]?.stringValue == configMaps + "/nope")
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var says: String
        var method = "GET"
        var target = configMaps
        var body = ""
        var header: (name: String, value: String)?
        var status: Int
        var testDescription: String { says }
    }

    static let rows: [Row] = [
        Row(says: "an unknown path", target: "/nope", status: 404),
        Row(says: "an unknown group", target: "/apis/nope.io/v1", status: 404),
        Row(says: "an unknown version of a group", target: "/apis/networking.istio.io/v9", status: 404),
        Row(says: "a version the kind does not have", target: "/apis/networking.istio.io/v1/proxyconfigs", status: 404),
        Row(says: "a method that the path does not have", method: "PUT", status: 405),
        Row(says: "a method nobody has", method: "BREW", status: 405),
        Row(says: "TRACE", method: "TRACE", status: 405),
        Row(says: "OPTIONS", method: "OPTIONS", status: 204),
        Row(says: "HEAD", method: "HEAD", status: 200),
        Row(says: "an empty body", method: "POST", status: 400),
        Row(says: "broken JSON", method: "POST", body: "{", status: 400),
        Row(says: "a list for an object", method: "POST", body: "[]", status: 400),
        Row(says: "two documents for one", method: "POST", body: "a: 1\n---\nb: 2\n", status: 400),
        Row(says: "a body in CSV", method: "POST", body: "x", header: ("Content-Type", "text/csv"), status: 415),
        Row(says: "an answer in CSV", header: ("Accept", "text/csv"), status: 406),
        Row(says: "a bad label selector", target: configMaps + "?labelSelector=a%20in%20(b", status: 400),
        Row(says: "a field not to be selected by", target: configMaps + "?fieldSelector=spec.x%3D1", status: 400),
        Row(says: "a limit that is no number", target: configMaps + "?limit=x", status: 400),
        Row(says: "a continue token of somebody else", target: configMaps + "?continue=zzz", status: 400),
        Row(says: "a resourceVersion that is no number", target: configMaps + "?resourceVersion=x", status: 400),
        Row(says: "a resourceVersion of elsewhere", target: configMaps + "?resourceVersion=99999", status: 410),
        Row(says: "a trailing slash", target: "/version/", status: 200),
        Row(says: "an empty segment", target: "/api//v1", status: 404),
        Row(says: "a climbing path", target: "/api/v1/namespaces/..", status: 404),
        Row(says: "an unknown query parameter", target: configMaps + "?whatever=1", status: 200),
    ]

    @Test("status codes", arguments: rows) func statusCode(_ row: Row) async throws {
        let headers = row.header.map { [$0] } ?? []
        let answer = await fixture.send(row.method, row.target, row.body, headers: headers)
        #expect(answer.status == row.status, "\(answer.text)")
        if row.status == 405 { #expect(answer.response.header("Allow")?.contains("GET") == true) }
        if row.status >= 400 { #expect(answer.json["kind"] == "Status") }
        if row.method == "HEAD" { #expect(answer.bytes.isEmpty) }
    }

    @Test func `a body over the limit is a 413`() async throws {
        let request = AdminRequest(method: "POST", path: configMaps, isBodyTooLarge: true, door: .development)
        #expect(await fixture.router.handle(request).status == 413)
    }

    /// Whatever the body, a 4xx and no effect.
    @Test func `four hundred malformed bodies change nothing and never cause a 5xx`() async throws {
        let seed: UInt64 = 20_261_124
        var random = SeededGenerator(seed: seed)
        let before = fixture.store.current
        let types = [
            "application/json", "application/yaml", "application/merge-patch+json", "application/json-patch+json",
        ]
        for round in 0..<400 {
            let bytes = mutated(round % 2 == 0 ? webYAML : configMap("a"), &random)
            let method = ["POST", "PUT", "PATCH", "DELETE"][round % 4]
            let path = (round % 2 == 0 ? virtualServices : configMaps) + (method == "POST" ? "" : "/a")
            // Some mutations leave the document valid: a dry run keeps those from storing anything.
            let request = AdminRequest(
                method: method,
                path: path,
                query: "dryRun=All",
                headers: round % 5 == 4 ? [] : [("Content-Type", types[round % 5])],
                body: bytes,
                door: .development
            )
            let response = await fixture.router.handle(request)
            #expect(response.status < 500, "seed \(seed) round \(round): \(Answer(response: response).text)")
        }
        #expect(fixture.store.current.revision == before.revision)
        #expect(fixture.store.current.everything == before.everything)
    }

    private func mutated(_ text: String, _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = Array(text.utf8)
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            let position = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes.removeSubrange(position..<min(bytes.count, position + 5))
            case 2: bytes.insert(contentsOf: Array("{[\"&*!:-#\u{0}".utf8), at: position)
            default: bytes = Array(bytes.prefix(max(1, position)))
            }
            if bytes.isEmpty { bytes = [0x7B] }
        }
        return bytes
    }

    @Test func `a deep document or one that explodes is refused in bounded time`() async throws {
        #expect(await fixture.send("POST", configMaps, String(repeating: "[", count: 10_000)).status == 400)
        let deep = String(repeating: "- ", count: 10_000) + "x"
        #expect(await fixture.send("POST", configMaps, deep).status == 400)
        var bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        for level in 1...9 {
            let references = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ",")
            bomb += "a\(level): &a\(level) [\(references)]\n"
        }
        let start = ContinuousClock.now
        #expect(await fixture.send("POST", configMaps, bomb).status == 400)
        #expect(ContinuousClock.now - start < .seconds(20))
    }
}

/// What a failing store is answered with.
@Suite struct StoreErrorTests {
    static let rows: [(reason: StoreError.Reason, code: Int)] = [
        (.full, 507), (.readOnly, 503), (.unavailable, 503), (.corrupt, 503), (.wrongKey, 503), (.closed, 503),
        (.expired(oldest: 7), 410),
    ]

    @Test("codes", arguments: rows) func code(_ row: (reason: StoreError.Reason, code: Int)) {
        let error = StatusError(StoreError(row.reason, "secret detail"))
        #expect(error.code == row.code)
        if row.code >= 500 {
            #expect(error.retryAfterSeconds != nil)
            #expect(!error.message.contains("secret detail"))
        }
    }
}
