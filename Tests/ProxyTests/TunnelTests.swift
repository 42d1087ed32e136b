import Base
import Foundation
import Testing
import Transport
import XDS

@testable import Proxy

@Suite struct TunnelTests {
    @Test func `TCP is relayed both ways and half closes pass through`() throws {
        let upstream = try ScriptedUpstream(body: "raw")
        let proxy = try ProxyFixture()
        try proxy.apply([.tcp("c")], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(client.answer().body == "raw")
        client.endSending()
        #expect(client.isClosed)
        let line = proxy.logLine()
        #expect(line["upstream_cluster"] as? String == "c")
        #expect(line["bytes_received"] as? Int == 27)
        #expect(line["response_flags"] as? String == "-")
    }

    @Test func `TCP without an endpoint or a living one is closed with its flag`() throws {
        let proxy = try ProxyFixture()
        let gone = SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 1)
        try proxy.apply(
            [.tcp("empty", name: "main"), .tcp("dead", name: "dead")],
            clusters: [.fixed("empty", []), .fixed("dead", [gone])]
        )
        #expect(try proxy.client().isClosed)
        #expect(proxy.flags() == "UH")
        #expect(try proxy.client("dead").isClosed)
        #expect(proxy.flags() == "UF")
    }

    @Test func `TLS passes through by server name, untouched`() throws {
        let authority = try TestAuthority()
        let upstream = try ScriptedUpstream(body: "deep")
        let proxy = try ProxyFixture()
        let table = RouteConfiguration(
            name: "t",
            virtualHosts: [VirtualHost(name: "v", domains: ["*"], routes: [.to("c")])]
        )
        let manager = HTTPConnectionManager(
            routes: .inline(table),
            filters: [HTTPFilter(name: "router", kind: .router(HTTPFilter.Router()))]
        )
        let any = Address.socket(SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 0))
        let inner = Listener(
            name: "inner",
            address: any,
            filterChains: [FilterChain(tls: try authority.downstream(dns: ["in.example"]), terminal: .http(manager))]
        )
        try proxy.apply([inner], clusters: [.fixed("c", [upstream.address])])
        let proxied = TCPProxy(clusters: [TCPProxy.WeightedCluster(name: "inner", weight: 1)])
        let outer = Listener(
            name: "main",
            address: any,
            listenerFilters: [.tlsInspector],
            filterChains: [
                FilterChain(match: FilterChainMatch(serverNames: ["*.example"]), terminal: .tcp(proxied))
            ]
        )
        try proxy.apply(
            [inner, outer],
            clusters: [.fixed("c", [upstream.address]), .fixed("inner", [try proxy.address("inner")])]
        )
        let probe = try HTTPProbe(try proxy.address(), serverName: "in.example", trust: authority.pem)
        #expect(probe.peerNames == ["in.example"])
        #expect(probe.request().body == "deep")
    }

    @Test func `a WebSocket upgrade opens a tunnel`() throws {
        let upstream = try ScriptedUpstream { _ in .switchProtocols }
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        client.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        let answer = client.answer()
        #expect(answer.status == 101)
        #expect(answer.header("upgrade") == "websocket")
        client.send("ping")
        #expect(client.read(until: "ping") == "ping")
        client.send("pong")
        #expect(client.read(until: "pong") == "pong")
    }

    @Test func `CONNECT opens a tunnel where the route allows it`() throws {
        let upstream = try ScriptedUpstream(body: "inside")
        let proxy = try ProxyFixture()
        var route = Route.to("c") { $0.upgrades = [RouteAction.Upgrade(type: "CONNECT")] }
        route.match.path = .connect
        try proxy.apply([.http([route])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        client.send("CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n")
        #expect(client.answer(hasBody: false).status == 200)
        client.send("GET /through HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(client.answer().body == "inside")
        #expect(upstream.lastHead.hasPrefix("GET /through"))
    }

    @Test func `one port takes mutual TLS and plain text, told apart by the first bytes`() throws {
        let authority = try TestAuthority()
        let upstream = try ScriptedUpstream(body: "both")
        let proxy = try ProxyFixture()
        let table = RouteConfiguration(
            name: "t",
            virtualHosts: [VirtualHost(name: "v", domains: ["*"], routes: [.to("c")])]
        )
        let manager = HTTPConnectionManager(
            routes: .inline(table),
            filters: [HTTPFilter(name: "router", kind: .router(HTTPFilter.Router()))]
        )
        let tls = try authority.downstream(dns: ["a.example"])
        let listener = Listener(
            name: "main",
            address: .socket(SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)),
            listenerFilters: [.tlsInspector],
            filterChains: [
                FilterChain(
                    name: "tls",
                    match: FilterChainMatch(transportProtocol: "tls"),
                    tls: tls,
                    terminal: .http(manager)
                ),
                FilterChain(
                    name: "plain",
                    match: FilterChainMatch(transportProtocol: "raw_buffer"),
                    terminal: .http(manager)
                ),
            ]
        )
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        #expect(try proxy.client().get("/").body == "both")
        let probe = try HTTPProbe(try proxy.address(), serverName: "a.example", trust: authority.pem)
        #expect(probe.request().body == "both")
    }
}
