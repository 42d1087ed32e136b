import Base
import Foundation
import HTTP
import Testing
import Transport
import XDS

@testable import Proxy

/// What arrives at a gRPC upstream when a gRPC-Web client calls, and what the client gets back.
@Suite struct GRPCWebBridgeTests {
    static func proxy(isOn: Bool = true, isOff: Bool = false) throws -> (ProxyFixture, ScriptedUpstream) {
        let upstream = try ScriptedUpstream(body: "\0\0\0\0\u{2}ok")
        let proxy = try ProxyFixture()
        let listener = Listener.http([.to("c")]) { manager in
            if isOn {
                manager.filters.insert(HTTPFilter(name: "web", kind: .grpcWeb, isDisabled: isOff), at: 0)
            }
        }
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        return (proxy, upstream)
    }

    @Test func `a request in text arrives as plain gRPC`() throws {
        let (proxy, upstream) = try Self.proxy()
        let client = try proxy.client()
        let text = "AAAAAANhYmM="
        client.send(
            "POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web-text+proto\r\n"
                + "Content-Length: \(text.utf8.count)\r\n\r\n\(text)"
        )
        #expect(client.answer().status == 200)
        let head = upstream.lastHead.lowercased()
        #expect(head.contains("content-type: application/grpc+proto\r\n") && head.contains("te: trailers\r\n"))
        #expect(head.contains("grpc-accept-encoding: identity\r\n") && !head.contains("content-length"))
    }

    @Test func `text that is no base64 is refused with a gRPC status`() throws {
        let (proxy, upstream) = try Self.proxy()
        let client = try proxy.client()
        client.send(
            "POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web-text\r\nContent-Length: 4\r\n\r\n!!!!"
        )
        let answer = client.answer()
        #expect(answer.status == 200 && answer.header("grpc-status") == "13")
        #expect(answer.header("content-type") == "application/grpc-web-text+proto")
        #expect(upstream.lastBody.isEmpty)
    }

    @Test(arguments: [(false, false), (true, true)])
    func `without the filter, or with it off, nothing is translated`(_ isOn: Bool, _ isOff: Bool) throws {
        let (proxy, upstream) = try Self.proxy(isOn: isOn, isOff: isOff)
        let client = try proxy.client()
        client.send(
            "POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web-text\r\nContent-Length: 4\r\n\r\nAAAA"
        )
        #expect(client.answer().status == 200)
        #expect(upstream.lastHead.lowercased().contains("content-type: application/grpc-web-text\r\n"))
        #expect(upstream.lastBody == "AAAA")
    }

    @Test func `a route that turns the filter off gets what the client sent`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture()
        var route = Route.to("c")
        route.filterOverrides["web"] = .disabled
        let listener = Listener.http([route]) {
            $0.filters.insert(HTTPFilter(name: "web", kind: .grpcWeb, isDisabled: false), at: 0)
        }
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        let client = try proxy.client()
        client.send(
            "POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\nContent-Length: 4\r\n\r\nAAAA"
        )
        #expect(client.answer().status == 200)
        #expect(upstream.lastHead.lowercased().contains("content-type: application/grpc-web\r\n"))
    }

    @Test func `a proxy's own answer is a gRPC status in gRPC-Web's clothes`() throws {
        let proxy = try ProxyFixture()
        let listener = Listener.http([]) {
            $0.filters.insert(HTTPFilter(name: "web", kind: .grpcWeb, isDisabled: false), at: 0)
        }
        try proxy.apply([listener], clusters: [])
        let client = try proxy.client()
        client.send("POST /s/m HTTP/1.1\r\nHost: a\r\nContent-Type: application/grpc-web\r\nContent-Length: 0\r\n\r\n")
        let answer = client.answer()
        #expect(answer.status == 200 && answer.header("grpc-status") == "12")
        #expect(answer.header("content-type") == "application/grpc-web+proto")
    }
}
