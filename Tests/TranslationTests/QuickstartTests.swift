import Base
import Foundation
import Registry
import Resources
import Testing
import Translation
import XDS

/// The quickstart's own files, asked where their calls go.
@Suite struct QuickstartTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Examples/quickstart/resources")

    static let workloads = """
        apiVersion: networking.istio.io/v1
        kind: WorkloadEntry
        metadata: {name: reviews-v1}
        spec:
          address: 127.0.0.1
          ports: {http: 15091}
          labels: {app: reviews, version: v1, security.istio.io/tlsMode: istio}
          serviceAccount: reviews
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: shop-tls, namespace: istio-system}
        stringData: {tls.crt: A, tls.key: A}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: partners-tls, namespace: istio-system}
        stringData: {tls.crt: B, tls.key: B, ca.crt: B}
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: payments-client, namespace: istio-system}
        stringData: {tls.crt: C, tls.key: C, ca.crt: C}
        """

    static func mesh() throws -> MeshSnapshot {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".yaml") }
        var text = workloads
        for name in names.sorted() {
            text += "\n---\n" + (try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
        }
        return try Fixture.mesh(text.replacingOccurrences(of: "${PAYMENTS_PORT}", with: "9443"))
    }

    static func ask(_ node: ProxyNode, _ call: CallSimulator.Call) throws -> CallSimulator.Outcome {
        try CallSimulator(snapshot: translate(mesh(), for: node).snapshot).call(call)
    }

    @Test func `gateways find everything they need`() throws {
        #expect(try translate(Self.mesh(), for: Fixture.ingress).problems.isEmpty)
        #expect(try translate(Self.mesh(), for: Fixture.egress).problems.isEmpty)
    }

    @Test func `the shop is split by weight, and jason sees v2`() throws {
        let service = "reviews.default.svc.cluster.local"
        let name = "shop.example.com"
        let split = try Self.ask(Fixture.ingress, .init(port: 8443, host: name, serverName: name))
        #expect(split.clusters == ["outbound|80|v1|\(service)*75", "outbound|80|v2|\(service)*25"])
        let jason = try Self.ask(
            Fixture.ingress,
            .init(port: 8443, host: name, headers: ["end-user": "jason"], serverName: name)
        )
        #expect(jason.clusters == ["outbound|80|v2|\(service)"])
    }

    @Test func `the partners' host is misdirected on the shop's connection`() throws {
        let outcome = try Self.ask(
            Fixture.ingress,
            .init(port: 8443, host: "partners.example.com", serverName: "shop.example.com")
        )
        #expect(outcome.status == 421)
    }

    @Test func `payments leave a sidecar through the egress gateway, with mesh mTLS`() throws {
        let outcome = try Self.ask(Fixture.sidecar(), .init(port: 15001, host: "payments.example.net"))
        #expect(outcome.clusters == ["outbound|443|payments|istio-egressgateway.istio-system.svc.cluster.local"])
        let snapshot = try translate(Self.mesh(), for: Fixture.sidecar()).snapshot
        #expect(snapshot.resource(.cluster, "outbound|443||payments.example.net") == nil)
        #expect(snapshot.all(.secret).isEmpty)
    }

    @Test func `the egress gateway alone holds the client certificate`() throws {
        let name = "payments.example.net"
        let outcome = try Self.ask(Fixture.egress, .init(port: 9444, host: name, serverName: name))
        #expect(outcome.clusters == ["outbound|443||payments.example.net"])
        let secrets = try translate(Self.mesh(), for: Fixture.egress).snapshot.all(.secret).map(\.name)
        #expect(secrets == ["kubernetes://payments-client", "kubernetes://payments-client-cacert"])
    }

    @Test func `unknown hosts get 502 at the sidecar and at the exit`() throws {
        #expect(try Self.ask(Fixture.sidecar(), .init(port: 15001, host: "nowhere.example.net")).status == 502)
        #expect(try Self.ask(Fixture.egress, .init(port: 80, host: "nowhere.example.net")).status == 502)
    }
}
