import Base
import Foundation
import HTTP
import Testing
import XDS

@testable import Proxy

/// What balancing, limits and health mean on the wire.
@Suite struct BalancingTests {
    private static func answer(_ status: Int, _ body: String = "") -> ScriptedUpstream.Reply {
        .send("HTTP/1.1 \(status) X\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private static func eventually(_ seconds: Double = 5, _ check: () -> Bool) -> Bool {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            if check() { return true }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return check()
    }

    private static func check(_ probe: HealthCheck.Probe) -> HealthCheck {
        var check = HealthCheck(probe: probe, timeout: .milliseconds(500), interval: .milliseconds(40))
        check.noTrafficInterval = .milliseconds(40)
        check.unhealthyThreshold = 2
        check.healthyThreshold = 2
        return check
    }

    // MARK: health checks

    @Test("an endpoint that fails its HTTP check gets no requests until it passes again", arguments: [1, 2])
    func httpCheck(workers: Int) throws {
        let isSick = Flag()
        let probes = Flag()
        let sick = try ScriptedUpstream { request in
            guard request.head.contains("/health") else { return Self.answer(200, "sick") }
            #expect(request.head.lowercased().contains("host: probe.example"))
            #expect(request.head.lowercased().contains("x-probe: yes"))
            probes.set(true)
            return Self.answer(isSick.value ? 500 : 204)
        }
        let well = try ScriptedUpstream { Self.answer($0.head.contains("/health") ? 204 : 200, "well") }
        let proxy = try ProxyFixture(workers: workers)
        var probe = HealthCheck.HTTPProbe(host: "probe.example", path: "/health")
        probe.headers = [HeaderMutation(name: "x-probe", value: "yes")]
        probe.statuses = [200..<300]
        let cluster = Cluster.fixed("c", [sick.address, well.address]) {
            $0.healthChecks = [Self.check(.http(probe))]
            $0.panicThresholdPercent = 0
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let seen = { (count: Int) in Set((0..<count).compactMap { _ in try? proxy.client().get("/").body }) }
        #expect(Self.eventually { seen(4) == ["sick", "well"] })
        #expect(probes.value)
        isSick.set(true)
        #expect(Self.eventually { seen(6) == ["well"] })
        isSick.set(false)
        #expect(Self.eventually { seen(6) == ["sick", "well"] })
    }

    @Test func `the first requests wait for the first checks instead of failing`() throws {
        let upstream = try ScriptedUpstream { _ in Self.answer(200, "ok") }
        let proxy = try ProxyFixture()
        let cluster = Cluster.fixed("c", [upstream.address]) {
            $0.healthChecks = [Self.check(.http(HealthCheck.HTTPProbe(path: "/")))]
            $0.panicThresholdPercent = 0
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        #expect(try proxy.client().get("/").status == 200)
    }

    @Test func `a TCP check connects, sends and compares`() throws {
        let good = try ScriptedUpstream { request in
            request.head.hasPrefix("PING") ? .send("+PONG\r\n") : Self.answer(200, "good")
        }
        let bad = try ScriptedUpstream { request in
            request.head.hasPrefix("PING") ? .send("-ERR\r\n") : Self.answer(200, "bad")
        }
        let proxy = try ProxyFixture()
        let ping = Array("PING / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
        let cluster = Cluster.fixed("c", [good.address, bad.address]) {
            $0.healthChecks = [Self.check(.tcp(send: ping, receive: [Array("PONG".utf8)]))]
            $0.panicThresholdPercent = 0
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let client = try proxy.client()
        for _ in 0..<6 { #expect(client.get("/").body == "good") }
    }

    @Test func `checks go to the port the endpoint names for them`() throws {
        let app = try ScriptedUpstream(body: "app")
        let probe = try ScriptedUpstream { _ in Self.answer(503) }
        let proxy = try ProxyFixture()
        var endpoint = Endpoint(address: .socket(app.address))
        endpoint.healthCheckPort = probe.address.port
        let group = ClusterLoadAssignment(clusterName: "c", localities: [LocalityEndpoints(endpoints: [endpoint])])
        var cluster = Cluster(name: "c", discovery: .fixed(group))
        cluster.healthChecks = [Self.check(.http(HealthCheck.HTTPProbe(path: "/")))]
        cluster.panicThresholdPercent = 0
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        #expect(Self.eventually { (try? proxy.client().get("/").status) == 503 })
        #expect(app.requestCount == 0)
    }

    // MARK: ejection and limits

    @Test func `an ejected endpoint is left out by all workers`() throws {
        let bad = try ScriptedUpstream { _ in Self.answer(503, "bad") }
        let good = try ScriptedUpstream(body: "good")
        let proxy = try ProxyFixture(workers: 2)
        let cluster = Cluster.fixed("c", [bad.address, good.address]) {
            $0.outlierDetection = OutlierDetection(ejectionPercentMax: 100, consecutive5xx: 3)
            $0.panicThresholdPercent = 0
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        // New connections land on either worker; together they see three failures.
        for _ in 0..<40 { _ = try proxy.client().get("/") }
        let before = bad.requestCount
        #expect(before <= 4)
        for _ in 0..<20 { #expect(try proxy.client().get("/").body == "good") }
        #expect(bad.requestCount == before)
    }

    @Test func `only the written statuses count as errors of an endpoint`() throws {
        let upstream = try ScriptedUpstream { Self.answer($0.head.contains("/limited") ? 429 : 500) }
        let proxy = try ProxyFixture()
        let cluster = Cluster.fixed("c", [upstream.address]) {
            $0.outlierDetection = OutlierDetection(ejectionPercentMax: 100, consecutive5xx: 2)
            $0.http.errorStatuses = [429]
            $0.panicThresholdPercent = 0
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let client = try proxy.client()
        for _ in 0..<5 { #expect(client.get("/").status == 500) }
        for _ in 0..<2 { #expect(client.get("/limited").status == 429) }
        #expect(client.get("/").status == 503)
    }

    @Test func `one connection and one waiting request are the limit for both workers`() throws {
        let upstream = try ScriptedUpstream { _ in .silence }
        let proxy = try ProxyFixture(workers: 2)
        let cluster = Cluster.fixed("c", [upstream.address]) {
            $0.circuitBreakers.normal.requestsMax = 3
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let waiting = try (0..<3).map { _ in try proxy.client() }
        for client in waiting { client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
        #expect(Self.eventually { upstream.requestCount == 3 })
        for _ in 0..<8 {
            let refused = try proxy.client().get("/")
            #expect(refused.status == 503)
            #expect(refused.header("x-envoy-overloaded") == "true")
            #expect(proxy.flags() == "UO")
        }
    }

    // MARK: retries

    @Test func `a broken connection repeats a GET, not a POST, where nobody wrote a policy`() throws {
        let upstream = try ScriptedUpstream { $0.index % 2 == 0 ? .close : Self.answer(200, "again") }
        let proxy = try ProxyFixture()
        var route = Route.to("c") {
            $0.retryPolicy = RetryPolicy(
                conditions: ["connect-failure", "refused-stream", "reset-before-request"],
                retriesMax: 2,
                backOffBase: .milliseconds(1)
            )
        }
        route.metadata = ["gatehouse": ["retry_idempotent": .bool(true)]]
        try proxy.apply([.http([route])], clusters: [.fixed("c", [upstream.address])])
        #expect(try proxy.client().get("/").body == "again")
        #expect(upstream.requestCount == 2)
        let client = try proxy.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        #expect(client.answer().status == 503)
        #expect(upstream.requestCount == 3)
        #expect(proxy.flags().isEmpty == false)
    }

    @Test func `retries leave the priority that failed`() throws {
        let near = try ScriptedUpstream { _ in Self.answer(503, "near") }
        let far = try ScriptedUpstream(body: "far")
        let proxy = try ProxyFixture()
        let group = ClusterLoadAssignment(
            clusterName: "c",
            localities: [
                LocalityEndpoints(endpoints: [Endpoint(address: .socket(near.address))]),
                LocalityEndpoints(endpoints: [Endpoint(address: .socket(far.address))], priority: 1),
            ]
        )
        func route(_ frequency: Int32?) -> Route {
            .to("c") {
                var policy = RetryPolicy(conditions: ["5xx"], retriesMax: 3, backOffBase: .milliseconds(1))
                policy.prioritiesUpdateFrequency = frequency
                $0.retryPolicy = policy
            }
        }
        let cluster = Cluster(name: "c", discovery: .fixed(group))
        try proxy.apply([.http([route(2)])], clusters: [cluster])
        #expect(try proxy.client().get("/").body == "far")
        #expect(near.requestCount == 2)
        try proxy.apply([.http([route(nil)])], clusters: [cluster])
        #expect(try proxy.client().get("/").body == "near")
    }

    // MARK: hashing

    @Test func `a cookie is made with its attributes and keeps the client on one endpoint`() throws {
        let one = try ScriptedUpstream(body: "one")
        let two = try ScriptedUpstream(body: "two")
        let proxy = try ProxyFixture()
        let route = Route.to("c") {
            $0.hashPolicies = [
                HashPolicy(
                    source: .cookie(
                        name: "pin",
                        ttl: .seconds(60),
                        path: "/shop",
                        attributes: [CookieAttribute(name: "Secure"), CookieAttribute(name: "SameSite", value: "Lax")]
                    )
                )
            ]
        }
        let cluster = Cluster.fixed("c", [one.address, two.address]) {
            $0.policy = .ringHash(ringSizeMin: 1024, ringSizeMax: 8192)
        }
        try proxy.apply([.http([route])], clusters: [cluster])
        let first = try proxy.client().get("/")
        let cookie = try #require(first.header("set-cookie"))
        #expect(cookie.hasSuffix("; Max-Age=60; Path=/shop; HttpOnly; Secure; SameSite=Lax"))
        let pair = try #require(cookie.split(separator: ";").first)
        for _ in 0..<10 {
            let client = try proxy.client()
            client.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: \(pair)\r\n\r\n")
            let answer = client.answer()
            #expect(answer.body == first.body)
            #expect(answer.header("set-cookie") == nil)
        }
    }
}

/// A Bool shared with the upstreams' threads.
final class Flag: @unchecked Sendable {
    // One lock guards the one member.
    private let lock = NSLock()
    private var flag = false

    var value: Bool { lock.withLock { flag } }
    func set(_ value: Bool) { lock.withLock { flag = value } }
}
