import Base
import Testing

@testable import Upstream

/// One endpoint of a cluster of many, with what happens to it.
private final class Watched {
    let cluster = SharedCluster()
    let hosts: [SharedHost]
    var policy: OutlierPolicy
    private var random = SeededGenerator(seed: 1)

    init(_ policy: OutlierPolicy = OutlierPolicy(), hosts count: Int = 10) {
        self.policy = policy
        let cluster = cluster
        hosts = (0..<count).map { cluster.join("10.0.0.\($0):80", isChecked: false, inheriting: nil) }
    }

    func note(_ outcome: Outcome, on index: Int = 0) -> Bool { hosts[index].note(outcome, policy: policy) != nil }

    @discardableResult
    func eject(_ index: Int = 0, at seconds: UInt64) -> Bool {
        cluster.eject(hosts[index], policy: policy, now: time(seconds), jitter: .zero)
    }

    @discardableResult
    func sweep(_ seconds: UInt64) -> Int { cluster.sweep(policy: policy, now: time(seconds), random: &random) }

    private func time(_ seconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: seconds * 1_000_000_000) }
}

@Suite struct OutlierTests {
    @Test func `five failures in a row earn an ejection and a success starts over`() {
        let watched = Watched()
        for _ in 0..<4 { #expect(!watched.note(.answered(status: 500))) }
        #expect(!watched.note(.answered(status: 200)))
        for _ in 0..<4 { #expect(!watched.note(.answered(status: 503))) }
        #expect(watched.note(.localFailure))
    }

    @Test func `each ejection lasts longer until sweeps forgive`() {
        let watched = Watched()
        watched.eject(at: 0)
        #expect(watched.hosts[0].isEjected)
        watched.sweep(29)
        #expect(watched.hosts[0].isEjected)
        watched.sweep(30)
        #expect(!watched.hosts[0].isEjected)
        watched.eject(at: 100)
        watched.sweep(159)
        #expect(watched.hosts[0].isEjected)
        watched.sweep(160)
        #expect(!watched.hosts[0].isEjected)
        watched.sweep(170)
        watched.sweep(180)
        watched.eject(at: 200)
        watched.sweep(230)
        #expect(!watched.hosts[0].isEjected)
    }

    @Test func `local failures count apart when split`() {
        var policy = OutlierPolicy()
        policy.splitsLocalErrors = true
        policy.consecutiveLocal.limit = 2
        let watched = Watched(policy)
        for _ in 0..<9 { _ = watched.note(.answered(status: 404)) }
        #expect(!watched.note(.localFailure))
        #expect(watched.note(.localFailure))
    }

    @Test func `gateway failures have a row of their own, which other answers break`() {
        var policy = OutlierPolicy()
        policy.consecutive5xx.limit = 0
        policy.consecutiveGateway.limit = 2
        let watched = Watched(policy)
        #expect(!watched.note(.answered(status: 502)))
        #expect(!watched.note(.answered(status: 500)))
        #expect(!watched.note(.answered(status: 503)))
        #expect(watched.note(.answered(status: 504)))
    }

    @Test func `only the written statuses are errors`() {
        var policy = OutlierPolicy()
        policy.consecutive5xx.limit = 2
        policy.errorStatuses = [429]
        let watched = Watched(policy)
        for _ in 0..<5 { #expect(!watched.note(.answered(status: 503))) }
        #expect(!watched.note(.answered(status: 429)))
        #expect(watched.note(.answered(status: 429)))
    }

    @Test func `no more endpoints are ejected than the share allows, but one always may be`() {
        var policy = OutlierPolicy()
        policy.maxEjectionPercent = 20
        let watched = Watched(policy)
        #expect(watched.eject(0, at: 0))
        #expect(watched.eject(1, at: 0))
        #expect(!watched.eject(2, at: 0))
        var small = OutlierPolicy()
        small.maxEjectionPercent = 10
        #expect(!Watched(small, hosts: 3).eject(0, at: 0))
        small.alwaysEjectsOne = true
        let few = Watched(small, hosts: 3)
        #expect(few.eject(0, at: 0))
        #expect(!few.eject(1, at: 0))
    }

    @Test func `an endpoint whose success rate falls out of the others' is ejected at the sweep`() {
        var policy = OutlierPolicy()
        policy.consecutive5xx.limit = 0
        policy.successRate.enforcedPercent = 100
        let watched = Watched(policy)
        for host in 0..<10 {
            for request in 0..<100 {
                let isBad = host == 3 ? request % 2 == 0 : request % 50 == 0
                _ = watched.note(.answered(status: isBad ? 500 : 200), on: host)
            }
        }
        #expect(watched.sweep(10) == 1)
        #expect(watched.hosts[3].isEjected)
        // The next interval starts empty.
        #expect(watched.sweep(20) == 0)
    }

    @Test func `too few requests say nothing about an endpoint`() {
        var policy = OutlierPolicy()
        policy.consecutive5xx.limit = 0
        policy.failurePercentage.enforcedPercent = 100
        policy.failurePercentage.hostsMin = 1
        let watched = Watched(policy)
        for _ in 0..<49 { _ = watched.note(.answered(status: 500), on: 2) }
        #expect(watched.sweep(10) == 0)
        for _ in 0..<50 { _ = watched.note(.answered(status: 500), on: 2) }
        #expect(watched.sweep(20) == 1)
        #expect(watched.hosts[2].isEjected)
    }

    @Test func `a passed health check ends an ejection`() {
        let watched = Watched()
        watched.eject(at: 0)
        watched.cluster.pardon(watched.hosts[0])
        #expect(!watched.hosts[0].isEjected)
        #expect(watched.cluster.ejectedCount == 0)
    }

    @Test func `limits hold for all workers together`() {
        var limits = CircuitBreaker.Limits()
        limits.connections = 2
        let shared = CircuitBreaker.SharedUse()
        var one = CircuitBreaker(limits: limits, shared: shared)
        var two = CircuitBreaker(limits: limits, shared: shared)
        one.begin(.connection)
        #expect(two.mayConnect)
        two.begin(.connection)
        #expect(!one.mayConnect)
        one.end(.connection)
        #expect(two.mayConnect)
    }

    @Test func `a retry budget follows the requests in flight`() {
        var limits = CircuitBreaker.Limits()
        limits.retryBudgetPercent = 20
        var breaker = CircuitBreaker(limits: limits)
        for _ in 0..<3 { breaker.begin(.retry) }
        #expect(!breaker.mayRetry)
        for _ in 0..<100 { breaker.begin(.request) }
        #expect(breaker.mayRetry)
    }
}
