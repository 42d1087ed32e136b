import Foundation
import Registry
import Resources
import Testing
import Translation
import XDS

/// Istio's samples and the mission's examples through the whole translation.
@Suite struct SampleTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data")

    static let files: [String] = {
        let walker = FileManager.default.enumerator(atPath: root.path)
        var found: [String] = []
        while let path = walker?.nextObject() as? String {
            if path.hasSuffix(".yaml") { found.append(path) }
        }
        return found.sorted()
    }()

    /// The documents that are resources of ours, each accepted on its own; the rest of a file is other people's.
    static func resources(_ file: String) throws -> [Resource] {
        let bytes = Array(try Data(contentsOf: root.appendingPathComponent(file)))
        guard let documents = try? Manifest.documents(bytes, .yaml) else { return [] }
        return documents.compactMap { document in
            guard var resource = try? Resource.decode(json: document.value).resource else { return nil }
            if resource.metadata.namespace.isEmpty, resource.kind.descriptor.isNamespaced {
                resource.metadata.namespace = "default"
            }
            return resource
        }
    }

    static let nodes: [ProxyNode] = [
        Fixture.sidecar(inbound: GoldenTests.inbound), Fixture.ingress, Fixture.egress,
    ]

    @Test(.enabled(if: !files.isEmpty, "the shared samples are not beside the package"), arguments: files)
    func `our proxies accept what samples become`(_ file: String) throws {
        var resources = try Self.resources(file)
        guard !resources.isEmpty else { return }
        for index in resources.indices { resources[index].creationSequence = UInt64(index + 1) }
        let inputs = MeshInputs(gateways: Fixture.gateways)
        let mesh = MeshSnapshot(building: ResourceSet(revision: 1, resources), inputs: inputs)
        for node in Self.nodes {
            let snapshot = translate(mesh, for: node).snapshot
            #expect(snapshot.problems().filter { $0.kind == .refused }.isEmpty, "\(file) for \(node.name)")
        }
    }
}
