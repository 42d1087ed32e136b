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

        public init(
            context: TLSContext?,
            configuration: TLSConfiguration,
            missingSecret: String,
            sni: String,
            setsSNIFromEndpoint: Bool,
            setsSNIFromHost: Bool,
            validatesSNI: Bool
        ) {
            self.context = context
            self.configuration = configuration
            self.missingSecret = missingSecret
            self.sni = sni
            self.setsSNIFromEndpoint = setsSNIFromEndpoint
            self.setsSNIFromHost = setsSNIFromHost
            self.validatesSNI = validatesSNI
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
    /// Equal identities of two configurations mean: same cluster, same secrets; the runtime keeps its pools.
    public let identity: String
    /// Identity of the endpoints alone.
    public let assignmentIdentity: String

    public init(
        cluster: Cluster,
        assignment: ClusterLoadAssignment?,
        tls: TLS?,
        socketMatches: [SocketMatch],
        identity: String,
        assignmentIdentity: String
    ) {
        self.cluster = cluster
        nameBytes = Array(cluster.name.utf8)
        self.assignment = assignment
        self.tls = tls
        self.socketMatches = socketMatches
        self.identity = identity
        self.assignmentIdentity = assignmentIdentity
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
        if case .weighted = cluster.localityPolicy { policy.weighsLocalities = true }
        switch cluster.policy {
        case .roundRobin, .clusterProvided: policy.choice = .roundRobin
        case .leastRequest: policy.choice = .leastRequest
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

    var breakerLimits: CircuitBreaker.Limits {
        var limits = CircuitBreaker.Limits()
        let normal = cluster.circuitBreakers.normal
        limits.connections = normal.connectionsMax
        limits.pendingRequests = normal.pendingRequestsMax
        limits.requests = normal.requestsMax
        limits.retries = normal.retriesMax
        return limits
    }

    var outlierPolicy: OutlierPolicy? {
        guard let source = cluster.outlierDetection else { return nil }
        var policy = OutlierPolicy()
        policy.consecutive5xx = source.enforcingConsecutive5xx > 0 ? source.consecutive5xx : 0
        policy.consecutiveGatewayFailure =
            source.enforcingConsecutiveGatewayFailure > 0 ? source.consecutiveGatewayFailure : 0
        policy.consecutiveLocalFailure =
            source.enforcingConsecutiveLocalOriginFailure > 0 ? source.consecutiveLocalOriginFailure : 0
        policy.splitsLocalErrors = source.splitsLocalOriginErrors
        policy.interval = source.interval
        policy.baseEjection = source.baseEjectionTime
        policy.maxEjection = source.ejectionTimeMax
        policy.maxEjectionPercent = source.ejectionPercentMax
        return policy
    }
}
