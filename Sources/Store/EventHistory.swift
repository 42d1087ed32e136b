internal import Resources

/// The newest events in memory, and who is watching.
///
/// Shape: events in order of resourceVersion. Older ones that the database still keeps are read from there
/// (`ResourceStore.events`).
struct EventHistory {
    /// How many events are kept, here and in the database.
    static let eventsMax = 10_000
    /// For how long, in seconds.
    static let ageMax: Int64 = 3600
    /// How far a watcher may fall behind before it is cut off; it resumes from its last resourceVersion.
    static let backlogMax = 4096

    private var events: [ObjectEvent] = []
    private var watchers: [Int: AsyncStream<ObjectEvent>.Continuation] = [:]
    private var nextWatcher = 0
    /// Events up to this resourceVersion are not in memory.
    private(set) var start: UInt64

    init(startingAfter resourceVersion: UInt64) {
        start = resourceVersion
    }

    /// Appends and hands on. A watcher whose backlog is full is ended: it would otherwise miss events without noticing.
    mutating func append(_ new: [ObjectEvent]) {
        events += new
        if events.count > Self.eventsMax + Self.eventsMax / 8 {
            events.removeFirst(events.count - Self.eventsMax)
            start = (events.first?.resourceVersion ?? start + 1) - 1
        }
        for (id, continuation) in watchers {
            for event in new {
                if case .enqueued = continuation.yield(event) { continue }
                continuation.finish()
                watchers[id] = nil
                break
            }
        }
    }

    /// Events after `resourceVersion`, which is at least `start`.
    func events(after resourceVersion: UInt64) -> ArraySlice<ObjectEvent> {
        var low = 0
        var high = events.count
        while low < high {
            let middle = (low + high) / 2
            if events[middle].resourceVersion <= resourceVersion { low = middle + 1 } else { high = middle }
        }
        return events[low...]
    }

    /// A stream that starts with `first` and goes on with what is appended from now on.
    mutating func watch(startingWith first: [ObjectEvent]) -> (id: Int, stream: AsyncStream<ObjectEvent>) {
        let limit = first.count + Self.backlogMax
        let (stream, continuation) = AsyncStream.makeStream(
            of: ObjectEvent.self,
            bufferingPolicy: .bufferingOldest(limit)
        )
        for event in first { continuation.yield(event) }
        nextWatcher += 1
        watchers[nextWatcher] = continuation
        return (nextWatcher, stream)
    }

    mutating func whenEnded(_ id: Int, _ action: @escaping @Sendable () -> Void) {
        watchers[id]?.onTermination = { _ in action() }
    }

    mutating func forget(_ id: Int) { watchers[id] = nil }

    mutating func finish() {
        for continuation in watchers.values { continuation.finish() }
        watchers.removeAll()
    }
}
