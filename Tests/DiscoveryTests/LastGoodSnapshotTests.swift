import Foundation
import Testing
import XDS

@testable import Discovery

@Suite struct LastGoodSnapshotTests {
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("gatehouse-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await body(path)
    }

    @Test func `what was kept comes back after a restart`() async throws {
        let snapshot = Fixture.snapshot(9, clusters: ["a"], routeTo: "a")
        try await withDirectory { path in
            #expect(try await LastGoodSnapshot(directory: path).load() == nil)
            try await LastGoodSnapshot(directory: path).keep(snapshot)
            #expect(try await LastGoodSnapshot(directory: path).load() == snapshot)
        }
    }

    @Test func `both files are readable by their owner only and the content is sealed`() async throws {
        try await withDirectory { path in
            try await LastGoodSnapshot(directory: path).keep(Fixture.snapshot(9, clusters: ["visible"], routeTo: "a"))
            for file in ["last-good.snapshot", "last-good.key"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + file)
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
            let sealed = try Data(contentsOf: URL(fileURLWithPath: path + "/last-good.snapshot"))
            #expect(sealed.range(of: Data("visible".utf8)) == nil)
        }
    }

    @Test func `a damaged file is an error and not a snapshot`() async throws {
        try await withDirectory { path in
            try await LastGoodSnapshot(directory: path).keep(Fixture.snapshot(9, clusters: ["a"], routeTo: "a"))
            let url = URL(fileURLWithPath: path + "/last-good.snapshot")
            var bytes = try Data(contentsOf: url)
            bytes[bytes.count / 2] ^= 1
            try bytes.write(to: url)
            await #expect(throws: LastGoodError.self) { try await LastGoodSnapshot(directory: path).load() }
        }
    }
}
