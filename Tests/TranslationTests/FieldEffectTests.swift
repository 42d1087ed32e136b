import Base
import Foundation
import Registry
import Resources
import Testing
import Translation
import XDS

/// No field is accepted and then ignored: with it some proxy gets another configuration than without.
///
/// Proxies refuse what they do not carry out (`DecodingTests` of XDS), so what decodes has an effect there.
@Suite struct FieldEffectTests {
    private static let scene =
        DestinationFieldTests.web
        + [("api", "http", 80), ("db", "tcp", 5432), ("safe", "tls", 443)].map { name, port, number in
            """
            apiVersion: v1
            kind: Service
            metadata: {name: \(name)}
            spec: {selector: {app: \(name)}, ports: [{name: \(port), port: \(number)}, {name: http-b, port: 81}]}
            ---

            """
        }.joined()
        + ["a", "b"].map { name in
            """
            apiVersion: v1
            kind: Secret
            metadata: {name: \(name), namespace: istio-system}
            stringData: {tls.crt: \(name)1, tls.key: \(name)2, ca.crt: \(name)3}
            ---

            """
        }.joined()
            + """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: inner}
            spec: {http: [{match: [{uri: {prefix: /inner}}], route: [{destination: {host: api}}]}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: g}
            spec:
              selector: {istio: ingressgateway}
              servers: [{port: {number: 8085, name: http, protocol: HTTP}, hosts: [web.default.svc.cluster.local]}]
            ---

            """

    private static let files: [String: [UInt8]] = [
        "/certs/tls.crt": Array("CHAIN".utf8), "/certs/tls.key": Array("KEY".utf8), "/certs/ca.pem": Array("CA".utf8),
        "/certs/other.pem": Array("OTHER".utf8),
    ]

    /// What every proxy of the scene receives.
    private static func configurations(_ yaml: String) throws -> [String: [UInt8]] {
        let inputs = MeshInputs(gateways: Fixture.gateways, files: files, trustBundle: Array("ROOT".utf8))
        let mesh = MeshSnapshot(building: try Fixture.resources(scene + yaml), inputs: inputs)
        var caller = DestinationFieldTests.node
        caller.role = .sidecar(SidecarPlaces(inbound: GoldenTests.inbound))
        var found: [String: [UInt8]] = [:]
        for (index, node) in [caller, Fixture.sidecar(namespace: "other"), Fixture.plainIngress].enumerated() {
            let snapshot = translate(mesh, for: node).snapshot
            for type in ResourceType.allCases {
                for resource in snapshot.all(type) {
                    found["\(index) \(type.shortName) \(resource.name)"] = resource.bytes
                }
            }
        }
        return found
    }

    @Test("a field changes what some proxy is told, and the change can be carried out", arguments: FieldEffects.all)
    func effect(_ row: FieldEffect) throws {
        let with = try Self.configurations(row.with)
        let without = try Self.configurations(row.without)
        let changed = Set(with.keys).union(without.keys).filter { with[$0] != without[$0] }
        #expect(!changed.isEmpty)
        for name in changed {
            guard let bytes = with[name] else { continue }
            switch name.split(separator: " ")[1] {
            case "CDS": _ = try Cluster(decoding: bytes)
            case "EDS": _ = try ClusterLoadAssignment(decoding: bytes)
            case "LDS": _ = try Listener(decoding: bytes)
            case "RDS": _ = try RouteConfiguration(decoding: bytes)
            default: _ = try Secret(decoding: bytes)
            }
        }
    }
}
