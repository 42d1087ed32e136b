internal import Base

/// What a balancer needs to know of an endpoint. The living endpoint is a class that holds one.
protocol BalancedHost: AnyObject {
    var balanceKey: String { get }
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
/// Source: Envoy load balancing documentation: priority levels, locality weights, panic threshold.
final class Balancer<Host: BalancedHost> {
    private struct Group {
        var hosts: ContiguousArray<Host>
        var isUniform: Bool
        var totalWeight: UInt64
        var weight: UInt32
        var cursor: Int
        var table: HashTable?
    }

    private struct Tier {
        var groups: [Group] = []
        var groupWeight: UInt64 = 0
        var loadPercent: UInt32 = 0
    }

    private let policy: BalancerPolicy
    private var tiers: [Tier] = []
    private var random: SeededGenerator
    private(set) var healthyCount = 0
    private(set) var totalCount = 0

    init(policy: BalancerPolicy, seed: UInt64) {
        self.policy = policy
        random = SeededGenerator(seed: seed)
    }

    // MARK: membership

    /// - Parameter localityWeights: by locality number; used only when the policy weighs localities.
    func rebuild(_ hosts: [Host], localityWeights: [UInt32]) {
        totalCount = hosts.count
        healthyCount = hosts.count { $0.isHealthy }
        let count = (hosts.map(\.priority).max() ?? -1) + 1
        var byPriority = [[Host]](repeating: [], count: count)
        for host in hosts where host.priority >= 0 { byPriority[host.priority].append(host) }
        let loads = Self.loads(
            byPriority.map { (healthy: $0.count(where: \.isHealthy), total: $0.count) },
            overprovisioning: policy.overprovisioningPercent
        )
        tiers = []
        for (index, members) in byPriority.enumerated() {
            let healthy = members.filter(\.isHealthy)
            let share = members.isEmpty ? 100 : Double(healthy.count) * 100 / Double(members.count)
            let isPanic = loads.isDegraded && share < policy.panicThresholdPercent
            var tier = makeTier(isPanic ? members : healthy, localityWeights)
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

    private func makeTier(_ hosts: [Host], _ localityWeights: [UInt32]) -> Tier {
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
            if weight > 0 { tier.groups.append(makeGroup(members, weight: weight)) }
        }
        tier.groupWeight = tier.groups.reduce(0) { $0 + UInt64($1.weight) }
        return tier
    }

    private func makeGroup(_ hosts: [Host], weight: UInt32) -> Group {
        var group = Group(
            hosts: ContiguousArray(hosts),
            isUniform: Set(hosts.map(\.weight)).count < 2,
            totalWeight: hosts.reduce(0) { $0 + UInt64($1.weight) },
            weight: weight,
            cursor: Int(random.below(UInt32(clamping: hosts.count))),
            table: nil
        )
        let keys = hosts.map(\.balanceKey)
        switch policy.choice {
        case .ringHash(let minimum, let maximum):
            group.table = .ring(
                keys: keys,
                weights: hosts.map(\.weight),
                minimumSize: minimum,
                maximumSize: maximum
            )
        case .maglev(let size):
            group.table = .maglev(keys: keys, weights: hosts.map(\.weight), tableSize: size)
        case .roundRobin, .leastRequest, .random: break
        }
        return group
    }

    // MARK: picking

    /// - Parameter hash: the request's hash when the route has a hash policy; without one hashing picks at random.
    /// - Returns: nil when no endpoint may be used.
    func pick(hash: UInt64?) -> Host? {
        if tiers.count == 1, tiers[0].groups.count == 1 { return pick(tier: 0, group: 0, hash: hash) }
        guard let tier = pickTier(hash) else { return nil }
        let groups = tiers[tier].groups.count
        if groups == 0 { return nil }
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
            let weight = UInt64(tiers[tier].groups[index].weight)
            if point < weight { return index }
            point &-= weight
        }
        return 0
    }

    private func pick(tier: Int, group: Int, hash: UInt64?) -> Host? {
        let count = tiers[tier].groups[group].hosts.count
        if count == 1 { return tiers[tier].groups[group].hosts[0] }
        if count == 0 { return nil }
        switch policy.choice {
        case .roundRobin:
            if !tiers[tier].groups[group].isUniform { return smooth(tiers[tier].groups[group].hosts) }
            let cursor = tiers[tier].groups[group].cursor
            tiers[tier].groups[group].cursor = cursor &+ 1 >= count ? 0 : cursor &+ 1
            return tiers[tier].groups[group].hosts[cursor]
        case .random:
            return tiers[tier].groups[group].hosts[Int(random.below(UInt32(clamping: count)))]
        case .leastRequest:
            return leastLoaded(tiers[tier].groups[group])
        case .ringHash, .maglev:
            let key = hash ?? random.next()
            guard let index = tiers[tier].groups[group].table?.owner(of: key) else { return nil }
            return tiers[tier].groups[group].hosts[index]
        }
    }

    /// Smooth weighted round robin: spreads a heavy host's turns instead of bunching them.
    private func smooth(_ hosts: ContiguousArray<Host>) -> Host? {
        var best: Host?
        var total: Int64 = 0
        for host in hosts {
            let weight = Int64(host.weight)
            total &+= weight
            host.currentWeight &+= weight
            if let leader = best, leader.currentWeight >= host.currentWeight { continue }
            best = host
        }
        best?.currentWeight &-= total
        return best
    }

    /// Two random hosts, the less loaded one wins; with weights, load is (active + 1) / weight.
    private func leastLoaded(_ group: Group) -> Host {
        let first = group.isUniform ? uniform(group.hosts) : weighted(group)
        let second = group.isUniform ? uniform(group.hosts) : weighted(group)
        if group.isUniform { return second.activeRequests < first.activeRequests ? second : first }
        let a = Int64(first.activeRequests &+ 1) &* Int64(second.weight)
        let b = Int64(second.activeRequests &+ 1) &* Int64(first.weight)
        return b < a ? second : first
    }

    private func uniform(_ hosts: ContiguousArray<Host>) -> Host {
        hosts[Int(random.below(UInt32(clamping: hosts.count)))]
    }

    private func weighted(_ group: Group) -> Host {
        var point = random.next() % max(1, group.totalWeight)
        for host in group.hosts {
            if point < UInt64(host.weight) { return host }
            point &-= UInt64(host.weight)
        }
        return group.hosts[0]
    }
}
