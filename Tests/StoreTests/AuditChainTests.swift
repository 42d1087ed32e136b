import Foundation
import GRDB
import Resources
import Testing

@testable import Store

/// A trail that somebody has touched shows it.
@Suite struct AuditChainTests {
    static let tampering = [
        "UPDATE audit SET user = 'mallory' WHERE id = 2", "UPDATE audit SET code = 200 WHERE id = 2",
        "DELETE FROM audit WHERE id = 2", "UPDATE audit SET revision = 9 WHERE id = 2",
        "UPDATE audit SET hash = zeroblob(32) WHERE id = 2",
    ]

    @Test("tampering breaks the chain", arguments: tampering) func breaks(_ sql: String) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "gatehouse-audit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let store = try ResourceStore(directory: folder.path(percentEncoded: false), now: { 1 })
        for number in 0..<4 { await store.audit(WriteContext(user: "u\(number)"), code: 403) }
        #expect(try await store.auditViolation() == nil)
        #expect(try await store.auditRecords(limit: 10).map(\.user) == ["u0", "u1", "u2", "u3"])
        try await store.perform { db in try db.execute(sql: sql) }
        #expect(try await store.auditViolation() != nil)
        await store.close()
    }
}
