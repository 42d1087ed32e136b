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

    public internal(set) var weight: UInt32
    public internal(set) var priority: Int
    public internal(set) var locality: Int
    public internal(set) var activeRequests: Int32 = 0
    var reportedHealth: Endpoint.Health
    var outlier = OutlierState()
    var currentWeight: Int64 = 0
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
        health: Endpoint.Health
    ) {
        self.address = address
        self.hostname = hostname
        self.key = key
        self.tls = tls
        self.cluster = cluster
        self.weight = weight
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

    public var isEjected: Bool { outlier.isEjected }

    /// Usable: not reported unhealthy, not ejected.
    var isHealthy: Bool {
        switch reportedHealth {
        case .unknown, .healthy, .degraded: !outlier.isEjected
        case .unhealthy, .draining, .timeout: false
        }
    }
}

/// Hosts that a request has already been sent to, so that a retry can go elsewhere. Fixed size, no allocation.
public struct TriedHosts {
    private var first: ObjectIdentifier?
    private var second: ObjectIdentifier?
    private var third: ObjectIdentifier?
    private var fourth: ObjectIdentifier?

    public init() {}

    public mutating func insert(_ host: UpstreamHost) {
        fourth = third
        third = second
        second = first
        first = ObjectIdentifier(host)
    }

    public func contains(_ host: UpstreamHost) -> Bool {
        let id = ObjectIdentifier(host)
        return first == id || second == id || third == id || fourth == id
    }

    public var isEmpty: Bool { first == nil }
}
