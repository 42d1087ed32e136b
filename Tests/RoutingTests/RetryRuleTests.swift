import HTTP
import Routing
import Testing
import XDS

@Suite struct RetryRuleTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var on: String
        var status: UInt16
        var fields: [(String, String)] = []
        var retries: Bool
        var testDescription: String { "\(on) after \(status) \(fields)" }
    }

    static func rule(_ words: String, statuses: [UInt32] = [418]) throws -> RetryRule {
        let conditions = words.split(separator: ",").map(String.init)
        let action = RouteAction(
            destination: .cluster("a"),
            retryPolicy: RetryPolicy(conditions: conditions, retriesMax: 2, statuses: statuses)
        )
        let table = try Make.table([Route(match: RouteMatch(path: .prefix("/")), action: .forward(action))])
        guard case .forward(let forward) = try table.entry(.request(path: "/", authority: "a")).action else {
            throw Make.Missing()
        }
        return try Make.required(forward.retry)
    }

    @Test(
        "an answer is retried when its condition is listed",
        arguments: [
            Row(on: "5xx", status: 500, retries: true), Row(on: "5xx", status: 499, retries: false),
            Row(on: "gateway-error", status: 500, retries: false), Row(on: "gateway-error", status: 502, retries: true),
            Row(on: "gateway-error", status: 504, retries: true), Row(on: "gateway-error", status: 505, retries: false),
            Row(on: "retriable-4xx", status: 409, retries: true), Row(on: "retriable-4xx", status: 404, retries: false),
            Row(on: "retriable-status-codes", status: 418, retries: true), Row(on: "5xx", status: 418, retries: false),
            Row(on: "reset,connect-failure", status: 503, retries: false),
            Row(on: "unavailable", status: 200, fields: [("grpc-status", "14")], retries: true),
            Row(on: "unavailable,cancelled", status: 200, fields: [("grpc-status", "1")], retries: true),
            Row(on: "unavailable", status: 200, fields: [("grpc-status", "4")], retries: false),
            Row(on: "5xx", status: 503, fields: [("x-envoy-ratelimited", "true")], retries: false),
            Row(on: "envoy-ratelimited", status: 429, fields: [("x-envoy-ratelimited", "true")], retries: true),
            Row(on: "nonsense", status: 503, retries: false),
        ]
    )
    func answers(_ row: Row) throws {
        let response = MessageHead.response(status: row.status, fields: row.fields)
        #expect(try Self.rule(row.on).allows(response) == row.retries)
    }

    @Test func `failures without an answer follow their own words`() throws {
        #expect(try Self.rule("connect-failure").allows(.connect))
        #expect(try !Self.rule("connect-failure").allows(.reset(anyRequestByteSent: false)))
        #expect(try Self.rule("reset-before-request").allows(.reset(anyRequestByteSent: false)))
        #expect(try !Self.rule("reset-before-request").allows(.reset(anyRequestByteSent: true)))
        #expect(try Self.rule("reset").allows(.reset(anyRequestByteSent: true)))
        #expect(try Self.rule("refused-stream").allows(.refused))
        #expect(try Self.rule("5xx").allows(.timedOut))
        #expect(try !Self.rule("5xx,reset,connect-failure").allows(.overflow))
    }

    @Test func `backoff is fully jittered, doubles and is capped at ten times the base`() throws {
        let rule = try Self.rule("5xx")
        for (retry, bound) in [(1, 25), (2, 75), (3, 175), (4, 250), (30, 250)] {
            var longest = Duration.zero
            for draw in 0..<1000 as Range<UInt64> {
                let wait = rule.backoff(retry: retry, random: draw &* 0x9E37_79B9_7F4A_7C15)
                #expect(wait >= .zero && wait < .milliseconds(bound))
                longest = max(longest, wait)
            }
            #expect(longest > .milliseconds(bound) * 0.9)
        }
    }
}

@Suite struct HashRuleTests {
    /// From the reference implementation (xxhsum 0.8, XXH64, seed 0).
    @Test(
        "the hash agrees with the reference implementation",
        arguments: [
            ("", 0xEF46_DB37_51D8_E999 as UInt64), ("a", 0xD24E_C4F1_A98C_6E5B), ("abc", 0x44BC_2CF5_AD77_0999),
            ("Nobody inspects the spammish repetition", 0xFBCE_A83C_8A37_8BF1),
        ]
    )
    func agrees(_ text: String, _ expect: UInt64) {
        #expect(Make.bytes(text) { XXHash64.hash($0) } == expect)
    }

    private func hash(_ policies: [HashPolicy], _ head: MessageHead) throws -> UInt64? {
        let action = RouteAction(destination: .cluster("a"), hashPolicies: policies)
        let table = try Make.table([Route(match: RouteMatch(path: .prefix("/")), action: .forward(action))])
        guard case .forward(let forward) = try table.entry(head).action else { throw Make.Missing() }
        return HashRule.hash(of: head, facts: Make.facts(), rules: forward.hashRules)
    }

    @Test func `header, cookie and query parameter of one value hash alike`() throws {
        let head = MessageHead.request(
            path: "/?k=abc&k=x",
            authority: "a",
            fields: [("x-user", "abc"), ("cookie", "z=1; k=\"abc\"; k=2")]
        )
        let expect = Make.bytes("abc") { XXHash64.hash($0) }
        #expect(try hash([HashPolicy(source: .header("X-User", rewrite: nil))], head) == expect)
        #expect(try hash([HashPolicy(source: .cookie(name: "k", ttl: nil, path: "", attributes: []))], head) == expect)
        #expect(try hash([HashPolicy(source: .queryParameter("k"))], head) == expect)
    }

    @Test func `nothing to hash means no hash, a terminal rule ends the search`() throws {
        let head = MessageHead.request(path: "/", authority: "a", fields: [("x-user", "abc")])
        #expect(try hash([HashPolicy(source: .header("other", rewrite: nil))], head) == nil)
        let both = [HashPolicy(source: .header("x-user", rewrite: nil)), HashPolicy(source: .sourceIP)]
        let first = [
            HashPolicy(source: .header("x-user", rewrite: nil), isTerminal: true), HashPolicy(source: .sourceIP),
        ]
        #expect(try hash(first, head) == Make.bytes("abc") { XXHash64.hash($0) })
        #expect(try hash(both, head) != hash(first, head))
    }
}
