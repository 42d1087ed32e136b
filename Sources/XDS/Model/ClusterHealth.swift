/// Limits on what is open to one cluster at once.
public struct CircuitBreakers: Hashable, Sendable {
    public struct Thresholds: Hashable, Sendable {
        public var connectionsMax: UInt32 = 1024
        public var pendingRequestsMax: UInt32 = 1024
        public var requestsMax: UInt32 = 1024
        public var retriesMax: UInt32 = 3
        public var connectionPoolsMax: UInt32? = nil

        public init(
            connectionsMax: UInt32 = 1024,
            pendingRequestsMax: UInt32 = 1024,
            requestsMax: UInt32 = 1024,
            retriesMax: UInt32 = 3,
            connectionPoolsMax: UInt32? = nil
        ) {
            self.connectionsMax = connectionsMax
            self.pendingRequestsMax = pendingRequestsMax
            self.requestsMax = requestsMax
            self.retriesMax = retriesMax
            self.connectionPoolsMax = connectionPoolsMax
        }
    }

    public var normal: Thresholds = Thresholds()
    public var high: Thresholds = Thresholds()
    /// Nil: no limit per endpoint.
    public var connectionsPerHostMax: UInt32? = nil

    public init(
        normal: Thresholds = Thresholds(),
        high: Thresholds = Thresholds(),
        connectionsPerHostMax: UInt32? = nil
    ) {
        self.normal = normal
        self.high = high
        self.connectionsPerHostMax = connectionsPerHostMax
    }
}

/// Passive health: an endpoint that misbehaves is left out for a while.
public struct OutlierDetection: Hashable, Sendable {
    public var interval: Duration = .seconds(10)
    public var baseEjectionTime: Duration = .seconds(30)
    public var ejectionTimeMax: Duration = .seconds(300)
    public var ejectionPercentMax: UInt32 = 10
    /// Zero turns a detector off; the `enforcing` values are percent chances that a detection ejects.
    public var consecutive5xx: UInt32 = 5
    public var enforcingConsecutive5xx: UInt32 = 100
    public var consecutiveGatewayFailure: UInt32 = 5
    public var enforcingConsecutiveGatewayFailure: UInt32 = 0
    public var splitsLocalOriginErrors: Bool = false
    public var consecutiveLocalOriginFailure: UInt32 = 5
    public var enforcingConsecutiveLocalOriginFailure: UInt32 = 100
    public var enforcingSuccessRate: UInt32 = 100
    public var successRateMinimumHosts: UInt32 = 5
    public var successRateRequestVolume: UInt32 = 100
    /// In thousandths: 1900 is 1.9 standard deviations.
    public var successRateDeviationFactor: UInt32 = 1900
    public var failurePercentageThreshold: UInt32 = 85
    public var enforcingFailurePercentage: UInt32 = 0
    public var failurePercentageMinimumHosts: UInt32 = 5
    public var failurePercentageRequestVolume: UInt32 = 50

    public init(
        interval: Duration = .seconds(10),
        baseEjectionTime: Duration = .seconds(30),
        ejectionTimeMax: Duration = .seconds(300),
        ejectionPercentMax: UInt32 = 10,
        consecutive5xx: UInt32 = 5,
        enforcingConsecutive5xx: UInt32 = 100,
        consecutiveGatewayFailure: UInt32 = 5,
        enforcingConsecutiveGatewayFailure: UInt32 = 0,
        splitsLocalOriginErrors: Bool = false,
        consecutiveLocalOriginFailure: UInt32 = 5,
        enforcingConsecutiveLocalOriginFailure: UInt32 = 100,
        enforcingSuccessRate: UInt32 = 100,
        successRateMinimumHosts: UInt32 = 5,
        successRateRequestVolume: UInt32 = 100,
        successRateDeviationFactor: UInt32 = 1900,
        failurePercentageThreshold: UInt32 = 85,
        enforcingFailurePercentage: UInt32 = 0,
        failurePercentageMinimumHosts: UInt32 = 5,
        failurePercentageRequestVolume: UInt32 = 50
    ) {
        self.interval = interval
        self.baseEjectionTime = baseEjectionTime
        self.ejectionTimeMax = ejectionTimeMax
        self.ejectionPercentMax = ejectionPercentMax
        self.consecutive5xx = consecutive5xx
        self.enforcingConsecutive5xx = enforcingConsecutive5xx
        self.consecutiveGatewayFailure = consecutiveGatewayFailure
        self.enforcingConsecutiveGatewayFailure = enforcingConsecutiveGatewayFailure
        self.splitsLocalOriginErrors = splitsLocalOriginErrors
        self.consecutiveLocalOriginFailure = consecutiveLocalOriginFailure
        self.enforcingConsecutiveLocalOriginFailure = enforcingConsecutiveLocalOriginFailure
        self.enforcingSuccessRate = enforcingSuccessRate
        self.successRateMinimumHosts = successRateMinimumHosts
        self.successRateRequestVolume = successRateRequestVolume
        self.successRateDeviationFactor = successRateDeviationFactor
        self.failurePercentageThreshold = failurePercentageThreshold
        self.enforcingFailurePercentage = enforcingFailurePercentage
        self.failurePercentageMinimumHosts = failurePercentageMinimumHosts
        self.failurePercentageRequestVolume = failurePercentageRequestVolume
    }
}

/// Active health: probes.
public struct HealthCheck: Hashable, Sendable {
    public enum Probe: Hashable, Sendable {
        case http(HTTPProbe)
        case tcp(send: [UInt8], receive: [[UInt8]])
        case grpc(service: String, authority: String)
    }

    public struct HTTPProbe: Hashable, Sendable {
        /// Empty: the endpoint's host name or the cluster's name.
        public var host: String = ""
        public var path: String
        public var method: String = "GET"
        public var headers: [HeaderMutation] = []
        /// Empty means 200.
        public var statuses: [Range<Int64>] = []
        public var usesHTTP2: Bool = false

        public init(
            host: String = "",
            path: String,
            method: String = "GET",
            headers: [HeaderMutation] = [],
            statuses: [Range<Int64>] = [],
            usesHTTP2: Bool = false
        ) {
            self.host = host
            self.path = path
            self.method = method
            self.headers = headers
            self.statuses = statuses
            self.usesHTTP2 = usesHTTP2
        }
    }

    public var probe: Probe
    public var timeout: Duration
    public var interval: Duration
    public var intervalJitter: Duration = .zero
    public var unhealthyThreshold: UInt32 = 2
    public var healthyThreshold: UInt32 = 1
    public var reusesConnection: Bool = true
    public var noTrafficInterval: Duration = .seconds(60)
    public var unhealthyInterval: Duration? = nil
    public var healthyEdgeInterval: Duration? = nil

    public init(
        probe: Probe,
        timeout: Duration,
        interval: Duration,
        intervalJitter: Duration = .zero,
        unhealthyThreshold: UInt32 = 2,
        healthyThreshold: UInt32 = 1,
        reusesConnection: Bool = true,
        noTrafficInterval: Duration = .seconds(60),
        unhealthyInterval: Duration? = nil,
        healthyEdgeInterval: Duration? = nil
    ) {
        self.probe = probe
        self.timeout = timeout
        self.interval = interval
        self.intervalJitter = intervalJitter
        self.unhealthyThreshold = unhealthyThreshold
        self.healthyThreshold = healthyThreshold
        self.reusesConnection = reusesConnection
        self.noTrafficInterval = noTrafficInterval
        self.unhealthyInterval = unhealthyInterval
        self.healthyEdgeInterval = healthyEdgeInterval
    }
}
