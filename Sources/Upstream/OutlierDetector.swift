internal import Base
internal import Synchronization

/// When an endpoint that keeps failing is taken out, and for how long.
///
/// Source: Envoy outlier detection. Consecutive failures eject at once; success rate and failure percentage are judged
/// at the end of each interval. An ejection lasts base × times ejected, capped; a sweep that finds the endpoint in use
/// forgives one ejection.
struct OutlierPolicy: Equatable, Sendable {
    /// A detector with the chance, in percent, that what it finds ejects. Zero limit switches it off.
    struct Consecutive: Equatable, Sendable {
        var limit: UInt32
        var enforcedPercent: UInt32 = 100
    }

    struct SuccessRate: Equatable, Sendable {
        var enforcedPercent: UInt32 = 0
        var localEnforcedPercent: UInt32 = 0
        var hostsMin: UInt32 = 5
        var volume: UInt32 = 100
        /// In thousandths of a standard deviation.
        var deviationFactor: UInt32 = 1900
    }

    struct FailurePercentage: Equatable, Sendable {
        var enforcedPercent: UInt32 = 0
        var localEnforcedPercent: UInt32 = 0
        var threshold: UInt32 = 85
        var hostsMin: UInt32 = 5
        var volume: UInt32 = 50
    }

    var consecutive5xx = Consecutive(limit: 5)
    var consecutiveGateway = Consecutive(limit: 0)
    var consecutiveLocal = Consecutive(limit: 5)
    var successRate = SuccessRate()
    var failurePercentage = FailurePercentage()
    /// Whether connect failures and timeouts are counted apart from answers.
    var splitsLocalErrors = false
    var interval = Duration.seconds(10)
    var baseEjection = Duration.seconds(30)
    var maxEjection = Duration.seconds(300)
    var jitterMax = Duration.zero
    var maxEjectionPercent: UInt32 = 10
    var alwaysEjectsOne = false
    var isEndedByHealthCheck = true
    /// Statuses that count as failures instead of 5xx.
    var errorStatuses: Set<UInt32>?

    init() {}

    /// Whether answers have to be counted between sweeps.
    var usesRates: Bool {
        successRate.enforcedPercent > 0 || failurePercentage.enforcedPercent > 0
            || (splitsLocalErrors
                && (successRate.localEnforcedPercent > 0 || failurePercentage.localEnforcedPercent > 0))
    }

    func ejectionTime(times: UInt32) -> Duration {
        let base = baseEjection.wholeNanoseconds
        let (product, overflow) = base.multipliedReportingOverflow(by: Int64(times))
        let cap = max(maxEjection.wholeNanoseconds, base)
        return .nanoseconds(overflow ? cap : min(product, cap))
    }

    func jitter(_ random: inout SeededGenerator) -> Duration {
        guard jitterMax > .zero else { return .zero }
        return .nanoseconds(Int64(random.next() % UInt64(max(1, jitterMax.wholeNanoseconds))))
    }

    /// The endpoints that did badly in the interval that ends now. Starts the next interval.
    func suspects(_ hosts: [SharedHost], random: inout SeededGenerator) -> [SharedHost] {
        var found: [SharedHost] = []
        let volume = min(successRate.volume, failurePercentage.volume)
        for isLocal in splitsLocalErrors ? [false, true] : [false] {
            var measured: [(host: SharedHost, total: UInt64, rate: Double)] = []
            for host in hosts {
                let counter = isLocal ? host.localEvents : host.answers
                let total = counter.total.load(ordering: .relaxed)
                guard let rate = counter.take(volume: volume), !host.isEjected else { continue }
                measured.append((host, total, rate))
            }
            let steady = measured.filter { $0.total >= UInt64(successRate.volume) }
            let chance = isLocal ? successRate.localEnforcedPercent : successRate.enforcedPercent
            if chance > 0, steady.count >= Int(max(1, successRate.hostsMin)) {
                let limit = Self.limit(steady.map(\.rate), factor: Double(successRate.deviationFactor) / 1000)
                for item in steady where item.rate < limit && random.below(100) < chance { found.append(item.host) }
            }
            let busy = measured.filter { $0.total >= UInt64(failurePercentage.volume) }
            let other = isLocal ? failurePercentage.localEnforcedPercent : failurePercentage.enforcedPercent
            if other > 0, busy.count >= Int(max(1, failurePercentage.hostsMin)) {
                let threshold = Double(failurePercentage.threshold)
                for item in busy where 100 - item.rate >= threshold && random.below(100) < other {
                    found.append(item.host)
                }
            }
        }
        return found
    }

    /// Mean minus `factor` standard deviations.
    static func limit(_ rates: [Double], factor: Double) -> Double {
        guard !rates.isEmpty else { return 0 }
        let mean = rates.reduce(0, +) / Double(rates.count)
        let variance = rates.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rates.count)
        return mean - factor * variance.squareRoot()
    }
}

/// How one attempt ended, as seen by outlier detection.
public enum Outcome: Equatable, Sendable {
    /// The upstream answered with this status.
    case answered(status: Int)
    /// Connect failure, timeout or reset: no answer at all.
    case localFailure
}

extension SharedHost {
    /// Notes an outcome. Returns the chance in percent with which the endpoint is to be ejected now; nil: it is not.
    func note(_ outcome: Outcome, policy: OutlierPolicy) -> UInt32? {
        switch outcome {
        case .answered(var status):
            var isFailure = status >= 500
            if let own = policy.errorStatuses {
                isFailure = own.contains(UInt32(clamping: status))
                status = 500
            }
            if policy.usesRates { answers.count(isGood: !isFailure) }
            if policy.splitsLocalErrors {
                if policy.usesRates { localEvents.count(isGood: true) }
                Self.clear(consecutiveLocal)
            }
            guard isFailure else {
                Self.clear(consecutive5xx)
                Self.clear(consecutiveGateway)
                return nil
            }
            if status < 502 || status > 504 {
                Self.clear(consecutiveGateway)
            } else if let chance = Self.count(consecutiveGateway, policy.consecutiveGateway), !isEjected {
                _ = Self.count(consecutive5xx, policy.consecutive5xx)
                return chance
            }
            let chance = Self.count(consecutive5xx, policy.consecutive5xx)
            return isEjected ? nil : chance
        case .localFailure:
            if policy.splitsLocalErrors {
                if policy.usesRates { localEvents.count(isGood: false) }
                let chance = Self.count(consecutiveLocal, policy.consecutiveLocal)
                return isEjected ? nil : chance
            }
            if policy.usesRates { answers.count(isGood: false) }
            let gateway = Self.count(consecutiveGateway, policy.consecutiveGateway)
            let server = Self.count(consecutive5xx, policy.consecutive5xx)
            return isEjected ? nil : gateway ?? server
        }
    }

    private static func clear(_ counter: borrowing Atomic<UInt32>) {
        if counter.load(ordering: .relaxed) != 0 { counter.store(0, ordering: .relaxed) }
    }

    /// The detector's chance when this failure completes a row.
    private static func count(_ counter: borrowing Atomic<UInt32>, _ detector: OutlierPolicy.Consecutive) -> UInt32? {
        let count = counter.wrappingAdd(1, ordering: .relaxed).newValue
        guard detector.limit > 0, count >= detector.limit else { return nil }
        counter.store(0, ordering: .relaxed)
        return detector.enforcedPercent
    }
}
