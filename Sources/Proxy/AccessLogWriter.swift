internal import CSys
internal import Synchronization
internal import Telemetry

/// Writes the workers' log buffers to a descriptor from a thread of its own, so that a slow reader of our output
/// never holds up traffic: when the writer is behind, lines are dropped and counted.
///
/// Each worker has a lane with two buffers. It fills one while the writer empties the other; the hand-over is one
/// atomic exchange, without a lock.
final class AccessLogWriter: Sendable {
    /// One worker's end.
    ///
    /// `@unchecked Sendable`: `filling` belongs to the worker; a buffer changes hands only through the two atomics,
    /// whose release and acquire order its bytes.
    final class Lane: @unchecked Sendable {
        /// What the worker appends to. Only the worker touches it.
        private(set) var filling = LogBuffer(capacity: 64 << 10)
        private let full = Atomic<UnsafeMutableRawPointer?>(nil)
        private let empty = Atomic<UnsafeMutableRawPointer?>(nil)

        init() {
            let spare = LogBuffer(capacity: 64 << 10)
            empty.store(Unmanaged.passRetained(spare).toOpaque(), ordering: .releasing)
        }

        deinit {
            for pointer in [full.load(ordering: .acquiring), empty.load(ordering: .acquiring)] {
                if let pointer { Unmanaged<LogBuffer>.fromOpaque(pointer).release() }
            }
        }

        /// Hands the filled buffer over; false when the writer still has the other one.
        func handOver() -> Bool {
            guard filling.count > 0, let raw = empty.exchange(nil, ordering: .acquiring) else { return false }
            let next = Unmanaged<LogBuffer>.fromOpaque(raw).takeRetainedValue()
            full.store(Unmanaged.passRetained(filling).toOpaque(), ordering: .releasing)
            filling = next
            return true
        }

        fileprivate func take() -> LogBuffer? {
            guard let raw = full.exchange(nil, ordering: .acquiring) else { return nil }
            return Unmanaged<LogBuffer>.fromOpaque(raw).takeRetainedValue()
        }

        fileprivate func giveBack(_ buffer: LogBuffer) {
            buffer.removeAll()
            empty.store(Unmanaged.passRetained(buffer).toOpaque(), ordering: .releasing)
        }
    }

    /// Lines beyond this much unwritten output are dropped.
    static let backlogBytesMax = 1 << 20

    let lanes: [Lane]
    private let wakeup: Int32
    private let shared: Shared
    private let thread: WorkerThread?

    private final class Shared: Sendable {
        let isStopping = Atomic<Bool>(false)
    }

    init(descriptor: Int32, lanes count: Int) {
        let lanes = (0..<count).map { _ in Lane() }
        let wakeup = gh_eventfd()
        let shared = Shared()
        self.lanes = lanes
        self.wakeup = wakeup
        self.shared = shared
        thread = WorkerThread(name: "access-log") {
            while true {
                var poll = pollfd(fd: wakeup, events: 1, revents: 0)
                _ = CSys.poll(&poll, 1, 1000)
                gh_eventfd_clear(wakeup)
                let isLast = shared.isStopping.load(ordering: .acquiring)
                for lane in lanes {
                    guard let buffer = lane.take() else { continue }
                    Self.write(buffer.bytes, to: descriptor, shared)
                    lane.giveBack(buffer)
                }
                if isLast { return }
            }
        }
    }

    func wake() { gh_eventfd_signal(wakeup) }

    /// Writes what was handed over, then ends the thread.
    func stop() {
        shared.isStopping.store(true, ordering: .releasing)
        wake()
        thread?.join()
        close(wakeup)
    }

    /// On pipes in pieces of at most PIPE_BUF that end with a line, so that lines of several processes on one pipe
    /// never mix. A file that is appended to takes all at once.
    ///
    /// Waits for a reader that is slow, but not while stopping: a reader that is gone must not keep the process.
    private static func write(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32, _ shared: Shared) {
        var rest = bytes
        var facts = stat()
        let isFile = fstat(descriptor, &facts) == 0 && facts.st_mode & 0o170000 == 0o100000
        let piece = isFile ? Int.max : 4096
        while let start = rest.baseAddress, rest.count > 0 {
            var length = min(rest.count, piece)
            if length < rest.count {
                while length > 0, rest[length &- 1] != 10 { length &-= 1 }
                if length == 0 { length = piece }
            }
            var poll = pollfd(fd: descriptor, events: 4, revents: 0)
            if CSys.poll(&poll, 1, 500) == 0 {
                if shared.isStopping.load(ordering: .acquiring) { return }
                continue
            }
            let count = CSys.write(descriptor, start, length)
            if count < 0 {
                let error = gh_errno()
                if error == EINTR || error == EAGAIN { continue }
                return
            }
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
    }
}
