import Foundation
import Registry
import Testing
import Translation
import XDS

/// Istio's own simulation tests, asked of our translation.
///
/// Rows that our rules answer differently are named, with the reason, in `routing-deviations.json` beside the goldens.
@Suite struct RoutingVectorTests {
    struct Vector: Decodable, Sendable {
        struct Call: Decodable, Sendable {
            struct Request: Decodable, Sendable {
                var Address: String?
                var Port: UInt16
                var HostHeader: String?
                var Path: String?
                var `Protocol`: String?
                var TLS: String?
            }

            struct Result: Decodable, Sendable {
                var Error: String?
                var ListenerMatched: String?
                var RouteConfigMatched: String?
                var VirtualHostMatched: String?
                var RouteMatched: String?
                var ClusterMatched: String?
            }

            var Name: String?
            var Call: Request
            var Result: Result
        }

        var test: String
        var name: String
        var config: String
        var kubeConfig: String?
        var calls: [Call]

        func title(_ call: Call) -> String {
            [test.split(separator: ":").last.map(String.init) ?? test, name, call.Name ?? "call"].joined(
                separator: " / "
            )
        }
    }

    static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("shared/data/vectors/routing.json")

    static var isPresent: Bool { FileManager.default.fileExists(atPath: file.path) }

    @Test(.enabled(if: isPresent, "the shared vectors are not beside the package"))
    func `calls reach what they reach in Istio`() throws {
        let vectors = try JSONDecoder().decode([Vector].self, from: try Data(contentsOf: Self.file))
        let deviations = try JSONDecoder().decode(
            [String: String].self,
            from: try Data(contentsOf: GoldenTests.folder.appendingPathComponent("routing-deviations.json"))
        )
        var seen: Set<String> = []
        for vector in vectors {
            let manifests = [vector.config, vector.kubeConfig ?? ""].joined(separator: "\n---\n")
            guard let resources = try? Fixture.resources(manifests, isOrderedByAge: true) else {
                for call in vector.calls {
                    let title = vector.title(call)
                    #expect(deviations[title] != nil, "\(title): refused on admission")
                    seen.insert(title)
                }
                continue
            }
            let mesh = MeshSnapshot(building: resources)
            for call in vector.calls {
                let title = vector.title(call)
                let isSidecar = call.Call.Address != nil
                let node = isSidecar ? Fixture.sidecar() : Fixture.plainIngress
                let differences = try Self.differences(call, mesh: mesh, node: node, isSidecar: isSidecar)
                if let reason = deviations[title] {
                    seen.insert(title)
                    #expect(!reason.isEmpty && !differences.isEmpty, "\(title) no longer deviates")
                } else {
                    #expect(differences.isEmpty, "\(title)")
                }
            }
        }
        #expect(Set(deviations.keys) == seen)
    }

    private static func differences(
        _ call: Vector.Call,
        mesh: MeshSnapshot,
        node: ProxyNode,
        isSidecar: Bool
    ) throws -> [String] {
        let simulator = CallSimulator(snapshot: translate(mesh, for: node).snapshot)
        let request = call.Call
        var host = request.HostHeader ?? ""
        if isSidecar { host += ":\(request.Port)" }
        let outcome = try simulator.call(
            CallSimulator.Call(
                port: isSidecar ? 15001 : request.Port,
                host: host,
                path: request.Path ?? "/",
                serverName: request.TLS == nil ? nil : request.HostHeader
            )
        )
        var differences: [String] = []
        func compare(_ what: String, _ expected: String?, _ got: String?) {
            if let expected, expected != got {
                differences.append("\(what): \(expected) expected, got \(got ?? "none")")
            }
        }
        let wanted = call.Result
        if !isSidecar {
            // The way out of our sidecars is one listener; only gateways have Istio's names here.
            compare("listener", wanted.ListenerMatched, outcome.listener)
            compare("routes", wanted.RouteConfigMatched, outcome.routeConfiguration)
        }
        compare("virtual host", wanted.VirtualHostMatched, outcome.virtualHost)
        compare("route", wanted.RouteMatched, outcome.route)
        compare("cluster", wanted.ClusterMatched.map(full), outcome.clusters.first)
        switch wanted.Error {
        case "ErrNoRoute": compare("error", "no route", outcome.error)
        case "ErrNoVirtualHost": compare("error", "no virtual host", outcome.error)
        case "ErrNoListener": compare("error", "no listener", outcome.error)
        case "ErrTLSRedirect": compare("redirect", "true", String(outcome.redirectsToHTTPS))
        case let other?: differences.append("\(other) expected")
        case nil: compare("error", "", outcome.error ?? "")
        }
        return differences
    }

    /// The vectors come from a mesh without a domain suffix: `outbound|80||a.default`.
    private static func full(_ cluster: String) -> String {
        guard let host = cluster.split(separator: "|", omittingEmptySubsequences: false).last else { return cluster }
        let parts = host.split(separator: ".")
        let isShort = parts.count == 2 && parts[1] != "io"
        return isShort ? cluster + ".svc.cluster.local" : cluster
    }
}
