import Base
import Testing
import XDS

@testable import Proxy

/// Details that the differential run against Envoy found, one test each.
@Suite struct EnvoyAgreementTests {
    @Test func `header edits cannot change who serves`() throws {
        let upstream = try ScriptedUpstream(body: "")
        let proxy = try ProxyFixture()
        var forwarded = Route.to("c", prefix: "/f")
        forwarded.headers.responseAdd = [
            HeaderMutation(name: "server", value: "other", action: .overwriteIfExistsOrAdd)
        ]
        var direct = Route(match: RouteMatch(path: .prefix("/")), action: .direct(DirectResponse(status: 200)))
        direct.headers = forwarded.headers
        try proxy.apply([.http([forwarded, direct])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        #expect(client.get("/f").header("server") == "envoy")
        #expect(client.get("/d").header("server") == "envoy")
    }

    @Test func `an upstream hears how long it is waited for`() throws {
        let upstream = try ScriptedUpstream(body: "")
        let proxy = try ProxyFixture()
        let limited = Route.to("c", prefix: "/limited") { $0.timeout = .seconds(7) }
        let unlimited = Route.to("c", prefix: "/unlimited") { $0.timeout = .zero }
        let tried = Route.to("c", prefix: "/tried") {
            $0.timeout = .seconds(7)
            $0.retryPolicy = RetryPolicy(conditions: ["5xx"], perTryTimeout: .seconds(2))
        }
        try proxy.apply([.http([limited, unlimited, tried])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        for (path, expected) in [("/limited", "7000"), ("/tried", "2000")] {
            #expect(client.get(path).status == 200)
            #expect(upstream.lastHead.hasSuffix("x-envoy-expected-rq-timeout-ms: \(expected)"))
        }
        #expect(client.get("/unlimited").status == 200)
        #expect(!upstream.lastHead.contains("expected-rq-timeout"))
    }

    @Test func `the host that was asked for is named when it is rewritten`() throws {
        let upstream = try ScriptedUpstream(body: "")
        let proxy = try ProxyFixture()
        let rewritten = Route.to("c", prefix: "/") { $0.hostRewrite = .literal("inner.example") }
        try proxy.apply([.http([rewritten])], clusters: [.fixed("c", [upstream.address])])
        #expect(try proxy.client().get("/").status == 200)
        #expect(upstream.lastHead.contains("host: inner.example\r\n"))
        #expect(upstream.lastHead.contains("x-envoy-original-host: a.example\r\n"))
    }
}
