import Base
import Foundation
import Synchronization
import Testing
import XDS

@testable import Proxy

@Suite struct ConfigurationTests {
    @Test func `a change takes effect on open connections and keeps the pools of unchanged clusters`() throws {
        let a = try ScriptedUpstream(body: "a")
        let b = try ScriptedUpstream(body: "b")
        let proxy = try ProxyFixture(workers: 2)
        let clusters: [Cluster] = [.fixed("a", [a.address]), .fixed("b", [b.address])]
        try proxy.apply([.http([.to("a")])], clusters: clusters)
        let address = try proxy.address()
        let client = try proxy.client()
        #expect(client.get("/").body == "a")
        try proxy.apply([.http([.to("b", prefix: "/b"), .to("a")])], clusters: clusters)
        #expect(try proxy.address() == address)
        #expect(client.get("/b").body == "b")
        #expect(client.get("/").body == "a")
        #expect(a.connectionCount == 1)
    }

    @Test func `a listener that cannot be bound is named, and the others serve`() throws {
        let upstream = try ScriptedUpstream(body: "still")
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [upstream.address])])
        var taken = Listener.http([.to("c")], name: "taken")
        taken.address = .socket(upstream.address)
        let more = Listener.http([.to("c")], name: "more")
        let clusters = [Cluster.fixed("c", [upstream.address])]
        let outcome = try proxy.apply([.http([.to("c")]), taken, more], clusters: clusters)
        guard case .partly(let bound, let text) = outcome else {
            Issue.record("nothing failed")
            return
        }
        #expect(text.hasPrefix("listener taken: "))
        #expect(text.contains("in use"))
        #expect(bound["taken"] == nil)
        #expect(try proxy.client().get("/").body == "still")
        #expect(try proxy.client("more").get("/").body == "still")
        // A later configuration tries again.
        var free = taken
        free.address = .socket(SocketAddress(upstream.address.address, port: 0))
        guard case .applied(let all) = try proxy.apply([.http([.to("c")]), free, more], clusters: clusters) else {
            Issue.record("the port was free")
            return
        }
        #expect(all["taken"] != nil)
        #expect(try proxy.client("taken").get("/").body == "still")
    }

    @Test func `what cannot be compiled names the resource and the field`() throws {
        var models = ResourceModels(version: 1)
        let bad = Route(match: RouteMatch(path: .regex("(")), action: .direct(DirectResponse(status: 200)))
        models.routes["r"] = .init(
            version: "1",
            model: RouteConfiguration(
                name: "r",
                virtualHosts: [VirtualHost(name: "v", domains: ["*"], routes: [bad])]
            )
        )
        #expect {
            _ = try RuntimeConfiguration(compiling: models, previous: nil, localSecrets: [:])
        } throws: { error in
            let text = "\(error)"
            return text.hasPrefix("RDS r: virtual_hosts[0].routes[0].match")
        }
    }

    @Test func `endpoints come and go without touching the others' connections`() throws {
        let a = try ScriptedUpstream(body: "a")
        let b = try ScriptedUpstream(body: "b")
        let proxy = try ProxyFixture()
        let cluster = Cluster(name: "c", discovery: .eds(serviceName: "c"))
        func endpoints(_ addresses: [SocketAddress]) -> ClusterLoadAssignment {
            let group = LocalityEndpoints(endpoints: addresses.map { Endpoint(address: .socket($0)) })
            return ClusterLoadAssignment(clusterName: "c", localities: [group])
        }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let client = try proxy.client()
        #expect(client.get("/").status == 503)
        try proxy.apply([.http([.to("c")])], clusters: [cluster], endpoints: [endpoints([a.address])])
        #expect(client.get("/").body == "a")
        try proxy.apply([.http([.to("c")])], clusters: [cluster], endpoints: [endpoints([a.address, b.address])])
        #expect(Set([client.get("/").body, client.get("/").body]) == ["a", "b"])
        #expect(a.connectionCount == 1)
        try proxy.apply([.http([.to("c")])], clusters: [cluster], endpoints: [endpoints([b.address])])
        for _ in 0..<3 { #expect(client.get("/").body == "b") }
    }

    @Test func `names are resolved before the first request is answered`() throws {
        let upstream = try ScriptedUpstream(body: "named")
        let proxy = try ProxyFixture()
        let endpoint = Endpoint(address: .name(host: "localhost", port: upstream.address.port))
        let group = ClusterLoadAssignment(clusterName: "c", localities: [LocalityEndpoints(endpoints: [endpoint])])
        var cluster = Cluster(name: "c", discovery: .strictDNS(group))
        cluster.dns.family = .v4Only
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        #expect(try proxy.client().get("/").body == "named")
    }

    @Test func `draining finishes what is in flight and closes what is idle`() throws {
        let upstream = try ScriptedUpstream { request in
            if request.head.contains("/slow") { usleep(200_000) }
            return .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone")
        }
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [upstream.address])])
        let idle = try proxy.client()
        #expect(idle.get("/").body == "done")
        let busy = try proxy.client()
        busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        while upstream.requestCount < 2 { usleep(1000) }
        let done = DispatchSemaphore(value: 0)
        proxy.server.drain(deadline: .seconds(5)) { done.signal() }
        let answer = busy.answer()
        #expect(answer.body == "done")
        #expect(answer.header("connection") == "close")
        #expect(busy.isClosed)
        #expect(idle.isClosed)
        #expect(done.wait(timeout: .now() + 3) == .success)
    }

    @Test func `the admin endpoint tells readiness and counts`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture(workers: 2)
        let admin = RawClient(try #require(proxy.server.adminAddress))
        #expect(admin.get("/ready").status == 503)
        try proxy.apply(
            [.http([.to("outbound|80|v1|web.shop.svc.cluster.local")])],
            clusters: [.fixed("outbound|80|v1|web.shop.svc.cluster.local", [upstream.address])]
        )
        #expect(admin.get("/ready").body == "LIVE\n")
        for _ in 0..<5 { _ = try proxy.client().get("/") }
        let text = admin.get("/metrics").body
        let line = text.split(separator: "\n").first { $0.hasPrefix("istio_requests_total{") }
        #expect(line?.hasSuffix(" 5") == true)
        #expect(line?.contains("destination_service_namespace=\"shop\"") == true)
        #expect(text.contains("envoy_listener_downstream_cx_total{listener=\"main\"} 5"))
        #expect(admin.get("/config_dump").body.contains("listener main"))
    }
}
