import Foundation
import Testing

@testable import Resources

/// The table of every field of Istio's networking kinds and the test that would fail if it were ignored.
///
/// `GATEHOUSE_REWRITE=1` rewrites docs/fields.md.
@Suite struct FieldTableTests {
    private static let kinds = [
        "Gateway", "VirtualService", "DestinationRule", "ServiceEntry", "Sidecar", "WorkloadEntry", "WorkloadGroup",
        "ProxyConfig",
    ]

    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let reference = root.deletingLastPathComponent().appending(path: "shared/reference/FIELDS.md")
    private static let table = root.appending(path: "docs/fields.md")

    /// Fields whose effect is not a difference between two configurations.
    private static let elsewhere: [String: String] = [
        "Gateway.servers[].name": "a name for people; `DecodingTests`: an object comes back as it was written",
        "Gateway.servers[].port.targetPort": "refused by its rule (`VectorTests`)",
        "Gateway.servers[].tls.tlsCertificates[].caCertificates": "hidden upstream; `caCertificates` is what counts",
        "VirtualService.http[].fault.abort.http2Error": "refused by its rule (`VectorTests`)",
        "VirtualService.http[].fault.delay.exponentialDelay": "refused by its rule (`VectorTests`)",
        "DestinationRule.trafficPolicy.outlierDetection.consecutiveErrors":
            "deprecated, no effect in Istio either; a Warning says so (`VectorTests`)",
        "Sidecar.egress[].captureMode": "a Warning where capture is asked for (`DecodingTests`)",
        "Sidecar.ingress[].captureMode": "a Warning where capture is asked for (`DecodingTests`)",
        "Sidecar.egress[].port.name": "a name for people; `DecodingTests`: an object comes back as it was written",
        "Sidecar.ingress[].port.name": "names the protocol where none is written; `SidecarTests`",
        "Sidecar.egress[].port.targetPort": "refused by its rule (`VectorTests`)",
        "Sidecar.ingress[].port.targetPort": "refused by its rule (`VectorTests`)",
        "WorkloadGroup": "see its members",
        "WorkloadGroup.metadata.labels{}": "`workload_groups` in Tests/EndToEnd/test_traffic.py",
        "WorkloadGroup.metadata.annotations{}": "`workload_groups` in Tests/EndToEnd/test_traffic.py",
        "WorkloadGroup.template": "`workload_groups` in Tests/EndToEnd/test_traffic.py",
        "Gateway.servers[].tls.caCrl": "`tls_revocation` in Tests/EndToEnd/test_tls.py",
        "Gateway.servers[].tls.insecureSkipVerify": "`tls_client_modes` in Tests/EndToEnd/test_tls.py",
        "Gateway.servers[].tls.verifyCertificateHash[]": "`tls_client_modes` in Tests/EndToEnd/test_tls.py",
        "Gateway.servers[].tls.verifyCertificateSpki[]": "`tls_client_modes` in Tests/EndToEnd/test_tls.py",
        "VirtualService.tcp[].match[].destinationSubnets[]": "`tcp_subnets` in Tests/EndToEnd/test_tcp.py",
        "VirtualService.tcp[].match[].sourceSubnet": "`tcp_subnets` in Tests/EndToEnd/test_tcp.py",
        "VirtualService.tls[].match[].destinationSubnets[]": "`tls_passthrough` in Tests/EndToEnd/test_tcp.py",
        "DestinationRule.trafficPolicy.proxyProtocol.version": "`proxy_protocol_out` in Tests/EndToEnd/test_tcp.py",
        "DestinationRule.trafficPolicy.tls.caCrl": "`tls_origination` in Tests/EndToEnd/test_tls.py",
        "ProxyConfig.selector.matchLabels{}": "selects what the other fields warn about",
    ]

    /// The paths in Istio's order; nil where the reference is absent.
    private static let paths: [String]? = {
        guard let text = try? String(contentsOf: reference, encoding: .utf8) else { return nil }
        return text.split(separator: "\n").compactMap { line in
            guard line.hasPrefix("  ") || line.hasPrefix("* "), let end = line.range(of: " : ") else { return nil }
            let path = String(line[line.index(line.startIndex, offsetBy: 2)..<end.lowerBound])
            let kind = path.prefix { $0.isLetter }
            return kinds.contains(String(kind)) && !path.contains(" ") ? path : nil
        }
    }()

    private static func isRefused(_ path: String) -> Unsupported.Row? {
        let kind = String(path.prefix { $0.isLetter })
        let field = "spec" + path.dropFirst(kind.count).replacing("{}", with: "")
        func plain(_ text: String) -> String { text.replacing("[]", with: "") }
        return Unsupported.rows.first { row in
            guard row.kind.rawValue == kind else { return false }
            return plain(field) == plain(row.path) || plain(field).hasPrefix(plain(row.path) + ".")
        }
    }

    private static func answer(_ path: String, rows: Set<String>) -> String? {
        if rows.contains(path) { return "`FieldEffectTests`" }
        if let row = isRefused(path) {
            return row.answer == .refused ? "refused: \(row.hint)" : "a Warning: \(row.hint)"
        }
        if let text = elsewhere[path] { return text }
        let members = rows.union(elsewhere.keys).contains { other in
            other.hasPrefix(path) && other.count > path.count && "[.{".contains(other.dropFirst(path.count).prefix(1))
        }
        return members ? "see its members" : nil
    }

    @Test(.enabled(if: paths != nil, "the reference is absent"))
    func `every field has a test or a reason, and docs/fields.md says which`() throws {
        let rows = Set(FieldEffects.all.map(\.field))
        var text = """
            # Fields of Istio's networking kinds

            What would fail if a field were ignored. `FieldEffectTests` compares what proxies are told with and without the
            field; what proxies do with it is shown by `DestinationFieldTests`, `RouteFieldTests`, `BalancingTests`,
            `ForwardByNameTests`, `TunnelingTests` and `Tests/EndToEnd/test_traffic.py`. Written by the test
            `FieldTableTests`.

            | field | test, or why not |
            |---|---|

            """
        var empty: [String] = []
        for path in Self.paths ?? [] {
            guard let answer = Self.answer(path, rows: rows) else {
                empty.append(path)
                continue
            }
            text += "| `\(path)` | \(answer) |\n"
        }
        #expect(empty.isEmpty, "no test and no reason: \(empty)")
        if ProcessInfo.processInfo.environment["GATEHOUSE_REWRITE"] != nil {
            try text.write(to: Self.table, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: Self.table, encoding: .utf8) == text)
    }

    @Test func `rows name fields once`() {
        let names = FieldEffects.all.map(\.field)
        #expect(names.count == Set(names).count)
    }
}
