import Base
import Testing

@testable import Upstream

private final class Host: BalancedHost {
    let balanceKey: String
    var weight: UInt32 = 1
    let priority: Int
    let locality: Int
    var isHealthy = true
    var activeRequests: Int32 = 0
    var currentWeight: Int64 = 0

    init(_ key: String, priority: Int = 0, locality: Int = 0) {
        balanceKey = key
        self.priority = priority
        self.locality = locality
    }
}

@Suite struct ZoneTests {
    private func shares(
        _ hosts: [Host],
        zones: ZoneFacts?,
        weights: [UInt32] = [],
        edit: (inout BalancerPolicy) -> Void = { _ in }
    ) -> [Int: Double] {
        var policy = BalancerPolicy()
        policy.prefersOwnZone = zones != nil
        policy.zoneClusterSizeMin = 2
        policy.weighsLocalities = !weights.isEmpty
        edit(&policy)
        let balancer = Balancer<Host>(policy: policy, seed: 3)
        balancer.rebuild(hosts, localityWeights: weights, zones: zones)
        var counts: [Int: Double] = [:]
        for _ in 0..<10_000 {
            if let host = balancer.pick(hash: nil) { counts[host.locality, default: 0] += 0.0001 }
        }
        return counts
    }

    private func hosts(_ counts: [Int]) -> [Host] {
        counts.enumerated().flatMap { locality, count in
            (0..<count).map { Host("\(locality)-\($0)", locality: locality) }
        }
    }

    @Test func `requests stay in the caller's zone where it can take them`() {
        let facts = ZoneFacts(own: 1, peers: [0: 1, 1: 1], peersTotal: 2)
        #expect(shares(hosts([3, 3]), zones: facts) == [1: shares(hosts([3, 3]), zones: facts)[1] ?? 0])
        #expect((shares(hosts([3, 3]), zones: facts)[1] ?? 0) > 0.99)
    }

    @Test func `what the own zone cannot take goes where capacity is left over`() {
        // Half of the callers are in zone 0, which has a quarter of the endpoints.
        let facts = ZoneFacts(own: 0, peers: [0: 2, 1: 1, 2: 1], peersTotal: 4)
        let got = shares(hosts([2, 4, 2]), zones: facts)
        #expect(abs((got[0] ?? 0) - 0.5) < 0.03)
        #expect(abs((got[1] ?? 0) - 0.5) < 0.03)
        #expect((got[2] ?? 0) < 0.01)
    }

    @Test func `zones are ignored in small clusters, and where the caller's is unknown`() {
        let facts = ZoneFacts(own: 0, peers: [0: 1, 1: 1], peersTotal: 2)
        let small = shares(hosts([1, 1]), zones: facts) { $0.zoneClusterSizeMin = 3 }
        #expect(abs((small[0] ?? 0) - 0.5) < 0.03)
        let unknown = shares(hosts([2, 2]), zones: ZoneFacts(own: nil, peers: [:], peersTotal: 2))
        #expect(abs((unknown[0] ?? 0) - 0.5) < 0.03)
    }

    @Test func `a locality that has lost hosts takes less than its weight`() {
        let all = hosts([4, 4])
        all[0].isHealthy = false
        all[1].isHealthy = false
        all[2].isHealthy = false
        // 1 of 4 healthy: 140 % of a quarter of its weight.
        let got = shares(all, zones: nil, weights: [1, 1]) { $0.panicThresholdPercent = 0 }
        #expect(abs((got[0] ?? 0) - 0.35 / 1.35) < 0.03)
    }

    @Test func `priorities that were tried are left out while another has hosts`() {
        let near = Host("near")
        let far = Host("far", priority: 1)
        let balancer = Balancer<Host>(policy: BalancerPolicy(), seed: 1)
        balancer.rebuild([near, far], localityWeights: [])
        #expect((0..<50).allSatisfy { _ in balancer.pick(hash: nil)?.balanceKey == "near" })
        #expect((0..<50).allSatisfy { _ in balancer.pick(hash: nil, avoiding: 1)?.balanceKey == "far" })
        #expect(balancer.pick(hash: nil, avoiding: 3) != nil)
    }

    @Test func `more choices find the least loaded more often`() {
        let all = (0..<10).map { Host("\($0)") }
        for host in all.dropFirst() { host.activeRequests = 9 }
        func hits(_ choices: Int) -> Int {
            var policy = BalancerPolicy()
            policy.choice = .leastRequest(choices: choices)
            let balancer = Balancer<Host>(policy: policy, seed: 5)
            balancer.rebuild(all, localityWeights: [])
            return (0..<2000).count { _ in balancer.pick(hash: nil)?.balanceKey == "0" }
        }
        #expect(hits(8) > hits(2) * 2)
    }
}
