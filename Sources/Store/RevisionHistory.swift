internal import Foundation
internal import GRDB
public import Resources

/// What each revision did to each object, for as long as it is kept: enough to walk back from the present.
struct HistoryRow: Sendable {
    var revision: UInt64
    var resourceVersion: UInt64
    var kind: String
    var namespace: String
    var name: String
    var isSealed: Bool
    /// The creation sequence of the object, so that a state of the past has the order of age it had.
    var creationSequence: UInt64
    var before: [UInt8]?
    var after: [UInt8]?

    func insert(_ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO history (resource_version, revision, kind, namespace, name, sealed, creation_sequence,
                    before, after)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            Int64(resourceVersion), Int64(revision), kind, namespace, name, isSealed, Int64(creationSequence),
            before.map { Data($0) }, after.map { Data($0) },
        ])
    }

    /// Rows of the revisions from `first` to `last`, in order.
    static func read(_ db: Database, from first: UInt64, through last: UInt64) throws -> [HistoryRow] {
        let sql = """
            SELECT resource_version, revision, kind, namespace, name, sealed, creation_sequence, before, after
            FROM history WHERE revision >= ? AND revision <= ? ORDER BY resource_version
            """
        return try Row.fetchAll(db, sql: sql, arguments: [Int64(first), Int64(last)]).map { row in
            HistoryRow(
                revision: UInt64(row[1] as Int64),
                resourceVersion: UInt64(row[0] as Int64),
                kind: row[2],
                namespace: row[3],
                name: row[4],
                isSealed: row[5],
                creationSequence: UInt64(row[6] as Int64),
                before: (row[7] as Data?).map { Array($0) },
                after: (row[8] as Data?).map { Array($0) }
            )
        }
    }

    static func forget(_ db: Database, through revision: UInt64) throws {
        try db.execute(sql: "DELETE FROM history WHERE revision <= ?", arguments: [Int64(revision)])
        try db.execute(sql: "DELETE FROM revision WHERE revision <= ?", arguments: [Int64(revision)])
    }

    /// The oldest revision whose changes are kept; nil when none are.
    static func oldest(_ db: Database) throws -> UInt64? {
        try Int64.fetchOne(db, sql: "SELECT min(revision) FROM history").map { UInt64($0) }
    }

    /// The change that the row tells of.
    func change(_ coder: ObjectCoder) throws(StoreError) -> RevisionChange {
        var row = ObjectRow(
            kind: kind,
            namespace: namespace,
            name: name,
            resourceVersion: resourceVersion,
            creationSequence: creationSequence,
            isSealed: isSealed,
            body: []
        )
        func resource(_ bytes: [UInt8]?) throws(StoreError) -> Resource? {
            guard let bytes else { return nil }
            row.body = bytes
            return try coder.resource(row)
        }
        let old = try resource(before)
        let new = try resource(after)
        guard let some = new ?? old else { throw StoreError(.corrupt, "a change without an object") }
        return RevisionChange(revision: revision, key: some.key, before: old, after: new)
    }
}

extension ResourceStore {
    /// How many revisions are kept.
    public static let revisionsMax: UInt64 = 1000

    /// The kept revisions, newest first.
    public func revisions() async throws(StoreError) -> [RevisionRecord] {
        try await perform { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT revision, at, user, via, message, request_id, changes FROM revision
                    ORDER BY revision DESC LIMIT ?
                    """,
                arguments: [Int64(Self.revisionsMax)]
            ).map { row in
                RevisionRecord(
                    revision: UInt64(row[0] as Int64),
                    at: row[1],
                    user: row[2],
                    via: row[3],
                    message: row[4],
                    requestID: row[5],
                    changes: row[6]
                )
            }
        }
    }

    /// What the revisions from `first` to `last` did, in order.
    public func changes(from first: UInt64, through last: UInt64) async throws(StoreError) -> [RevisionChange] {
        let coder = coder
        return try await perform { db in
            try HistoryRow.read(db, from: first, through: last).map { try $0.change(coder) }
        }
    }

    /// Everything as it was after a revision.
    ///
    /// Shape: `revision` is the one asked for; `resourceVersion` the present one, so that conditions of later writes
    /// still compare. Status is what it was when each object was last written by a request.
    /// - Returns: nil for a revision that is still to come or no longer kept.
    public func resources(at revision: UInt64) async throws(StoreError) -> ResourceSet? {
        var set = current
        guard revision <= set.revision else { return nil }
        if revision == set.revision { return set }
        let oldest = try await perform { db in try HistoryRow.oldest(db) }
        guard let oldest, revision + 1 >= oldest else { return nil }
        for change in try await changes(from: revision + 1, through: set.revision).reversed() {
            if let before = change.before { set.insert(before) } else { set.remove(change.key) }
        }
        set.revision = revision
        return set
    }
}
