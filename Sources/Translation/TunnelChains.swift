internal import Base
internal import Registry
internal import Resources

/// Ordered rules for connections as filter chains.
///
/// Why: rules are tried in order and the first that fits wins (Istio). Filter chains are a tree of criteria,
/// destination block, then server name, then source block, where the most specific entry wins and there is no way
/// back (Envoy). So every entry of the tree is given the rule that would have won there.
enum TunnelChains {
    /// What one rule asks of a connection; empty lists ask nothing.
    struct Condition {
        var serverNames: [String] = []
        var destinations: [CIDR] = []
        var sources: [CIDR] = []

        var asksForAddresses: Bool { !destinations.isEmpty || !sources.isEmpty }
    }

    /// One filter chain of rule `index`.
    struct Part: Equatable {
        var index: Int
        var serverNames: [String]
        var destinations: [CIDR]
        var sources: [CIDR]
    }

    /// More combinations than this are not told apart: the rules that ask for addresses are left out.
    static let combinationsMax = 20_000

    /// - Parameter conditions: in the order in which they win. Conditions on server names alone have no name in common.
    /// - Returns: nil when there would be too many chains.
    static func parts(_ conditions: [Condition]) -> [Part]? {
        guard conditions.contains(where: \.asksForAddresses) else {
            return conditions.enumerated().map { index, condition in
                Part(index: index, serverNames: condition.serverNames, destinations: [], sources: [])
            }
        }
        let blocks: [CIDR?] = unique(conditions.flatMap(\.destinations)) + [nil]
        let names = unique(conditions.flatMap(\.serverNames)).count + 1
        let sources = unique(conditions.flatMap(\.sources)).count + 1
        guard blocks.count * names * sources <= combinationsMax else { return nil }
        return blocks.flatMap { block in
            let eligible = conditions.indices.filter { covers(conditions[$0].destinations, block) }
            return parts(conditions, eligible, block)
        }
    }

    private static func parts(_ conditions: [Condition], _ eligible: [Int], _ block: CIDR?) -> [Part] {
        var parts: [Part] = []
        let isOpen = eligible.contains { conditions[$0].serverNames.isEmpty }
        let names: [String?] = unique(eligible.flatMap { conditions[$0].serverNames }) + (isOpen ? [nil] : [])
        for name in names {
            let group = eligible.compactMap { index in
                specificity(conditions[index].serverNames, of: name).map { (index: index, specificity: $0) }
            }
            // The tree prefers the narrowest name; among equals the order of the rules decides.
            .sorted { ($1.specificity, $0.index) < ($0.specificity, $1.index) }.map(\.index)
            for (index, sources) in winners(conditions, group) {
                let same = parts.firstIndex { $0.index == index && $0.sources == sources && name != nil }
                if let same, !parts[same].serverNames.isEmpty, let name {
                    parts[same].serverNames.append(name)
                } else {
                    parts.append(
                        Part(
                            index: index,
                            serverNames: name.map { [$0] } ?? [],
                            destinations: block.map { [$0] } ?? [],
                            sources: sources
                        )
                    )
                }
            }
        }
        return parts
    }

    /// For every source block that some rule of the group names, and for all other sources, the first rule that fits.
    private static func winners(_ conditions: [Condition], _ group: [Int]) -> [(index: Int, sources: [CIDR])] {
        var order: [Int] = []
        var named: [Int: [CIDR]] = [:]
        for source in unique(group.flatMap { conditions[$0].sources }) {
            guard let index = group.first(where: { covers(conditions[$0].sources, source) }) else { continue }
            if named[index] == nil { order.append(index) }
            named[index, default: []].append(source)
        }
        var result = order.map { (index: $0, sources: named[$0] ?? []) }
        if let rest = group.first(where: { conditions[$0].sources.isEmpty }) { result.append((rest, [])) }
        return result
    }

    /// How narrowly a rule's names cover `name` (nil: connections with any other name); nil when they do not.
    private static func specificity(_ names: [String], of name: String?) -> Int? {
        if names.isEmpty { return 0 }
        guard let name else { return nil }
        let pattern = HostPattern(name)
        return names.filter { pattern.isSubset(of: HostPattern($0)) }
            .map { $0 == name && !pattern.isWildcard ? Int.max : $0.utf8.count }.max()
    }

    private static func covers(_ blocks: [CIDR], _ block: CIDR?) -> Bool {
        guard let block else { return blocks.isEmpty }
        return blocks.isEmpty
            || blocks.contains { $0.prefixLength <= block.prefixLength && $0.contains(block.network) }
    }

    private static func unique<Value: Hashable>(_ values: [Value]) -> [Value] {
        var seen: Set<Value> = []
        return values.filter { seen.insert($0).inserted }
    }
}
