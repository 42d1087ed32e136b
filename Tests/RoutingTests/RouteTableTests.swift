import Base
import HTTP
import Routing
import Testing
import XDS

@Suite struct RouteTableTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var match: RouteMatch
        var path = "/"
        var fields: [(String, String)] = []
        var method = "GET"
        var takes: Bool
        var testDescription: String { says }
    }

    static func text(_ pattern: StringMatcher.Pattern, ignoresCase: Bool = false) -> StringMatcher {
        StringMatcher(pattern: pattern, ignoresCase: ignoresCase)
    }

    static func prefix(_ text: String = "/") -> RouteMatch { RouteMatch(path: .prefix(text)) }

    static func header(_ name: String, _ rule: HeaderMatcher.Rule, inverted: Bool = false, empty: Bool = false)
        -> RouteMatch
    {
        let matcher = HeaderMatcher(name: name, rule: rule, isInverted: inverted, treatsMissingAsEmpty: empty)
        return RouteMatch(path: .prefix("/"), headers: [matcher])
    }

    static func query(_ name: String, _ rule: QueryParameterMatcher.Rule) -> RouteMatch {
        RouteMatch(path: .prefix("/"), queryParameters: [QueryParameterMatcher(name: name, rule: rule)])
    }

    static let paths: [Row] = [
        Row(says: "a prefix is textual", match: prefix("/foo"), path: "/foobar", takes: true),
        Row(says: "a prefix takes itself", match: prefix("/foo"), path: "/foo", takes: true),
        Row(says: "a prefix needs all of its text", match: prefix("/foo"), path: "/fo", takes: false),
        Row(says: "case counts", match: prefix("/foo"), path: "/FOO", takes: false),
        Row(
            says: "case can be ignored",
            match: RouteMatch(path: .prefix("/foo"), isCaseSensitive: false),
            path: "/FOOt",
            takes: true
        ),
        Row(says: "exact leaves the query out", match: RouteMatch(path: .exact("/a")), path: "/a?b=1", takes: true),
        Row(says: "exact is the whole path", match: RouteMatch(path: .exact("/a")), path: "/a/", takes: false),
        Row(
            says: "exact can ignore case",
            match: RouteMatch(path: .exact("/aB"), isCaseSensitive: false),
            path: "/Ab",
            takes: true
        ),
        Row(
            says: "a separated prefix takes itself",
            match: .init(path: .separatedPrefix("/a")),
            path: "/a",
            takes: true
        ),
        Row(
            says: "a separated prefix takes below",
            match: .init(path: .separatedPrefix("/a")),
            path: "/a/b",
            takes: true
        ),
        Row(
            says: "a separated prefix stops at the query",
            match: .init(path: .separatedPrefix("/a")),
            path: "/a?b",
            takes: true
        ),
        Row(
            says: "a separated prefix is no text",
            match: .init(path: .separatedPrefix("/a")),
            path: "/ab",
            takes: false
        ),
        Row(says: "a regex takes the whole path", match: .init(path: .regex("/v[0-9]+")), path: "/v12?q", takes: true),
        Row(
            says: "a regex is anchored at the end",
            match: .init(path: .regex("/v[0-9]+")),
            path: "/v12/x",
            takes: false
        ),
        Row(says: "a regex is anchored at the start", match: .init(path: .regex("v1")), path: "/v1", takes: false),
        Row(
            says: "CONNECT has its own matcher",
            match: .init(path: .connect),
            path: "",
            method: "CONNECT",
            takes: true
        ),
        Row(says: "GET is not CONNECT", match: .init(path: .connect), path: "/", takes: false),
        Row(says: "a slash prefix does not take CONNECT", match: prefix(), path: "", method: "CONNECT", takes: false),
    ]

    static let headers: [Row] = [
        Row(
            says: "exact header",
            match: header("end-user", .text(text(.exact("jason")))),
            fields: [("End-User", "jason")],
            takes: true
        ),
        Row(
            says: "another value",
            match: header("end-user", .text(text(.exact("jason")))),
            fields: [("end-user", "jasonx")],
            takes: false
        ),
        Row(says: "a missing header", match: header("end-user", .text(text(.exact("jason")))), takes: false),
        Row(
            says: "one of several lines is enough",
            match: header("x-a", .text(text(.exact("2")))),
            fields: [("x-a", "1"), ("x-b", "9"), ("x-a", "2")],
            takes: true
        ),
        Row(
            says: "several lines are not joined",
            match: header("x-a", .text(text(.exact("1,2")))),
            fields: [("x-a", "1"), ("x-b", "9"), ("x-a", "2")],
            takes: false
        ),
        Row(
            says: "an inverted rule fails when one of several lines matches",
            match: header("x-a", .text(text(.exact("2"))), inverted: true),
            fields: [("x-a", "1"), ("x-a", "2")],
            takes: false
        ),
        Row(
            says: "lines of a known name are joined",
            match: header("accept", .text(text(.exact("a,b")))),
            fields: [("accept", "a"), ("accept", "b")],
            takes: true
        ),
        Row(
            says: "an inverted rule takes another value",
            match: header("x-a", .text(text(.exact("1"))), inverted: true),
            fields: [("x-a", "2")],
            takes: true
        ),
        Row(
            says: "an inverted rule does not take a missing header",
            match: header("x-a", .text(text(.exact("1"))), inverted: true),
            takes: false
        ),
        Row(
            says: "unless missing reads as empty",
            match: header("x-a", .text(text(.exact("1"))), inverted: true, empty: true),
            takes: true
        ),
        Row(
            says: "missing as empty equals the empty text",
            match: header("x-a", .text(text(.exact(""))), empty: true),
            takes: true
        ),
        Row(says: "presence", match: header("x-a", .present(true)), fields: [("x-a", "")], takes: true),
        Row(says: "absence", match: header("x-a", .present(false)), takes: true),
        Row(says: "inverted presence", match: header("x-a", .present(true), inverted: true), takes: true),
        Row(says: "prefix", match: header("x-a", .text(text(.prefix("ab")))), fields: [("x-a", "abc")], takes: true),
        Row(says: "suffix", match: header("x-a", .text(text(.suffix("bc")))), fields: [("x-a", "abc")], takes: true),
        Row(says: "contains", match: header("x-a", .text(text(.contains("b")))), fields: [("x-a", "abc")], takes: true),
        Row(
            says: "contains not",
            match: header("x-a", .text(text(.contains("x")))),
            fields: [("x-a", "abc")],
            takes: false
        ),
        Row(
            says: "contains without case",
            match: header("x-a", .text(text(.contains("LLO w"), ignoresCase: true))),
            fields: [("x-a", "Hello World")],
            takes: true
        ),
        Row(
            says: "regex is the whole value",
            match: header("cookie", .text(text(.regex("^(.*?;)?(user=jason)(;.*)?$")))),
            fields: [("cookie", "a=b;user=jason;c=d")],
            takes: true
        ),
        Row(
            says: "range start",
            match: header("x-n", .range(start: -10, end: 0)),
            fields: [("x-n", "-10")],
            takes: true
        ),
        Row(says: "range end", match: header("x-n", .range(start: -10, end: 0)), fields: [("x-n", "0")], takes: false),
        Row(
            says: "no number",
            match: header("x-n", .range(start: -10, end: 0)),
            fields: [("x-n", "-1a")],
            takes: false
        ),
        Row(says: "method", match: header(":method", .text(text(.exact("POST")))), method: "POST", takes: true),
        Row(
            says: "extension method",
            match: header(":method", .text(text(.exact("BREW")))),
            method: "BREW",
            takes: true
        ),
        Row(
            says: "path with query",
            match: header(":path", .text(text(.suffix("?q")))),
            path: "/x?q",
            takes: true
        ),
        Row(
            says: "authority by either name",
            match: header("host", .text(text(.exact("a.example")))),
            takes: true
        ),
        Row(
            says: "scheme",
            match: header(":scheme", .text(text(.exact("http")))),
            takes: true
        ),
        Row(
            says: "gRPC",
            match: RouteMatch(path: .prefix("/"), isGRPC: true),
            fields: [("content-type", "application/grpc+proto")],
            takes: true
        ),
        Row(
            says: "gRPC-Web is not gRPC",
            match: RouteMatch(path: .prefix("/"), isGRPC: true),
            fields: [("content-type", "application/grpc-web")],
            takes: false
        ),
    ]

    static let queries: [Row] = [
        Row(says: "presence", match: query("a", .present(true)), path: "/?x=1&a", takes: true),
        Row(says: "absence", match: query("a", .present(false)), path: "/?x=1&ab=1", takes: true),
        Row(says: "value", match: query("a", .text(text(.exact("1")))), path: "/?a=1", takes: true),
        Row(says: "first occurrence", match: query("a", .text(text(.exact("2")))), path: "/?a=1&a=2", takes: false),
        Row(says: "nothing is decoded", match: query("a", .text(text(.exact("b c")))), path: "/?a=b%20c", takes: false),
        Row(says: "no query", match: query("a", .text(text(.exact("")))), path: "/", takes: false),
        Row(says: "empty value", match: query("a", .text(text(.exact("")))), path: "/?a=", takes: true),
        Row(
            says: "an equal sign in the value",
            match: query("a", .text(text(.exact("b=c")))),
            path: "/?a=b=c",
            takes: true
        ),
        Row(
            says: "the fragment is no value",
            match: query("a", .text(text(.exact("1")))),
            path: "/?a=1#x",
            takes: true
        ),
    ]

    @Test("routes match", arguments: paths + headers + queries) func matches(_ row: Row) throws {
        let table = try Make.table([Make.route(row.match, to: "yes")])
        let head = MessageHead.request(
            method: row.method,
            path: row.path,
            authority: "a.example",
            fields: row.fields
        )
        #expect(table.destination(head) == (row.takes ? "yes" : "(none)"))
    }

    @Test func `the first route that matches wins, in written order`() throws {
        let table = try Make.table([
            Make.route(Self.prefix("/api"), to: "api"), Make.route(Self.prefix("/api/v2"), to: "v2"),
            Make.route(Self.prefix(), to: "rest"),
        ])
        #expect(table.destination(.request(path: "/api/v2", authority: "a")) == "api")
        #expect(table.destination(.request(path: "/x", authority: "a")) == "rest")
    }

    @Test func `there is no second virtual host to fall back to`() throws {
        let table = try Make.table([
            VirtualHost(name: "a", domains: ["a.com"], routes: [Make.route(Self.prefix("/a"), to: "a")]),
            VirtualHost(name: "star", domains: ["*"], routes: [Make.route(Self.prefix(), to: "star")]),
        ])
        #expect(table.destination(.request(path: "/b", authority: "a.com")) == "(none)")
        #expect(table.destination(.request(path: "/b", authority: "b.com")) == "star")
    }

    @Test func `weights hold on average and a draw is per request`() throws {
        let table = try Make.table([
            Route(
                match: Self.prefix(),
                action: .forward(
                    RouteAction(
                        destination: .weighted([
                            WeightedCluster(name: "v1", weight: 75), WeightedCluster(name: "zero", weight: 0),
                            WeightedCluster(name: "v2", weight: 25),
                        ])
                    )
                )
            )
        ])
        let head = MessageHead.request(path: "/", authority: "a")
        var counts: [String: Int] = [:]
        for seed in 0..<4000 { counts[table.destination(head, seed: UInt64(seed)), default: 0] += 1 }
        #expect(abs((counts["v1"] ?? 0) - 3000) < 160)
        #expect(counts["zero"] == nil)
    }

    @Test func `a share of requests matches on average`() throws {
        let tenth = RouteMatch(path: .prefix("/"), share: Fraction(millionths: 100_000))
        let table = try Make.table([Make.route(tenth, to: "some"), Make.route(Self.prefix(), to: "rest")])
        let head = MessageHead.request(path: "/", authority: "a")
        let hits = (0..<5000).count { table.destination(head, seed: UInt64($0)) == "some" }
        #expect(abs(hits - 500) < 120)
    }

    @Test func `a host that requires TLS redirects plain requests only`() throws {
        let table = try Make.table([
            VirtualHost(
                name: "a",
                domains: ["*"],
                routes: [Make.route(Self.prefix(), to: "a")],
                tlsRequirement: .all
            )
        ])
        let head = MessageHead.request(path: "/", authority: "a")
        #expect(table.destination(head) == "(tls)")
        #expect(table.destination(head, connection: Make.connection(isTLS: true)) == "a")
    }

    @Test func `client certificates can be asked for`() throws {
        let match = RouteMatch(path: .prefix("/"), presentsCertificate: true, hasValidatedCertificate: true)
        let table = try Make.table([Make.route(match, to: "a")])
        let head = MessageHead.request(path: "/", authority: "a")
        let valid = Make.connection(isTLS: true, peer: ConnectionFacts.Peer(isValidated: true))
        let invalid = Make.connection(isTLS: true, peer: ConnectionFacts.Peer(isValidated: false))
        #expect(table.destination(head) == "(none)")
        #expect(table.destination(head, connection: invalid) == "(none)")
        #expect(table.destination(head, connection: valid) == "a")
    }

    @Test func `random requests never crash a table with every kind of rule`() throws {
        let all = Self.paths + Self.headers + Self.queries
        let table = try Make.table(all.map { Make.route($0.match, to: "x") })
        var random = SeededGenerator(seed: 7)
        for _ in 0..<5000 {
            func noise() -> String {
                String(decoding: (0..<random.below(30)).map { _ in UInt8(33 + random.below(94)) }, as: UTF8.self)
            }
            let head = MessageHead.request(
                path: "/" + noise(),
                authority: noise(),
                fields: [("x-a", noise()), ("cookie", noise()), ("x-n", noise())]
            )
            _ = table.destination(head)
        }
    }
}
