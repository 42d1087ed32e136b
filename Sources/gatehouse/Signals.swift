internal import CSys
internal import Foundation
internal import Synchronization

/// SIGTERM, SIGINT and SIGHUP as values: they are blocked in every thread and read from a descriptor.
enum Signals {
    private static let descriptor = Mutex<Int32>(-1)

    /// To be called on the main thread before any other thread exists, because threads inherit what is blocked.
    static func takeOver() {
        let fd = gh_signal_descriptor(0)
        descriptor.withLock { $0 = fd }
    }

    /// Each signal as it arrives.
    static func stream() -> AsyncStream<Int32> {
        let fd = descriptor.withLock { $0 }
        return AsyncStream { continuation in
            let thread = Thread {
                var entry = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
                while fd >= 0 {
                    guard poll(&entry, 1, -1) > 0 else { continue }
                    let number = gh_next_signal(fd)
                    if number != 0 { continuation.yield(number) }
                }
                continuation.finish()
            }
            thread.name = "signals"
            thread.start()
        }
    }
}
