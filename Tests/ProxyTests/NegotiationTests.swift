import Base
import Foundation
import Testing
import XDS

@testable import Proxy

/// What client, proxy and upstream agree on: Expect, Upgrade, HTTP/1.0, who the client is, compression.
@Suite struct NegotiationTests {
    private func start(
        _ upstream: ScriptedUpstream,
        routes: [Route] = [.to("c")],
        edit: (inout HTTPConnectionManager) -> Void = { _ in }
    ) throws -> ProxyFixture {
        let proxy = try ProxyFixture()
        try proxy.apply([.http(routes, edit: edit)], clusters: [.fixed("c", [upstream.address])])
        return proxy
    }

    @Test func `100 Continue is answered here, or by the upstream when so configured`() throws {
        for isForwarded in [false, true] {
            let upstream = try ScriptedUpstream(body: "ok")
            let proxy = try start(upstream) { $0.proxiesContinue = isForwarded }
            let client = try proxy.client()
            client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
            client.send("hello")
            #expect(client.answer().body == "ok")
            #expect(upstream.lastBody == "hello")
            #expect(upstream.lastHead.lowercased().contains("expect: 100-continue") == isForwarded)
        }
    }

    @Test func `an upgrade with content is an ordinary request`() throws {
        let upstream = try ScriptedUpstream(body: "plain")
        let proxy = try start(upstream)
        let client = try proxy.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n")
        client.send("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
        #expect(client.answer().body == "plain")
        let head = upstream.lastHead.lowercased()
        #expect(!head.contains("upgrade") && head.contains("transfer-encoding: chunked"))
    }

    @Test func `of several protocols the one that the route allows goes on`() throws {
        let upstream = try ScriptedUpstream { _ in .switchProtocols }
        let proxy = try start(upstream)
        let client = try proxy.client()
        client.send(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: foo, WebSocket\r\nUpgrade: h2c\r\n\r\n"
        )
        #expect(client.answer().status == 101)
        let head = upstream.lastHead.lowercased()
        #expect(head.contains("upgrade: websocket\r\n") && !head.contains("h2c") && !head.contains("foo"))
    }

    @Test func `a switch to another protocol than asked for is refused`() throws {
        let upstream = try ScriptedUpstream { _ in
            .send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")
        }
        let proxy = try start(upstream)
        let client = try proxy.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        #expect(client.answer().status == 502)
    }

    @Test func `endless interim responses are no progress`() throws {
        let flood = String(repeating: "HTTP/1.1 103 Early Hints\r\n\r\n", count: 200)
        let upstream = try ScriptedUpstream { _ in .send(flood + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
        let proxy = try start(upstream)
        let client = try proxy.client()
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        #expect(client.answer().status == 426)
        let other = try proxy.client()
        other.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let text = other.readToEnd()
        #expect(text.contains("HTTP/1.1 502 ") && text.components(separatedBy: " 103 ").count <= 34)
    }

    @Test func `an HTTP 1.0 client without Host gets the default host`() throws {
        let upstream = try ScriptedUpstream(body: "ok")
        let proxy = try start(upstream) {
            $0.http1.acceptsHTTP10 = true
            $0.http1.defaultHostForHTTP10 = "default.test"
        }
        let client = try proxy.client()
        client.send("GET / HTTP/1.0\r\n\r\n")
        #expect(client.readToEnd().hasSuffix("ok"))
        #expect(upstream.lastHead.contains("host: default.test"))
        let strict = try start(upstream) { $0.http1.acceptsHTTP10 = true }
        let other = try strict.client()
        other.send("GET / HTTP/1.0\r\n\r\n")
        #expect(other.answer().status == 400)
    }

    @Test func `Max-Forwards of OPTIONS is counted down and ends at zero`() throws {
        let upstream = try ScriptedUpstream(body: "far")
        let proxy = try start(upstream)
        let client = try proxy.client()
        client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n")
        #expect(client.answer().body == "far")
        #expect(upstream.lastHead.hasPrefix("OPTIONS * HTTP/1.1") && upstream.lastHead.contains("max-forwards: 2"))
        client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n")
        #expect(client.answer().body.isEmpty)
    }

    @Test func `of the forwarded addresses only those behind known proxies count`() throws {
        let upstream = try ScriptedUpstream(body: "")
        let proxies = try ["127.0.0.0/8", "10.0.0.0/8"].map { try #require(CIDR($0)) }
        let proxy = try start(upstream) {
            $0.trustedProxies = proxies
            $0.appendsForwardedPort = true
        }
        let client = try proxy.client()
        let rows = [
            ("X-Forwarded-For: 6.6.6.6, 9.9.9.9, 10.0.0.1\r\n", "9.9.9.9"),
            ("X-Forwarded-For: 10.0.0.1\r\n", "10.0.0.1"),
            ("X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-For: 10.0.0.1\r\n", "9.9.9.9"),
            ("X-Forwarded-For: 9.9.9.9, junk, 10.0.0.1\r\n", "10.0.0.1"), ("", "127.0.0.1"),
        ]
        for (field, expected) in rows {
            client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\n\(field)\r\n")
            #expect(client.answer().status == 200)
            let head = upstream.lastHead
            #expect(head.contains("x-envoy-external-address: \(expected)\r\n"), "\(field)")
            #expect(head.contains("X-Forwarded-Proto: https") && head.contains("x-forwarded-port: "))
        }
    }

    @Test func `a stranger's word about how it came is not passed on`() throws {
        let upstream = try ScriptedUpstream(body: "")
        for hops in [UInt32(0), 1] {
            let proxy = try start(upstream) {
                $0.usesRemoteAddress = true
                $0.trustedHops = hops
            }
            let client = try proxy.client()
            client.send(
                "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\nForwarded: for=1\r\n"
            )
            client.send("X-Real-IP: 1.1.1.1\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 9.9.9.9\r\n\r\n")
            #expect(client.answer().status == 200)
            let head = upstream.lastHead.lowercased()
            #expect(head.contains("evil") == (hops > 0) && head.contains("x-real-ip") == (hops > 0))
            #expect(head.contains("x-envoy-external-address: \(hops > 0 ? "9.9.9.9" : "127.0.0.1")"))
            #expect(head.contains("x-forwarded-for: 6.6.6.6,9.9.9.9,127.0.0.1"))
        }
    }

    @Test func `no spelling of a path leads around a policy, at any level of normalisation`() throws {
        let upstream = try ScriptedUpstream(body: "reached")
        let path = StringMatcher(pattern: .prefix("/admin"))
        let spellings = [
            "/admin", "//admin", "/./admin", "/x/../admin", "/%61dmin", "/x/%2e%2e/admin", "/x/.%2e/admin",
            "/x%2f..%2fadmin",
            "/x/..%2fadmin", "/x%5c..%5cadmin", "/x\\..\\admin", "/x/..;/admin", "/x/..;a=b/admin", "/admin;a=b",
            "/.;/admin",
            "/%2561dmin", "/x/%252e%252e/admin", "/admin%00", "/%2fadmin",
        ]
        let levels: [(Bool, Bool, HTTPConnectionManager.EscapedSlashes)] = [
            (false, false, .keep), (true, false, .keep), (true, true, .keep), (true, true, .unescapeAndForward),
        ]
        for action in [RBAC.Action.deny, .allow] {
            let permission: RBACPermission = action == .deny ? .path(path) : .not(.path(path))
            let policy = RBAC.Policy(name: "p", permissions: [permission], principals: [.any])
            for level in levels {
                let proxy = try start(upstream) {
                    ($0.normalizesPath, $0.mergesSlashes, $0.escapedSlashes) = level
                    let filter = RBACFilter(rules: RBAC(action: action, policies: [policy]))
                    $0.filters.insert(HTTPFilter(name: "rbac", kind: .rbac(filter)), at: 0)
                }
                for spelling in spellings {
                    let answer = try proxy.client().get(spelling)
                    #expect([400, 403].contains(answer.status), "\(action) \(level) \(spelling): \(answer.status)")
                }
                #expect(try proxy.client().get("/public/x;a=b/..%20").status == 200)
            }
        }
    }

    @Test func `compression is off unless a route turns it on`() throws {
        let page = String(repeating: "compressible ", count: 500)
        let upstream = try ScriptedUpstream { _ in
            .send(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nETag: \"1\"\r\n"
                    + "Content-Length: \(page.utf8.count)\r\n\r\n\(page)"
            )
        }
        var on = Route.to("c", prefix: "/on")
        on.filterOverrides = ["gzip": .enabled]
        let proxy = try start(upstream, routes: [on, .to("c")]) {
            $0.filters.insert(HTTPFilter(name: "gzip", kind: .compressor(Compressor()), isDisabled: true), at: 0)
        }
        let client = try proxy.client()
        client.send("GET /off HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        let plain = client.answer()
        #expect(plain.body == page && plain.header("vary") == nil && plain.header("etag") == "\"1\"")
        client.send("GET /on HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\n\r\n")
        let other = client.answer()
        #expect(other.body == page && other.header("vary") == "accept-encoding")
        client.send("GET /on HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n")
        let text = client.readToEnd()
        #expect(text.contains("content-encoding: gzip\r\n") && text.contains("etag: W/\"1\"\r\n"))
        #expect(text.contains("transfer-encoding: chunked\r\n") && text.hasSuffix("0\r\n\r\n"))
        #expect(text.utf8.count < 1500)
    }

    @Test func `names keep their case towards listeners and upstreams that ask for it`() throws {
        let upstream = try ScriptedUpstream { _ in
            .send("HTTP/1.1 200 OK\r\nX-ODD-case: 1\r\nContent-Length: 0\r\n\r\n")
        }
        for isOn in [false, true] {
            let proxy = try ProxyFixture()
            let headerCase: HTTPConnectionManager.HeaderCase = isOn ? .preserved : .asReceived
            try proxy.apply(
                [.http([.to("c")]) { $0.http1.headerCase = headerCase }],
                clusters: [.fixed("c", [upstream.address]) { $0.http.http1.headerCase = headerCase }]
            )
            let client = try proxy.client()
            client.send("GET / HTTP/1.1\r\nHOST: a\r\nsOAPAction: x\r\n\r\n")
            let head = client.answer().head
            #expect(head.contains("X-ODD-case: 1") && head.contains(isOn ? "Server: " : "server: "))
            let seen = upstream.lastHead
            #expect(seen.contains("sOAPAction: x") && seen.contains(isOn ? "HOST: a" : "host: a"))
            #expect(seen.contains(isOn ? "X-Request-Id: " : "x-request-id: "))
        }
    }
}

@Suite struct TrailerTests {
    @Test func `trailers of a response reach an HTTP 1.1 client, and the next request is served`() throws {
        let upstream = try ScriptedUpstream { _ in
            .send(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\n\r\n"
            )
        }
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        for _ in 0..<20 {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let text = client.read(until: "0\r\nX-Sum: 1\r\n\r\n")
            #expect(text.hasPrefix("HTTP/1.1 200 ") && text.hasSuffix("2\r\nhi\r\n0\r\nX-Sum: 1\r\n\r\n"))
        }
        #expect(upstream.connectionCount == 1)
    }
}
