import Base
import Foundation
import Testing
import XDS

@testable import Proxy

/// TCP inside an HTTP request to the cluster.
@Suite struct TunnelingTests {
    /// A second proxy of ours ends the CONNECT; what is inside reaches a plain upstream.
    private func far(_ upstream: ScriptedUpstream) throws -> ProxyFixture {
        let proxy = try ProxyFixture()
        var action = RouteAction(destination: .cluster("app"))
        action.upgrades = [RouteAction.Upgrade(type: "CONNECT")]
        let route = Route(match: RouteMatch(path: .connect), action: .forward(action))
        let host = VirtualHost(name: "inside", domains: ["inside.example:7000"], routes: [route])
        let table = RouteConfiguration(name: "routes", virtualHosts: [host])
        try proxy.apply([.http(table: table)], clusters: [.fixed("app", [upstream.address])])
        return proxy
    }

    @Test("bytes travel inside CONNECT", arguments: [UpstreamHTTP.Version.http1, .http2])
    func connect(version: UpstreamHTTP.Version) throws {
        let upstream = try ScriptedUpstream(body: "inside")
        let far = try far(upstream)
        let near = try ProxyFixture()
        try near.apply(
            [.tcp("far") { $0.tunneling = TCPProxy.Tunneling(hostname: "inside.example:7000") }],
            clusters: [.fixed("far", [try far.address()]) { $0.http.version = version }]
        )
        let client = try near.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.answer().body == "inside")
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.answer().body == "inside")
        client.endSending()
        #expect(client.isClosed)
        #expect(near.logLine()["response_flags"] as? String == "-")
    }

    @Test func `a tunnel that is refused closes the connection with the flag UF`() throws {
        let upstream = try ScriptedUpstream { _ in .send("HTTP/1.1 403 X\r\ncontent-length: 0\r\n\r\n") }
        let near = try ProxyFixture()
        try near.apply(
            [.tcp("far") { $0.tunneling = TCPProxy.Tunneling(hostname: "inside.example:7000") }],
            clusters: [.fixed("far", [upstream.address])]
        )
        #expect(try near.client().isClosed)
        #expect(upstream.lastHead.hasPrefix("CONNECT inside.example:7000 HTTP/1.1"))
        #expect(near.flags() == "UF")
    }
}
