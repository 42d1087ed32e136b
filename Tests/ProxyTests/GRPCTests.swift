import Base
import Foundation
import HTTP
import Testing
import Transport
import XDS

@testable import Proxy

/// An HTTP/2 server without TLS that answers every request the way a gRPC service does: head, message, trailers.
private final class GRPCUpstream: Sendable {
    private final class Call: ServerStreamConsumer {
        var content = 0

        override func onData(_ stream: ServerStream, _ bytes: UnsafeRawBufferPointer) { content += bytes.count }

        override func onEnd(_ stream: ServerStream) { answer(stream) }

        func answer(_ stream: ServerStream) {
            let head = MessageHead.response(status: 200, fields: [("content-type", "application/grpc")])
            stream.sendHead(head, endStream: false)
            Array("got \(content)".utf8).withUnsafeBytes { stream.sendData($0, endStream: false) }
            stream.sendTrailers(.trailers([("grpc-status", "7"), ("grpc-message", "no")]))
        }
    }

    private final class Serving: ServerConnectionDelegate {
        override func onRequest(_ stream: ServerStream, endStream: Bool) {
            let call = Call()
            stream.consumer = call
            if endStream { call.answer(stream) }
        }
    }

    private final class Accepting: AcceptHandler {
        override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
            _ = ServerConnection(connection, options: ServerOptions(), delegate: Serving())
        }
    }

    let address: SocketAddress
    private let loop: EventLoop

    init() throws {
        let loop = try EventLoop()
        self.loop = loop
        let any = NetworkAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)
        let socket = try ListeningSocket(any, loop: loop, handler: Accepting())
        address = try #require(socket.boundAddress)
        Thread { loop.run() }.start()
    }

    deinit { loop.stop() }
}

@Suite struct GRPCTests {
    @Test func `gRPC crosses HTTP 2 on both sides with its trailers`() throws {
        let upstream = try GRPCUpstream()
        let proxy = try ProxyFixture()
        let cluster = Cluster.fixed("c", [upstream.address]) { $0.http.version = .http2 }
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let probe = try HTTPProbe(try proxy.address(), version: .http2)
        for _ in 0..<3 {
            let answer = probe.request(
                "/pkg.Service/Call",
                method: "POST",
                fields: [("content-type", "application/grpc"), ("te", "trailers")],
                body: "\0\0\0\0\u{3}abc"
            )
            #expect(answer.status == 200)
            #expect(answer.body == "got 8")
            #expect(answer.trailers?.text("grpc-status") == "7")
            #expect(answer.trailers?.text("grpc-message") == "no")
        }
        let admin = RawClient(try #require(proxy.server.adminAddress))
        let text = admin.get("/metrics").body
        #expect(text.contains("grpc_response_status=\"7\",request_protocol=\"grpc\",response_code=\"200\""))
        #expect(text.contains("envoy_cluster_upstream_cx_total{cluster_name=\"c\"} 1"))
    }

    @Test func `a mirrored request reaches the other cluster with a shadow host`() throws {
        let main = try ScriptedUpstream(body: "main")
        let shadow = try ScriptedUpstream(body: "shadow")
        let proxy = try ProxyFixture()
        let route = Route.to("main") { $0.mirrors = [RequestMirror(cluster: "shadow")] }
        try proxy.apply(
            [.http([route])],
            clusters: [.fixed("main", [main.address]), .fixed("shadow", [shadow.address])]
        )
        let client = try proxy.client()
        client.send("POST /m HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\n\r\ncopy")
        #expect(client.answer().body == "main")
        let deadline = Date().addingTimeInterval(5)
        while shadow.requestCount == 0, Date() < deadline { usleep(1000) }
        #expect(shadow.lastBody == "copy")
        #expect(shadow.lastHead.lowercased().contains("host: a.example-shadow"))
    }

    @Test func `a hash policy that makes its cookie keeps the client on one endpoint`() throws {
        let a = try ScriptedUpstream(body: "a")
        let b = try ScriptedUpstream(body: "b")
        let proxy = try ProxyFixture()
        let cluster = Cluster.fixed("c", [a.address, b.address]) {
            $0.policy = .ringHash(ringSizeMin: 1024, ringSizeMax: 8192)
        }
        let route = Route.to("c") {
            $0.hashPolicies = [
                HashPolicy(source: .cookie(name: "sticky", ttl: .seconds(60), path: "/", attributes: []))
            ]
        }
        try proxy.apply([.http([route])], clusters: [cluster])
        let client = try proxy.client()
        let first = client.get("/")
        let cookie = try #require(first.header("set-cookie"))
        #expect(cookie.hasPrefix("sticky=\""))
        #expect(cookie.hasSuffix("; Max-Age=60; Path=/; HttpOnly"))
        let pair = cookie.prefix { $0 != ";" }
        for _ in 0..<5 { #expect(client.get("/", headers: "Cookie: \(pair)\r\n").body == first.body) }
    }
}
