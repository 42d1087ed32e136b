/// Active health: probes.
///
/// Source: Envoy `config.core.v3.HealthCheck`; defaults are Envoy's.
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
        /// Answers that count towards the unhealthy threshold; any other unexpected one makes the endpoint unhealthy
        /// at once. Timeouts and connection failures always count only towards the threshold.
        public var retriableStatuses: [Range<Int64>] = []
        public var usesHTTP2: Bool = false

        public init(
            host: String = "",
            path: String,
            method: String = "GET",
            headers: [HeaderMutation] = [],
            statuses: [Range<Int64>] = [],
            retriableStatuses: [Range<Int64>] = [],
            usesHTTP2: Bool = false
        ) {
            self.host = host
            self.path = path
            self.method = method
            self.headers = headers
            self.statuses = statuses
            self.retriableStatuses = retriableStatuses
            self.usesHTTP2 = usesHTTP2
        }
    }

    public var probe: Probe
    public var timeout: Duration
    public var interval: Duration
    public var intervalJitter: Duration = .zero
    /// Of the interval; beside `intervalJitter`.
    public var intervalJitterPercent: UInt32 = 0
    /// Before the first check.
    public var initialJitter: Duration = .zero
    public var unhealthyThreshold: UInt32 = 2
    public var healthyThreshold: UInt32 = 1
    public var reusesConnection: Bool = true
    /// Nil: the endpoint's own port.
    public var port: UInt16? = nil
    /// Between checks of a cluster that has had no request so far.
    public var noTrafficInterval: Duration = .seconds(60)
    /// The same once the endpoint is healthy; nil is `noTrafficInterval`.
    public var noTrafficHealthyInterval: Duration? = nil
    /// While unhealthy; nil is `interval`.
    public var unhealthyInterval: Duration? = nil
    /// After the check that made it unhealthy; nil is `unhealthyInterval`.
    public var unhealthyEdgeInterval: Duration? = nil
    /// After the check that made it healthy; nil is `interval`.
    public var healthyEdgeInterval: Duration? = nil

    public init(probe: Probe, timeout: Duration, interval: Duration) {
        self.probe = probe
        self.timeout = timeout
        self.interval = interval
    }
}
