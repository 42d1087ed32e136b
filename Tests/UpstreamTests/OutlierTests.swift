import Base
import Testing
import Upstream

/// Holds a state so that expectations can change it.
private final class Watched {
    private var state = OutlierState()
    private let policy: OutlierPolicy

    init(_ policy: OutlierPolicy = OutlierPolicy()) { self.policy = policy }

    func note(_ outcome: OutlierState.Outcome) -> Bool { state.note(outcome, policy: policy) }
    func eject(_ seconds: UInt64) { state.eject(at: at(seconds), policy: policy) }
    func sweep(_ seconds: UInt64) -> Bool { state.sweep(at: at(seconds)) }
    var isEjected: Bool { state.isEjected }

    private func at(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }
}

@Suite struct OutlierTests {
    @Test func `five failures in a row earn an ejection and a success starts over`() {
        let host = Watched()
        for _ in 0..<4 { #expect(!host.note(.failureStatus(500))) }
        #expect(!host.note(.success))
        for _ in 0..<4 { #expect(!host.note(.failureStatus(503))) }
        #expect(host.note(.localFailure))
    }

    @Test func `each ejection lasts longer until sweeps forgive`() {
        let host = Watched()
        host.eject(0)
        #expect(host.isEjected)
        #expect(!host.sweep(29))
        #expect(host.sweep(30))
        host.eject(100)
        #expect(!host.sweep(159))
        #expect(host.sweep(160))
        _ = host.sweep(170)
        _ = host.sweep(180)
        host.eject(200)
        #expect(host.sweep(230))
    }

    @Test func `local failures count apart when split`() {
        var policy = OutlierPolicy()
        policy.splitsLocalErrors = true
        policy.consecutiveLocalFailure = 2
        let host = Watched(policy)
        #expect(!host.note(.localFailure))
        #expect(host.note(.localFailure))
    }

    @Test func `limits are shared between workers and never become zero`() {
        var limits = CircuitBreaker.Limits()
        limits.connections = 1
        limits.requests = .max
        limits.pendingRequests = 10
        let share = limits.share(of: 4)
        #expect(share.connections == 1)
        #expect(share.pendingRequests == 3)
        #expect(share.requests == .max)
    }

    @Test func `a retry budget follows the requests in flight`() {
        var limits = CircuitBreaker.Limits()
        limits.retryBudgetPercent = 20
        var breaker = CircuitBreaker(limits: limits)
        breaker.retries = 3
        #expect(!breaker.mayRetry)
        breaker.requests = 100
        #expect(breaker.mayRetry)
    }
}
