import Base
import Registry
import Resources
import Testing
import Translation
import XDS

/// Fields of routes, one by one, as they arrive in a sidecar's route table or filter chain.
@Suite struct RouteFieldTests {
    private static let services = """
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: db}
        spec: {selector: {app: db}, ports: [{name: tcp, port: 5432}]}
        ---

        """

    private static func rule(_ http: String) -> String {
        """
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: web}
        spec: {hosts: [web], http: [\(http)]}
        ---

        """
    }

    private static let node = Fixture.sidecar(labels: ["app": "caller"])

    private static func routes(_ yaml: String, host: String = "web.default.svc.cluster.local:80") throws -> [Route] {
        let snapshot = translate(try Fixture.mesh(services + yaml), for: node).snapshot
        let table = try RouteConfiguration(decoding: try #require(snapshot.resource(.route, "15001")).bytes)
        let found = try #require(table.virtualHosts.first { $0.name == host })
        return found.routes.filter { $0.match.path != .connect }
    }

    private static func forward(_ http: String) throws -> RouteAction {
        guard case .forward(let action) = try #require(try routes(rule(http)).first).action else {
            throw Fixture.Broken(description: "no forward action")
        }
        return action
    }

    private static let to = "route: [{destination: {host: web}}]"

    @Test func `a match's statPrefix names the route's statistics`() throws {
        let route = try #require(try Self.routes(Self.rule("{match: [{statPrefix: shop}], \(Self.to)}")).first)
        #expect(route.statPrefix == "shop")
    }

    @Test func `every field of retries`() throws {
        let retries = """
            retries: {attempts: 4, perTryTimeout: 2s, retryOn: "5xx, 418,reset", backoff: 70ms, \
            retryRemoteLocalities: true, retryIgnorePreviousHosts: false}
            """
        let policy = try #require(try Self.forward("{\(Self.to), \(retries)}").retryPolicy)
        #expect(policy.retriesMax == 4)
        #expect(policy.perTryTimeout == .seconds(2))
        #expect(policy.conditions == ["5xx", "reset", "retriable-status-codes"])
        #expect(policy.statuses == [418])
        #expect(policy.backOffBase == .milliseconds(70))
        #expect(policy.prioritiesUpdateFrequency == 2)
        #expect(!policy.avoidsPreviousHosts)
        #expect(try Self.forward("{\(Self.to), retries: {attempts: 0}}").retryPolicy == nil)
    }

    @Test func `without a policy two retries of what was not sent, and of idempotent requests`() throws {
        let route = try #require(try Self.routes(Self.rule("{\(Self.to)}")).first)
        #expect(route.metadata["gatehouse"]?["retry_idempotent"] == .bool(true))
        guard case .forward(let action) = route.action else { return }
        #expect(action.retryPolicy?.retriesMax == 2)
        #expect(action.retryPolicy?.conditions == ["connect-failure", "refused-stream", "reset-before-request"])
        let written = try #require(try Self.routes(Self.rule("{\(Self.to), retries: {attempts: 1}}")).first)
        #expect(written.metadata["gatehouse"] == nil)
    }

    @Test func `cookies of a consistent hash carry their attributes`() throws {
        let cookie = """
            httpCookie: {name: pin, ttl: 0s, path: /a, attributes: [{name: Secure}, {name: SameSite, value: Strict}]}
            """
        let rule = DestinationFieldTests.rule("{loadBalancer: {consistentHash: {\(cookie)}}}")
        guard case .forward(let action) = try #require(try Self.routes(rule).first).action else { return }
        let attributes = [CookieAttribute(name: "Secure"), CookieAttribute(name: "SameSite", value: "Strict")]
        #expect(
            action.hashPolicies == [
                HashPolicy(source: .cookie(name: "pin", ttl: .zero, path: "/a", attributes: attributes))
            ]
        )
    }

    @Test(
        "every form of redirect",
        arguments: [
            ("{uri: /new}", Redirect(path: .path("/new"))),
            ("{authority: b.example}", Redirect(host: "b.example")),
            ("{scheme: https}", Redirect(scheme: "https")),
            ("{scheme: https, port: 8443}", Redirect(scheme: "https", port: 8443)),
            ("{scheme: https, port: 443}", Redirect(scheme: "https")),
            ("{authority: b, derivePort: FROM_REQUEST_PORT}", Redirect(host: "b", port: 80)),
            ("{uri: /x, redirectCode: 308}", Redirect(path: .path("/x"), status: 308)),
        ]
    )
    func redirects(_ written: String, _ wanted: Redirect) throws {
        let route = try #require(try Self.routes(Self.rule("{redirect: \(written)}")).first)
        #expect(route.action == .redirect(wanted))
    }

    @Test func `a prefix redirect needs a prefix match`() throws {
        let written = "{match: [{uri: {prefix: /old}}], redirect: {prefixRewrite: /new}}"
        let route = try #require(try Self.routes(Self.rule(written)).first)
        #expect(route.action == .redirect(Redirect(path: .prefix("/new"))))
    }

    @Test func `rewrites of path and authority`() throws {
        let regex = "rewrite: {authority: b.example, uriRegexRewrite: {match: \"^/v(.)/\", rewrite: \"/api/\\\\1/\"}}"
        let action = try Self.forward("{\(Self.to), \(regex)}")
        #expect(action.hostRewrite == .literal("b.example"))
        #expect(action.pathRewrite == .regex(RegexRewrite(regex: "^/v(.)/", substitution: "/api/\\1/")))
        #expect(try Self.forward("{\(Self.to), rewrite: {uri: /b}}").pathRewrite == .prefix("/b"))
    }

    @Test func `mirrors with their shares`() throws {
        let mirrors = "mirrors: [{destination: {host: db, port: {number: 5432}}, percentage: {value: 12.5}}, "
        let action = try Self.forward("{\(Self.to), \(mirrors){destination: {host: web}, percentage: {value: 0}}]}")
        #expect(
            action.mirrors == [
                RequestMirror(
                    cluster: "outbound|5432||db.default.svc.cluster.local",
                    share: Fraction(millionths: 125_000)
                )
            ]
        )
    }

    // MARK: connections

    private static func tcp(_ yaml: String) throws -> TCPProxy {
        let sidecar = """
            apiVersion: networking.istio.io/v1
            kind: Sidecar
            metadata: {name: default}
            spec: {egress: [{port: {number: 5432, protocol: TCP, name: tcp}, hosts: ["./*"]}, {hosts: ["./*"]}]}
            ---

            """
        let snapshot = translate(try Fixture.mesh(services + sidecar + yaml), for: node).snapshot
        let bytes = try #require(snapshot.resource(.listener, "127.0.0.1_5432")).bytes
        guard case .tcp(let proxy)? = try Listener(decoding: bytes).filterChains.first?.terminal else {
            throw Fixture.Broken(description: "no TCP proxy")
        }
        return proxy
    }

    private static func policy(_ text: String) -> String {
        """
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: db}
        spec: {host: db, trafficPolicy: \(text)}
        ---

        """
    }

    @Test func `a tunnel wraps connections in a request`() throws {
        let tunnel = "{tunnel: {targetHost: far.example, targetPort: 443}}"
        #expect(try Self.tcp(Self.policy(tunnel)).tunneling == TCPProxy.Tunneling(hostname: "far.example:443"))
        let post = "{tunnel: {protocol: POST, targetHost: far.example, targetPort: 443}}"
        #expect(try Self.tcp(Self.policy(post)).tunneling?.usesPOST == true)
        #expect(try Self.tcp("").tunneling == nil)
    }

    @Test func `times and hashing of connections`() throws {
        let pool = "{connectionPool: {tcp: {idleTimeout: 30s, maxConnectionDuration: 90s}}, "
        let proxy = try Self.tcp(Self.policy(pool + "loadBalancer: {consistentHash: {useSourceIp: true}}}"))
        #expect(proxy.idleTimeout == .seconds(30))
        #expect(proxy.connectionDurationMax == .seconds(90))
        #expect(proxy.isHashedBySourceIP)
    }

    @Test func `an abort on a TCP port closes its share of the connections`() throws {
        let abort = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: db}
            spec:
              hosts: [db]
              http:
              - fault: {abort: {percentage: {value: 25}, httpStatus: 503}}
                route: [{destination: {host: db}}]
            ---

            """
        let shares = try Self.tcp(abort).clusters.map { ($0.name, $0.weight) }
        #expect(shares.map(\.0) == ["BlackHoleCluster", "outbound|5432||db.default.svc.cluster.local"])
        #expect(shares.map(\.1) == [250_000, 750_000])
    }

    @Test func `server names of wildcard hosts are resolved`() throws {
        let wild = """
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: wild}
            spec:
              hosts: ["*.wild.example"]
              resolution: DYNAMIC_DNS
              ports: [{number: 8443, name: tls, protocol: TLS}]
            ---

            """
        let snapshot = translate(try Fixture.mesh(Self.services + wild), for: Self.node).snapshot
        let bytes = try #require(snapshot.resource(.listener, "127.0.0.1_15001")).bytes
        let chains = try Listener(decoding: bytes).filterChains
        let chain = try #require(chains.first { $0.match.serverNames == ["*.wild.example"] })
        #expect(chain.networkFilters == [.sniDynamicForward(port: 8443)])
        let name = "outbound|8443||*.wild.example"
        let cluster = try Cluster(decoding: try #require(snapshot.resource(.cluster, name)).bytes)
        guard case .dynamicForward = cluster.discovery else {
            Issue.record("\(cluster.discovery)")
            return
        }
    }

    @Test func `virtual addresses name a service too`() throws {
        var resources = try Fixture.resources(
            """
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: outside}
            spec:
              hosts: [outside.example]
              resolution: DNS
              ports: [{number: 80, name: http, protocol: HTTP}]
            """
        )
        var entry = try #require(resources.all(.serviceEntry).first)
        entry.status = ["addresses": [["value": "240.240.1.2", "host": "outside.example"]]]
        resources.insert(entry)
        let mesh = MeshSnapshot(building: resources, inputs: MeshInputs(gateways: Fixture.gateways))
        let simulator = CallSimulator(snapshot: translate(mesh, for: Self.node).snapshot)
        for host in ["240.240.1.2", "240.240.1.2:80", "outside.example"] {
            #expect(try simulator.call(.init(port: 15001, host: host)).clusters == ["outbound|80||outside.example"])
        }
    }
}
