/// The endpoints of one cluster.
///
/// Source: Envoy `config.endpoint.v3.ClusterLoadAssignment`.
public struct ClusterLoadAssignment: Hashable, Sendable {
    public struct DropOverload: Hashable, Sendable {
        public var category: String
        public var share: Fraction

        public init(
            category: String,
            share: Fraction
        ) {
            self.category = category
            self.share = share
        }
    }

    public var clusterName: String
    public var localities: [LocalityEndpoints] = []
    public var drops: [DropOverload] = []
    /// Percent; a priority is full as long as healthy share times this is 100 or more.
    public var overprovisioningFactor: UInt32 = 140
    public var usesWeightedPriorityHealth: Bool = false

    public init(
        clusterName: String,
        localities: [LocalityEndpoints] = [],
        drops: [DropOverload] = [],
        overprovisioningFactor: UInt32 = 140,
        usesWeightedPriorityHealth: Bool = false
    ) {
        self.clusterName = clusterName
        self.localities = localities
        self.drops = drops
        self.overprovisioningFactor = overprovisioningFactor
        self.usesWeightedPriorityHealth = usesWeightedPriorityHealth
    }
}

/// Endpoints in one place, at one priority.
public struct LocalityEndpoints: Hashable, Sendable {
    public var locality: Locality = Locality()
    public var endpoints: [Endpoint] = []
    /// Nil: the locality gets no weighted traffic, but serves when localities are not weighted.
    public var weight: UInt32? = nil
    /// 0 is used first.
    public var priority: UInt32 = 0
    public var metadata: Metadata = [:]

    public init(
        locality: Locality = Locality(),
        endpoints: [Endpoint] = [],
        weight: UInt32? = nil,
        priority: UInt32 = 0,
        metadata: Metadata = [:]
    ) {
        self.locality = locality
        self.endpoints = endpoints
        self.weight = weight
        self.priority = priority
        self.metadata = metadata
    }
}

/// One instance of a service.
public struct Endpoint: Hashable, Sendable {
    public enum Health: Hashable, Sendable { case unknown, healthy, unhealthy, draining, timeout, degraded }

    public var address: Address
    /// For automatic host rewrite and health checks; empty: none.
    public var hostname: String = ""
    public var health: Health = .unknown
    public var weight: UInt32 = 1
    public var metadata: Metadata = [:]
    /// Nil: the endpoint's own port.
    public var healthCheckPort: UInt16? = nil
    public var healthCheckHostname: String = ""

    public init(
        address: Address,
        hostname: String = "",
        health: Health = .unknown,
        weight: UInt32 = 1,
        metadata: Metadata = [:],
        healthCheckPort: UInt16? = nil,
        healthCheckHostname: String = ""
    ) {
        self.address = address
        self.hostname = hostname
        self.health = health
        self.weight = weight
        self.metadata = metadata
        self.healthCheckPort = healthCheckPort
        self.healthCheckHostname = healthCheckHostname
    }
}
