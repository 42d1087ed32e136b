public import Base

/// The VirtualServices bound to one Gateway, or to the mesh, findable by host.
public struct BoundRouting: Sendable {
    /// Oldest first.
    public let all: [RoutingRules]
    private var exact: [String: [Int]] = [:]
    private var wildcards: [(pattern: HostPattern, index: Int)] = []

    public init(_ all: [RoutingRules] = []) {
        self.all = all
        for (index, rules) in all.enumerated() {
            for host in rules.hosts {
                let pattern = HostPattern(host.lowercased())
                if pattern.isWildcard {
                    wildcards.append((pattern, index))
                } else {
                    exact[pattern.text, default: []].append(index)
                }
            }
        }
    }

    /// What a server that shows `pattern` serves: each VirtualService with the narrower of the two names, oldest first.
    public func shown(by pattern: HostPattern) -> [(rules: RoutingRules, host: HostPattern)] {
        var found: [(index: Int, host: HostPattern)] = []
        if pattern.isWildcard {
            for (name, indices) in exact where HostPattern(name).isSubset(of: pattern) {
                found += indices.map { ($0, HostPattern(name)) }
            }
        } else {
            found += (exact[pattern.text] ?? []).map { ($0, pattern) }
        }
        for (name, index) in wildcards {
            if name.isSubset(of: pattern) {
                found.append((index, name))
            } else if pattern.isSubset(of: name) {
                found.append((index, pattern))
            }
        }
        found.sort { ($0.index, $0.host.text) < ($1.index, $1.host.text) }
        return found.map { (all[$0.index], $0.host) }
    }

    /// The one that routes a host of the mesh: the oldest that names it, else the oldest with the closest wildcard.
    ///
    /// Source: Istio: for sidecars VirtualServices of one host do not merge.
    public func governing(_ hostname: String) -> RoutingRules? {
        if let index = exact[hostname.lowercased()]?.first { return all[index] }
        let name = HostPattern(hostname.lowercased())
        var best: (pattern: HostPattern, index: Int)?
        for candidate in wildcards where name.isSubset(of: candidate.pattern) {
            if let known = best {
                guard candidate.pattern != known.pattern,
                    HostPattern.moreSpecific(candidate.pattern, known.pattern)
                else { continue }
            }
            best = candidate
        }
        return best.map { all[$0.index] }
    }
}
