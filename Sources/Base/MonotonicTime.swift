internal import CSys

/// Nanoseconds since an arbitrary start; never wall-clock time.
public struct MonotonicTime: Comparable, Hashable, Sendable {
    public var nanoseconds: UInt64

    @inlinable public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    @inlinable public static func < (a: Self, b: Self) -> Bool { a.nanoseconds < b.nanoseconds }

    /// The kernel's CLOCK_MONOTONIC. About 23 ns: read it once per event batch, not per request.
    public static func now() -> MonotonicTime {
        var t = timespec()
        clock_gettime(CLOCK_MONOTONIC, &t)
        return MonotonicTime(nanoseconds: UInt64(t.tv_sec) &* 1_000_000_000 &+ UInt64(t.tv_nsec))
    }

    /// Saturates at both ends instead of trapping, so that a configured "forever" is safe.
    @inlinable public func advanced(by duration: Duration) -> MonotonicTime {
        MonotonicTime(nanoseconds: Self.add(nanoseconds, duration.wholeNanoseconds))
    }

    /// How long ago `earlier` was; zero when it lies in the future.
    @inlinable public func since(_ earlier: MonotonicTime) -> Duration {
        earlier.nanoseconds >= nanoseconds
            ? .zero : .nanoseconds(Int64(clamping: nanoseconds &- earlier.nanoseconds))
    }

    @inlinable static func add(_ start: UInt64, _ delta: Int64) -> UInt64 {
        if delta >= 0 {
            let (sum, overflow) = start.addingReportingOverflow(UInt64(delta))
            return overflow ? .max : sum
        }
        let magnitude = delta.magnitude
        return magnitude > start ? 0 : start - magnitude
    }
}

extension Duration {
    /// Whole nanoseconds, clamped to ±292 years.
    @inlinable public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? (seconds < 0 ? .min : .max) : sum
    }

    /// Whole milliseconds, rounded toward zero.
    @inlinable public var wholeMilliseconds: Int64 { wholeNanoseconds / 1_000_000 }

    /// As a distance into the future: nothing below zero.
    @inlinable public var nanosecondsFromNow: UInt64 { UInt64(max(0, wholeNanoseconds)) }
}

/// Where time comes from. Production reads the kernel; tests turn a dial.
public protocol TimeSource: Sendable {
    func now() -> MonotonicTime
}

/// The kernel's monotonic clock.
public struct SystemTime: TimeSource {
    public init() {}
    public func now() -> MonotonicTime { .now() }
}
