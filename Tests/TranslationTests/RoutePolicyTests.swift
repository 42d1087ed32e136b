import Base
import Foundation
import Registry
import Resources
import Testing
import Translation
import XDS

@Suite struct RoutePolicyTests {
    private static let routes =
        GatewayTests.plain
        + GatewayTests.virtualService(
            "web",
            """
            {hosts: [a.test], gateways: [front], http: [\
            {name: pages, match: [{uri: {prefix: /pages}}], route: [{destination: {host: web}}]}, \
            {name: tunnel, match: [{method: {exact: CONNECT}}], route: [{destination: {host: web}}]}, \
            {name: rest, route: [{destination: {host: web}}]}]}
            """
        )

    private static func policy(_ name: String, _ extras: String, section: String? = nil) -> String {
        let section = section.map { ", sectionName: \($0)" } ?? ""
        return """
            apiVersion: gatehouse.io/v1
            kind: RoutePolicy
            metadata: {name: \(name)}
            spec: {targetRef: {kind: VirtualService, name: web\(section)}, \(extras)}
            ---

            """
    }

    private static func manager(_ yaml: String) throws -> HTTPConnectionManager {
        let made = try GatewayTests.translated(routes + yaml)
        let listener = try #require(made.snapshot.all(.listener).first)
        let chain = try #require(try Listener(decoding: listener.bytes).filterChains.first)
        guard case .http(let manager) = chain.terminal else { throw Fixture.Broken(description: "not HTTP") }
        return manager
    }

    private static func route(_ name: String, _ yaml: String) throws -> Route {
        let made = try GatewayTests.translated(routes + yaml)
        let table = try #require(made.snapshot.all(.route).first)
        let hosts = try RouteConfiguration(decoding: table.bytes).virtualHosts
        return try #require(hosts.flatMap(\.routes).first { $0.name == name })
    }

    @Test func `without a policy nothing is compressed and only WebSocket is an upgrade`() throws {
        let manager = try Self.manager("")
        #expect(!manager.filters.contains { if case .compressor = $0.kind { true } else { false } })
        #expect(manager.upgrades.map(\.type) == ["websocket"])
        #expect(try Self.route("rest", "").filterOverrides.isEmpty)
    }

    @Test func `a policy turns on a filter that is off for all other routes`() throws {
        let yaml = Self.policy(
            "p",
            "compression: {minBytes: 200, level: 9, contentTypes: [Text/HTML]}",
            section: "pages"
        )
        let filters = try Self.manager(yaml).filters
        let filter = try #require(filters.first { if case .compressor = $0.kind { true } else { false } })
        #expect(filter.isDisabled)
        guard case .compressor(let settings) = filter.kind else { return }
        #expect(settings.contentTypes == ["text/html"] && settings.contentBytesMin == 200 && settings.level == 9)
        #expect(settings.uncompressibleStatuses == [206])
        #expect(try Self.route("pages", yaml).filterOverrides == [filter.name: .enabled])
        #expect(try Self.route("rest", yaml).filterOverrides.isEmpty)
    }

    @Test func `a rule's policy is laid over that of the whole VirtualService`() throws {
        let yaml =
            Self.policy("all", "compression: {}, upgrades: [a]")
            + Self.policy("one", "compression: {enabled: false}", section: "pages")
        #expect(try Self.route("pages", yaml).filterOverrides.isEmpty)
        #expect(try Self.route("rest", yaml).filterOverrides.count == 1)
        for name in ["pages", "rest"] {
            guard case .forward(let action) = try Self.route(name, yaml).action else {
                throw Fixture.Broken(description: "")
            }
            #expect(action.upgrades.map(\.type) == ["a"])
        }
    }

    @Test func `of two policies with one target the older holds and the other is told`() throws {
        let yaml = Self.policy("old", "upgrades: [a]") + Self.policy("new", "upgrades: [b]")
        let made = try GatewayTests.translated(Self.routes + yaml)
        #expect(made.problems.contains { $0.resource.name == "new" && $0.reason == .policyConflict })
    }

    @Test func `a rule for CONNECT gets the matcher and the tunnel that CONNECT needs`() throws {
        let route = try Self.route("tunnel", "")
        #expect(route.match.path == .connect && route.match.headers.isEmpty)
        guard case .forward(let action) = route.action else { return }
        #expect(action.upgrades.map(\.type) == ["CONNECT"])
    }

    @Test func `how clients are told apart and spoken to follows the EdgePolicy`() throws {
        let policy = """
            apiVersion: gatehouse.io/v1
            kind: EdgePolicy
            metadata: {name: e}
            spec:
              targetRef: {kind: Gateway, name: front}
              http1: {acceptHttp10: true, defaultHost: d.test, preserveHeaderCase: true}
              clientAddress: {trustedProxies: [10.0.0.0/8, '::1'], appendForwardedPort: true}
            ---

            """
        let manager = try Self.manager(policy)
        #expect(manager.http1.acceptsHTTP10 && manager.http1.defaultHostForHTTP10 == "d.test")
        #expect(manager.http1.headerCase == .preserved && manager.appendsForwardedPort)
        #expect(manager.trustedProxies?.map(\.description) == ["10.0.0.0/8", "::1/128"])
        #expect(!manager.usesRemoteAddress && !manager.skipsXFFAppend)
        let bare = try Self.manager("")
        #expect(!bare.http1.acceptsHTTP10 && bare.http1.headerCase == .asReceived && bare.trustedProxies == nil)
        #expect(bare.usesRemoteAddress && bare.proxiesContinue)
        let hops = policy.replacingOccurrences(of: "trustedProxies: [10.0.0.0/8, '::1']", with: "numTrustedProxies: 2")
        #expect(try Self.manager(hops).trustedHops == 2)
    }

    @Test func `the mesh switch for header case reaches listeners and clusters`() throws {
        let config = """
            apiVersion: gatehouse.io/v1
            kind: MeshConfig
            metadata: {name: default}
            spec: {defaultConfig: {proxyHeaders: {preserveHttp1HeaderCase: true}}}
            ---

            """
        #expect(try Self.manager(config).http1.headerCase == .preserved)
        let made = try GatewayTests.translated(Self.routes + config)
        let clusters = try made.snapshot.all(.cluster).map { try Cluster(decoding: $0.bytes) }
        let web = try #require(clusters.first { $0.name.contains("||web.") })
        #expect(web.http.http1.headerCase == .preserved)
    }
}
