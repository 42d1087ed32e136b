public import Resources

/// The policies for routes at one revision, by what they are for.
public struct RoutePolicies: Sendable {
    /// What holds for one rule, and where it comes from.
    public struct Effective: Sendable {
        public var compression: RoutePolicySpec.Compression?
        public var upgrades: [String] = []
        public var sources: [ResourceKey] = []
    }

    private struct Target: Hashable {
        var virtualService: ResourceKey
        /// Empty: all rules.
        var section: String
    }

    /// Every compression that any rule may use, each once, in a stable order.
    public let compressions: [RoutePolicySpec.Compression]

    private var winners: [Target: (source: ResourceKey, spec: RoutePolicySpec)] = [:]
    /// Policies that an older one with the same target displaces.
    private var losers: [ResourceKey: [(loser: ResourceKey, winner: ResourceKey)]] = [:]

    /// - Parameter policies: oldest first.
    init(_ policies: [(source: ResourceKey, spec: RoutePolicySpec)]) {
        var seen = Set<RoutePolicySpec.Compression>()
        compressions = policies.compactMap(\.spec.compression).filter {
            $0.enabled != false && seen.insert($0).inserted
        }
        for policy in policies {
            let reference = policy.spec.targetRef
            let key = ResourceKey(.virtualService, namespace: policy.source.namespace, name: reference.name)
            let target = Target(virtualService: key, section: reference.sectionName ?? "")
            if let winner = winners[target] {
                losers[key, default: []].append((policy.source, winner.source))
            } else {
                winners[target] = policy
            }
        }
    }

    public var isEmpty: Bool { winners.isEmpty }

    /// - Parameter rule: name of the http rule, if it has one.
    public func effective(for virtualService: ResourceKey, rule: String?) -> Effective {
        var result = Effective()
        for section in [rule ?? "", ""] {
            guard let policy = winners[Target(virtualService: virtualService, section: section)],
                !result.sources.contains(policy.source)
            else { continue }
            result.compression = result.compression ?? policy.spec.compression
            if result.upgrades.isEmpty { result.upgrades = policy.spec.upgrades }
            result.sources.append(policy.source)
        }
        return result
    }

    /// Policies for a VirtualService that have no effect because an older one has the same target.
    public func displaced(at virtualService: ResourceKey) -> [(loser: ResourceKey, winner: ResourceKey)] {
        losers[virtualService] ?? []
    }
}
