import Base
import Registry
import Resources
import Testing
import Translation
import XDS

@Suite struct EdgePolicyTests {
    private static let gateway = GatewayTests.gateway(
        """
        - {name: web, port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}
          - {name: a, port: {number: 443, name: https-a, protocol: HTTPS}, hosts: [a.test], \
        tls: {mode: SIMPLE, credentialName: a}}
          - {name: b, port: {number: 443, name: https-b, protocol: HTTPS}, hosts: [b.test], \
        tls: {mode: SIMPLE, credentialName: b}}
          - {name: raw, port: {number: 3306, name: tcp, protocol: TCP}, hosts: ['*']}
        """
    )

    private static func policy(_ name: String, _ settings: String, section: String? = nil) -> String {
        let section = section.map { ", sectionName: \($0)" } ?? ""
        return """
            apiVersion: gatehouse.io/v1
            kind: EdgePolicy
            metadata: {name: \(name)}
            spec: {targetRef: {kind: Gateway, name: front\(section)}, \(settings)}
            ---

            """
    }

    private static let tunnel = GatewayTests.virtualService(
        "raw",
        "{hosts: ['*'], gateways: [front], tcp: [{route: [{destination: {host: web}}]}]}"
    )

    private static func listener(_ port: Int, _ policies: String) throws -> Listener {
        let made = try GatewayTests.translated(GatewayTests.secrets + gateway + tunnel + policies)
        let found = made.snapshot.all(.listener).first { $0.name.hasSuffix("_\(port)") }
        return try Listener(decoding: try #require(found).bytes)
    }

    private static func managers(_ port: Int, _ policies: String) throws -> [HTTPConnectionManager] {
        try listener(port, policies).filterChains.compactMap {
            if case .http(let manager) = $0.terminal { manager } else { nil }
        }
    }

    @Test func `PINGs to clients follow the policy`() throws {
        let manager = try #require(try Self.managers(80, Self.policy("p", "http2: {keepaliveInterval: 30s}")).first)
        #expect(manager.http2.keepalive?.interval == .seconds(30) && manager.http2.keepalive?.timeout == .seconds(20))
        #expect(try Self.managers(80, "").first?.http2.keepalive == nil)
        #expect(try Self.managers(80, Self.policy("p", "http2: {keepaliveInterval: 0s}")).first?.http2.keepalive == nil)
    }

    @Test func `gRPC-Web is translated where a policy says so, and on servers of that protocol`() throws {
        func isBridged(_ port: Int, _ policies: String) throws -> [Bool] {
            try Self.managers(port, policies).map { $0.filters.first?.kind == .grpcWeb }
        }
        #expect(try isBridged(80, "") == [false])
        #expect(try isBridged(80, Self.policy("p", "grpc: {web: true}")) == [true])
        #expect(try isBridged(443, Self.policy("p", "grpc: {web: true}", section: "a")).filter { $0 }.count == 1)
        let web = Self.gateway.replacing(
            "number: 80, name: http, protocol: HTTP}",
            with: "number: 80, name: w, protocol: GRPC-WEB}"
        )
        let made = try GatewayTests.translated(GatewayTests.secrets + web)
        let found = try #require(made.snapshot.all(.listener).first { $0.name.hasSuffix("_80") })
        guard case .http(let manager)? = try Listener(decoding: found.bytes).filterChains.first?.terminal else {
            Issue.record("no HTTP")
            return
        }
        #expect(manager.filters.first?.kind == .grpcWeb)
    }

    @Test func `without a policy the edge profile holds`() throws {
        let listener = try Self.listener(80, "")
        let manager = try #require(try Self.managers(80, "").first)
        #expect(manager.requestHeadersKilobytesMax == 64)
        #expect(manager.requestHeadersCountMax == 128)
        #expect(manager.requestHeadersTimeout == .seconds(10))
        #expect(manager.requestTimeout == .seconds(300))
        #expect(manager.connectionIdleTimeout == .seconds(60))
        #expect(manager.streamIdleTimeout == .seconds(300))
        #expect(manager.connectionDurationMax == nil)
        #expect(manager.http2.concurrentStreamsMax == 100)
        #expect(listener.connectionBufferBytesMax == 32_768)
        #expect(listener.connectionsMax == nil)
        // SO_KEEPALIVE, after 45 s every 10 s, three times: a vanished peer is found in 75 s.
        #expect(listener.socketOptions.map(\.value) == [1, 45, 10, 3, 75_000])
    }

    @Test func `a policy reaches every field of the data plane`() throws {
        let policies = Self.policy(
            "p",
            """
            limits: {requestHeaderBytes: 8192, requestHeaderCount: 20, connections: 7, requestsPerConnection: 9, \
            bufferBytes: 16384, minBodyRate: 100}, timeouts: {tlsHandshake: 3s, requestHeaders: 4s, request: 0s, \
            connectionIdle: 5s, connectionDuration: 60s, streamIdle: 6s, streamDuration: 7s, send: 90s, tcpIdle: 8s}, \
            http2: {maxConcurrentStreams: 10, initialStreamWindowSize: 70000, initialConnectionWindowSize: 80000}, \
            tcpKeepalive: {time: 20s, interval: 5s, probes: 2}
            """
        )
        let listener = try Self.listener(443, policies)
        #expect(listener.listenerFiltersTimeout == .seconds(3))
        #expect(listener.connectionBufferBytesMax == 16_384)
        #expect(listener.connectionsMax == 7)
        #expect(listener.socketOptions.map(\.value) == [1, 20, 5, 2, 91_000])
        let chain = try #require(listener.filterChains.first)
        #expect(chain.handshakeTimeout == .seconds(3))
        #expect(chain.minBodyRate == 100)
        #expect(chain.sendTimeout == .seconds(90))
        #expect(chain.networkFilters == [.connectionLimit(connectionsMax: 7)])
        let manager = try #require(try Self.managers(443, policies).first)
        #expect(manager.requestHeadersKilobytesMax == 8)
        #expect(manager.requestHeadersCountMax == 20)
        #expect(manager.requestHeadersTimeout == .seconds(4))
        #expect(manager.requestTimeout == nil)
        #expect(manager.connectionIdleTimeout == .seconds(5))
        #expect(manager.connectionDurationMax == .seconds(60))
        #expect(manager.streamIdleTimeout == .seconds(6))
        #expect(manager.streamDurationMax == .seconds(7))
        #expect(manager.requestsPerConnectionMax == 9)
        #expect(manager.http2.concurrentStreamsMax == 10)
        #expect(manager.http2.initialStreamWindowBytes == 70_000)
        #expect(manager.http2.initialConnectionWindowBytes == 80_000)
        let raw = try Self.listener(3306, policies)
        guard case .tcp(let proxy) = try #require(raw.filterChains.first).terminal else {
            Issue.record("not a TCP proxy")
            return
        }
        #expect(proxy.idleTimeout == .seconds(8))
        #expect(proxy.connectionDurationMax == .seconds(60))
    }

    @Test func `a server's policy lies over its Gateway's, and that over the mesh's, field by field`() throws {
        let mesh = """
            apiVersion: gatehouse.io/v1
            kind: MeshConfig
            metadata: {name: default}
            spec: {edgeDefaults: {limits: {requestHeaderCount: 30, requestHeaderBytes: 4096, connections: 90}}}
            ---

            """
        let policies =
            mesh + Self.policy("all", "limits: {requestHeaderCount: 40, requestsPerConnection: 6}")
            + Self.policy("a", "limits: {requestHeaderCount: 50}", section: "https-a")
        let made = try Self.managers(443, policies)
        #expect(made.map(\.requestHeadersCountMax) == [50, 40])
        #expect(made.map(\.requestHeadersKilobytesMax) == [4, 4])
        #expect(made.map(\.requestsPerConnectionMax) == [6, 6])
        #expect(try Self.listener(443, policies).connectionsMax == 90)
    }

    @Test func `of two policies with one target the older holds, and the newer is told`() throws {
        let policies =
            Self.policy("old", "limits: {requestHeaderCount: 40}")
            + Self.policy("new", "limits: {requestHeaderCount: 5}")
        #expect(try Self.managers(80, policies).first?.requestHeadersCountMax == 40)
        let made = try GatewayTests.translated(Self.gateway + policies)
        let loser = ResourceKey(.edgePolicy, namespace: "default", name: "new")
        let problem = try #require(made.problems.first { $0.resource == loser })
        #expect(problem.reason == .policyConflict)
        #expect(made.uses.contains(loser))
        #expect(made.uses.contains(ResourceKey(.edgePolicy, namespace: "default", name: "old")))
    }

    @Test func `what gateways let in fits through sidecars`() throws {
        let policies = Self.policy("p", "limits: {requestHeaderBytes: 131072, requestHeaderCount: 900}")
        let mesh = try Fixture.mesh(GatewayTests.services + Self.gateway + policies)
        let made = translate(mesh, for: Fixture.sidecar())
        let outbound = try #require(made.snapshot.all(.listener).first)
        for case .http(let manager) in try Listener(decoding: outbound.bytes).filterChains.map(\.terminal) {
            #expect(manager.requestHeadersKilobytesMax == 160)
            #expect(manager.requestHeadersCountMax == 964)
        }
    }
}
