import HTTP
import Routing
import Testing
import XDS

@Suite struct RewriteTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var match: RouteMatch
        var rewrite: RouteAction.PathRewrite
        var path: String
        var expect: String
        var testDescription: String { says }
    }

    static let rows: [Row] = [
        Row(
            says: "a prefix is replaced textually",
            match: RouteMatch(path: .prefix("/foo")),
            rewrite: .prefix("/"),
            path: "/foo/bar",
            expect: "//bar"
        ),
        Row(
            says: "with a slash at the end the result is clean",
            match: RouteMatch(path: .prefix("/foo/")),
            rewrite: .prefix("/"),
            path: "/foo/bar?q=1",
            expect: "/bar?q=1"
        ),
        Row(
            says: "prefix slash means rewrite plus rest",
            match: RouteMatch(path: .prefix("/")),
            rewrite: .prefix("/v2/"),
            path: "/a",
            expect: "/v2/a"
        ),
        Row(
            says: "the length counts, not the case",
            match: RouteMatch(path: .prefix("/FOO"), isCaseSensitive: false),
            rewrite: .prefix("/x"),
            path: "/foo/b",
            expect: "/x/b"
        ),
        Row(
            says: "an exact match is replaced whole",
            match: RouteMatch(path: .exact("/a")),
            rewrite: .prefix("/b"),
            path: "/a?x",
            expect: "/b?x"
        ),
        Row(
            says: "a regex match is replaced whole",
            match: RouteMatch(path: .regex("/a.*")),
            rewrite: .prefix("/b"),
            path: "/abc?x",
            expect: "/b?x"
        ),
        Row(
            says: "groups are substituted",
            match: RouteMatch(path: .prefix("/")),
            rewrite: .regex(RegexRewrite(regex: "^/service/([^/]+)(/.*)$", substitution: "\\2/instance/\\1")),
            path: "/service/foo/v1/api?k=v",
            expect: "/v1/api/instance/foo?k=v"
        ),
        Row(
            says: "every match is substituted",
            match: RouteMatch(path: .prefix("/")),
            rewrite: .regex(RegexRewrite(regex: "one", substitution: "two")),
            path: "/xxx/one/yyy/one/zzz",
            expect: "/xxx/two/yyy/two/zzz"
        ),
        Row(
            says: "no match leaves it",
            match: RouteMatch(path: .prefix("/")),
            rewrite: .regex(RegexRewrite(regex: "nope", substitution: "two")),
            path: "/a?nope",
            expect: "/a?nope"
        ),
    ]

    @Test("paths are rewritten", arguments: rows) func rewrites(_ row: Row) throws {
        let action = RouteAction(destination: .cluster("a"), pathRewrite: row.rewrite)
        let table = try Make.table([Route(match: row.match, action: .forward(action))])
        let head = MessageHead.request(path: row.path, authority: "a")
        try apply(table, head)
        #expect(head.pathText == row.expect)
        #expect(head.text("x-envoy-original-path") == (row.path == row.expect ? nil : row.path))
    }

    private func apply(_ table: RouteTable, _ head: MessageHead) throws {
        guard case .forward(let forward) = try table.entry(head).action,
            let choice = forward.choose(head, random: 1)
        else { throw Make.Missing() }
        var scratch: [UInt8] = []
        #expect(forward.rewrite(head, choice: choice, scratch: &scratch))
    }

    @Test func `the authority is rewritten by the destination, the route or a header`() throws {
        func authority(_ action: RouteAction, _ fields: [(String, String)] = []) throws -> (String, String?) {
            let table = try Make.table([Route(match: RouteMatch(path: .prefix("/")), action: .forward(action))])
            let head = MessageHead.request(path: "/", authority: "client.example", fields: fields)
            try apply(table, head)
            return (head.authorityText, head.text("x-forwarded-host"))
        }
        let literal = RouteAction(
            destination: .cluster("a"),
            hostRewrite: .literal("up.example"),
            appendsForwardedHost: true
        )
        #expect(try authority(literal) == ("up.example", "client.example"))
        let weighted = RouteAction(
            destination: .weighted([WeightedCluster(name: "a", weight: 1, hostRewrite: "w.example")]),
            hostRewrite: .literal("up.example")
        )
        #expect(try authority(weighted) == ("w.example", nil))
        let header = RouteAction(destination: .cluster("a"), hostRewrite: .header("x-host"))
        #expect(try authority(header, [("x-host", "h.example")]) == ("h.example", nil))
        #expect(try authority(header) == ("client.example", nil))
    }

    @Test func `a header can name the cluster`() throws {
        let action = RouteAction(destination: .clusterHeader("x-cluster"))
        let table = try Make.table([Route(match: RouteMatch(path: .prefix("/")), action: .forward(action))])
        let named = MessageHead.request(path: "/", authority: "a", fields: [("X-Cluster", "b")])
        guard case .forward(let forward) = try table.entry(named).action else { throw Make.Missing() }
        #expect(forward.choose(named, random: 1)?.name == "b")
        #expect(forward.choose(.request(path: "/", authority: "a"), random: 1) == nil)
    }

    struct RedirectRow: CustomTestStringConvertible, Sendable {
        var says: String
        var redirect: Redirect
        var match = RouteMatch(path: .prefix("/old"))
        var authority = "a.example"
        var scheme = "http"
        var path = "/old/x?q=1"
        var expect: String
        var testDescription: String { says }
    }

    static let redirects: [RedirectRow] = [
        RedirectRow(
            says: "https keeps the rest",
            redirect: Redirect(scheme: "https"),
            expect: "https://a.example/old/x?q=1"
        ),
        RedirectRow(
            says: "a default port goes with its scheme",
            redirect: Redirect(scheme: "https"),
            authority: "a.example:80",
            expect: "https://a.example/old/x?q=1"
        ),
        RedirectRow(
            says: "another port stays",
            redirect: Redirect(scheme: "https"),
            authority: "a.example:8080",
            expect: "https://a.example:8080/old/x?q=1"
        ),
        RedirectRow(
            says: "without a new scheme a default port stays",
            redirect: Redirect(host: nil, status: 302),
            authority: "a.example:80",
            expect: "http://a.example:80/old/x?q=1"
        ),
        RedirectRow(
            says: "host",
            redirect: Redirect(host: "b.example"),
            authority: "a.example:8080",
            expect: "http://b.example/old/x?q=1"
        ),
        RedirectRow(
            says: "port",
            redirect: Redirect(port: 8443),
            authority: "a.example:8080",
            expect: "http://a.example:8443/old/x?q=1"
        ),
        RedirectRow(says: "path", redirect: Redirect(path: .path("/new")), expect: "http://a.example/new?q=1"),
        RedirectRow(
            says: "a path with a query replaces the query",
            redirect: Redirect(path: .path("/new?z"), stripsQuery: true),
            expect: "http://a.example/new?z"
        ),
        RedirectRow(says: "prefix", redirect: Redirect(path: .prefix("/new")), expect: "http://a.example/new/x?q=1"),
        RedirectRow(
            says: "regex",
            redirect: Redirect(path: .regex(RegexRewrite(regex: "/old/(.*)", substitution: "/\\1/new"))),
            expect: "http://a.example/x/new?q=1"
        ),
        RedirectRow(
            says: "the query can be stripped",
            redirect: Redirect(stripsQuery: true),
            expect: "http://a.example/old/x"
        ),
        RedirectRow(
            says: "an IPv6 authority",
            redirect: Redirect(scheme: "https"),
            authority: "[::1]:80",
            expect: "https://[::1]/old/x?q=1"
        ),
    ]

    @Test("redirects point where they should", arguments: redirects) func point(_ row: RedirectRow) throws {
        let table = try Make.table([Route(match: row.match, action: .redirect(row.redirect))])
        let head = MessageHead.request(path: row.path, authority: row.authority)
        guard case .redirect(let action) = try table.entry(head).action else { throw Make.Missing() }
        var location: [UInt8] = []
        let isFine = Make.bytes(row.scheme) {
            action.location(scheme: $0, authority: head.authority, target: head.path, appendingTo: &location)
        }
        #expect(isFine)
        #expect(String(decoding: location, as: UTF8.self) == row.expect)
    }
}
