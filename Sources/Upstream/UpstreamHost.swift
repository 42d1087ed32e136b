public import Base
public import Transport
internal import XDS

/// One endpoint of a cluster, as one worker sees it: its health, its load, its connections.
public final class UpstreamHost: BalancedHost {
    public let address: NetworkAddress
    /// For automatic host rewrite and SNI; empty when the configuration gives none.
    public let hostname: [UInt8]
    let key: String
    let tls: ClusterPlan.TLS?
    /// Strong: a connection keeps its pool, host and cluster alive; a cluster that retires lets go of its hosts.
    let cluster: ClusterRuntime
    /// Connections by the SNI they were opened with; one entry unless SNI follows the request's host.
    var pools: [HostPool] = []
    /// Every request uses the same pool: neither SNI nor protocol follows the request.
    let hasFixedPool: Bool

    /// As it counts now; less than `configuredWeight` while the endpoint warms up.
    public internal(set) var weight: UInt32
    var configuredWeight: UInt32
    /// Since when it has been in use, for its warm-up.
    var usedSince: MonotonicTime
    public internal(set) var priority: Int
    public internal(set) var locality: Int
    public internal(set) var activeRequests: Int32 = 0
    var reportedHealth: Endpoint.Health
    /// What all workers know of it; nil where nothing is to be known.
    let shared: SharedHost?
    /// At the last rebuild of the balancer.
    var wasHealthy = true
    /// Where health checks go instead of the endpoint's own port and name.
    var checkPort: UInt16?
    var checkHostname = ""
    var currentWeight: Int64 = 0
    /// Pools whose connections begin with a PROXY header, by the client it names.
    var proxiedPools: [ProxiedPoolKey: HostPool] = [:]
    /// TLS sessions of connections that carry bytes; HTTP pools keep their own.
    var resumption: TLSResumption?
    /// No longer in the configuration; serves what it has in flight.
    var isRemoved = false

    init(
        address: NetworkAddress,
        hostname: [UInt8],
        key: String,
        tls: ClusterPlan.TLS?,
        cluster: ClusterRuntime,
        weight: UInt32,
        priority: Int,
        locality: Int,
        health: Endpoint.Health,
        shared: SharedHost? = nil
    ) {
        self.address = address
        self.hostname = hostname
        self.key = key
        self.tls = tls
        self.cluster = cluster
        self.weight = weight
        configuredWeight = weight
        usedSince = cluster.environment.loop.now
        self.shared = shared
        self.priority = priority
        self.locality = locality
        reportedHealth = health
        hasFixedPool = tls?.setsSNIFromHost != true && cluster.plan.cluster.http.version != .sameAsDownstream
    }

    public var socketAddress: SocketAddress? {
        if case .ip(let address) = address { return address }
        return nil
    }

    var balanceKey: String { key }

    public var usesTLS: Bool { tls != nil }

    public var isEjected: Bool { shared?.isEjected ?? false }

    /// Usable: not reported unhealthy, not ejected, no health check failed.
    var isHealthy: Bool {
        switch reportedHealth {
        case .unknown, .healthy, .degraded: break
        case .unhealthy, .draining, .timeout: return false
        }
        guard let shared else { return true }
        if shared.isEjected { return false }
        switch shared.check {
        case .none, .healthy: return true
        case .pending, .unhealthy: return false
        }
    }
}

/// Hosts that a request has already been sent to, so that a retry can go elsewhere. Fixed size, no allocation.
public struct TriedHosts {
    private var first: ObjectIdentifier?
    private var second: ObjectIdentifier?
    private var third: ObjectIdentifier?
    private var fourth: ObjectIdentifier?
    /// Bit n: a host of priority n was tried.
    public private(set) var priorities: UInt64 = 0

    public init() {}

    public mutating func insert(_ host: UpstreamHost) {
        fourth = third
        third = second
        second = first
        first = ObjectIdentifier(host)
        if host.priority < 64 { priorities |= 1 << UInt64(max(0, host.priority)) }
    }

    public func contains(_ host: UpstreamHost) -> Bool {
        let id = ObjectIdentifier(host)
        return first == id || second == id || third == id || fourth == id
    }

    public var isEmpty: Bool { first == nil }
}
