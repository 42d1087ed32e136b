public import Transport
public import XDS

/// One cluster as compiled from xDS: immutable, shared by all workers. Each worker makes a `ClusterRuntime` of it.
public final class ClusterPlan: Sendable {
    /// One way to open TLS to endpoints.
    public final class TLS: Sendable {
        /// Nil while a secret it needs has not arrived: connecting fails with that text.
        public let context: TLSContext?
        /// What `context` was made of, for contexts with other names to check.
        public let configuration: TLSConfiguration
        public let missingSecret: String
        public let sni: String
        public let setsSNIFromEndpoint: Bool
        public let setsSNIFromHost: Bool
        public let validatesSNI: Bool
        /// TLS sessions kept per endpoint and server name for resumption.
        public let sessionsMax: Int

        public init(
            context: TLSContext?,
            configuration: TLSConfiguration,
            missingSecret: String,
            sni: String,
            setsSNIFromEndpoint: Bool,
            setsSNIFromHost: Bool,
            validatesSNI: Bool,
            sessionsMax: Int
        ) {
            self.context = context
            self.configuration = configuration
            self.missingSecret = missingSecret
            self.sni = sni
            self.setsSNIFromEndpoint = setsSNIFromEndpoint
            self.setsSNIFromHost = setsSNIFromHost
            self.validatesSNI = validatesSNI
            self.sessionsMax = sessionsMax
        }
    }

    /// TLS of the endpoints whose metadata holds all of `match`; `tls` nil is plain text.
    public struct SocketMatch: Sendable {
        public let match: [String: MetadataValue]
        public let tls: TLS?

        public init(match: [String: MetadataValue], tls: TLS?) {
            self.match = match
            self.tls = tls
        }
    }

    public let cluster: Cluster
    public let nameBytes: [UInt8]
    public let assignment: ClusterLoadAssignment?
    public let tls: TLS?
    public let socketMatches: [SocketMatch]
    /// Version of the PROXY header in front of every connection; nil: none.
    public let proxyHeader: ProxyHeaderVersion?
    /// Equal identities of two configurations mean: same cluster, same secrets; the runtime keeps its pools.
    public let identity: String
    /// Identity of the endpoints alone.
    public let assignmentIdentity: String
    /// What the workers share; nil for a cluster with neither outlier detection nor health checks.
    let shared: SharedCluster?
    let sharedUse: CircuitBreaker.SharedUse?
    /// What active checks of the cluster that this one replaces have found, by endpoint.
    let knownChecks: [String: SharedHost.Check]

    /// - Parameter old: the plan in force under this name. One of equal identity hands on all that workers share; one
    ///   with the same health checks hands on their findings.
    public init(
        cluster: Cluster,
        assignment: ClusterLoadAssignment?,
        tls: TLS?,
        socketMatches: [SocketMatch],
        proxyHeader: ProxyHeaderVersion? = nil,
        identity: String,
        assignmentIdentity: String,
        replacing old: ClusterPlan? = nil
    ) {
        self.cluster = cluster
        nameBytes = Array(cluster.name.utf8)
        self.assignment = assignment
        self.tls = tls
        self.socketMatches = socketMatches
        self.proxyHeader = proxyHeader
        self.identity = identity
        self.assignmentIdentity = assignmentIdentity
        let isChecked = !cluster.healthChecks.isEmpty
        if let old, old.identity == identity {
            shared = old.shared
            sharedUse = old.sharedUse
            knownChecks = old.knownChecks
        } else {
            shared = isChecked || cluster.outlierDetection != nil ? SharedCluster() : nil
            sharedUse = Self.limits(of: cluster).areReachable ? CircuitBreaker.SharedUse() : nil
            let isSame = isChecked && old?.cluster.healthChecks == cluster.healthChecks
            knownChecks = isSame ? old?.shared?.checks() ?? [:] : [:]
        }
    }

    /// The TLS of an endpoint, by its `envoy.transport_socket_match` metadata.
    func tls(for metadata: Metadata) -> TLS? {
        guard !socketMatches.isEmpty else { return tls }
        let facts = metadata["envoy.transport_socket_match"] ?? [:]
        for candidate in socketMatches where candidate.match.allSatisfy({ facts[$0.key] == $0.value }) {
            return candidate.tls
        }
        return tls
    }

    var balancerPolicy: BalancerPolicy {
        var policy = BalancerPolicy()
        policy.panicThresholdPercent = cluster.panicThresholdPercent
        policy.overprovisioningPercent = assignment?.overprovisioningFactor ?? 140
        switch cluster.localityPolicy {
        case .none: break
        case .weighted: policy.weighsLocalities = true
        case .zoneAware(let percent, let least, let fails):
            policy.prefersOwnZone = true
            policy.zoneRoutedPercent = percent
            policy.zoneClusterSizeMin = Int(clamping: least)
            policy.failsOnPanic = fails
        }
        switch cluster.policy {
        case .roundRobin, .clusterProvided: policy.choice = .roundRobin
        case .leastRequest(let choices): policy.choice = .leastRequest(choices: Int(clamping: min(choices, 64)))
        case .random: policy.choice = .random
        case .ringHash(let least, let most):
            policy.choice = .ringHash(
                minimumSize: Int(clamping: min(least, 8 << 20)),
                maximumSize: Int(clamping: min(most, 8 << 20))
            )
        case .maglev(let size): policy.choice = .maglev(tableSize: Int(clamping: min(size, 5_000_011)))
        }
        return policy
    }

    var breakerLimits: CircuitBreaker.Limits { Self.limits(of: cluster) }

    private static func limits(of cluster: Cluster) -> CircuitBreaker.Limits {
        var limits = CircuitBreaker.Limits()
        let normal = cluster.circuitBreakers.normal
        limits.connections = normal.connectionsMax
        limits.pendingRequests = normal.pendingRequestsMax
        limits.requests = normal.requestsMax
        limits.retries = normal.retriesMax
        if let budget = normal.retryBudget {
            limits.retryBudgetPercent = budget.percent
            limits.retryBudgetMinimum = budget.concurrencyMin
        }
        return limits
    }

    var outlierPolicy: OutlierPolicy? {
        guard let source = cluster.outlierDetection else { return nil }
        func row(_ limit: UInt32, _ percent: UInt32) -> OutlierPolicy.Consecutive {
            OutlierPolicy.Consecutive(limit: percent > 0 ? limit : 0, enforcedPercent: percent)
        }
        var policy = OutlierPolicy()
        policy.consecutive5xx = row(source.consecutive5xx, source.enforcingConsecutive5xx)
        policy.consecutiveGateway = row(source.consecutiveGatewayFailure, source.enforcingConsecutiveGatewayFailure)
        policy.consecutiveLocal = row(
            source.consecutiveLocalOriginFailure,
            source.enforcingConsecutiveLocalOriginFailure
        )
        policy.successRate.enforcedPercent = source.enforcingSuccessRate
        policy.successRate.localEnforcedPercent = source.enforcingLocalOriginSuccessRate
        policy.successRate.hostsMin = source.successRateMinimumHosts
        policy.successRate.volume = source.successRateRequestVolume
        policy.successRate.deviationFactor = source.successRateDeviationFactor
        policy.failurePercentage.enforcedPercent = source.enforcingFailurePercentage
        policy.failurePercentage.localEnforcedPercent = source.enforcingFailurePercentageLocalOrigin
        policy.failurePercentage.threshold = source.failurePercentageThreshold
        policy.failurePercentage.hostsMin = source.failurePercentageMinimumHosts
        policy.failurePercentage.volume = source.failurePercentageRequestVolume
        policy.splitsLocalErrors = source.splitsLocalOriginErrors
        policy.interval = source.interval
        policy.baseEjection = source.baseEjectionTime
        policy.maxEjection = source.ejectionTimeMax
        policy.jitterMax = source.ejectionTimeJitterMax
        policy.maxEjectionPercent = source.ejectionPercentMax
        policy.alwaysEjectsOne = source.alwaysEjectsOne
        policy.isEndedByHealthCheck = source.isEndedByHealthCheck
        policy.errorStatuses = cluster.http.errorStatuses
        return policy
    }

    /// Where the caller and its peers are, for zone-aware routing: `zone.own` (`region/zone/subzone`) and `zone.peers`
    /// (the number of peers by place) of our own metadata key.
    func zoneFacts() -> ZoneFacts? {
        guard case .zoneAware = cluster.localityPolicy, let assignment,
            case .object(let zone)? = cluster.metadata[Self.metadataKey]?["zone"],
            case .string(let own)? = zone["own"], case .object(let peers)? = zone["peers"]
        else { return nil }
        let names = assignment.localities.map { "\($0.locality.region)/\($0.locality.zone)/\($0.locality.subZone)" }
        var facts = ZoneFacts(own: nil, peers: [:], peersTotal: 0)
        for (index, name) in names.enumerated() where assignment.localities[index].priority == 0 {
            if name == own { facts.own = index }
            if case .number(let count)? = peers[name] { facts.peers[index] = Int(count) }
        }
        for value in peers.values {
            if case .number(let count) = value { facts.peersTotal += Int(count) }
        }
        return facts
    }

    /// The key of `metadata` under which the control plane writes what Envoy has no field for.
    public static let metadataKey = "gatehouse"
}
