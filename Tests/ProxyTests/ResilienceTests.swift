import Base
import Foundation
import HTTP
import Testing
import XDS

@testable import Proxy

@Suite struct ResilienceTests {
    private static func answer(_ status: Int, _ body: String = "") -> ScriptedUpstream.Reply {
        .send("HTTP/1.1 \(status) X\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    @Test func `a retry policy repeats a request with its body until it succeeds`() throws {
        let upstream = try ScriptedUpstream { request in
            request.index < 2 ? Self.answer(503) : Self.answer(200, "third")
        }
        let proxy = try ProxyFixture()
        let route = Route.to("c") {
            $0.retryPolicy = RetryPolicy(conditions: ["5xx"], retriesMax: 2, backOffBase: .milliseconds(1))
        }
        try proxy.apply([.http([route])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody")
        let answer = client.answer()
        #expect(answer.body == "third")
        #expect(upstream.requestCount == 3)
        #expect(upstream.lastBody == "body")
    }

    @Test func `when retries are used up the last answer stands, flagged URX`() throws {
        let upstream = try ScriptedUpstream { _ in Self.answer(503, "busy") }
        let proxy = try ProxyFixture()
        let route = Route.to("c") {
            $0.retryPolicy = RetryPolicy(conditions: ["5xx"], retriesMax: 1, backOffBase: .milliseconds(1))
        }
        try proxy.apply([.http([route])], clusters: [.fixed("c", [upstream.address])])
        let answer = try proxy.client().get("/")
        #expect(answer.status == 503)
        #expect(answer.body == "busy")
        #expect(upstream.requestCount == 2)
        #expect(proxy.flags() == "URX")
    }

    @Test func `a dead endpoint is left for another one`() throws {
        let good = try ScriptedUpstream(body: "good")
        let proxy = try ProxyFixture()
        let route = Route.to("c") {
            $0.retryPolicy = RetryPolicy(
                conditions: ["connect-failure"],
                retriesMax: 2,
                backOffBase: .milliseconds(1),
                avoidsPreviousHosts: true,
                hostSelectionAttemptsMax: 5
            )
        }
        let dead = SocketAddress(good.address.address, port: 1)
        try proxy.apply([.http([route])], clusters: [.fixed("c", [dead, good.address])])
        let client = try proxy.client()
        for _ in 0..<4 { #expect(client.get("/").body == "good") }
    }

    @Test func `a pooled connection that rotted is replaced without a word`() throws {
        let upstream = try ScriptedUpstream { request in
            request.index == 1 ? .close : Self.answer(200, "n\(request.connection)")
        }
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        #expect(client.get("/").body == "n0")
        #expect(client.get("/").body == "n1")
        #expect(upstream.requestCount == 3)
    }

    @Test func `an upstream that closes is UC, one that is silent is UT`() throws {
        let upstream = try ScriptedUpstream { $0.head.contains("/silent") ? .silence : .close }
        let proxy = try ProxyFixture()
        let quick = Route.to("c") { $0.timeout = .milliseconds(150) }
        try proxy.apply([.http([quick])], clusters: [.fixed("c", [upstream.address])])
        #expect(try proxy.client().get("/closes").status == 503)
        #expect(proxy.flags() == "UC")
        let late = try proxy.client().get("/silent")
        #expect(late.status == 504)
        #expect(late.body == "upstream request timeout")
        #expect(proxy.flags() == "UT")
    }

    @Test func `one try may time out and the next succeed`() throws {
        let upstream = try ScriptedUpstream { $0.index == 0 ? .silence : Self.answer(200, "late") }
        let proxy = try ProxyFixture()
        let route = Route.to("c") {
            $0.retryPolicy = RetryPolicy(
                conditions: ["reset"],
                retriesMax: 1,
                perTryTimeout: .milliseconds(100),
                backOffBase: .milliseconds(1)
            )
        }
        try proxy.apply([.http([route])], clusters: [.fixed("c", [upstream.address])])
        #expect(try proxy.client().get("/").body == "late")
    }

    @Test func `a try that goes silent is given up, while one that keeps talking is not`() throws {
        let upstream = try ScriptedUpstream { $0.index == 0 ? .silence : Self.answer(200, "late") }
        let proxy = try ProxyFixture()
        let route = Route.to("c") {
            $0.retryPolicy = RetryPolicy(
                conditions: ["reset"],
                retriesMax: 1,
                perTryIdleTimeout: .milliseconds(100),
                backOffBase: .milliseconds(1)
            )
        }
        try proxy.apply([.http([route])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        #expect(client.get("/").body == "late")
        #expect(upstream.requestCount == 2)
        // A slow upload is no silence.
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n")
        for byte in ["b", "o", "d", "y"] {
            usleep(60_000)
            client.send(byte)
        }
        #expect(client.answer().status == 200)
        #expect(upstream.requestCount == 3)
    }

    @Test func `beyond the limits requests are refused with UO`() throws {
        let upstream = try ScriptedUpstream { _ in .silence }
        let proxy = try ProxyFixture()
        let cluster = Cluster.fixed("c", [upstream.address]) {
            $0.circuitBreakers.normal.connectionsMax = 1
            $0.circuitBreakers.normal.pendingRequestsMax = 1
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let clients = try (0..<3).map { _ in try proxy.client() }
        clients[0].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        while upstream.requestCount < 1 { usleep(1000) }
        clients[1].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let admin = RawClient(try #require(proxy.server.adminAddress))
        let isFull = "envoy_cluster_upstream_rq_pending_active{cluster_name=\"c\"} 1\n"
        while !admin.get("/metrics").body.contains(isFull) { usleep(1000) }
        let answer = clients[2].get("/")
        #expect(answer.status == 503)
        #expect(answer.header("x-envoy-overloaded") == "true")
        #expect(proxy.flags() == "UO")
    }

    @Test func `an endpoint with consecutive errors is ejected`() throws {
        let bad = try ScriptedUpstream { _ in Self.answer(500) }
        let good = try ScriptedUpstream(body: "good")
        let proxy = try ProxyFixture()
        let cluster = Cluster.fixed("c", [bad.address, good.address]) {
            $0.outlierDetection = OutlierDetection(ejectionPercentMax: 100, consecutive5xx: 2)
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let client = try proxy.client()
        for _ in 0..<12 { _ = client.get("/") }
        #expect(bad.requestCount == 2)
        #expect(good.requestCount == 10)
    }

    @Test func `weights share the requests`() throws {
        let a = try ScriptedUpstream(body: "a")
        let b = try ScriptedUpstream(body: "b")
        let proxy = try ProxyFixture()
        let route = Route.to("") {
            $0.destination = .weighted([WeightedCluster(name: "a", weight: 75), WeightedCluster(name: "b", weight: 25)])
        }
        try proxy.apply([.http([route])], clusters: [.fixed("a", [a.address]), .fixed("b", [b.address])])
        let client = try proxy.client()
        for _ in 0..<1000 { _ = client.get("/") }
        #expect((700...800).contains(a.requestCount))
        #expect(a.requestCount + b.requestCount == 1000)
    }

    @Test func `faults are injected: delay first, then abort`() throws {
        let upstream = try ScriptedUpstream(body: "fine")
        let proxy = try ProxyFixture()
        var slow = Route.to("c", prefix: "/slow")
        slow.filterOverrides["fault"] = .fault(Fault(delay: .init(duration: .milliseconds(120), share: .always)))
        var broken = Route.to("c", prefix: "/broken")
        broken.filterOverrides["fault"] = .fault(Fault(abort: .init(answer: .http(status: 555), share: .always)))
        try proxy.apply(
            [
                .http([slow, broken]) {
                    $0.filters.insert(HTTPFilter(name: "fault", kind: .fault(Fault())), at: 0)
                }
            ],
            clusters: [.fixed("c", [upstream.address])]
        )
        let client = try proxy.client()
        let start = Date()
        #expect(client.get("/slow").body == "fine")
        #expect(Date().timeIntervalSince(start) > 0.11)
        #expect(proxy.flags() == "DI")
        let answer = client.get("/broken")
        #expect(answer.status == 555)
        #expect(answer.body == "fault filter abort")
        #expect(proxy.flags() == "FI")
    }

    @Test func `a preflight is answered by the proxy and a real answer is decorated`() throws {
        let upstream = try ScriptedUpstream(body: "data")
        let proxy = try ProxyFixture()
        var route = Route.to("c")
        var policy = CORSPolicy(allowOrigins: [StringMatcher(pattern: .exact("https://app.example"))])
        policy.allowMethods = "GET,PUT"
        route.filterOverrides["cors"] = .cors(policy)
        try proxy.apply(
            [.http([route]) { $0.filters.insert(HTTPFilter(name: "cors", kind: .cors), at: 0) }],
            clusters: [.fixed("c", [upstream.address])]
        )
        let client = try proxy.client()
        client.send(
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\nAccess-Control-Request-Method: PUT\r\n\r\n"
        )
        let preflight = client.answer()
        #expect(preflight.status == 200)
        #expect(preflight.header("access-control-allow-methods") == "GET,PUT")
        #expect(upstream.requestCount == 0)
        let answer = client.get("/", headers: "Origin: https://app.example\r\n")
        #expect(answer.header("access-control-allow-origin") == "https://app.example")
    }

    @Test func `gRPC callers get their errors as grpc-status`() throws {
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [])])
        let probe = try HTTPProbe(try proxy.address(), version: .http2)
        let answer = probe.request(
            "/pkg.Service/Call",
            method: "POST",
            fields: [("content-type", "application/grpc")],
            body: "\0\0\0\0\0"
        )
        #expect(answer.status == 200)
        #expect(answer.head?.text("grpc-status") == "14")
        #expect(answer.head?.text("grpc-message") == "no healthy upstream")
    }
}
