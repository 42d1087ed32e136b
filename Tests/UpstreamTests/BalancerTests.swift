import Base
import Routing
import Testing

@testable import Upstream

private final class Host: BalancedHost {
    let balanceKey: String
    let weight: UInt32
    let priority: Int
    let locality: Int
    var isHealthy = true
    var activeRequests: Int32 = 0
    var currentWeight: Int64 = 0

    init(_ key: String, weight: UInt32 = 1, priority: Int = 0, locality: Int = 0) {
        balanceKey = key
        self.weight = weight
        self.priority = priority
        self.locality = locality
    }
}

@Suite struct BalancerTests {
    private func counts(
        _ policy: BalancerPolicy,
        _ hosts: [Host],
        picks: Int,
        localityWeights: [UInt32] = []
    ) -> [String: Int] {
        let balancer = Balancer<Host>(policy: policy, seed: 7)
        balancer.rebuild(hosts, localityWeights: localityWeights)
        var counts: [String: Int] = [:]
        for _ in 0..<picks { counts[balancer.pick(hash: nil)?.balanceKey ?? "none", default: 0] += 1 }
        return counts
    }

    @Test func `round robin gives every endpoint the same number of turns`() {
        #expect(
            counts(BalancerPolicy(), [Host("a"), Host("b"), Host("c")], picks: 300) == ["a": 100, "b": 100, "c": 100]
        )
    }

    @Test func `weighted round robin follows the weights exactly`() {
        #expect(
            counts(BalancerPolicy(), [Host("a", weight: 3), Host("b", weight: 1)], picks: 400) == ["a": 300, "b": 100]
        )
    }

    @Test func `no endpoint means no pick`() {
        #expect(counts(BalancerPolicy(), [], picks: 1) == ["none": 1])
    }

    @Test func `least request prefers the idle one of two`() {
        var policy = BalancerPolicy()
        policy.choice = .leastRequest(choices: 2)
        let busy = Host("busy")
        busy.activeRequests = 50
        let got = counts(policy, [busy, Host("idle")], picks: 1000)
        #expect((got["idle"] ?? 0) > 650)
    }

    @Test func `the second priority is used when too few of the first are healthy`() {
        var policy = BalancerPolicy()
        policy.panicThresholdPercent = 0
        let first = (0..<4).map { Host("p0-\($0)") }
        let second = [Host("p1", priority: 1)]
        #expect(counts(policy, first + second, picks: 100)["p1"] == nil)
        first[0].isHealthy = false
        first[1].isHealthy = false
        let got = counts(policy, first + second, picks: 1000)
        #expect((200...400).contains(got["p1"] ?? 0))
        first.forEach { $0.isHealthy = false }
        #expect(counts(policy, first + second, picks: 100) == ["p1": 100])
    }

    @Test func `below the panic threshold unhealthy endpoints are used rather than none`() {
        let hosts = [Host("a"), Host("b")]
        hosts.forEach { $0.isHealthy = false }
        #expect(counts(BalancerPolicy(), hosts, picks: 10) == ["a": 5, "b": 5])
        var strict = BalancerPolicy()
        strict.panicThresholdPercent = 0
        #expect(counts(strict, hosts, picks: 10) == ["none": 10])
    }

    @Test func `locality weights share the load whatever the number of endpoints`() {
        var policy = BalancerPolicy()
        policy.weighsLocalities = true
        let hosts = [Host("a", locality: 0), Host("b1", locality: 1), Host("b2", locality: 1)]
        let got = counts(policy, hosts, picks: 3000, localityWeights: [2, 1])
        #expect((1850...2150).contains(got["a"] ?? 0))
    }

    @Test("a key stays with its endpoint when another one leaves", arguments: [true, false])
    func consistency(_ usesRing: Bool) {
        var policy = BalancerPolicy()
        policy.choice = usesRing ? .ringHash(minimumSize: 1024, maximumSize: 8192) : .maglev(tableSize: 65537)
        let hosts = (0..<5).map { Host("10.0.0.\($0):80") }
        let balancer = Balancer<Host>(policy: policy, seed: 1)
        balancer.rebuild(hosts, localityWeights: [])
        let keys = (0..<1000).map { XXHash64.hash("user-\($0)") }
        let before = keys.map { balancer.pick(hash: $0)?.balanceKey }
        balancer.rebuild(Array(hosts.dropLast()), localityWeights: [])
        let after = keys.map { balancer.pick(hash: $0)?.balanceKey }
        let moved = zip(before, after).count { $0 != $1 && $0 != "10.0.0.4:80" }
        #expect(moved < 150)
        #expect(Set(before).count == 5)
    }
}
