import Base
import Foundation
import HTTP
import Testing
import XDS

@testable import Proxy

@Suite struct TLSTests {
    private static func chain(_ name: String, _ tls: DownstreamTLS, cluster: String) -> FilterChain {
        let table = RouteConfiguration(
            name: name,
            virtualHosts: [VirtualHost(name: name, domains: [name], routes: [.to(cluster)])]
        )
        var manager = HTTPConnectionManager(
            routes: .inline(table),
            filters: [HTTPFilter(name: "router", kind: .router(HTTPFilter.Router()))]
        )
        manager.forwardClientCertificate = .sanitizeSet
        manager.clientCertificateDetails.includesURIs = true
        manager.clientCertificateDetails.includesSubject = true
        return FilterChain(name: name, match: FilterChainMatch(serverNames: [name]), tls: tls, terminal: .http(manager))
    }

    private static func listener(_ chains: [FilterChain]) -> Listener {
        Listener(
            name: "main",
            address: .socket(SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)),
            listenerFilters: [.tlsInspector],
            filterChains: chains
        )
    }

    @Test func `each name shows its own certificate and reaches its own routes`() throws {
        let authority = try TestAuthority()
        let a = try ScriptedUpstream(body: "A")
        let b = try ScriptedUpstream(body: "B")
        let proxy = try ProxyFixture()
        try proxy.apply(
            [
                Self.listener([
                    Self.chain("a.example", try authority.downstream(dns: ["a.example"]), cluster: "a"),
                    Self.chain("b.example", try authority.downstream(dns: ["b.example"]), cluster: "b"),
                ])
            ],
            clusters: [.fixed("a", [a.address]), .fixed("b", [b.address])]
        )
        for (name, body) in [("a.example", "A"), ("b.example", "B")] {
            let probe = try HTTPProbe(try proxy.address(), serverName: name, trust: authority.pem)
            #expect(probe.peerNames == [name])
            #expect(probe.request(host: name).body == body)
            #expect(proxy.logLine()["requested_server_name"] as? String == name)
        }
    }

    @Test func `an unknown name is refused by an alert and logged with NR`() throws {
        let authority = try TestAuthority()
        let proxy = try ProxyFixture()
        let chain = Self.chain("a.example", try authority.downstream(dns: ["a.example"]), cluster: "a")
        try proxy.apply([Self.listener([chain])])
        let probe = try HTTPProbe(try proxy.address(), serverName: "c.example", trust: authority.pem)
        #expect(!probe.isReady)
        #expect(probe.tlsFailure?.contains("unrecognized name") == true)
        let line = proxy.logLine()
        #expect(line["response_flags"] as? String == "NR")
        #expect(line["requested_server_name"] as? String == "c.example")
    }

    @Test func `HTTP 2 is spoken when ALPN says so, with many streams on one connection`() throws {
        let authority = try TestAuthority()
        let upstream = try ScriptedUpstream(body: "two")
        let proxy = try ProxyFixture()
        let chain = Self.chain("a.example", try authority.downstream(dns: ["a.example"]), cluster: "a")
        try proxy.apply([Self.listener([chain])], clusters: [.fixed("a", [upstream.address])])
        let probe = try HTTPProbe(
            try proxy.address(),
            serverName: "a.example",
            trust: authority.pem,
            version: .negotiated
        )
        #expect(probe.isHTTP2)
        for _ in 0..<3 { #expect(probe.request(method: "POST", body: "content").body == "two") }
        #expect(upstream.lastBody.contains("content"))
        #expect(proxy.logLine()["protocol"] as? String == "HTTP/2")
    }

    @Test func `a host of another server with another policy is misdirected`() throws {
        let authority = try TestAuthority()
        let upstream = try ScriptedUpstream(body: "")
        let proxy = try ProxyFixture()
        let open = try authority.downstream(dns: ["a.example"])
        let closed = try authority.downstream(dns: ["b.example"], isMutual: true)
        try proxy.apply(
            [
                Self.listener([
                    Self.chain("a.example", open, cluster: "a"), Self.chain("b.example", closed, cluster: "a"),
                ])
            ],
            clusters: [.fixed("a", [upstream.address])]
        )
        let probe = try HTTPProbe(
            try proxy.address(),
            serverName: "a.example",
            trust: authority.pem,
            version: .negotiated
        )
        #expect(probe.request(host: "b.example").status == 421)
        #expect(probe.request(host: "c.example").status == 404)
        #expect(probe.request(host: "a.example").status == 200)
    }

    @Test func `a mutual server refuses strangers and names its guests`() throws {
        let authority = try TestAuthority()
        let upstream = try ScriptedUpstream(body: "in")
        let proxy = try ProxyFixture()
        let tls = try authority.downstream(dns: ["a.example"], isMutual: true)
        try proxy.apply(
            [Self.listener([Self.chain("a.example", tls, cluster: "a")])],
            clusters: [.fixed("a", [upstream.address])]
        )
        let stranger = try HTTPProbe(try proxy.address(), serverName: "a.example", trust: authority.pem)
        #expect(stranger.request().status == 0)
        let guest = try HTTPProbe(
            try proxy.address(),
            serverName: "a.example",
            trust: authority.pem,
            identity: try authority.identity(uri: ["spiffe://cluster.local/ns/x/sa/y"])
        )
        #expect(guest.request(fields: [("x-forwarded-client-cert", "By=liar")]).body == "in")
        let head = upstream.lastHead
        #expect(head.contains("URI=spiffe://cluster.local/ns/x/sa/y"))
        #expect(head.contains("Subject=\"CN=leaf\""))
        #expect(!head.contains("liar"))
    }

    @Test func `TLS is originated with SNI, and a wrong name is refused`() throws {
        let authority = try TestAuthority()
        let inner = try ScriptedUpstream(body: "inner")
        let proxy = try ProxyFixture()
        let server = Self.listener([
            Self.chain("in.example", try authority.downstream(dns: ["in.example"]), cluster: "inner")
        ])
        var outer = Listener.http([.to("right", prefix: "/right"), .to("wrong", prefix: "/wrong")], name: "outer")
        outer.name = "outer"
        try proxy.apply([server], clusters: [.fixed("inner", [inner.address])])
        let address = try proxy.address()
        func cluster(_ name: String, san: String) -> Cluster {
            .fixed(name, [address]) { cluster in
                var tls = UpstreamTLS()
                tls.sni = "in.example"
                var rules = CertificateValidation(trustedCA: .inline(Array(authority.pem.utf8)))
                rules.subjectNames = [.init(kind: .dns, matcher: StringMatcher(pattern: .exact(san)))]
                tls.settings.validation = .inline(rules)
                tls.settings.alpn = ["h2", "http/1.1"]
                cluster.transportSocket = .tls(tls)
                cluster.http.version = .alpn
            }
        }
        try proxy.apply(
            [server, outer],
            clusters: [
                .fixed("inner", [inner.address]), cluster("right", san: "in.example"),
                cluster("wrong", san: "other.example"),
            ]
        )
        let client = try proxy.client("outer")
        #expect(client.get("/right", host: "in.example").body == "inner")
        #expect(proxy.logLine()["protocol"] as? String == "HTTP/2")
        #expect(proxy.logLine()["upstream_cluster"] as? String == "right")
        #expect(client.get("/wrong", host: "in.example").status == 503)
        var line = proxy.logLine()
        if line["upstream_cluster"] as? String != "wrong" { line = proxy.logLine() }
        #expect(line["response_flags"] as? String == "UF")
        #expect((line["upstream_transport_failure_reason"] as? String ?? "").contains("TLS error"))
    }
}
