import Base
import HTTP
import Routing
import Testing
import XDS

@Suite struct CORSRuleTests {
    static let policy = CORSPolicy(
        allowOrigins: [StringMatcher(pattern: .exact("https://a.example"))],
        allowMethods: "GET,POST",
        allowHeaders: "x-a",
        exposeHeaders: "x-b",
        maxAge: "600",
        allowsCredentials: true
    )

    static func preflight(_ origin: String) -> MessageHead {
        .request(
            method: "OPTIONS",
            path: "/",
            authority: "b",
            fields: [("origin", origin), ("access-control-request-method", "POST")]
        )
    }

    @Test func `a preflight of a known origin is answered`() throws {
        let rule = try CORSRule(compiling: Self.policy)
        let request = Self.preflight("https://a.example")
        #expect(rule.decide(request) == .answerPreflight)
        let response = MessageHead.response(status: 200)
        rule.addPreflightHeaders(to: response, request: request)
        #expect(response.text("access-control-allow-origin") == "https://a.example")
        #expect(response.text("access-control-allow-credentials") == "true")
        #expect(response.text("access-control-allow-methods") == "GET,POST")
        #expect(response.text("access-control-allow-headers") == "x-a")
        #expect(response.text("access-control-max-age") == "600")
        #expect(response.text("access-control-expose-headers") == nil)
    }

    @Test func `a preflight of another origin is forwarded or answered bare`() throws {
        #expect(try CORSRule(compiling: Self.policy).decide(Self.preflight("https://b.example")) == .pass)
        var closed = Self.policy
        closed.forwardsNotMatchingPreflights = false
        #expect(try CORSRule(compiling: closed).decide(Self.preflight("https://b.example")) == .answerBarePreflight)
    }

    @Test func `an actual request of a known origin is decorated, what the upstream said is replaced`() throws {
        let rule = try CORSRule(compiling: Self.policy)
        let request = MessageHead.request(path: "/", authority: "b", fields: [("origin", "https://a.example")])
        #expect(rule.decide(request) == .decorate)
        let response = MessageHead.response(status: 200, fields: [("access-control-allow-origin", "*")])
        rule.addResponseHeaders(to: response, request: request)
        #expect(
            response.fieldList.filter { $0.name == "access-control-allow-origin" }.map(\.value) == ["https://a.example"]
        )
        #expect(response.text("access-control-expose-headers") == "x-b")
    }

    @Test func `same-origin requests and plain OPTIONS pass`() throws {
        let rule = try CORSRule(compiling: Self.policy)
        #expect(rule.decide(.request(path: "/", authority: "b")) == .pass)
        #expect(rule.decide(.request(method: "OPTIONS", path: "/", authority: "b")) == .pass)
    }
}

@Suite struct FaultRuleTests {
    static var head: MessageHead { .request(path: "/", authority: "a", fields: [("end-user", "jason")]) }

    @Test func `delay and abort are drawn independently`() throws {
        let rule = try FaultRule(
            compiling: Fault(
                delay: Fault.Delay(duration: .seconds(7), share: Fraction(millionths: 500_000)),
                abort: Fault.Abort(answer: .http(status: 503), share: Fraction(millionths: 500_000))
            )
        )
        var random = SeededGenerator(seed: 3)
        var counts: [String: Int] = [:]
        for _ in 0..<4000 {
            let decision = rule.decide(Self.head, random: &random)
            counts["\(decision.delay != nil) \(decision.abort != nil)", default: 0] += 1
        }
        #expect(counts.count == 4)
        #expect(counts.values.allSatisfy { abs($0 - 1000) < 150 })
    }

    @Test func `a tenth of a percent is a thousandth`() throws {
        let rule = try FaultRule(
            compiling: Fault(abort: Fault.Abort(answer: .grpc(status: 14), share: Fraction(millionths: 1000)))
        )
        var random = SeededGenerator(seed: 3)
        let hits = (0..<100_000).count { _ in rule.decide(Self.head, random: &random).abort == .grpc(status: 14) }
        #expect(abs(hits - 100) < 40)
    }

    @Test func `zero never happens and everything always does`() throws {
        let never = try FaultRule(compiling: Fault(delay: Fault.Delay(duration: .seconds(1), share: .never)))
        let always = try FaultRule(compiling: Fault(delay: Fault.Delay(duration: .seconds(1), share: .always)))
        var random = SeededGenerator(seed: 3)
        for _ in 0..<1000 {
            #expect(never.decide(Self.head, random: &random) == .none)
            #expect(always.decide(Self.head, random: &random).delay == .seconds(1))
        }
    }

    @Test func `requests that do not match the headers take no part`() throws {
        let header = HeaderMatcher(name: "end-user", rule: .text(StringMatcher(pattern: .exact("jason"))))
        let rule = try FaultRule(
            compiling: Fault(
                abort: Fault.Abort(answer: .http(status: 500), share: .always),
                headers: [header]
            )
        )
        var random = SeededGenerator(seed: 3)
        #expect(rule.decide(Self.head, random: &random).abort == .status(500))
        #expect(rule.decide(.request(path: "/", authority: "a"), random: &random) == .none)
    }

    @Test func `an impossible status is refused`() {
        let fault = Fault(abort: Fault.Abort(answer: .http(status: 42), share: .always))
        #expect(throws: CompileError.self) { try FaultRule(compiling: fault) }
    }
}

@Suite struct RoleRuleTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var permission: RBACPermission = .any
        var principal: RBACPrincipal = .any
        var isBareConnection = false
        var matches: Bool
        var testDescription: String { says }
    }

    static func exact(_ text: String) -> StringMatcher { StringMatcher(pattern: .exact(text)) }

    static let rows: [Row] = [
        Row(says: "anybody may do anything", matches: true),
        Row(says: "path without query", permission: .path(exact("/p")), matches: true),
        Row(says: "another path", permission: .path(exact("/p?q")), matches: false),
        Row(says: "destination port", permission: .destinationPort(8080), matches: true),
        Row(says: "another port", permission: .destinationPort(80), matches: false),
        Row(says: "not another port", permission: .not(.destinationPort(80)), matches: true),
        Row(says: "all of two", permission: .all([.destinationPort(8080), .path(exact("/x"))]), matches: false),
        Row(says: "one of two", permission: .anyOf([.destinationPort(8080), .path(exact("/x"))]), matches: true),
        Row(says: "one of none", permission: .anyOf([]), matches: false),
        Row(says: "server name", permission: .requestedServerName(exact("sni.example")), matches: true),
        Row(
            says: "method",
            permission: .header(HeaderMatcher(name: ":method", rule: .text(exact("GET")))),
            matches: true
        ),
        Row(says: "URI name", principal: .authenticated(exact("spiffe://cluster.local/ns/a/sa/b")), matches: true),
        Row(says: "subject is not looked at beside a URI", principal: .authenticated(exact("CN=x")), matches: false),
        Row(says: "any certificate", principal: .authenticated(nil), matches: true),
        Row(
            says: "HTTP rule on a bare connection",
            permission: .path(exact("/p")),
            isBareConnection: true,
            matches: false
        ),
        Row(
            says: "negated HTTP rule on a bare connection",
            permission: .not(.path(exact("/p"))),
            isBareConnection: true,
            matches: true
        ),
    ]

    static var facts: RequestFacts {
        Make.facts(
            Make.connection(
                isTLS: true,
                peer: ConnectionFacts.Peer(
                    uriNames: [Array("spiffe://cluster.local/ns/a/sa/b".utf8)],
                    subject: Array("CN=x".utf8)
                ),
                name: "sni.example"
            )
        )
    }

    static func rule(_ action: RBAC.Action, _ permission: RBACPermission, _ principal: RBACPrincipal) throws -> RoleRule
    {
        let policy = RBAC.Policy(name: "p", permissions: [permission], principals: [principal])
        return try RoleRule(compiling: RBAC(action: action, policies: [policy]))
    }

    @Test("policies match", arguments: rows) func matches(_ row: Row) throws {
        let head = row.isBareConnection ? nil : MessageHead.request(path: "/p?q", authority: "a")
        let allow = try Self.rule(.allow, row.permission, row.principal).evaluate(head, facts: Self.facts)
        #expect(allow.isAllowed == row.matches)
        #expect(allow.policy == (row.matches ? 0 : nil))
        #expect(
            try Self.rule(.deny, row.permission, row.principal).evaluate(head, facts: Self.facts).isAllowed
                != row.matches
        )
        #expect(try Self.rule(.log, row.permission, row.principal).evaluate(head, facts: Self.facts).isAllowed)
    }

    @Test func `the peer and the client behind it are different addresses`() throws {
        let head = MessageHead.request(path: "/", authority: "a")
        func allows(_ principal: RBACPrincipal) throws -> Bool {
            try Self.rule(.allow, .any, principal).evaluate(head, facts: Self.facts).isAllowed
        }
        #expect(try allows(.directRemoteIP(Make.block("10.0.0.0/8"))))
        #expect(try !allows(.directRemoteIP(Make.block("9.9.9.9/32"))))
        #expect(try allows(.remoteIP(Make.block("9.9.9.9"))))
    }

    @Test func `a plain connection has no principal`() throws {
        let verdict = try Self.rule(.allow, .any, .authenticated(nil)).evaluate(nil, facts: Make.facts())
        #expect(!verdict.isAllowed)
    }

    @Test func `no policies means nobody for allow and everybody for deny`() throws {
        #expect(try !RoleRule(compiling: RBAC(action: .allow, policies: [])).evaluate(nil, facts: Self.facts).isAllowed)
        #expect(try RoleRule(compiling: RBAC(action: .deny, policies: [])).evaluate(nil, facts: Self.facts).isAllowed)
    }
}
