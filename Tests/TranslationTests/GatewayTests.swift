import Base
import Registry
import Resources
import Testing
import Translation
import XDS

@Suite struct GatewayTests {
    static let services = """
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {ports: [{name: http, port: 80}]}
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: api}
        spec: {ports: [{name: http, port: 8000}]}
        ---

        """

    static func gateway(_ servers: String, name: String = "front") -> String {
        """
        apiVersion: networking.istio.io/v1
        kind: Gateway
        metadata: {name: \(name)}
        spec:
          selector: {istio: ingressgateway}
          servers:
          \(servers)
        ---

        """
    }

    static func virtualService(_ name: String, _ spec: String) -> String {
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: \(name)}\nspec: \(spec)\n---\n"
    }

    static let secrets = """
        apiVersion: v1
        kind: Secret
        metadata: {name: a, namespace: istio-system}
        stringData: {tls.crt: A, tls.key: A, ca.crt: A}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: b}
        stringData: {tls.crt: B, tls.key: B, ca.crt: B}
        ---

        """

    static func translated(_ yaml: String, for node: ProxyNode = Fixture.plainIngress) throws -> NodeConfiguration {
        translate(try Fixture.mesh(services + yaml), for: node)
    }

    static func call(_ yaml: String, _ call: CallSimulator.Call) throws -> CallSimulator.Outcome {
        try CallSimulator(snapshot: translated(yaml).snapshot).call(call)
    }

    static let plain = gateway("- {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}")

    @Test func `a catch-all of an older VirtualService does not hide the rules of a newer one`() throws {
        let yaml =
            Self.plain
            + Self.virtualService(
                "one",
                "{hosts: [a.example.com], gateways: [front], http: [{route: [{destination: {host: web}}]}]}"
            )
            + Self.virtualService(
                "two",
                """
                {hosts: [a.example.com], gateways: [front], http: [{match: [{uri: {prefix: /api}}], \
                route: [{destination: {host: api}}]}]}
                """
            )
        let api = try Self.call(yaml, .init(port: 80, host: "a.example.com:80", path: "/api/x"))
        #expect(api.clusters == ["outbound|8000||api.default.svc.cluster.local"])
        let rest = try Self.call(yaml, .init(port: 80, host: "a.example.com", path: "/x"))
        #expect(rest.clusters == ["outbound|80||web.default.svc.cluster.local"])
    }

    @Test func `rules after a match for everything are not emitted`() throws {
        let yaml =
            Self.plain
            + Self.virtualService(
                "one",
                """
                {hosts: [a.example.com], gateways: [front], http: [{route: [{destination: {host: web}}]}, \
                {match: [{uri: {prefix: /api}}], route: [{destination: {host: api}}]}]}
                """
            )
        let outcome = try Self.call(yaml, .init(port: 80, host: "a.example.com", path: "/api"))
        #expect(outcome.clusters == ["outbound|80||web.default.svc.cluster.local"])
    }

    static let twoPolicies =
        secrets
        + gateway(
            """
            - {port: {number: 443, name: https-a, protocol: HTTPS}, hosts: ['*.example.com'], \
            tls: {mode: SIMPLE, credentialName: a}}
              - {port: {number: 443, name: https-b, protocol: HTTPS}, hosts: [bank.example.com], \
            tls: {mode: MUTUAL, credentialName: b}}
              - {port: {number: 443, name: https-c, protocol: HTTPS}, hosts: [shop.example.org], \
            tls: {mode: SIMPLE, credentialName: a}}
            """
        )
        + virtualService(
            "all",
            "{hosts: ['*'], gateways: [front], http: [{route: [{destination: {host: web}}]}]}"
        )
        + virtualService(
            "bank",
            "{hosts: [bank.example.com], gateways: [front], http: [{route: [{destination: {host: web}}]}]}"
        )

    struct Misdirection: Sendable {
        var serverName: String
        var host: String
        var status: UInt32?
    }

    @Test(arguments: [
        Misdirection(serverName: "x.example.com", host: "x.example.com", status: nil),
        Misdirection(serverName: "x.example.com", host: "bank.example.com", status: 421),
        Misdirection(serverName: "bank.example.com", host: "bank.example.com", status: nil),
        Misdirection(serverName: "bank.example.com", host: "x.example.com", status: 421),
        Misdirection(serverName: "bank.example.com", host: "shop.example.org", status: 421),
        Misdirection(serverName: "x.example.com", host: "shop.example.org", status: nil),
    ])
    func `a host of a server with another TLS policy is misdirected`(_ row: Misdirection) throws {
        let outcome = try Self.call(
            Self.twoPolicies,
            .init(port: 443, host: row.host, serverName: row.serverName)
        )
        #expect(outcome.status == row.status)
        #expect(outcome.clusters.isEmpty == (row.status != nil))
    }

    @Test func `an unknown server name finds no filter chain`() throws {
        let outcome = try Self.call(
            Self.twoPolicies,
            .init(port: 443, host: "x.example.net", serverName: "x.example.net")
        )
        #expect(outcome.error == "no filter chain")
    }

    @Test func `secrets come from the gateway's namespace, else from the Gateway's own`() throws {
        let secrets = try Self.translated(Self.twoPolicies).snapshot.all(.secret).map(\.name)
        #expect(secrets == ["kubernetes://a", "kubernetes://default/b", "kubernetes://default/b-cacert"])
    }

    @Test func `without its secret a server is left out and its Gateway told`() throws {
        let yaml = Self.gateway(
            """
            - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [a.example.com], \
            tls: {mode: SIMPLE, credentialName: nowhere}}
            """
        )
        let result = try Self.translated(yaml)
        #expect(result.snapshot.all(.listener).isEmpty)
        #expect(result.problems.map(\.reason) == [.secretMissing])
        #expect(result.problems.first?.resource == ResourceKey(.gateway, namespace: "default", name: "front"))
    }

    @Test func `two declared ports on one socket are a conflict`() throws {
        let yaml =
            Self.gateway("- {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}", name: "first")
            + Self.gateway("- {port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}", name: "second")
        let result = try Self.translated(yaml, for: Fixture.ingress)
        #expect(result.snapshot.all(.listener).map(\.name) == ["0.0.0.0_80"])
        #expect(result.problems.map(\.reason) == [.portConflict])
        #expect(result.problems.first?.resource.name == "second")
    }

    @Test func `an unknown destination and an unknown subset are told to the VirtualService`() throws {
        let yaml =
            Self.plain
            + Self.virtualService(
                "one",
                """
                {hosts: [a.example.com], gateways: [front], http: [{route: [{destination: {host: web, subset: v9}}, \
                {destination: {host: nowhere}, weight: 1}]}]}
                """
            )
        let result = try Self.translated(yaml)
        #expect(Set(result.problems.map(\.reason)) == [.subsetMissing, .destinationMissing])
        #expect(result.uses.contains(ResourceKey(.virtualService, namespace: "default", name: "one")))
    }

    @Test func `plain TCP goes by the port`() throws {
        let yaml =
            Self.gateway("- {port: {number: 9000, name: tcp, protocol: TCP}, hosts: ['*']}")
            + Self.virtualService(
                "one",
                """
                {hosts: ['*'], gateways: [front], tcp: [{match: [{port: 9000}], \
                route: [{destination: {host: api}, weight: 1}, \
                {destination: {host: web}, weight: 3}]}]}
                """
            )
        let outcome = try Self.call(yaml, .init(port: 9000))
        #expect(outcome.clusters.count == 2)
    }

    @Test func `a delegate narrows its root`() throws {
        let yaml =
            Self.plain
            + Self.virtualService(
                "root",
                """
                {hosts: [a.example.com], gateways: [front], http: [{match: [{uri: {prefix: /api}}], \
                delegate: {name: inner, namespace: team}}]}
                """
            )
                + """
                apiVersion: networking.istio.io/v1
                kind: VirtualService
                metadata: {name: inner, namespace: team}
                spec:
                  http:
                  - match: [{uri: {prefix: /api/v1}}]
                    route: [{destination: {host: api.default.svc.cluster.local}}]
                  - match: [{uri: {prefix: /other}}]
                    route: [{destination: {host: web.default.svc.cluster.local}}]
                ---

                """
        let inside = try Self.call(yaml, .init(port: 80, host: "a.example.com", path: "/api/v1/x"))
        #expect(inside.clusters == ["outbound|8000||api.default.svc.cluster.local"])
        #expect(try Self.call(yaml, .init(port: 80, host: "a.example.com", path: "/other")).error == "no route")
    }
}
