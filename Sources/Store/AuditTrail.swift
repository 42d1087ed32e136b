internal import Crypto
internal import Foundation
internal import GRDB
internal import Logging

/// One request that wrote or tried to, as the audit trail keeps it.
public struct AuditRecord: Sendable, Equatable {
    public var id: Int64
    /// Seconds since 1970.
    public var at: Int64
    public var requestID: String
    public var user: String
    /// The client's address.
    public var source: String
    /// The User-Agent.
    public var agent: String
    public var verb: String
    public var uri: String
    /// The status code of the answer.
    public var code: Int
    /// The revision that it made; nil when it made none.
    public var revision: UInt64?
    /// SHA-256 over the record and the hash before it, as lower-case hex digits.
    public var hash: String
}

/// The append-only chain of audit records.
///
/// Each row's hash covers its own content and the hash of the row before it, so that a row that is changed, removed or
/// put in between breaks the chain from there on. Source: the construction of hash-chained logs.
enum AuditTrail {
    /// How many rows are kept; the oldest go first, and the oldest kept row still names the hash before it.
    static let rowsMax: Int64 = 100_000

    static func newestHash(_ db: Database) throws -> [UInt8] {
        let data = try Data.fetchOne(db, sql: "SELECT hash FROM audit ORDER BY id DESC LIMIT 1")
        return data.map { Array($0) } ?? []
    }

    static func append(
        _ context: WriteContext,
        code: Int,
        revision: UInt64?,
        at time: Int64,
        after previous: inout [UInt8],
        _ db: Database
    ) throws {
        let hash = digest(
            previous,
            time,
            [context.requestID, context.user, context.source, context.agent, context.verb, context.uri],
            code,
            revision
        )
        try db.cachedStatement(
            sql: """
                INSERT INTO audit (at, request_id, user, source, agent, verb, uri, code, revision, previous, hash)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
        ).execute(arguments: [
            time, context.requestID, context.user, context.source, context.agent, context.verb, context.uri, code,
            revision.map { Int64($0) }, Data(previous), Data(hash),
        ])
        previous = hash
    }

    /// Every text is preceded by its length, so that no two records have one digest.
    private static func digest(
        _ previous: [UInt8],
        _ time: Int64,
        _ texts: [String],
        _ code: Int,
        _ revision: UInt64?
    ) -> [UInt8] {
        var bytes = previous
        for text in ["\(time)"] + texts + ["\(code)", revision.map { "\($0)" } ?? "-"] {
            bytes += Array("\(text.utf8.count):".utf8) + Array(text.utf8)
        }
        return Digest.sha256(bytes)
    }

    static func read(_ db: Database, after id: Int64, limit: Int) throws -> [AuditRecord] {
        try rows(db, after: id, limit: limit).map(\.record)
    }

    private static func rows(
        _ db: Database,
        after id: Int64,
        limit: Int
    ) throws -> [(record: AuditRecord, previous: [UInt8], hash: [UInt8])] {
        let sql = """
            SELECT id, at, request_id, user, source, agent, verb, uri, code, revision, previous, hash
            FROM audit WHERE id > ? ORDER BY id LIMIT ?
            """
        return try Row.fetchAll(db, sql: sql, arguments: [id, limit]).map { row in
            let hash = Array(row[11] as Data)
            let record = AuditRecord(
                id: row[0],
                at: row[1],
                requestID: row[2],
                user: row[3],
                source: row[4],
                agent: row[5],
                verb: row[6],
                uri: row[7],
                code: row[8],
                revision: (row[9] as Int64?).map { UInt64($0) },
                hash: Hex.encode(hash)
            )
            return (record, Array(row[10] as Data), hash)
        }
    }

    /// Nil when the chain holds; else what is wrong and where.
    static func violation(_ db: Database) throws -> String? {
        var last: (id: Int64, hash: [UInt8])?
        while true {
            let rows = try rows(db, after: last?.id ?? 0, limit: 1000)
            guard !rows.isEmpty else { return nil }
            for row in rows {
                let record = row.record
                if let last, row.previous != last.hash { return "row \(record.id) does not follow row \(last.id)" }
                if let last, record.id != last.id + 1 { return "rows between \(last.id) and \(record.id) are missing" }
                let texts = [record.requestID, record.user, record.source, record.agent, record.verb, record.uri]
                guard digest(row.previous, record.at, texts, record.code, record.revision) == row.hash else {
                    return "row \(record.id) was changed"
                }
                last = (record.id, row.hash)
            }
        }
    }

    static func compact(_ db: Database) throws {
        try db.execute(
            sql: "DELETE FROM audit WHERE id <= (SELECT max(id) FROM audit) - ?",
            arguments: [rowsMax]
        )
    }
}

/// Refused and failed requests that wait to be written, so that a flood of them costs one sync per batch.
struct AuditQueue: Sendable {
    /// Beyond this many the rest is counted instead of kept.
    static let waitingMax = 10_000

    private(set) var waiting: [(context: WriteContext, code: Int, at: Int64)] = []
    private var dropped = 0

    mutating func append(_ context: WriteContext, code: Int, at time: Int64) {
        if waiting.count < Self.waitingMax { waiting.append((context, code, time)) } else { dropped += 1 }
    }

    /// Everything that waits, with one last record that says how many were not kept.
    mutating func take(at time: Int64) -> [(context: WriteContext, code: Int, at: Int64)] {
        var all = waiting
        if dropped > 0 {
            let summary = WriteContext(user: "system:gatehouse", verb: "overflow", uri: "\(dropped) more requests")
            all.append((summary, 429, time))
        }
        waiting = []
        dropped = 0
        return all
    }
}

extension ResourceStore {
    /// Keeps a request that was refused or failed, or that changed something outside of revisions. It is written soon
    /// after, together with others.
    public func audit(_ context: WriteContext, code: Int) {
        audits.append(context, code: code, at: now())
        guard !isAuditing else { return }
        isAuditing = true
        Task {
            // A flood arrives in the meantime and is written at once.
            try? await Task.sleep(for: .milliseconds(20))
            await self.writeAudits()
        }
    }

    /// Writes what waits. Records that the database does not take now are tried again with the next ones.
    func writeAudits() async {
        isAuditing = false
        let batch = audits.take(at: now())
        guard !batch.isEmpty else { return }
        do throws(StoreError) {
            try await perform { db in
                try db.inTransaction {
                    var hash = try AuditTrail.newestHash(db)
                    for item in batch {
                        try AuditTrail.append(
                            item.context,
                            code: item.code,
                            revision: nil,
                            at: item.at,
                            after: &hash,
                            db
                        )
                    }
                    return .commit
                }
            }
        } catch {
            logger.error("the audit trail cannot be written: \(error.detail)")
            for item in batch { audits.append(item.context, code: item.code, at: item.at) }
        }
    }

    /// Records after an id, oldest first.
    public func auditRecords(after id: Int64 = 0, limit: Int) async throws(StoreError) -> [AuditRecord] {
        await writeAudits()
        return try await perform { db in try AuditTrail.read(db, after: id, limit: limit) }
    }

    /// Walks the whole chain. Nil when it holds, else what is wrong and where.
    public func auditViolation() async throws(StoreError) -> String? {
        await writeAudits()
        return try await perform { db in try AuditTrail.violation(db) }
    }
}
