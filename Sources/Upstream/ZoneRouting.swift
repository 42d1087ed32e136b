internal import Base

/// Where the caller is, and how its peers (the instances that send to the same cluster) are spread.
///
/// Source: Envoy zone-aware routing. Envoy learns both from its local cluster; here the control plane, which knows
/// every peer, says it in the cluster's metadata.
struct ZoneFacts: Equatable {
    /// Locality number of the caller's own place; nil when the cluster has no endpoint there.
    var own: Int?
    /// Peers by locality number; peers elsewhere are in `peersTotal` only.
    var peers: [Int: Int]
    var peersTotal: Int

    /// How a priority's healthy hosts are used; nil where zones are to be ignored.
    func routing<Host: BalancedHost>(
        _ hosts: [Host],
        policy: BalancerPolicy
    ) -> (routing: ZoneRouting, groups: [[Host]])? {
        guard let own, peersTotal > 0, hosts.count >= policy.zoneClusterSizeMin else { return nil }
        let localities = Set(hosts.map(\.locality)).sorted { ($0 == own ? 0 : 1, $0) < ($1 == own ? 0 : 1, $1) }
        guard localities.count > 1, localities[0] == own else { return nil }
        let groups = localities.map { locality in hosts.filter { $0.locality == locality } }
        let upstream = groups.map { Double($0.count) / Double(hosts.count) }
        let callers = localities.map { Double(peers[$0] ?? 0) / Double(peersTotal) }
        guard callers[0] > 0 else { return nil }
        var routing = ZoneRouting(routedPercent: policy.zoneRoutedPercent)
        if upstream[0] >= callers[0] { return (routing, groups) }
        // The own zone is too small for its callers: the rest goes where capacity is left over.
        routing.ownShare = UInt32(upstream[0] * 10_000 / callers[0])
        var sum: UInt64 = 0
        for index in localities.indices.dropFirst() {
            sum += UInt64(max(0, upstream[index] - callers[index]) * 10_000)
            routing.residual.append(sum)
        }
        return (routing, groups)
    }
}

/// The shares of the caller's own zone and of the others, decided when membership changed.
struct ZoneRouting: Equatable {
    let routedPercent: Double
    /// Of 10,000: what stays in the own zone (group 0).
    var ownShare: UInt32 = 10_000
    /// Running sums of what is left over in groups 1, 2, ….
    var residual: [UInt64] = []

    /// - Parameter all: the group that ignores zones.
    func pick(all: Int, random: inout SeededGenerator) -> Int {
        if routedPercent < 100, Double(random.below(10_000)) >= routedPercent * 100 { return all }
        if ownShare >= 10_000 || random.below(10_000) < ownShare { return 0 }
        guard let total = residual.last, total > 0 else {
            return Int(random.below(UInt32(clamping: max(1, all))))
        }
        let point = random.next() % total
        for (index, bound) in residual.enumerated() where point < bound { return index + 1 }
        return 0
    }
}
