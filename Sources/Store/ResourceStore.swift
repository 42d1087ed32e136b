internal import Crypto
internal import Foundation
internal import GRDB
internal import Logging
public import Resources
internal import Synchronization

/// The one place where configuration is kept: objects, their history, and the tokens that open the API.
///
/// There is a single writer. Requests that arrive while a transaction is being synced form the next batch, so a
/// commit costs one sync whatever the number of clients (group commit), and every answer comes after the sync. Reads
/// never touch the disk: `current` is the state after the newest durable commit.
///
/// Errors: `commit` throws what admission throws, or `StoreError` when the database cannot; then nothing of the
/// request is stored, reads go on, and a later request may succeed without a restart.
public actor ResourceStore {
    /// The most requests in one transaction.
    private static let batchMax = 128

    private struct Pending {
        var request: WriteRequest
        var answer: CheckedContinuation<CommitOutcome, any Error>
    }

    let logger = Logger(label: "store")
    private let lock: DirectoryLock
    private let queue: DatabaseQueue
    let coder: ObjectCoder
    let now: @Sendable () -> Int64
    /// The state that readers see, readable without a hop to the actor.
    private nonisolated let published: Mutex<ResourceSet>
    nonisolated let tokens: Mutex<[[UInt8]: TokenRecord]>

    private var resources: ResourceSet
    private var counters: Counters
    private var history: EventHistory
    private var feeds: [Int: AsyncStream<StoreChange>.Continuation] = [:]
    private var nextFeed = 0
    private var pending: [Pending] = []
    private var isWriting = false
    private var isClosed = false
    /// The newest write did not reach the disk.
    private var hasFailed = false
    var audits = AuditQueue()
    var isAuditing = false

    /// Opens the store in a directory, or creates it there.
    ///
    /// - Parameter now: seconds since 1970, for timestamps and retention.
    /// - Throws: `.unavailable` when another process has it open, `.corrupt` when the database is damaged,
    ///   `.wrongKey` when its key is missing or another, `.readOnly`
    ///   or `.full` when the directory cannot be written.
    public init(directory: String, now: @escaping @Sendable () -> Int64) throws(StoreError) {
        lock = try DirectoryLock(directory: directory)
        let queue = try DatabaseFile.open(directory: directory)
        let loaded = try Self.load(queue, directory: directory)
        self.queue = queue
        self.now = now
        coder = loaded.coder
        resources = loaded.resources
        counters = loaded.counters
        published = Mutex(loaded.resources)
        tokens = Mutex(loaded.tokens)
        history = EventHistory(startingAfter: loaded.counters.resourceVersion)
    }

    /// Everything that is stored, as of the newest durable commit.
    public nonisolated var current: ResourceSet { published.withLock { $0 } }

    /// Runs `admit` in the writer's turn against the state its predecessors leave, and stores what it admits.
    ///
    /// - Returns: after the change is on the disk. In a dry run, or when nothing had to change, nothing is written.
    public func commit(
        _ context: WriteContext,
        _ admit: @escaping @Sendable (ResourceSet) throws -> AdmittedChange
    ) async throws -> CommitOutcome {
        guard !isClosed else { throw StoreError(.closed, "the store is closed") }
        return try await withCheckedThrowingContinuation { continuation in
            pending.append(Pending(request: WriteRequest(context: context, admit: admit), answer: continuation))
            guard !isWriting else { return }
            isWriting = true
            Task { await self.drain() }
        }
    }

    /// False while writes fail. After a failure it finds out by itself when they go through again.
    public func isWritable() async -> Bool {
        guard !isClosed else { return false }
        guard hasFailed else { return true }
        do throws(StoreError) {
            // Writes one page of the log without changing anything.
            try await perform { db in
                let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                try db.execute(sql: "PRAGMA user_version = \(version)")
            }
            hasFailed = false
            return true
        } catch {
            return false
        }
    }

    /// Events after a resourceVersion, first the kept ones, then new ones as they are committed.
    ///
    /// The stream ends when the consumer falls too far behind or the store closes; the consumer resumes with the last
    /// resourceVersion it has seen.
    /// - Throws: `.expired` when events after `resourceVersion` are no longer kept; the consumer lists again. A
    ///   resourceVersion that was never given out counts as expired too: it comes from another database.
    public func events(since resourceVersion: UInt64) async throws(StoreError) -> AsyncStream<ObjectEvent> {
        guard resourceVersion >= counters.compacted, resourceVersion <= counters.resourceVersion else {
            throw StoreError(.expired(oldest: counters.compacted), "too old resource version: \(resourceVersion)")
        }
        var first: [ObjectEvent] = []
        if resourceVersion < history.start {
            let start = history.start
            first = try await stored(after: resourceVersion, through: start)
            // Events are numbered without gaps, so a missing first one has been compacted meanwhile.
            guard first.first?.resourceVersion == resourceVersion + 1 else {
                throw StoreError(.expired(oldest: counters.compacted), "too old resource version: \(resourceVersion)")
            }
            // Between the question and the answer the memory may have moved on.
            guard history.start == start else { return try await events(since: resourceVersion) }
        }
        first += history.events(after: max(resourceVersion, history.start))
        let (id, stream) = history.watch(startingWith: first)
        history.whenEnded(id) { [weak self] in
            guard let self else { return }
            Task { await self.forget(watcher: id) }
        }
        return stream
    }

    /// Every accepted revision from now on, with the state that includes it; the newest wins when the consumer is
    /// slow, so that several changes arrive as one state.
    public func changes() -> AsyncStream<StoreChange> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: StoreChange.self,
            bufferingPolicy: .bufferingNewest(1024)
        )
        nextFeed += 1
        let id = nextFeed
        feeds[id] = continuation
        continuation.onTermination = { [weak self] _ in
            guard let self else { return }
            Task { await self.forget(feed: id) }
        }
        return stream
    }

    /// Checks the whole database file. Empty when it is intact, else what SQLite says about the damage.
    public func integrityViolations() async throws(StoreError) -> [String] {
        try await perform { db in
            try String.fetchAll(db, sql: "PRAGMA integrity_check").filter { $0 != "ok" }
        }
    }

    /// Ends watches and feeds and closes the file, after the writes that are waiting.
    public func close() async {
        isClosed = true
        while isWriting { await Task.yield() }
        await writeAudits()
        history.finish()
        for feed in feeds.values { feed.finish() }
        feeds.removeAll()
        do {
            try queue.close()
        } catch {
            // The file then stays open until the process ends; everything acknowledged is on the disk already.
            logger.warning("the database does not close: \(error)")
        }
        lock.release()
    }

    // MARK: The writer

    private func drain() async {
        while !pending.isEmpty {
            let batch = Array(pending.prefix(Self.batchMax))
            pending.removeFirst(batch.count)
            let requests = batch.map(\.request)
            let writer = WriteBatch(coder: coder, now: now())
            let (resources, counters) = (resources, counters)
            do throws(StoreError) {
                let result = try await perform { db in try writer.run(requests, on: resources, counters, db) }
                hasFailed = false
                publish(result)
                for (item, outcome) in zip(batch, result.outcomes) { item.answer.resume(with: outcome) }
            } catch {
                hasFailed = true
                for item in batch { item.answer.resume(throwing: error) }
                await reloadIfMoved()
            }
        }
        isWriting = false
    }

    private func publish(_ result: WriteBatch.Result) {
        resources = result.resources
        counters = result.counters
        published.withLock { $0 = result.resources }
        for case .success(let commit) in result.outcomes { history.append(commit.events) }
        for change in result.changes {
            for feed in feeds.values { feed.yield(change) }
        }
    }

    /// After an input/output error a commit may have reached the disk although it was reported as failed. Then the
    /// file is the truth: it is loaded again, and watchers start over.
    private func reloadIfMoved() async {
        do throws(StoreError) {
            let stored = try await perform { db in try Counters.read(db) }
            guard stored != counters else { return }
            let coder = coder
            resources = try await perform { db in try Self.resources(db, coder, stored) }
            counters = stored
            history.finish()
            history = EventHistory(startingAfter: stored.resourceVersion)
            let state = resources
            published.withLock { $0 = state }
            let change = StoreChange(revision: stored.revision, resources: state, keys: state.everything.map(\.key))
            for feed in feeds.values { feed.yield(change) }
        } catch {
            // The next write tries again and reports it.
            logger.error("the database does not answer: \(error.detail)")
        }
    }

    // MARK: The database

    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await queue.writeWithoutTransaction(body)
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw StoreError(error)
        } catch {
            throw StoreError(.unavailable, "\(type(of: error))")
        }
    }

    private func stored(after since: UInt64, through end: UInt64) async throws(StoreError) -> [ObjectEvent] {
        let coder = coder
        return try await perform { db in
            try EventRow.read(db, after: since, through: end).map { row in
                let resource = try coder.resource(row.object)
                let previous = try row.previous.map { try coder.resource($0, of: row.object) }
                let kind = ObjectEvent.Kind(rawValue: row.type) ?? .modified
                return ObjectEvent(
                    kind: kind,
                    resourceVersion: row.object.resourceVersion,
                    revision: row.revision,
                    isStatusOnly: row.isStatusOnly,
                    resource: resource,
                    previous: kind == .deleted ? resource : previous
                )
            }
        }
    }

    private func forget(watcher id: Int) { history.forget(id) }

    private func forget(feed id: Int) { feeds[id] = nil }

    private struct Loaded {
        var coder: ObjectCoder
        var resources: ResourceSet
        var counters: Counters
        var tokens: [[UInt8]: TokenRecord]
    }

    private static func load(_ queue: DatabaseQueue, directory: String) throws(StoreError) -> Loaded {
        do {
            return try queue.writeWithoutTransaction { db in
                let counters = try Counters.read(db)
                let check = try Data.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'key-check'")
                let key = try DatabaseFile.key(directory: directory, mayCreate: check == nil && counters.revision == 0)
                try verify(key, check.map { Array($0) }, db)
                let coder = ObjectCoder(key: key)
                return Loaded(
                    coder: coder,
                    resources: try resources(db, coder, counters),
                    counters: counters,
                    tokens: Dictionary(
                        try TokenRecord.readAll(db).map { ($0.hash, $0.record) },
                        uniquingKeysWith: { first, _ in first }
                    )
                )
            }
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw StoreError(error)
        } catch {
            throw StoreError(.unavailable, "\(type(of: error))")
        }
    }

    /// A sealed constant tells at once, and not at the first Secret, that the key is the right one.
    private static func verify(_ key: SealingKey, _ check: [UInt8]?, _ db: Database) throws {
        let (text, context) = (Array("gatehouse".utf8), Array("key-check".utf8))
        guard let check else {
            let sealed = Data(key.seal(text, context: context))
            try db.execute(sql: "INSERT INTO setting (name, value) VALUES ('key-check', ?)", arguments: [sealed])
            return
        }
        do throws(SealError) {
            _ = try key.open(check, context: context)
        } catch {
            throw StoreError(.wrongKey, "store.key is not the key this database was written with")
        }
    }

    private static func resources(_ db: Database, _ coder: ObjectCoder, _ counters: Counters) throws -> ResourceSet {
        var set = ResourceSet(revision: counters.revision, resourceVersion: counters.resourceVersion)
        for row in try ObjectRow.readAll(db) { set.insert(try coder.resource(row)) }
        return set
    }
}
