internal import Base

/// What a balancer needs to know of an endpoint. The living endpoint is a class that holds one.
protocol BalancedHost: AnyObject {
    var balanceKey: String { get }
    /// As it counts now: while an endpoint warms up it is less than configured.
    var weight: UInt32 { get }
    var priority: Int { get }
    var locality: Int { get }
    var isHealthy: Bool { get }
    var activeRequests: Int32 { get }
    /// State of smooth weighted round robin.
    var currentWeight: Int64 { get set }
}

/// Picks an endpoint for each request of one cluster on one worker.
///
/// Shape: tiers (one per priority) of groups (one per locality, or one in all) of hosts, rebuilt when membership or
/// health changes; a pick allocates nothing.
/// Source: Envoy load balancing documentation: priority levels, locality weights, zone-aware routing, panic threshold.
final class Balancer<Host: BalancedHost> {
    private struct Tier {
        var groups: [BalancerGroup<Host>] = []
        var groupWeight: UInt64 = 0
        var loadPercent: UInt32 = 0
        /// Set where requests prefer the caller's own zone; `groups` are then the localities, and the last one of
        /// them is all hosts together.
        var zones: ZoneRouting?
    }

    private let policy: BalancerPolicy
    private var tiers: [Tier] = []
    private var counts: [(healthy: Int, total: Int)] = []
    private var random: SeededGenerator
    private(set) var healthyCount = 0
    private(set) var totalCount = 0

    init(policy: BalancerPolicy, seed: UInt64) {
        self.policy = policy
        random = SeededGenerator(seed: seed)
    }

    // MARK: membership

    /// - Parameters:
    ///   - localityWeights: by locality number; used only when the policy weighs localities.
    ///   - zones: where the caller and its peers are; used only when the policy prefers the caller's zone.
    func rebuild(_ hosts: [Host], localityWeights: [UInt32], zones: ZoneFacts? = nil) {
        totalCount = hosts.count
        healthyCount = hosts.count { $0.isHealthy }
        let count = (hosts.map(\.priority).max() ?? -1) + 1
        var byPriority = [[Host]](repeating: [], count: count)
        for host in hosts where host.priority >= 0 { byPriority[host.priority].append(host) }
        counts = byPriority.map { (healthy: $0.count(where: \.isHealthy), total: $0.count) }
        let loads = Self.loads(counts, overprovisioning: policy.overprovisioningPercent)
        tiers = []
        for (index, members) in byPriority.enumerated() {
            let healthy = members.filter(\.isHealthy)
            let share = members.isEmpty ? 100 : Double(healthy.count) * 100 / Double(members.count)
            let isPanic = loads.isDegraded && share < policy.panicThresholdPercent
            var tier = Tier()
            if isPanic, policy.failsOnPanic, policy.prefersOwnZone {
                // Nothing may be used.
            } else if isPanic {
                tier = makeTier(members, all: members, localityWeights)
            } else if policy.prefersOwnZone, index == 0, let zones, let tables = zones.routing(healthy, policy: policy)
            {
                tier.groups = tables.groups.map { makeGroup($0, weight: 1) } + [makeGroup(healthy, weight: 1)]
                tier.zones = tables.routing
            } else {
                tier = makeTier(healthy, all: members, localityWeights)
            }
            tier.loadPercent = loads.percent[index]
            tiers.append(tier)
        }
        if loads.isDegraded { fillPanic() }
    }

    /// When no priority has a healthy host, panic spreads the load over the tiers that panic has filled.
    private func fillPanic() {
        if tiers.contains(where: { $0.loadPercent > 0 && !$0.groups.isEmpty }) { return }
        guard let first = tiers.firstIndex(where: { !$0.groups.isEmpty }) else { return }
        tiers[first].loadPercent = 100
    }

    /// How the load spreads over priorities. `isDegraded`: all together cannot take 100 %.
    static func loads(
        _ counts: [(healthy: Int, total: Int)],
        overprovisioning: UInt32
    ) -> (percent: [UInt32], isDegraded: Bool) {
        let health = counts.map { count -> UInt32 in
            count.total == 0
                ? 0 : min(100, UInt32(UInt64(overprovisioning) * UInt64(count.healthy) / UInt64(count.total)))
        }
        let sum = health.reduce(0, +)
        if sum == 0 { return (health, true) }
        var left: UInt32 = 100
        var percent: [UInt32] = []
        for value in health {
            let scaled = sum >= 100 ? value : value * 100 / sum
            let share = min(left, scaled)
            percent.append(share)
            left -= share
        }
        if left > 0, let first = percent.firstIndex(where: { $0 > 0 }) { percent[first] += left }
        return (percent, sum < 100)
    }

    /// - Parameter all: usable or not: a locality that has lost many of its hosts takes less than its weight.
    private func makeTier(_ hosts: [Host], all: [Host], _ localityWeights: [UInt32]) -> Tier {
        var tier = Tier()
        guard !hosts.isEmpty else { return tier }
        guard policy.weighsLocalities, !localityWeights.isEmpty else {
            tier.groups = [makeGroup(hosts, weight: 1)]
            tier.groupWeight = 1
            return tier
        }
        for locality in Set(hosts.map(\.locality)).sorted() {
            let members = hosts.filter { $0.locality == locality }
            let weight = locality < localityWeights.count ? localityWeights[locality] : 0
            guard weight > 0 else { continue }
            let total = all.count { $0.locality == locality }
            let share = Double(policy.overprovisioningPercent) / 100 * Double(members.count) / Double(max(1, total))
            tier.groups.append(makeGroup(members, weight: UInt64(Double(weight) * 1000 * min(1, share))))
        }
        tier.groupWeight = tier.groups.reduce(0) { $0 + $1.weight }
        return tier
    }

    private func makeGroup(_ hosts: [Host], weight: UInt64) -> BalancerGroup<Host> {
        BalancerGroup(hosts, weight: weight, choice: policy.choice, random: &random)
    }

    // MARK: picking

    /// - Parameter hash: the request's hash when the route has a hash policy; without one hashing picks at random.
    /// - Returns: nil when no endpoint may be used.
    func pick(hash: UInt64?) -> Host? {
        if tiers.count == 1, tiers[0].groups.count == 1 { return pick(tier: 0, group: 0, hash: hash) }
        guard let tier = pickTier(hash) else { return nil }
        return pick(tier: tier, hash: hash)
    }

    /// As `pick`, but leaves out the priorities in `tried` (bit n for priority n) as long as another has hosts.
    func pick(hash: UInt64?, avoiding tried: UInt64) -> Host? {
        let left = counts.enumerated().map { index, count in
            index < 64 && tried >> UInt64(index) & 1 == 1 ? (healthy: 0, total: count.total) : count
        }
        let loads = Self.loads(left, overprovisioning: policy.overprovisioningPercent)
        var point = random.below(100)
        for (index, percent) in loads.percent.enumerated() {
            if point < percent, !tiers[index].groups.isEmpty { return pick(tier: index, hash: hash) }
            point &-= min(point, percent)
        }
        return pick(hash: hash)
    }

    private func pick(tier: Int, hash: UInt64?) -> Host? {
        let groups = tiers[tier].groups.count
        if groups == 0 { return nil }
        if let zones = tiers[tier].zones {
            return pick(tier: tier, group: zones.pick(all: groups &- 1, random: &random), hash: hash)
        }
        return pick(tier: tier, group: groups == 1 ? 0 : pickGroup(tier), hash: hash)
    }

    private func pickTier(_ hash: UInt64?) -> Int? {
        var point = hash.map { UInt32(truncatingIfNeeded: $0 % 100) } ?? random.below(100)
        for index in tiers.indices {
            if point < tiers[index].loadPercent { return index }
            point &-= tiers[index].loadPercent
        }
        return nil
    }

    private func pickGroup(_ tier: Int) -> Int {
        var point = random.next() % max(1, tiers[tier].groupWeight)
        for index in tiers[tier].groups.indices {
            let weight = tiers[tier].groups[index].weight
            if point < weight { return index }
            point &-= weight
        }
        return 0
    }

    private func pick(tier: Int, group: Int, hash: UInt64?) -> Host? {
        tiers[tier].groups[group].pick(policy.choice, hash: hash, random: &random)
    }
}
