import Base
import Registry
import Resources
import Testing
import Translation
import XDS

@Suite struct HealthCheckPolicyTests {
    private static func policy(_ check: String, subset: String = "") -> String {
        """
        apiVersion: gatehouse.io/v1
        kind: HealthCheckPolicy
        metadata: {name: web\(subset)}
        spec: {host: web, \(subset.isEmpty ? "" : "subset: \(subset), ")check: \(check)}
        ---

        """
    }

    private static func check(_ yaml: String, in cluster: String = DestinationFieldTests.name) throws -> HealthCheck {
        try #require(try DestinationFieldTests.cluster(yaml, named: cluster).healthChecks.first)
    }

    @Test func `an HTTP check with every field`() throws {
        let written = """
            {http: {path: /live, host: probe.example, method: HEAD, headers: {X-Probe: yes}, \
            expectedStatuses: ["200-299", "404"], retriableStatuses: ["500-599"]}, \
            interval: 1s, timeout: 500ms, unhealthyThreshold: 4, healthyThreshold: 3, intervalJitter: 100ms, \
            intervalJitterPercent: 10, initialJitter: 50ms, noTrafficInterval: 20s, noTrafficHealthyInterval: 30s, \
            unhealthyInterval: 2s, unhealthyEdgeInterval: 3s, healthyEdgeInterval: 4s, reuseConnection: false, port: 81}
            """
        let check = try Self.check(Self.policy(written))
        var probe = HealthCheck.HTTPProbe(host: "probe.example", path: "/live", method: "HEAD")
        probe.headers = [HeaderMutation(name: "x-probe", value: "yes", action: .overwriteIfExistsOrAdd)]
        probe.statuses = [200..<300, 404..<405]
        probe.retriableStatuses = [500..<600]
        var wanted = HealthCheck(probe: .http(probe), timeout: .milliseconds(500), interval: .seconds(1))
        wanted.unhealthyThreshold = 4
        wanted.healthyThreshold = 3
        wanted.intervalJitter = .milliseconds(100)
        wanted.intervalJitterPercent = 10
        wanted.initialJitter = .milliseconds(50)
        wanted.noTrafficInterval = .seconds(20)
        wanted.noTrafficHealthyInterval = .seconds(30)
        wanted.unhealthyInterval = .seconds(2)
        wanted.unhealthyEdgeInterval = .seconds(3)
        wanted.healthyEdgeInterval = .seconds(4)
        wanted.reusesConnection = false
        wanted.port = 81
        #expect(check == wanted)
    }

    @Test func `gRPC and TCP checks`() throws {
        let grpc = try Self.check(Self.policy("{grpc: {service: shop.Cart, authority: cart}}"))
        #expect(grpc.probe == .grpc(service: "shop.Cart", authority: "cart"))
        let tcp = try Self.check(Self.policy("{tcp: {send: PING, receive: [PONG]}}"))
        #expect(tcp.probe == .tcp(send: Array("PING".utf8), receive: [Array("PONG".utf8)]))
        #expect(tcp.interval == .seconds(10) && tcp.timeout == .seconds(2))
        #expect(tcp.unhealthyThreshold == 3 && tcp.healthyThreshold == 2)
    }

    @Test func `a subset's own check wins over the host's`() throws {
        let rule = DestinationFieldTests.rule(
            "{loadBalancer: {simple: RANDOM}}",
            subsets: "subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]"
        )
        let route = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web}
            spec:
              hosts: [web]
              http:
              - route: [{destination: {host: web, subset: v1}, weight: 1}, {destination: {host: web, subset: v2}, weight: 1}]
            ---

            """
        let yaml = rule + route + Self.policy("{tcp: {}}") + Self.policy("{http: {path: /v1}}", subset: "v1")
        let own = try Self.check(yaml, in: "outbound|80|v1|web.default.svc.cluster.local")
        guard case .http(let probe) = own.probe else {
            Issue.record("\(own.probe)")
            return
        }
        #expect(probe.path == "/v1")
        let other = try Self.check(yaml, in: "outbound|80|v2|web.default.svc.cluster.local")
        #expect(other.probe == .tcp(send: [], receive: []))
    }

    @Test func `checks make failover work without outlier detection`() throws {
        let places = try DestinationFieldTests.places(Self.policy("{tcp: {}}"))
        #expect(places["10.0.0.1"]?.priority == 0)
        #expect(places["10.0.0.4"]?.priority == 3)
    }
}
