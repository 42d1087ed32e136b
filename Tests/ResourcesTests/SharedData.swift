import Foundation
import Resources

/// The reference data beside the project; tests that need it skip when it is absent.
enum SharedData {
    static let projectRoot = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static let root = projectRoot.deletingLastPathComponent().appendingPathComponent("shared/data")

    static var isPresent: Bool { FileManager.default.fileExists(atPath: root.path) }

    static func bytes(_ path: String) -> [UInt8] {
        (try? Data(contentsOf: root.appendingPathComponent(path))).map(Array.init) ?? []
    }

    static func files(in folder: String) -> [String] {
        let all = FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path)
        return (all?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".yaml") }.sorted().map {
            "\(folder)/\($0)"
        }
    }
}

extension Manifest {
    /// All resources of a YAML text, or the first failure.
    static func resources(yaml: [UInt8]) throws -> [DecodedResource] {
        try documents(yaml, .yaml).map { try Resource.decode(json: $0.value, source: $0.source) }
    }
}
