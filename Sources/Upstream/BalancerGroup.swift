internal import Base

/// Hosts among which one rule decides: all of a priority, or those of one locality.
struct BalancerGroup<Host: BalancedHost> {
    private var hosts: ContiguousArray<Host>
    private var isUniform: Bool
    private var totalWeight: UInt64
    let weight: UInt64
    private var cursor: Int
    private var table: HashTable?

    init(_ hosts: [Host], weight: UInt64, choice: BalancerPolicy.Choice, random: inout SeededGenerator) {
        self.hosts = ContiguousArray(hosts)
        isUniform = Set(hosts.map(\.weight)).count < 2
        totalWeight = hosts.reduce(0) { $0 + UInt64($1.weight) }
        self.weight = weight
        cursor = Int(random.below(UInt32(clamping: max(1, hosts.count))))
        let keys = hosts.map(\.balanceKey)
        switch choice {
        case .ringHash(let minimum, let maximum):
            table = .ring(keys: keys, weights: hosts.map(\.weight), minimumSize: minimum, maximumSize: maximum)
        case .maglev(let size):
            table = .maglev(keys: keys, weights: hosts.map(\.weight), tableSize: size)
        case .roundRobin, .leastRequest, .random: break
        }
    }

    mutating func pick(_ choice: BalancerPolicy.Choice, hash: UInt64?, random: inout SeededGenerator) -> Host? {
        let count = hosts.count
        if count == 1 { return hosts[0] }
        if count == 0 { return nil }
        switch choice {
        case .roundRobin:
            if !isUniform { return smooth() }
            let turn = cursor
            cursor = turn &+ 1 >= count ? 0 : turn &+ 1
            return hosts[turn]
        case .random: return hosts[Int(random.below(UInt32(clamping: count)))]
        case .leastRequest(let choices): return leastLoaded(choices, &random)
        case .ringHash, .maglev:
            guard let index = table?.owner(of: hash ?? random.next()) else { return nil }
            return hosts[index]
        }
    }

    /// Smooth weighted round robin: spreads a heavy host's turns instead of bunching them.
    private func smooth() -> Host? {
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

    /// Some random hosts, the least loaded one wins; with weights, load is (active + 1) / weight.
    private func leastLoaded(_ choices: Int, _ random: inout SeededGenerator) -> Host {
        var best = isUniform ? uniform(&random) : weighted(&random)
        for _ in 1..<max(2, choices) {
            let other = isUniform ? uniform(&random) : weighted(&random)
            if isUniform {
                if other.activeRequests < best.activeRequests { best = other }
            } else {
                let a = Int64(best.activeRequests &+ 1) &* Int64(other.weight)
                let b = Int64(other.activeRequests &+ 1) &* Int64(best.weight)
                if b < a { best = other }
            }
        }
        return best
    }

    private func uniform(_ random: inout SeededGenerator) -> Host {
        hosts[Int(random.below(UInt32(clamping: hosts.count)))]
    }

    private func weighted(_ random: inout SeededGenerator) -> Host {
        var point = random.next() % max(1, totalWeight)
        for host in hosts {
            if point < UInt64(host.weight) { return host }
            point &-= UInt64(host.weight)
        }
        return hosts[0]
    }
}
