public import Base

/// When an endpoint that keeps failing is taken out, and for how long.
///
/// Source: Envoy outlier detection, consecutive 5xx, gateway and local-origin detection; ejection lasts
/// base × times ejected, capped; a sweep that finds a healthy endpoint forgives one ejection.
public struct OutlierPolicy: Equatable, Sendable {
    /// Zero switches the detection off.
    public var consecutive5xx: UInt32 = 5
    public var consecutiveGatewayFailure: UInt32 = 0
    public var consecutiveLocalFailure: UInt32 = 5
    /// Whether connect failures and timeouts are counted apart from answers.
    public var splitsLocalErrors = false
    public var interval = Duration.seconds(10)
    public var baseEjection = Duration.seconds(30)
    public var maxEjection = Duration.seconds(300)
    public var maxEjectionPercent: UInt32 = 10

    public init() {}
}

/// What one endpoint did lately, and whether it is ejected.
///
///     usable ──n failures in a row──▶ ejected(until) ──sweep after until──▶ usable
public struct OutlierState: Equatable, Sendable {
    public enum Outcome: Equatable, Sendable {
        case success
        /// The upstream answered with this status, 500 or above.
        case failureStatus(Int)
        /// Connect failure, timeout or reset: no answer at all.
        case localFailure
    }

    private var consecutive5xx: UInt32 = 0
    private var consecutiveGateway: UInt32 = 0
    private var consecutiveLocal: UInt32 = 0
    private var multiplier: UInt32 = 0
    private var ejectedUntil: MonotonicTime?

    public init() {}

    public var isEjected: Bool { ejectedUntil != nil }

    /// Notes an outcome. Returns true when the endpoint has just earned an ejection; the caller checks the share of
    /// ejected endpoints and then calls `eject`.
    public mutating func note(_ outcome: Outcome, policy: OutlierPolicy) -> Bool {
        switch outcome {
        case .success:
            consecutive5xx = 0
            consecutiveGateway = 0
            consecutiveLocal = 0
            return false
        case .failureStatus(let status):
            consecutive5xx &+= 1
            if status >= 502 && status <= 504 { consecutiveGateway &+= 1 } else { consecutiveGateway = 0 }
            if policy.splitsLocalErrors { consecutiveLocal = 0 }
        case .localFailure:
            if policy.splitsLocalErrors {
                consecutiveLocal &+= 1
            } else {
                consecutive5xx &+= 1
                consecutiveGateway &+= 1
            }
        }
        guard !isEjected else { return false }
        return reached(consecutive5xx, policy.consecutive5xx)
            || reached(consecutiveGateway, policy.consecutiveGatewayFailure)
            || (policy.splitsLocalErrors && reached(consecutiveLocal, policy.consecutiveLocalFailure))
    }

    private func reached(_ count: UInt32, _ limit: UInt32) -> Bool { limit > 0 && count >= limit }

    public mutating func eject(at now: MonotonicTime, policy: OutlierPolicy) {
        multiplier &+= 1
        let base = policy.baseEjection.wholeNanoseconds
        let (product, overflow) = base.multipliedReportingOverflow(by: Int64(multiplier))
        let cap = max(policy.maxEjection.wholeNanoseconds, base)
        ejectedUntil = now.advanced(by: .nanoseconds(overflow ? cap : min(product, cap)))
        consecutive5xx = 0
        consecutiveGateway = 0
        consecutiveLocal = 0
    }

    /// The periodic check. Returns true when the endpoint comes back now.
    public mutating func sweep(at now: MonotonicTime) -> Bool {
        guard let until = ejectedUntil else {
            if multiplier > 0 { multiplier &-= 1 }
            return false
        }
        if now < until { return false }
        ejectedUntil = nil
        return true
    }
}
