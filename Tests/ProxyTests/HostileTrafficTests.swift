import Base
import Foundation
import HTTP
import Testing
import Transport
import XDS

@testable import Proxy

/// Traffic that is legal request by request and costs much taken together. Run it under AddressSanitizer, too.
@Suite struct HostileTrafficTests {
    /// Opens streams and never reads an answer to the end.
    private final class Crowd: ClientConnectionDelegate {
        let loop: EventLoop
        var ready = 0
        var closed = 0
        var connections: [ClientConnection] = []
        var streams: [ClientStream] = []

        init(_ address: SocketAddress, connections count: Int) throws {
            loop = try EventLoop()
            super.init()
            var options = ClientOptions()
            options.version = .http2
            for _ in 0..<count {
                connections.append(
                    try ClientConnection(to: .ip(address), loop: loop, options: options, delegate: self)
                )
            }
            run { self.ready == count }
        }

        func run(_ isDone: () -> Bool) {
            let deadline = Date().addingTimeInterval(5)
            while !isDone(), Date() < deadline { loop.runOnce(waitingAtMost: .milliseconds(20)) }
        }

        func ask() -> Bool {
            guard let connection = connections.first(where: \.canOpenStream),
                let stream = connection.open(ClientStreamConsumer())
            else { return false }
            stream.sendHead(.request(path: "/", authority: "a.example"), endStream: true)
            streams.append(stream)
            return true
        }

        override func onReady(_ connection: ClientConnection) { ready += 1 }
        override func onClose(_ connection: ClientConnection, _ reason: CloseReason) { closed += 1 }
    }

    @Test func `deadlines of exchanges beyond the pool pass without a trace`() throws {
        let proxy = try ProxyFixture()
        var slow = Route.to("c")
        slow.filterOverrides["fault"] = .fault(Fault(delay: .init(duration: .milliseconds(900), share: .always)))
        try proxy.apply(
            [
                .http([slow]) {
                    $0.filters.insert(HTTPFilter(name: "fault", kind: .fault(Fault())), at: 0)
                }
            ],
            clusters: [.fixed("c", [SocketAddress("127.0.0.1:1")].compactMap { $0 })]
        )
        let crowd = try Crowd(try proxy.address(), connections: 13)
        crowd.loop.runOnce(waitingAtMost: .milliseconds(50))
        var asked = 0
        while asked < 1300, crowd.ask() { asked += 1 }
        #expect(asked == 1300)
        for _ in 0..<10 { crowd.loop.runOnce(waitingAtMost: .milliseconds(20)) }
        for connection in crowd.connections { connection.close() }
        crowd.run { crowd.closed == 13 }
        // Every exchange has ended; those that found the pool full are gone, and their deadlines come now.
        Thread.sleep(forTimeInterval: 1.1)
        #expect(try proxy.client().get("/").status == 503)
    }

    @Test func `many host names towards one TLS endpoint leave neither pools nor clocks behind`() throws {
        let authority = try TestAuthority()
        let far = try ProxyFixture()
        var manager = HTTPConnectionManager(
            routes: .inline(
                RouteConfiguration(
                    name: "far",
                    virtualHosts: [
                        VirtualHost(
                            name: "far",
                            domains: ["*"],
                            routes: [
                                Route(
                                    match: RouteMatch(path: .prefix("/")),
                                    action: .direct(DirectResponse(status: 200, body: Array("far".utf8)))
                                )
                            ]
                        )
                    ]
                )
            ),
            filters: [HTTPFilter(name: "router", kind: .router(HTTPFilter.Router()))]
        )
        manager.connectionIdleTimeout = .milliseconds(100)
        let chain = FilterChain(
            name: "far",
            tls: try authority.downstream(dns: ["*.example"]),
            terminal: .http(manager)
        )
        try far.apply([
            Listener(
                name: "main",
                address: .socket(SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)),
                filterChains: [chain]
            )
        ])
        var tls = UpstreamTLS()
        tls.settings.validation = .inline(CertificateValidation(trustedCA: .inline(Array(authority.pem.utf8))))
        let cluster = Cluster.fixed("c", [try far.address()]) {
            $0.transportSocket = .tls(tls)
            $0.http.setsSNIFromHost = true
            $0.http.idleTimeout = .milliseconds(1200)
        }
        let proxy = try ProxyFixture()
        try proxy.apply([.http([.to("c")])], clusters: [cluster])
        let client = try proxy.client()
        for n in 0..<70 { #expect(client.get("/", host: "h\(n).example").body == "far") }
        Thread.sleep(forTimeInterval: 0.4)
        // The far side has closed its connections: these need new pools, and old ones go.
        for n in 70..<140 { #expect(client.get("/", host: "h\(n).example").body == "far") }
        Thread.sleep(forTimeInterval: 1.3)
        #expect(client.get("/", host: "last.example").body == "far")
    }
}
