public import Resources

/// The policies for gateways at one revision, by what they are for.
public struct EdgePolicies: Sendable {
    /// One policy in winning order.
    public struct Stored: Sendable {
        public var source: ResourceKey
        public var settings: EdgeSettings
    }

    private struct Target: Hashable {
        var gateway: ResourceKey
        /// Empty: all servers.
        var section: String
    }

    /// The most that any gateway lets in, for what stands behind gateways: header bytes and fields.
    public private(set) var requestHeaderBytesMax: UInt32
    public private(set) var requestHeaderCountMax: UInt32

    private let defaults: EdgeSettings
    private var winners: [Target: Stored] = [:]
    /// Policies that an older one with the same target displaces: the loser and the winner.
    private var losers: [ResourceKey: [(loser: ResourceKey, winner: ResourceKey)]] = [:]

    /// - Parameter policies: oldest first.
    init(_ policies: [(source: ResourceKey, spec: EdgePolicySpec)], defaults: EdgeSettings?) {
        self.defaults = defaults ?? EdgeSettings()
        requestHeaderBytesMax = max(65_536, defaults?.limits?.requestHeaderBytes ?? 0)
        requestHeaderCountMax = max(128, defaults?.limits?.requestHeaderCount ?? 0)
        for policy in policies {
            let limits = policy.spec.settings.limits
            requestHeaderBytesMax = max(requestHeaderBytesMax, limits?.requestHeaderBytes ?? 0)
            requestHeaderCountMax = max(requestHeaderCountMax, limits?.requestHeaderCount ?? 0)
            let reference = policy.spec.targetRef
            let gateway = ResourceKey(.gateway, namespace: policy.source.namespace, name: reference.name)
            let target = Target(gateway: gateway, section: reference.sectionName ?? "")
            if let winner = winners[target] {
                losers[gateway, default: []].append((policy.source, winner.source))
            } else {
                winners[target] = Stored(source: policy.source, settings: policy.spec.settings)
            }
        }
    }

    /// The policy that is for all servers of a Gateway.
    public func policy(for gateway: ResourceKey) -> Stored? { winners[Target(gateway: gateway, section: "")] }

    /// What holds for one server: its own policy over the Gateway's over the mesh's. Fields that nobody set are nil.
    public func effective(for gateway: ResourceKey, server: Server) -> (settings: EdgeSettings, sources: [ResourceKey])
    {
        var settings = EdgeSettings()
        var sources: [ResourceKey] = []
        for section in [server.name, server.port?.name, ""].compactMap({ $0 }) {
            guard let policy = winners[Target(gateway: gateway, section: section)],
                !sources.contains(policy.source)
            else { continue }
            settings.fill(from: policy.settings)
            sources.append(policy.source)
        }
        settings.fill(from: defaults)
        return (settings, sources)
    }

    /// Policies for a Gateway that have no effect because an older one has the same target.
    public func displaced(at gateway: ResourceKey) -> [(loser: ResourceKey, winner: ResourceKey)] {
        losers[gateway] ?? []
    }
}
