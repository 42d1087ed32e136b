import Base
import Foundation
import Registry
import Resources
import Testing
import Translation
import XDS

@Suite struct SidecarTests {
    static func services() throws -> String {
        try String(contentsOf: GoldenTests.folder.appendingPathComponent("services.yaml"), encoding: .utf8) + "---\n"
    }

    static func translated(_ yaml: String, for node: ProxyNode = Fixture.sidecar()) throws -> NodeConfiguration {
        translate(try Fixture.mesh(try services() + yaml), for: node)
    }

    static func cluster(_ name: String, in configuration: NodeConfiguration) throws -> Cluster? {
        try configuration.snapshot.resource(.cluster, name).map { try Cluster(decoding: $0.bytes) }
    }

    static let reviews = "outbound|9080||reviews.default.svc.cluster.local"

    @Test(arguments: [
        "reviews", "reviews:9080", "reviews.default", "reviews.default.svc:9080", "reviews.default.svc.cluster.local",
    ])
    func `every spelling of a service reaches it`(_ host: String) throws {
        let outcome = try CallSimulator(snapshot: Self.translated("").snapshot).call(.init(port: 15001, host: host))
        #expect(outcome.clusters == [Self.reviews])
        #expect(outcome.route == "default")
    }

    @Test func `short names are for the service's own namespace`() throws {
        let node = Fixture.sidecar(namespace: "other")
        let simulator = CallSimulator(snapshot: try Self.translated("", for: node).snapshot)
        #expect(try simulator.call(.init(port: 15001, host: "reviews:9080")).virtualHost == "allow_any")
        #expect(try simulator.call(.init(port: 15001, host: "reviews.default:9080")).clusters == [Self.reviews])
    }

    @Test func `unknown hosts pass, or get 502 when only the registry may be reached`() throws {
        let open = try CallSimulator(snapshot: Self.translated("").snapshot).call(.init(port: 15001, host: "x.example"))
        #expect(open.clusters == ["PassthroughCluster"])
        let closed = """
            apiVersion: gatehouse.io/v1
            kind: MeshConfig
            metadata: {name: default}
            spec: {outboundTrafficPolicy: {mode: REGISTRY_ONLY}}
            """
        let simulator = CallSimulator(snapshot: try Self.translated(closed).snapshot)
        #expect(try simulator.call(.init(port: 15001, host: "x.example")).status == 502)
        #expect(
            try simulator.call(.init(port: 15001, serverName: "x.example")).clusters == ["BlackHoleCluster"]
        )
    }

    @Test func `workloads with a sidecar are spoken to with mesh mTLS, others in plain text`() throws {
        let result = try Self.translated("")
        let reviews = try #require(try Self.cluster(Self.reviews, in: result))
        guard case .tls(let tls) = reviews.transportSocket else {
            Issue.record("reviews is not wrapped in TLS")
            return
        }
        #expect(tls.sni == "outbound_.9080_._.reviews.default.svc.cluster.local")
        #expect(tls.settings.certificates == .secrets(["default"]))
        guard case .combined(let validation, "ROOTCA") = tls.settings.validation else {
            Issue.record("the mesh's trust bundle is not asked for")
            return
        }
        let names = validation.subjectNames.map(\.matcher.pattern)
        #expect(names.contains(.exact("spiffe://cluster.local/ns/default/sa/bookinfo-reviews")))
        let ratings = try #require(
            try Self.cluster("outbound|9090||ratings.default.svc.cluster.local", in: result)
        )
        #expect(ratings.transportSocket == .plain)
    }

    @Test func `a proxy without an identity speaks plain text and still loads`() throws {
        var node = Fixture.sidecar()
        node.identity = .none
        let result = try Self.translated("", for: node)
        #expect(try Self.cluster(Self.reviews, in: result)?.transportSocket == .plain)
    }

    @Test func `endpoints carry the ports their sidecars listen on`() throws {
        let result = try Self.translated("")
        let bytes = try #require(result.snapshot.resource(.endpoint, Self.reviews)).bytes
        let assignment = try ClusterLoadAssignment(decoding: bytes)
        let ports = assignment.localities.flatMap(\.endpoints).compactMap { endpoint -> UInt16? in
            if case .socket(let address) = endpoint.address { address.port } else { nil }
        }
        #expect(ports == [15091, 15092])
    }

    @Test func `client keys are not handed to every sidecar`() throws {
        let yaml = """
            apiVersion: v1
            kind: Secret
            metadata: {name: key}
            stringData: {tls.crt: C, tls.key: K, ca.crt: A}
            ---
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: reviews}
            spec:
              host: reviews
              trafficPolicy: {tls: {mode: MUTUAL, credentialName: key}}
            """
        let result = try Self.translated(yaml)
        #expect(result.snapshot.all(.secret).isEmpty)
        #expect(try Self.cluster(Self.reviews, in: result) == nil)
        #expect(result.problems.map(\.reason) == [.notEffective])
    }

    @Test func `rules for other callers are not emitted`() throws {
        let yaml = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: reviews}
            spec:
              hosts: [reviews]
              http:
              - match: [{sourceLabels: {app: details}}]
                route: [{destination: {host: ratings, port: {number: 9090}}}]
              - route: [{destination: {host: reviews}}]
            """
        let own = CallSimulator(snapshot: try Self.translated(yaml).snapshot)
        #expect(try own.call(.init(port: 15001, host: "reviews")).clusters == [Self.reviews])
        let node = Fixture.sidecar(labels: ["app": "details"])
        let other = CallSimulator(snapshot: try Self.translated(yaml, for: node).snapshot)
        let ratings = "outbound|9090||ratings.default.svc.cluster.local"
        #expect(try other.call(.init(port: 15001, host: "reviews")).clusters == [ratings])
    }
}
