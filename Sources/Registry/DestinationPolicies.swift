public import Resources
internal import Base

/// What the DestinationRules in force say about one host, for one kind of caller.
public struct DestinationPolicy: Sendable {
    public var host: String
    public var namespace: String
    public var trafficPolicy: TrafficPolicy?
    public var subsets: [Subset]
    /// The rules it was merged from, oldest first.
    public var sources: [ResourceKey]
    /// Labels of the callers it is for; nil for every caller.
    public var callerLabels: [String: String]?
    var exportTo: Visibility

    public func subset(named name: String) -> Subset? { subsets.first { $0.name == name } }
}

/// All DestinationRules, merged and ready to be looked up.
///
/// Source: Istio. Rules of one namespace for the same host, the same callers and the same visibility are one: subsets
/// add up (the first of a name wins), the traffic policy is the oldest rule's that has one. For a caller the scopes
/// are its own namespace, the service's namespace, the root namespace; in the first with a match the most specific
/// host wins, and rules with a workload selector that picks the caller win over those without.
public struct DestinationPolicies: Sendable {
    private struct Scope: Sendable {
        var exact: [String: [DestinationPolicy]] = [:]
        /// Most specific first.
        var wildcards: [(pattern: HostPattern, policies: [DestinationPolicy])] = []
    }

    private var scopes: [String: Scope] = [:]
    private let rootNamespace: String

    /// - Parameter rules: in winning order, with full host names.
    init(
        _ rules: [(source: ResourceKey, spec: DestinationRuleSpec)],
        rootNamespace: String,
        domain: String,
        defaultExportTo: [String]
    ) {
        self.rootNamespace = rootNamespace
        var byNamespace: [String: [String: [DestinationPolicy]]] = [:]
        for (source, spec) in rules {
            let host = HostName.expand(spec.host, namespace: source.namespace, domain: domain)
            let labels = spec.workloadSelector?.matchLabels
            let policy = DestinationPolicy(
                host: host,
                namespace: source.namespace,
                trafficPolicy: spec.trafficPolicy,
                subsets: Self.unique(spec.subsets),
                sources: [source],
                callerLabels: labels?.isEmpty == false ? labels : nil,
                exportTo: Visibility(
                    exportTo: spec.exportTo.isEmpty ? defaultExportTo : spec.exportTo,
                    ownNamespace: source.namespace
                )
            )
            Self.add(policy, to: &byNamespace[source.namespace, default: [:]][host, default: []])
        }
        for (namespace, hosts) in byNamespace {
            var scope = Scope()
            for (host, policies) in hosts {
                if HostPattern(host).isWildcard {
                    scope.wildcards.append((HostPattern(host), policies))
                } else {
                    scope.exact[host] = policies
                }
            }
            scope.wildcards.sort { HostPattern.moreSpecific($0.pattern, $1.pattern) }
            scopes[namespace] = scope
        }
    }

    /// The policy that a caller uses towards `host`; nil when no rule applies.
    public func policy(
        for host: String,
        serviceNamespace: String?,
        callerNamespace: String,
        callerLabels: [String: String]
    ) -> DestinationPolicy? {
        var tried: Set<String> = []
        for namespace in [callerNamespace, serviceNamespace, rootNamespace] {
            guard let namespace, tried.insert(namespace).inserted, let scope = scopes[namespace] else { continue }
            if let found = find(host, in: scope, callerNamespace: callerNamespace, callerLabels: callerLabels) {
                return found
            }
        }
        return nil
    }

    private func find(
        _ host: String,
        in scope: Scope,
        callerNamespace: String,
        callerLabels: [String: String]
    ) -> DestinationPolicy? {
        func pick(_ policies: [DestinationPolicy]) -> DestinationPolicy? {
            let visible = policies.filter {
                $0.namespace == callerNamespace || $0.exportTo.isVisible(in: callerNamespace)
            }
            let selected = visible.first { policy in
                policy.callerLabels.map { Labels.contains(callerLabels, all: $0) } ?? false
                    && policy.namespace == callerNamespace
            }
            return selected ?? visible.first { $0.callerLabels == nil }
        }
        if let policies = scope.exact[host], let found = pick(policies) { return found }
        let name = HostPattern(host)
        for (pattern, policies) in scope.wildcards where name.isSubset(of: pattern) {
            if let found = pick(policies) { return found }
        }
        return nil
    }

    private static func add(_ policy: DestinationPolicy, to policies: inout [DestinationPolicy]) {
        let same = policies.firstIndex {
            $0.callerLabels == policy.callerLabels && $0.exportTo == policy.exportTo
        }
        guard let same else {
            policies.append(policy)
            return
        }
        for subset in policy.subsets where policies[same].subset(named: subset.name) == nil {
            policies[same].subsets.append(subset)
        }
        if policies[same].trafficPolicy == nil { policies[same].trafficPolicy = policy.trafficPolicy }
        policies[same].sources += policy.sources
    }

    private static func unique(_ subsets: [Subset]) -> [Subset] {
        var seen: Set<String> = []
        return subsets.filter { seen.insert($0.name).inserted }
    }
}

/// Label selection.
public enum Labels {
    /// True when `labels` has every pair of `selector`; an empty selector picks everything.
    public static func contains(_ labels: [String: String], all selector: [String: String]) -> Bool {
        selector.allSatisfy { labels[$0.key] == $0.value }
    }
}

extension DestinationRuleSpec {
    /// Some policy of it says `simple: PASSTHROUGH`.
    var asksForPassthrough: Bool {
        ([trafficPolicy] + subsets.map(\.trafficPolicy)).contains { policy in
            policy?.loadBalancer?.simple == .passthrough
                || policy?.portLevelSettings.contains { $0.loadBalancer?.simple == .passthrough } == true
        }
    }
}
