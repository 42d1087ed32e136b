import Foundation
import Registry
import Testing
import Translation
import XDS

/// Resources in, xDS out, as readable files beside each other.
///
/// `GATEHOUSE_WRITE_GOLDEN=1` rewrites the files; the difference is then reviewed like code.
@Suite struct GoldenTests {
    struct Pair: CustomTestStringConvertible, Sendable {
        var file: String
        var suffix: String
        var node: ProxyNode
        var testDescription: String { "\(file) for \(suffix)" }
    }

    static let inbound = [
        InboundPort(
            name: "http",
            portProtocol: .http,
            appPort: 9080,
            listenAddress: "10.0.1.1",
            listenPort: 15090
        ),
        InboundPort(name: "tcp", portProtocol: .tcp, appPort: 7000, listenAddress: "10.0.1.1", listenPort: 15700),
    ]

    static let pairs: [Pair] = [
        Pair(file: "gateway-http", suffix: "ingress", node: Fixture.ingress),
        Pair(file: "gateway-tls", suffix: "ingress", node: Fixture.ingress),
        Pair(file: "egress", suffix: "sidecar", node: Fixture.sidecar()),
        Pair(file: "egress", suffix: "egress", node: Fixture.egress),
        Pair(file: "policies", suffix: "sidecar", node: Fixture.sidecar(inbound: inbound)),
        Pair(file: "sidecar-scope", suffix: "sidecar", node: Fixture.sidecar(inbound: inbound)),
        Pair(file: "tunnels", suffix: "ingress", node: Fixture.ingress),
        Pair(file: "tunnels", suffix: "sidecar", node: Fixture.sidecar()),
        Pair(file: "tls-rules", suffix: "ingress", node: Fixture.ingress),
    ]

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Golden/translation")

    static func translate(_ pair: Pair) throws -> NodeConfiguration {
        let services = try String(contentsOf: folder.appendingPathComponent("services.yaml"), encoding: .utf8)
        let own = try String(contentsOf: folder.appendingPathComponent("\(pair.file).yaml"), encoding: .utf8)
        let files = [
            "/certs/tls.crt": Array("CHAIN".utf8), "/certs/tls.key": Array("KEY".utf8),
            "/certs/ca.crt": Array("CA".utf8), "/certs/ca.crl": Array("LIST".utf8),
        ]
        let inputs = MeshInputs(
            gateways: Fixture.gateways,
            files: files,
            trustBundle: Array("ROOT".utf8),
            ticketKeys: [[UInt8](repeating: 7, count: 80), [UInt8](repeating: 9, count: 80)]
        )
        return Translation.translate(try Fixture.mesh(services + "---\n" + own, inputs: inputs), for: pair.node)
    }

    @Test("golden pair", arguments: pairs) func golden(_ pair: Pair) throws {
        let text = try Fixture.text(try Self.translate(pair))
        let file = Self.folder.appendingPathComponent("\(pair.file).\(pair.suffix).json")
        if ProcessInfo.processInfo.environment["GATEHOUSE_WRITE_GOLDEN"] != nil {
            try text.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == text)
    }

    @Test("our proxies accept every resource", arguments: pairs) func acceptable(_ pair: Pair) throws {
        let refused = try Self.translate(pair).snapshot.problems().filter { $0.kind == .refused }
        #expect(refused.isEmpty)
    }

    @Test("translating again gives the same bytes", arguments: pairs) func deterministic(_ pair: Pair) throws {
        #expect(try Self.translate(pair).snapshot == Self.translate(pair).snapshot)
    }
}
