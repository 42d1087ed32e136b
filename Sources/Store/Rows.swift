internal import Foundation
internal import GRDB

/// The two counters of the database and the end of the kept history.
struct Counters: Equatable, Sendable {
    /// The resourceVersion of the newest event.
    var resourceVersion: UInt64
    /// The newest revision.
    var revision: UInt64
    /// Events up to this resourceVersion are no longer kept.
    var compacted: UInt64

    static func read(_ db: Database) throws -> Counters {
        guard let row = try Row.fetchOne(db, sql: "SELECT resource_version, revision, compacted FROM counter") else {
            throw StoreError(.corrupt, "the counters are missing")
        }
        return Counters(
            resourceVersion: UInt64(row[0] as Int64),
            revision: UInt64(row[1] as Int64),
            compacted: UInt64(row[2] as Int64)
        )
    }

    func write(_ db: Database) throws {
        try db.cachedStatement(sql: "UPDATE counter SET resource_version = ?, revision = ?, compacted = ?")
            .execute(arguments: [Int64(resourceVersion), Int64(revision), Int64(compacted)])
    }
}

/// An object as its row holds it.
struct ObjectRow: Sendable {
    var kind: String
    var namespace: String
    var name: String
    var resourceVersion: UInt64
    /// The resourceVersion of the object's creation: the order of age among objects.
    var creationSequence: UInt64
    var isSealed: Bool
    var body: [UInt8]

    static func readAll(_ db: Database) throws -> [ObjectRow] {
        let sql = "SELECT kind, namespace, name, resource_version, creation_sequence, sealed, body FROM object"
        return try Row.fetchAll(db, sql: sql).map { row in
            ObjectRow(
                kind: row[0],
                namespace: row[1],
                name: row[2],
                resourceVersion: UInt64(row[3] as Int64),
                creationSequence: UInt64(row[4] as Int64),
                isSealed: row[5],
                body: Array(row[6] as Data)
            )
        }
    }

    func put(_ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO object (kind, namespace, name, resource_version, creation_sequence, sealed, body)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (kind, namespace, name) DO UPDATE
                SET resource_version = excluded.resource_version, creation_sequence = excluded.creation_sequence,
                    sealed = excluded.sealed, body = excluded.body
                """
        ).execute(arguments: [
            kind, namespace, name, Int64(resourceVersion), Int64(creationSequence), isSealed, Data(body),
        ])
    }

    func delete(_ db: Database) throws {
        try db.cachedStatement(sql: "DELETE FROM object WHERE kind = ? AND namespace = ? AND name = ?")
            .execute(arguments: [kind, namespace, name])
    }
}

/// An event as its row holds it; `object.resourceVersion` is the event's own.
struct EventRow: Sendable {
    var type: String
    var revision: UInt64
    var at: Int64
    var isStatusOnly: Bool
    var object: ObjectRow
    var previous: [UInt8]?

    func insert(_ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO event (resource_version, revision, at, type, is_status, kind, namespace, name, sealed,
                    body, previous)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            Int64(object.resourceVersion), Int64(revision), at, type, isStatusOnly, object.kind, object.namespace,
            object.name, object.isSealed, Data(object.body), previous.map { Data($0) },
        ])
    }

    /// Events after `since` up to and including `through`, in order.
    static func read(_ db: Database, after since: UInt64, through end: UInt64) throws -> [EventRow] {
        let sql = """
            SELECT resource_version, revision, at, type, is_status, kind, namespace, name, sealed, body, previous
            FROM event WHERE resource_version > ? AND resource_version <= ? ORDER BY resource_version
            """
        return try Row.fetchAll(db, sql: sql, arguments: [Int64(since), Int64(end)]).map { row in
            EventRow(
                type: row[3],
                revision: UInt64(row[1] as Int64),
                at: row[2],
                isStatusOnly: row[4],
                object: ObjectRow(
                    kind: row[5],
                    namespace: row[6],
                    name: row[7],
                    resourceVersion: UInt64(row[0] as Int64),
                    creationSequence: 0,
                    isSealed: row[8],
                    body: Array(row[9] as Data)
                ),
                previous: (row[10] as Data?).map { Array($0) }
            )
        }
    }

    /// Forgets events up to `resourceVersion` and those before the time `before`; returns the end of what is forgotten.
    static func compact(_ db: Database, through resourceVersion: UInt64, before: Int64) throws -> UInt64? {
        let newest = try Int64.fetchOne(
            db,
            sql: "SELECT max(resource_version) FROM event WHERE resource_version <= ? OR at < ?",
            arguments: [Int64(resourceVersion), before]
        )
        guard let newest else { return nil }
        try db.execute(sql: "DELETE FROM event WHERE resource_version <= ?", arguments: [newest])
        return UInt64(newest)
    }
}

/// The row of an accepted request.
struct RevisionRow: Sendable {
    var revision: UInt64
    var at: Int64
    var context: WriteContext
    var changes: Int

    func insert(_ db: Database) throws {
        try db.cachedStatement(
            sql:
                """
                INSERT INTO revision (revision, at, user, via, message, request_id, changes)
                VALUES (?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            Int64(revision), at, context.user, context.agent, context.message, context.requestID, changes,
        ])
    }
}

extension TokenRecord {
    private init(_ row: Row) {
        self.init(
            id: row["id"],
            user: row["user"],
            namespace: row["namespace"],
            serviceAccount: row["service_account"],
            accountUID: row["account_uid"],
            audience: row["audience"],
            scope: row["scope"],
            isSingleUse: row["is_single_use"],
            created: row["created"],
            expires: row["expires"],
            lastUsed: row["last_used"]
        )
    }

    static func readAll(_ db: Database) throws -> [(hash: [UInt8], record: TokenRecord)] {
        try Row.fetchAll(db, sql: "SELECT * FROM token").map { (Array($0["hash"] as Data), TokenRecord($0)) }
    }

    func insert(_ db: Database, hash: [UInt8]) throws {
        try db.execute(
            sql: """
                INSERT INTO token (id, hash, user, namespace, service_account, account_uid, audience, scope,
                    is_single_use, created, expires, last_used)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id, Data(hash), user, namespace, serviceAccount, accountUID, audience, scope, isSingleUse, created,
                expires,
                lastUsed,
            ]
        )
    }

    /// Removes the rows and says how many there were.
    static func delete(_ db: Database, id: String) throws -> Int {
        try db.execute(sql: "DELETE FROM token WHERE id = ?", arguments: [id])
        return db.changesCount
    }
}
