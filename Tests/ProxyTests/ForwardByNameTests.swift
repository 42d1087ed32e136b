import Base
import Foundation
import Testing
import XDS

@testable import Proxy

/// Clusters whose endpoint is the host that a request or a ClientHello names.
@Suite struct ForwardByNameTests {
    private static func cluster(_ hostsMax: UInt32 = 16) -> Cluster {
        var cluster = Cluster(
            name: "any",
            discovery: .dynamicForward(hostsMax: hostsMax, hostLifetime: .seconds(60)),
            policy: .clusterProvided
        )
        cluster.dns = Cluster.DNSSettings(refreshRate: .seconds(5), respectsTTL: true, family: .v4Preferred)
        return cluster
    }

    private func ask(_ proxy: ProxyFixture, host: String) throws -> RawClient.Answer {
        let client = try proxy.client()
        client.send("GET /x HTTP/1.1\r\nHost: \(host)\r\n\r\n")
        return client.answer()
    }

    @Test func `a request goes to the host and port it names`() throws {
        let upstream = try ScriptedUpstream(body: "there")
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("any")])], clusters: [Self.cluster()])
        let byName = try ask(proxy, host: "localhost:\(upstream.address.port)")
        #expect(byName.body == "there")
        #expect(upstream.lastHead.contains("localhost:\(upstream.address.port)"))
        #expect(try ask(proxy, host: "127.0.0.1:\(upstream.address.port)").body == "there")
    }

    @Test func `a name that does not resolve is 503 with the flag DF`() throws {
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("any")])], clusters: [Self.cluster()])
        #expect(try ask(proxy, host: "no-such-host.invalid").status == 503)
        let flags = proxy.flags()
        #expect(flags.contains("DF") && flags.contains("UH"))
    }

    @Test func `a name that leads back to the proxy does not go round`() throws {
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("any")])], clusters: [Self.cluster()])
        let port = try proxy.address().port
        #expect(try ask(proxy, host: "127.0.0.1:\(port)").status == 502)
    }

    @Test func `no more names are kept than allowed`() throws {
        let upstream = try ScriptedUpstream(body: "there")
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("any")])], clusters: [Self.cluster(1)])
        let port = upstream.address.port
        #expect(try ask(proxy, host: "127.0.0.1:\(port)").status == 200)
        #expect(try ask(proxy, host: "localhost:\(port)").status == 503)
        #expect(try ask(proxy, host: "127.0.0.1:\(port)").status == 200)
    }

    @Test func `CONNECT tunnels to the host it names`() throws {
        let upstream = try ScriptedUpstream(body: "deep")
        let proxy = try ProxyFixture()
        var action = RouteAction(destination: .cluster("any"))
        action.upgrades = [RouteAction.Upgrade(type: "CONNECT")]
        let route = Route(match: RouteMatch(path: .connect), action: .forward(action))
        try proxy.apply([.http([route])], clusters: [Self.cluster()])
        let client = try proxy.client()
        let target = "localhost:\(upstream.address.port)"
        client.send("CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\n\r\n")
        #expect(client.answer(hasBody: false).status == 200)
        client.send("GET / HTTP/1.1\r\nHost: inner\r\n\r\n")
        #expect(client.answer().body == "deep")
    }
}
