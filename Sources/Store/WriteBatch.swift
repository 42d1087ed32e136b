internal import GRDB
internal import Resources

/// A request that waits for its turn.
struct WriteRequest: Sendable {
    var context: WriteContext
    var admit: @Sendable (ResourceSet) throws -> AdmittedChange
}

/// Several requests in one transaction: each in its own savepoint, all made durable by one sync.
///
/// Admission of a request sees what its predecessors in the batch leave. A request that is refused leaves nothing
/// behind and does not disturb the others. When the database itself fails, nothing of the batch is stored and every
/// request gets that error.
struct WriteBatch {
    /// What a batch did, to be published after the commit.
    struct Result: Sendable {
        var resources: ResourceSet
        var counters: Counters
        var outcomes: [Swift.Result<CommitOutcome, any Error>]
        var changes: [StoreChange]
        /// The end of the audit trail.
        var hash: [UInt8] = []
    }

    let coder: ObjectCoder
    /// Seconds since 1970.
    let now: Int64

    func run(_ requests: [WriteRequest], on resources: ResourceSet, _ counters: Counters, _ db: Database) throws
        -> Result
    {
        var result = Result(resources: resources, counters: counters, outcomes: [], changes: [])
        try db.execute(sql: "BEGIN IMMEDIATE")
        do {
            guard try Counters.read(db) == counters else {
                throw StoreError(.unavailable, "the database was changed by somebody else")
            }
            result.hash = try AuditTrail.newestHash(db)
            for request in requests { result.outcomes.append(try one(request, &result, db)) }
            if result.counters == counters {
                try db.execute(sql: "ROLLBACK")
            } else {
                try compact(&result.counters, before: counters, db)
                try result.counters.write(db)
                try db.execute(sql: "COMMIT")
            }
        } catch {
            // SQLite may have rolled back by itself, for example on a full disk.
            if db.isInsideTransaction { try db.execute(sql: "ROLLBACK") }
            throw error
        }
        return result
    }

    private func one(
        _ request: WriteRequest,
        _ result: inout Result,
        _ db: Database
    ) throws -> Swift.Result<CommitOutcome, any Error> {
        let admitted: AdmittedChange
        do {
            admitted = try request.admit(result.resources)
        } catch {
            return .failure(error)
        }
        guard admitted.baseRevision == result.resources.revision else {
            return .failure(StoreError(.unavailable, "the change was decided against another revision"))
        }
        let events = events(of: admitted, after: result.resources.resourceVersion)
        guard !request.context.isDryRun, !events.isEmpty else {
            let revision = result.resources.revision
            return .success(CommitOutcome(revision: revision, change: admitted, events: []))
        }
        guard events.last?.resourceVersion == admitted.resulting.resourceVersion else {
            return .failure(StoreError(.unavailable, "the events of the change are not numbered in order"))
        }
        let hash = result.hash
        do {
            try db.execute(sql: "SAVEPOINT request")
            try write(events, admitted, request.context, &result.hash, db)
            try db.execute(sql: "RELEASE request")
        } catch let error as DatabaseError where Self.concernsOnlyTheRequest(error) && db.isInsideTransaction {
            try db.execute(sql: "ROLLBACK TO request; RELEASE request")
            result.hash = hash
            return .failure(StoreError(error))
        }
        result.resources = admitted.resulting
        result.counters.resourceVersion = admitted.resulting.resourceVersion
        result.counters.revision = admitted.resulting.revision
        if admitted.makesRevision {
            let keys = events.map(\.resource.key)
            result.changes.append(
                StoreChange(revision: admitted.resulting.revision, resources: admitted.resulting, keys: keys)
            )
        }
        return .success(CommitOutcome(revision: admitted.resulting.revision, change: admitted, events: events))
    }

    private func events(of admitted: AdmittedChange, after resourceVersion: UInt64) -> [ObjectEvent] {
        var version = resourceVersion
        var events: [ObjectEvent] = []
        for change in admitted.results {
            let kind: ObjectEvent.Kind
            switch change.outcome {
            case .created: kind = .added
            case .configured: kind = .modified
            case .deleted: kind = .deleted
            case .unchanged: continue
            }
            version += 1
            var resource = change.resource
            resource.metadata.resourceVersion = String(version)
            events.append(
                ObjectEvent(
                    kind: kind,
                    resourceVersion: version,
                    revision: admitted.resulting.revision,
                    isStatusOnly: !admitted.makesRevision,
                    resource: resource,
                    previous: change.previous
                )
            )
        }
        return events
    }

    private func write(
        _ events: [ObjectEvent],
        _ admitted: AdmittedChange,
        _ context: WriteContext,
        _ hash: inout [UInt8],
        _ db: Database
    ) throws {
        for event in events {
            let row = coder.row(event.resource, resourceVersion: event.resourceVersion)
            if event.kind == .deleted { try row.delete(db) } else { try row.put(db) }
            // A deletion's "before" is the object itself.
            let before = event.previous.map { coder.bytes($0, resourceVersion: event.resourceVersion) }
            try EventRow(
                type: event.kind.rawValue,
                revision: event.revision,
                at: now,
                isStatusOnly: event.isStatusOnly,
                object: row,
                previous: event.kind == .deleted ? nil : before
            ).insert(db)
            if !event.isStatusOnly { try history(of: event, row, before).insert(db) }
        }
        guard admitted.makesRevision else { return }
        let revision = admitted.resulting.revision
        try RevisionRow(revision: revision, at: now, context: context, changes: events.count).insert(db)
        try AuditTrail.append(context, code: 200, revision: revision, at: now, after: &hash, db)
    }

    private func history(of event: ObjectEvent, _ row: ObjectRow, _ before: [UInt8]?) -> HistoryRow {
        HistoryRow(
            revision: event.revision,
            resourceVersion: event.resourceVersion,
            kind: row.kind,
            namespace: row.namespace,
            name: row.name,
            isSealed: row.isSealed,
            creationSequence: row.creationSequence,
            before: event.kind == .added ? nil : before,
            after: event.kind == .deleted ? nil : row.body
        )
    }

    /// Forgets old events, but not on every commit: a sweep costs a look at the whole age index.
    private func compact(_ counters: inout Counters, before: Counters, _ db: Database) throws {
        let interval: UInt64 = 256
        guard counters.resourceVersion / interval != before.resourceVersion / interval else { return }
        if counters.revision > ResourceStore.revisionsMax {
            try HistoryRow.forget(db, through: counters.revision - ResourceStore.revisionsMax)
        }
        try AuditTrail.compact(db)
        let keepFrom = counters.resourceVersion - min(counters.resourceVersion, UInt64(EventHistory.eventsMax))
        if let compacted = try EventRow.compact(db, through: keepFrom, before: now - EventHistory.ageMax) {
            counters.compacted = max(counters.compacted, compacted)
        }
    }

    /// Errors that the next request in the same transaction would not meet. Source:
    /// https://www.sqlite.org/rescode.html.
    private static func concernsOnlyTheRequest(_ error: DatabaseError) -> Bool {
        [.SQLITE_TOOBIG, .SQLITE_CONSTRAINT].contains(error.resultCode)
    }
}
