internal import Base
internal import Glibc
internal import Synchronization
internal import Transport

/// One event loop on a thread of its own.
final class Reactor: Sendable {
    let loop: EventLoop
    private let isStopped = Mutex(false)

    /// Starts the thread, which ends with `stop`.
    init(name: String) throws(ListenError) {
        do throws(SocketError) {
            loop = try EventLoop()
        } catch {
            throw ListenError("event loop: \(error)")
        }
        let start = Unmanaged.passRetained(ThreadStart(loop: loop))
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, runLoop, start.toOpaque())
        guard code == 0 else {
            start.release()
            throw ListenError("thread: \(String(cString: strerror(code)))")
        }
        pthread_setname_np(thread, String(name.prefix(15)))
        pthread_detach(thread)
    }

    /// Runs `job` on the loop's thread. Everything here submits through this, not through the loop: a job left in a
    /// loop that ended would keep that loop alive through what it captured.
    /// - Returns: false, without running it, once the reactor was stopped.
    @discardableResult
    func submit(_ job: @escaping @Sendable () -> Void) -> Bool {
        // Under the lock, so that every accepted job is ahead of the one that ends the loop.
        isStopped.withLock { stopped in
            if !stopped { loop.submit(job) }
            return !stopped
        }
    }

    /// Runs `body` on the loop's thread and brings its result back; nil once the reactor was stopped.
    /// Never call it from that thread.
    func run<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T? {
        await withCheckedContinuation { continuation in
            let isAccepted = submit { continuation.resume(returning: body()) }
            if !isAccepted { continuation.resume(returning: nil) }
        }
    }

    /// Runs `last` on the loop's thread, then ends the thread. Further calls do nothing.
    func stop(_ last: @escaping @Sendable () -> Void) {
        isStopped.withLock { stopped in
            guard !stopped else { return }
            stopped = true
            let loop = self.loop
            loop.submit {
                last()
                // One more turn, so that the goodbyes of what was closed are delivered.
                loop.submit { loop.stop() }
            }
        }
    }
}

private final class ThreadStart {
    let loop: EventLoop
    init(loop: EventLoop) { self.loop = loop }
}

private func runLoop(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let argument else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(argument).takeRetainedValue()
    start.loop.run()
    return nil
}
