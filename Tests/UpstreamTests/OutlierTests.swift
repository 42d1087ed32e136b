import Base
import Testing
import Upstream

@Suite struct OutlierTests {
    private func at(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }

    private func note(_ state: inout OutlierState, _ outcome: OutlierState.Outcome, _ policy: OutlierPolicy) -> Bool {
        state.note(outcome, policy: policy)
    }

    private func sweep(_ state: inout OutlierState, _ seconds: UInt64) -> Bool { state.sweep(at: at(seconds)) }

    @Test func `five failures in a row earn an ejection and a success starts over`() {
        let policy = OutlierPolicy()
        var state = OutlierState()
        for _ in 0..<4 { do { let got = note(&state, .failureStatus(500), policy); #expect(!got) } }
        do { let got = note(&state, .success, policy); #expect(!got) }
        for _ in 0..<4 { do { let got = note(&state, .failureStatus(503), policy); #expect(!got) } }
        do { let got = note(&state, .localFailure, policy); #expect(got) }
    }

    @Test func `each ejection lasts longer until sweeps forgive`() {
        let policy = OutlierPolicy()
        var state = OutlierState()
        state.eject(at: at(0), policy: policy)
        #expect(state.isEjected)
        do { let got = sweep(&state, 29); #expect(!got) }
        do { let got = sweep(&state, 30); #expect(got) }
        state.eject(at: at(100), policy: policy)
        do { let got = sweep(&state, 159); #expect(!got) }
        do { let got = sweep(&state, 160); #expect(got) }
        _ = state.sweep(at: at(170))
        _ = state.sweep(at: at(180))
        state.eject(at: at(200), policy: policy)
        do { let got = sweep(&state, 230); #expect(got) }
    }

    @Test func `local failures count apart when split`() {
        var policy = OutlierPolicy()
        policy.splitsLocalErrors = true
        policy.consecutiveLocalFailure = 2
        var state = OutlierState()
        do { let got = note(&state, .localFailure, policy); #expect(!got) }
        do { let got = note(&state, .localFailure, policy); #expect(got) }
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
