public import Base

/// Turns a stream of changes into pushes, by the rules of `PushTiming`.
public actor PushScheduler {
    private var timing: PushTiming
    private let time: any TimeSource
    private let push: @Sendable () async -> Void

    /// - Parameter push: brings all proxies up to date; the next one starts after it returned.
    public init(
        timing: PushTiming = PushTiming(),
        time: any TimeSource = SystemTime(),
        push: @escaping @Sendable () async -> Void
    ) {
        self.timing = timing
        self.time = time
        self.push = push
    }

    /// Something that proxies may see has changed.
    public func changed() { perform(timing.changed(now: time.now())) }

    private func perform(_ action: PushTiming.Action?) {
        switch action {
        case .push:
            Task {
                await push()
                perform(timing.finished(now: time.now()))
            }
        case .wake(let moment):
            let delay = moment.since(time.now())
            Task {
                // Cancelled or not, looking again does no harm.
                try? await Task.sleep(for: delay)
                perform(timing.wake(now: time.now()))
            }
        case nil:
            break
        }
    }
}
