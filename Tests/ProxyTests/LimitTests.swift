import Base
import Foundation
import HTTP
import Testing
import XDS

@testable import Proxy

@Suite struct LimitTests {
    private static let request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func `connections beyond a listener's limit are closed, over all workers, until one goes`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture(workers: 2)
        var listener = Listener.http([.to("c")])
        listener.connectionsMax = 3
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        var clients = try (0..<3).map { _ in try proxy.client() }
        for client in clients { #expect(client.get("/").status == 200) }
        let refused = try proxy.client()
        refused.send(Self.request)
        #expect(refused.readToEnd() == "")
        // Those that are open go on.
        for client in clients { #expect(client.get("/").status == 200) }
        clients.removeLast()
        #expect(try Self.eventually { try proxy.client().get("/").status == 200 })
    }

    @Test func `a limit that comes later counts the connections that are open already`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture()
        var listener = Listener.http([.to("c")])
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        let clients = try (0..<2).map { _ in try proxy.client() }
        for client in clients { #expect(client.get("/").status == 200) }
        listener.connectionsMax = 2
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        let refused = try proxy.client()
        refused.send(Self.request)
        #expect(refused.readToEnd() == "")
        for client in clients { #expect(client.get("/").status == 200) }
    }

    @Test func `a filter chain's own limit leaves the other chains alone`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture()
        var listener = Listener.http([.to("c")])
        listener.filterChains[0].networkFilters = [.connectionLimit(connectionsMax: 1)]
        try proxy.apply([listener, .http([.to("c")], name: "other")], clusters: [.fixed("c", [upstream.address])])
        let first = try proxy.client()
        #expect(first.get("/").status == 200)
        let refused = try proxy.client()
        refused.send(Self.request)
        #expect(refused.readToEnd() == "")
        #expect(try proxy.client("other").get("/").status == 200)
        #expect(first.get("/").status == 200)
    }

    @Test func `a connection whose time is over ends with its response`() throws {
        let upstream = try ScriptedUpstream { _ in
            .send("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx")
        }
        let proxy = try ProxyFixture()
        let listener = Listener.http([.to("c")]) { $0.connectionDurationMax = .milliseconds(50) }
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        #expect(client.get("/").header("connection") == nil)
        usleep(120_000)
        client.send(Self.request)
        let rest = client.readToEnd().lowercased()
        #expect(rest.contains("200 ok") && rest.contains("connection: close"))
    }

    @Test func `a request that never ends is answered 408 when its time is over`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture()
        let listener = Listener.http([.to("c")]) { $0.requestTimeout = .milliseconds(80) }
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nx")
        #expect(client.answer().status == 408)
    }

    @Test func `too many header fields and too many header bytes are answered 431`() throws {
        let proxy = try ProxyFixture()
        try proxy.apply([
            .http([.to("c")]) {
                $0.requestHeadersCountMax = 10
                $0.requestHeadersKilobytesMax = 1
            }
        ])
        let many = (0..<12).map { "x\($0): y\r\n" }.joined()
        let client = try proxy.client()
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\(many)\r\n")
        #expect(client.answer().status == 431)
        let long = try proxy.client()
        long.send("GET / HTTP/1.1\r\nHost: a\r\nx: \(String(repeating: "y", count: 1100))\r\n\r\n")
        #expect(long.answer().status == 431)
    }

    @Test func `after its last request a connection says close`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture()
        let listener = Listener.http([.to("c")]) { $0.requestsPerConnectionMax = 2 }
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        #expect(client.get("/").header("connection") == nil)
        #expect(client.get("/").header("connection") == "close")
    }

    /// Up to five seconds.
    private static func eventually(_ claim: () throws -> Bool) throws -> Bool {
        for _ in 0..<100 {
            if try claim() { return true }
            usleep(50_000)
        }
        return false
    }
}
