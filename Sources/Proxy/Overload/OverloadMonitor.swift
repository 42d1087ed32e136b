internal import CSys
internal import Synchronization
internal import XDS

/// Looks four times a second at what the process uses, and decides how much work it still takes.
///
/// On a thread of its own: a worker that is busy is exactly what must not delay the decision. It also gives memory back
/// to the system after a peak, which the allocator by itself does not do from the middle of its heap.
final class OverloadMonitor: Sendable {
    private static let intervalMilliseconds: Int32 = 250
    /// Heap that has become free and makes giving pages back worth its while.
    private static let trimBytes = 8 << 20
    private static let ticksPerTrim = 8

    let pressure: Pressure
    /// Downstream connections of the process.
    let quota = ConnectionQuota()
    private let connectionsMax: Int
    /// Descriptors that are open before any connection is.
    private let ownDescriptors: Int
    private let limits = Mutex(OverloadLimits())
    private let wakeup: Int32
    private let isStopping = Atomic<Bool>(false)
    private let thread = Mutex<WorkerThread?>(nil)

    /// - Parameters:
    ///   - connectionsMax: downstream connections, if descriptors allow so many.
    ///   - workers: their loops and listeners are not open yet.
    init(connectionsMax: Int, workers: Int) {
        self.connectionsMax = connectionsMax
        gh_raise_descriptor_limit()
        let usage = ProcessUsage()
        defer { usage.closeDescriptors() }
        ownDescriptors = usage.descriptorsUsed + 8 * workers
        let room = ProcessUsage.connectionsMax(descriptors: usage.descriptorsMax, used: ownDescriptors)
        pressure = Pressure(connectionsMax: min(connectionsMax, room))
        wakeup = gh_eventfd()
    }

    /// - Parameter shed: called on the monitor's thread while there is pressure: idle connections should go.
    func start(shed: @escaping @Sendable () -> Void) {
        let started = WorkerThread(name: "overload") { [self] in watch(shed) }
        thread.withLock { $0 = started }
    }

    func update(_ limits: OverloadLimits) { self.limits.withLock { $0 = limits } }

    func stop() {
        isStopping.store(true, ordering: .releasing)
        gh_eventfd_signal(wakeup)
        thread.withLock { $0 }?.join()
        close(wakeup)
    }

    private func watch(_ shed: () -> Void) {
        let usage = ProcessUsage()
        defer { usage.closeDescriptors() }
        var level = PressureLevel.none
        var freeBytes = Int(gh_free_heap_bytes())
        var ticks = 0
        while !isStopping.load(ordering: .acquiring) {
            let limits = limits.withLock { $0 }
            let memory = usage.memoryPercent(ownMax: limits.memoryBytesMax)
            let descriptors = usage.descriptorPercent
            level = level.next(percent: max(memory, descriptors), limits: limits)
            pressure.set(level, memoryPercent: memory, descriptorPercent: descriptors)
            let room = ProcessUsage.connectionsMax(descriptors: usage.descriptorsMax, used: ownDescriptors)
            pressure.setConnectionsMax(min(connectionsMax, room))
            if level > .none { shed() }
            ticks += 1
            // Memory that was freed counts as used until it is given back: pressure must not outlive its cause.
            let isPressing = level > .none && memory >= Double(limits.keepAlivePercent) - 2
            if isPressing {
                gh_trim_heap()
            } else if ticks % Self.ticksPerTrim == 0 {
                let free = Int(gh_free_heap_bytes())
                if free > freeBytes + Self.trimBytes { gh_trim_heap() }
                freeBytes = free > freeBytes + Self.trimBytes ? free : min(freeBytes, free)
            }
            var polled = pollfd(fd: wakeup, events: Int16(POLLIN), revents: 0)
            poll(&polled, 1, Self.intervalMilliseconds)
        }
    }
}
