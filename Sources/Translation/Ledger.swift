internal import Registry
internal import Resources
internal import XDS

/// A cluster that something points at; it is built when everything that can point is known.
struct ClusterReference: Hashable, Comparable {
    var host: String
    var port: Int
    var subset: String
    /// Named by SNI (`outbound_.443_.v1_.host`) and never wrapped in TLS: what AUTO_PASSTHROUGH needs.
    var isPassthrough = false

    var name: String {
        isPassthrough
            ? "outbound_.\(port)_.\(subset)_.\(host)"
            : "outbound|\(port)|\(subset)|\(host)"
    }

    /// The server name by which mesh peers announce where a connection belongs.
    var serverName: String { "outbound_.\(port)_.\(subset)_.\(host)" }

    static func < (a: ClusterReference, b: ClusterReference) -> Bool { a.name < b.name }
}

/// What a policy asks of connections that carry bytes, not HTTP.
struct TCPOptions: Equatable {
    var idleTimeout: Duration?
    var durationMax: Duration?
    /// Towards services three: nothing was sent before a connection stands, so another endpoint may be tried.
    var connectAttemptsMax = 1
    var hashesSource = false
    var tunnel: TrafficPolicy.TunnelSettings?
}

/// What the builders note down while they work.
struct Ledger {
    static let passthroughCluster = "PassthroughCluster"
    static let blackHoleCluster = "BlackHoleCluster"

    private(set) var problems: Set<Problem> = []
    private(set) var uses: Set<ResourceKey> = []
    private(set) var clusters: Set<ClusterReference> = []
    /// Secrets that listeners and clusters name, by SDS name.
    private(set) var secrets: [String: SecretMessage] = [:]
    /// Clusters that forward to the host a connection names, by name, with the port that a server name means.
    private(set) var forwarding: [String: Int] = [:]
    private(set) var tcpOptions: [String: TCPOptions] = [:]
    private(set) var needsPassthrough = false
    private(set) var needsBlackHole = false

    mutating func report(_ resource: ResourceKey, _ reason: Problem.Reason, _ message: String) {
        problems.insert(Problem(resource: resource, reason: reason, message: message))
    }

    mutating func use(_ resource: ResourceKey) { uses.insert(resource) }
    mutating func use(_ resources: [ResourceKey]) { uses.formUnion(resources) }
    mutating func need(_ cluster: ClusterReference) { clusters.insert(cluster) }
    mutating func forward(_ cluster: ClusterReference) { forwarding[cluster.name] = cluster.port }
    mutating func carry(_ cluster: ClusterReference, with options: TCPOptions) {
        if options != TCPOptions() { tcpOptions[cluster.name] = options }
    }
    mutating func deliver(_ secret: SecretMessage) { secrets[secret.name] = secret }

    /// The filters of a chain whose bytes go to `targets`: what they go through first, then the TCP proxy.
    func tcpFilters(
        _ targets: [(cluster: String, weight: Int)],
        statPrefix: String,
        settings: MeshSettings,
        otherwise standard: TCPOptions = TCPOptions()
    ) -> [NetworkFilter] {
        // Of several destinations the first one's options rule (Istio).
        var options = targets.first.flatMap { tcpOptions[$0.cluster] } ?? TCPOptions()
        options.idleTimeout = options.idleTimeout ?? standard.idleTimeout
        options.durationMax = options.durationMax ?? standard.durationMax
        let proxy = Chains.tcp(targets, statPrefix: statPrefix, options: options)
        guard let port = targets.lazy.compactMap({ forwarding[$0.cluster] }).first else { return [proxy] }
        return [Forwarding.networkFilter(settings, port: port), proxy]
    }

    mutating func needPassthrough() -> String {
        needsPassthrough = true
        forwarding[Self.passthroughCluster] = 443
        return Self.passthroughCluster
    }

    mutating func needBlackHole() -> String {
        needsBlackHole = true
        return Self.blackHoleCluster
    }
}
