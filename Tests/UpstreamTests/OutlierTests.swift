import Base
import Testing
import Upstream

@Suite struct OutlierTests {
    private func at(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    @Test func `five failures in a row earn an ejection and a success starts over`() {
        let policy = OutlierPolicy()
        var state = OutlierState()
        for _ in 0..<4 { #expect(!state.note(.failureStatus(500), policy: policy)) }
        #expect(!state.note(.success, policy: policy))
        for _ in 0..<4 { #expect(!state.note(.failureStatus(503), policy: policy)) }
        #expect(state.note(.localFailure, policy: policy))
    }

    @Test func `each ejection lasts longer until sweeps forgive`() {
        let policy = OutlierPolicy()
        var state = OutlierState()
        state.eject(at: at(0), policy: policy)
        #expect(state.isEjected)
        #expect(!state.sweep(at: at(29)))
        #expect(state.sweep(at: at(30)))
        state.eject(at: at(100), policy: policy)
        #expect(!state.sweep(at: at(159)))
        #expect(state.sweep(at: at(160)))
        _ = state.sweep(at: at(170))
        _ = state.sweep(at: at(180))
        state.eject(at: at(200), policy: policy)
        #expect(state.sweep(at: at(230)))
    }

    @Test func `local failures count apart when split`() {
        var policy = OutlierPolicy()
        policy.splitsLocalErrors = true
        policy.consecutiveLocalFailure = 2
        var state = OutlierState()
        #expect(!state.note(.localFailure, policy: policy))
        #expect(state.note(.localFailure, policy: policy))
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
