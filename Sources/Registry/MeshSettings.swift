public import Resources

/// Mesh-wide settings with their defaults filled in.
public struct MeshSettings: Sendable {
    public var domain: String
    public var trustDomain: String
    public var rootNamespace: String
    public var config: MeshConfigSpec

    init(config: MeshConfigSpec, domain: String) {
        self.config = config
        self.domain = domain
        trustDomain = self.config.trustDomain ?? "cluster.local"
        rootNamespace = self.config.rootNamespace ?? "istio-system"
    }

    /// Of HTTP routes that set none; zero is off.
    public var requestTimeout: Duration { config.defaultRequestTimeout ?? .seconds(15) }
    public var connectTimeout: Duration { config.connectTimeout ?? .seconds(10) }
    public var dnsRefreshRate: Duration { config.dnsRefreshRate ?? .seconds(60) }
    public var autoMTLS: Bool { config.enableAutoMtls ?? true }
    public var loadBalancer: LoadBalancerSettings.SimpleLB {
        guard let chosen = config.defaultLoadBalancer, chosen != .unspecified else { return .roundRobin }
        return chosen
    }

    /// The identities under which a service account may appear: the trust domain's own first, then its aliases'.
    public func spiffeIDs(namespace: String, serviceAccount: String) -> [String] {
        let account = serviceAccount.isEmpty ? "default" : serviceAccount
        return ([trustDomain] + config.trustDomainAliases).map { "spiffe://\($0)/ns/\(namespace)/sa/\(account)" }
    }

    /// The SPIFFE identity of a service account.
    public func spiffeID(namespace: String, serviceAccount: String) -> String {
        "spiffe://\(trustDomain)/ns/\(namespace)/sa/\(serviceAccount.isEmpty ? "default" : serviceAccount)"
    }
}
