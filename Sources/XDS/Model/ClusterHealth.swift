/// Limits on what is open to one cluster at once.
public struct CircuitBreakers: Hashable, Sendable {
    /// Retries may be a share of what is under way, instead of a fixed number.
    public struct RetryBudget: Hashable, Sendable {
        /// Of active and pending requests.
        public var percent: Double = 20
        /// Always allowed.
        public var concurrencyMin: UInt32 = 3

        public init(percent: Double = 20, concurrencyMin: UInt32 = 3) {
            self.percent = percent
            self.concurrencyMin = concurrencyMin
        }
    }

    public struct Thresholds: Hashable, Sendable {
        public var connectionsMax: UInt32 = 1024
        public var pendingRequestsMax: UInt32 = 1024
        public var requestsMax: UInt32 = 1024
        public var retriesMax: UInt32 = 3
        public var connectionPoolsMax: UInt32? = nil
        /// When set, `retriesMax` does not count.
        public var retryBudget: RetryBudget? = nil

        public init(
            connectionsMax: UInt32 = 1024,
            pendingRequestsMax: UInt32 = 1024,
            requestsMax: UInt32 = 1024,
            retriesMax: UInt32 = 3,
            connectionPoolsMax: UInt32? = nil,
            retryBudget: RetryBudget? = nil
        ) {
            self.connectionsMax = connectionsMax
            self.pendingRequestsMax = pendingRequestsMax
            self.requestsMax = requestsMax
            self.retriesMax = retriesMax
            self.connectionPoolsMax = connectionPoolsMax
            self.retryBudget = retryBudget
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
    public var enforcingLocalOriginSuccessRate: UInt32 = 100
    public var successRateMinimumHosts: UInt32 = 5
    public var successRateRequestVolume: UInt32 = 100
    /// In thousandths: 1900 is 1.9 standard deviations.
    public var successRateDeviationFactor: UInt32 = 1900
    public var failurePercentageThreshold: UInt32 = 85
    public var enforcingFailurePercentage: UInt32 = 0
    public var enforcingFailurePercentageLocalOrigin: UInt32 = 0
    public var failurePercentageMinimumHosts: UInt32 = 5
    public var failurePercentageRequestVolume: UInt32 = 50
    /// Up to so much is added to each ejection at random.
    public var ejectionTimeJitterMax: Duration = .zero
    /// A passed active check ends an ejection.
    public var isEndedByHealthCheck: Bool = true
    /// One endpoint may be ejected whatever `ejectionPercentMax` says.
    public var alwaysEjectsOne: Bool = false

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
