public import Base

/// When to push: the first change after a quiet time at once, a burst when it pauses, and a burst without pause at the
/// latest after `cap`. Never two pushes at a time.
///
///     idle ──changed──▶ pushing ──finished──▶ idle
///     idle ──changed, soon after a push──▶ waiting ──wake──▶ pushing
public struct PushTiming: Equatable, Sendable {
    public enum Action: Equatable, Sendable {
        case push
        /// Call `wake` then.
        case wake(at: MonotonicTime)
    }

    private enum State: Equatable {
        case idle
        case waiting(first: MonotonicTime, last: MonotonicTime)
        case pushing
        case pushingAndChanged(first: MonotonicTime, last: MonotonicTime)
    }

    public let quiet: Duration
    public let cap: Duration
    private var state = State.idle
    private var lastPush: MonotonicTime?

    public init(quiet: Duration = .milliseconds(20), cap: Duration = .milliseconds(200)) {
        self.quiet = quiet
        self.cap = cap
    }

    public mutating func changed(now: MonotonicTime) -> Action? {
        switch state {
        case .idle:
            if let lastPush, now < lastPush.advanced(by: quiet) {
                state = .waiting(first: now, last: now)
                return .wake(at: now.advanced(by: quiet))
            }
            state = .pushing
            return .push
        case .waiting(let first, _):
            // The wake-up that is already due looks again.
            state = .waiting(first: first, last: now)
            return nil
        case .pushing:
            state = .pushingAndChanged(first: now, last: now)
            return nil
        case .pushingAndChanged(let first, _):
            state = .pushingAndChanged(first: first, last: now)
            return nil
        }
    }

    public mutating func wake(now: MonotonicTime) -> Action? {
        switch state {
        case .waiting(let first, let last):
            let due = min(last.advanced(by: quiet), first.advanced(by: cap))
            guard now >= due else { return .wake(at: due) }
            state = .pushing
            return .push
        case .idle, .pushing, .pushingAndChanged:
            return nil
        }
    }

    public mutating func finished(now: MonotonicTime) -> Action? {
        lastPush = now
        switch state {
        case .pushingAndChanged(let first, let last):
            state = .waiting(first: first, last: last)
            return .wake(at: max(now, min(last.advanced(by: quiet), first.advanced(by: cap))))
        case .pushing, .idle, .waiting:
            state = .idle
            return nil
        }
    }
}
