import Base
import Foundation
import Testing
import XDS

@testable import Proxy

@Suite struct ForwardingTests {
    @Test func `a request reaches the upstream and its answer the client`() throws {
        let upstream = try ScriptedUpstream(body: "hello")
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        for _ in 0..<3 {
            let answer = client.get("/x?y=1")
            #expect(answer.status == 200)
            #expect(answer.body == "hello")
            #expect(answer.header("server") == "envoy")
            #expect(answer.header("x-envoy-upstream-service-time") != nil)
        }
        #expect(upstream.connectionCount == 1)
        #expect(upstream.lastHead.hasPrefix("GET /x?y=1 HTTP/1.1"))
        #expect(upstream.lastHead.contains("x-request-id: "))
        let line = proxy.logLine()
        #expect(line["response_code"] as? Int == 200)
        #expect(line["response_flags"] as? String == "-")
        #expect(line["upstream_cluster"] as? String == "c")
        #expect(line["upstream_host"] as? String == upstream.address.description)
        #expect(line["path"] as? String == "/x?y=1")
        #expect(line["bytes_sent"] as? Int == 5)
    }

    @Test func `a body is forwarded whole, by length and in chunks`() throws {
        let upstream = try ScriptedUpstream(body: "ok")
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        let body = String(repeating: "0123456789", count: 20_000)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)")
        #expect(client.answer().status == 200)
        #expect(upstream.lastBody == body)
        client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        client.send("6\r\n world\r\n0\r\n\r\n")
        #expect(client.answer().status == 200)
        #expect(upstream.lastBody.contains("hello") && upstream.lastBody.hasSuffix("0\r\n\r\n"))
        #expect(proxy.logLine()["bytes_received"] as? Int == 200_000)
        #expect(proxy.logLine()["bytes_received"] as? Int == 11)
    }

    @Test func `a large answer reaches a slow reader whole`() throws {
        let body = String(repeating: "abcdefgh", count: 512 << 10)
        let upstream = try ScriptedUpstream(body: body)
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [.fixed("c", [upstream.address])])
        let answer = try proxy.client().get("/")
        #expect(answer.body.utf8.count == body.utf8.count)
        #expect(answer.body == body)
    }

    @Test func `no route is 404 with flag NR`() throws {
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c", prefix: "/only")])], clusters: [.fixed("c", [])])
        #expect(try proxy.client().get("/other").status == 404)
        let line = proxy.logLine()
        #expect(line["response_flags"] as? String == "NR")
        #expect(line["response_code_details"] as? String == "route_not_found")
    }

    @Test func `a missing cluster, an empty one and a dead endpoint each have their flag`() throws {
        let dead = try ScriptedUpstream(body: "")
        let gone = SocketAddress(dead.address.address, port: 1)
        let proxy = try ProxyFixture()
        try proxy.apply(
            [.http([.to("none", prefix: "/nc"), .to("empty", prefix: "/uh"), .to("dead", prefix: "/uf")])],
            clusters: [.fixed("empty", []), .fixed("dead", [gone])]
        )
        for (path, flag) in [("/nc", "NC"), ("/uh", "UH"), ("/uf", "UF")] {
            #expect(try proxy.client().get(path).status == 503)
            #expect(proxy.flags() == flag)
        }
    }

    @Test func `redirects and direct responses need no upstream`() throws {
        let proxy = try ProxyFixture()
        let redirect = Route(match: RouteMatch(path: .prefix("/old")), action: .redirect(Redirect(scheme: "https")))
        var direct = Route(
            match: RouteMatch(path: .prefix("/")),
            action: .direct(DirectResponse(status: 418, body: Array("tea".utf8)))
        )
        direct.headers.responseAdd = [HeaderMutation(name: "x-pot", value: "round")]
        try proxy.apply([.http([redirect, direct])])
        let client = try proxy.client()
        let moved = client.get("/old/a?b")
        #expect(moved.status == 301)
        #expect(moved.header("location") == "https://a.example/old/a?b")
        let tea = client.get("/")
        #expect(tea.status == 418)
        #expect(tea.body == "tea")
        #expect(tea.header("x-pot") == "round")
    }

    @Test func `paths and hosts are rewritten and headers edited`() throws {
        let upstream = try ScriptedUpstream(body: "")
        let proxy = try ProxyFixture()
        var route = Route.to("c", prefix: "/api/") {
            $0.pathRewrite = .prefix("/v1/")
            $0.hostRewrite = .literal("inner.example")
        }
        route.headers.requestAdd = [HeaderMutation(name: "x-added", value: "%REQ(x-in)%!")]
        route.headers.requestRemove = ["x-out"]
        try proxy.apply([.http([route])], clusters: [.fixed("c", [upstream.address])])
        _ = try proxy.client().get("/api/pets", headers: "X-In: v\r\nX-Out: w\r\n")
        let head = upstream.lastHead.lowercased()
        #expect(head.hasPrefix("get /v1/pets http/1.1"))
        #expect(head.contains("host: inner.example"))
        #expect(head.contains("x-added: v!"))
        #expect(!head.contains("x-out"))
        #expect(head.contains("x-envoy-original-path: /api/pets"))
        #expect(proxy.logLine()["path"] as? String == "/api/pets")
    }

    @Test func `an HTTP 1.0 client is asked to upgrade`() throws {
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])])
        let client = try proxy.client()
        client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        #expect(client.answer().status == 426)
    }

    @Test func `at the edge a client cannot pretend`() throws {
        let upstream = try ScriptedUpstream(body: "")
        let proxy = try ProxyFixture()
        try proxy.apply(
            [.http([.to("c")]) { $0.usesRemoteAddress = true }],
            clusters: [.fixed("c", [upstream.address])]
        )
        let lies =
            "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: https\r\nX-Envoy-Retry-On: 5xx\r\n"
            + "X-Forwarded-Client-Cert: By=me\r\nX-Request-Id: mine\r\n"
        _ = try proxy.client().get("/", headers: lies)
        let head = upstream.lastHead.lowercased()
        #expect(head.contains("x-forwarded-for: 1.2.3.4,127.0.0.1"))
        #expect(head.contains("x-forwarded-proto: http\r\n"))
        #expect(!head.contains("x-envoy-retry-on"))
        #expect(!head.contains("by=me"))
        #expect(!head.contains("x-request-id: mine"))
    }
}
