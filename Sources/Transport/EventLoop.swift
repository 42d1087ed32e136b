public import Base
internal import CSys
internal import Synchronization

/// One thread's reactor: epoll, timers, jobs from other threads. Everything attached to it runs on that thread, to
/// completion.
///
/// Order within a batch: events, timers, jobs, then deferred work until none is left; last, what was closed is
/// released. Descriptors are registered once and edge triggered; there is no epoll_ctl per request.
///
/// `@unchecked Sendable`: only `submit` and `stop` may be called from other threads, and they touch nothing but
/// atomics and an eventfd. Every other member belongs to the thread that calls `run()` (before `run()`: to the
/// creating thread).
public final class EventLoop: @unchecked Sendable {
    /// Bytes one receive may bring. One block per thread, shared by all its connections.
    public static let scratchBytes = 256 << 10
    /// Readable bytes behind each scratch block, for parsers that load whole words.
    static let slack = 64
    static let stageBytes = 256 << 10
    /// One receive decrypts to no more than itself, plus a record that was already half there.
    static let plainBytes = scratchBytes + (32 << 10)
    static let cipherBytes = (256 + 64) << 10
    private static let eventsMax = 256

    /// Monotonic time of this batch.
    public private(set) var now: MonotonicTime
    /// Unix time of this batch, in nanoseconds. Read once per batch.
    public private(set) var wallNanoseconds: Int64

    let scratch: MutableBytePointer
    let plain: MutableBytePointer
    let cipher: MutableBytePointer
    let stage: MutableBytePointer
    /// Whose output is being gathered in `stage`, and how much of it.
    var stageOwner: Connection?
    var stageCount = 0
    let tlsIO: UnsafeMutablePointer<TLSIO>

    private let epoll: Int32
    private let wakeup: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private let timers: TimerWheel
    private let isStopping = Atomic<Bool>(false)
    private let inbox = Atomic<UnsafeMutableRawPointer?>(nil)
    /// Emptied blocks for small bodies; see the type.
    public var spareBuffers = SpareBuffers()
    private var deferred: [DeferredWork] = []
    private var running: [DeferredWork] = []
    private var removed: [EventSource] = []
    private var hooks: [BatchHook] = []

    /// - Throws: `SocketError` when the process has no descriptors left.
    public init() throws(SocketError) {
        gh_ignore_sigpipe()
        epoll = gh_epoll_create()
        guard epoll >= 0 else { throw .last("epoll_create1") }
        wakeup = gh_eventfd()
        guard wakeup >= 0 else {
            let error = SocketError.last("eventfd")
            gh_close(epoll)
            throw error
        }
        events = .allocate(capacity: EventLoop.eventsMax)
        scratch = .allocate(capacity: EventLoop.scratchBytes + EventLoop.slack)
        plain = .allocate(capacity: EventLoop.plainBytes + EventLoop.slack)
        cipher = .allocate(capacity: EventLoop.cipherBytes)
        stage = .allocate(capacity: EventLoop.stageBytes + EventLoop.slack)
        tlsIO = .allocate(capacity: 1)
        tlsIO.initialize(to: TLSIO(output: cipher, outputCapacity: EventLoop.cipherBytes))
        now = .now()
        wallNanoseconds = EventLoop.readWallClock()
        timers = TimerWheel(start: now)
        _ = gh_epoll_control(epoll, gh_epoll_add, wakeup, gh_epoll_in | gh_epoll_edge, nil)
    }

    deinit {
        // Unlinked one by one, so that a long chain is not released recursively.
        var job = popJobs()
        while let current = job {
            job = current.following
            current.following = nil
        }
        gh_close(epoll)
        gh_close(wakeup)
        events.deallocate()
        scratch.deallocate()
        plain.deallocate()
        cipher.deallocate()
        stage.deallocate()
        tlsIO.deallocate()
    }

    // MARK: Any thread

    /// Runs `job` on the loop's thread soon, in submission order per thread. Jobs left when the loop ends are dropped.
    public func submit(_ job: @escaping @Sendable () -> Void) {
        let node = Unmanaged.passRetained(Job(job))
        var head = inbox.load(ordering: .relaxed)
        while true {
            node.takeUnretainedValue().next = head
            let (done, seen) = inbox.weakCompareExchange(
                expected: head,
                desired: node.toOpaque(),
                ordering: .acquiringAndReleasing
            )
            if done { break }
            head = seen
        }
        if head == nil { gh_eventfd_signal(wakeup) }
    }

    /// Makes `run()` return after the current batch.
    public func stop() {
        isStopping.store(true, ordering: .releasing)
        gh_eventfd_signal(wakeup)
    }

    // MARK: The loop's own thread

    /// Serves until `stop()`. Blocks the calling thread, which becomes the loop's thread.
    public func run() {
        while !isStopping.load(ordering: .acquiring) { runOnce(waitingAtMost: nil) }
        isStopping.store(false, ordering: .releasing)
    }

    /// One batch; for tests and for shutting down. `waitingAtMost` nil waits for the next event or timer.
    public func runOnce(waitingAtMost limit: Duration?) {
        let isBusy = !deferred.isEmpty || inbox.load(ordering: .relaxed) != nil
        var wait = isBusy ? 0 : timers.millisecondsToNext(after: now)
        if let limit {
            let most = Int32(clamping: limit.wholeMilliseconds)
            wait = wait < 0 ? most : min(wait, most)
        }
        let count = gh_epoll_wait(epoll, events, Int32(EventLoop.eventsMax), wait)
        now = .now()
        wallNanoseconds = EventLoop.readWallClock()
        if count > 0 { dispatch(Int(count)) }
        timers.advance(to: now)
        flushStage()
        runJobs()
        for hook in hooks { hook.onBatchEnd() }
        runDeferred()
        if !removed.isEmpty { removed.removeAll(keepingCapacity: true) }
    }

    private func dispatch(_ count: Int) {
        var i = 0
        while i < count {
            let event = events + i
            i &+= 1
            guard let data = gh_event_data(event) else {
                gh_eventfd_clear(wakeup)
                continue
            }
            let source = Unmanaged<EventSource>.fromOpaque(data).takeUnretainedValue()
            if source.isRegistered { source.onEvents(IOEvents(rawValue: gh_event_bits(event))) }
            if stageCount > 0 { flushStage() }
        }
    }

    /// Fires `timer` once after `delay`, rounded up to a millisecond; a scheduled timer is moved.
    public func schedule(_ timer: LoopTimer, after delay: Duration) {
        timers.insert(timer, at: now.advanced(by: delay))
    }

    public func schedule(_ timer: LoopTimer, at deadline: MonotonicTime) {
        timers.insert(timer, at: deadline)
    }

    /// Watches `source` for all events, edge triggered.
    public func add(_ source: EventSource) throws(SocketError) {
        try add(source, events: gh_epoll_in | gh_epoll_out | gh_epoll_rdhup | gh_epoll_edge)
    }

    /// Watches a descriptor level triggered, for libraries that read only part of what is there (resolver sockets).
    /// Calling it again changes the interest.
    public func addLevelTriggered(_ source: EventSource, reading: Bool, writing: Bool) throws(SocketError) {
        try add(source, events: (reading ? gh_epoll_in : 0) | (writing ? gh_epoll_out : 0))
    }

    func add(_ source: EventSource, events: UInt32) throws(SocketError) {
        let data = Unmanaged.passUnretained(source).toOpaque()
        let operation = source.isRegistered ? gh_epoll_modify : gh_epoll_add
        guard gh_epoll_control(epoll, operation, source.descriptor, events, data) == 0 else { throw .last("epoll_ctl") }
        if !source.isRegistered {
            source.isRegistered = true
            _ = Unmanaged.passRetained(source)
        }
    }

    /// Stops watching. The caller closes the descriptor afterwards; the object lives until the end of the batch.
    public func remove(_ source: EventSource) {
        guard source.isRegistered else { return }
        source.isRegistered = false
        _ = gh_epoll_control(epoll, gh_epoll_delete, source.descriptor, 0, nil)
        removed.append(source)
        Unmanaged.passUnretained(source).release()
    }

    /// Runs `work` later in this batch, once, however often it is asked for before it ran.
    public func enqueue(_ work: DeferredWork) {
        guard !work.isQueued else { return }
        work.isQueued = true
        deferred.append(work)
    }

    /// Calls the hook at the end of every batch, for as long as the loop lives (configuration swap, counters).
    public func addBatchHook(_ hook: BatchHook) {
        hooks.append(hook)
    }

    /// Sends what was gathered for one connection.
    func flushStage() {
        guard let owner = stageOwner else { return }
        let count = stageCount
        stageOwner = nil
        stageCount = 0
        if count > 0 { owner.transmit(stage, count, nil, 0) }
    }

    // Work queued while draining runs in the same batch, so that a flush which makes more work is not left until the
    // next event. The bound keeps one busy connection from starving the others: the rest runs in the next batch
    // without waiting.
    private func runDeferred() {
        var rounds = 0
        while !deferred.isEmpty && rounds < 16 {
            swap(&deferred, &running)
            for work in running {
                work.isQueued = false
                work.runDeferred()
                if stageCount > 0 { flushStage() }
            }
            running.removeAll(keepingCapacity: true)
            rounds &+= 1
        }
    }

    private func popJobs() -> Job? {
        var newest = inbox.exchange(nil, ordering: .acquiring)
        var oldest: Job?
        while let raw = newest {
            let job = Unmanaged<Job>.fromOpaque(raw).takeRetainedValue()
            newest = job.next
            job.following = oldest
            oldest = job
        }
        return oldest
    }

    private func runJobs() {
        guard inbox.load(ordering: .relaxed) != nil else { return }
        var job = popJobs()
        while let current = job {
            job = current.following
            current.following = nil
            current.body()
            flushStage()
        }
    }

    private static func readWallClock() -> Int64 {
        var t = timespec()
        clock_gettime(CLOCK_REALTIME, &t)
        return Int64(t.tv_sec) &* 1_000_000_000 &+ Int64(t.tv_nsec)
    }
}

/// One submitted closure, linked through the lock-free inbox. Owned by the inbox as a retained raw pointer.
private final class Job {
    let body: @Sendable () -> Void
    var next: UnsafeMutableRawPointer?
    var following: Job?

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}
