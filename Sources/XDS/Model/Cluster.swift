/// A named group of endpoints and how to talk to them.
///
/// Source: Envoy `config.cluster.v3.Cluster`; defaults are Envoy's.
public struct Cluster: Hashable, Sendable {
    public indirect enum Discovery: Hashable, Sendable {
        case fixed(ClusterLoadAssignment)
        /// Every address of every name is an endpoint.
        case strictDNS(ClusterLoadAssignment)
        /// One endpoint; a new connection uses the first address of the moment.
        case logicalDNS(ClusterLoadAssignment)
        /// `serviceName` is the name of the ClusterLoadAssignment.
        case eds(serviceName: String)
        /// The connection's original destination, or the address in `header` when that is set.
        case originalDestination(header: String?)
        /// The first of these clusters that has a healthy endpoint.
        case aggregate([String])
        /// Whatever host the request (or the server name) names, resolved when first asked for. At most `hostsMax`
        /// names are kept, each until it was not used for `hostLifetime`.
        case dynamicForward(hostsMax: UInt32, hostLifetime: Duration)
    }

    public enum BalancingPolicy: Hashable, Sendable {
        case roundRobin
        case leastRequest(choices: UInt32)
        case random
        case ringHash(ringSizeMin: UInt64, ringSizeMax: UInt64)
        case maglev(tableSize: UInt64)
        /// The cluster type decides (original destination).
        case clusterProvided
    }

    public enum LocalityPolicy: Hashable, Sendable {
        case none
        /// `routingEnabledPercent` of 0...100.
        /// In panic, `failsOnPanic` answers that no endpoint is healthy instead of using all.
        case zoneAware(routingEnabledPercent: Double, clusterSizeMin: UInt64, failsOnPanic: Bool)
        case weighted
    }

    /// A newly added endpoint's share grows over `window`.
    public struct SlowStart: Hashable, Sendable {
        public var window: Duration
        public var aggression: Double = 1
        public var weightMinPercent: Double = 10

        public init(
            window: Duration,
            aggression: Double = 1,
            weightMinPercent: Double = 10
        ) {
            self.window = window
            self.aggression = aggression
            self.weightMinPercent = weightMinPercent
        }
    }

    public enum DNSFamily: Hashable, Sendable { case auto, v4Only, v6Only, v4Preferred, all }

    public struct DNSSettings: Hashable, Sendable {
        public var refreshRate: Duration = .seconds(5)
        public var respectsTTL: Bool = false
        public var family: DNSFamily = .auto

        public init(
            refreshRate: Duration = .seconds(5),
            respectsTTL: Bool = false,
            family: DNSFamily = .auto
        ) {
            self.refreshRate = refreshRate
            self.respectsTTL = respectsTTL
            self.family = family
        }
    }

    public struct SubsetSettings: Hashable, Sendable {
        public enum Fallback: Hashable, Sendable { case none, anyEndpoint, defaultSubset }

        public struct Selector: Hashable, Sendable {
            public var keys: [String]
            /// Nil is the settings' own.
            public var fallback: Fallback? = nil

            public init(
                keys: [String],
                fallback: Fallback? = nil
            ) {
                self.keys = keys
                self.fallback = fallback
            }
        }

        public var fallback: Fallback = .none
        public var defaultSubset: [String: MetadataValue] = [:]
        public var selectors: [Selector] = []

        public init(
            fallback: Fallback = .none,
            defaultSubset: [String: MetadataValue] = [:],
            selectors: [Selector] = []
        ) {
            self.fallback = fallback
            self.defaultSubset = defaultSubset
            self.selectors = selectors
        }
    }

    public struct TCPKeepalive: Hashable, Sendable {
        public var probes: UInt32? = nil
        public var idle: Duration? = nil
        public var interval: Duration? = nil

        public init(
            probes: UInt32? = nil,
            idle: Duration? = nil,
            interval: Duration? = nil
        ) {
            self.probes = probes
            self.idle = idle
            self.interval = interval
        }
    }

    /// TLS for the endpoints whose `envoy.transport_socket_match` metadata holds all of `match`.
    public struct TransportSocketMatch: Hashable, Sendable {
        public var name: String
        /// Empty matches everything.
        public var match: [String: MetadataValue] = [:]
        public var socket: TransportSocket

        public init(
            name: String,
            match: [String: MetadataValue] = [:],
            socket: TransportSocket
        ) {
            self.name = name
            self.match = match
            self.socket = socket
        }
    }

    public var name: String
    public var discovery: Discovery
    public var connectTimeout: Duration = .seconds(5)
    public var bufferBytesMax: UInt32? = nil
    public var policy: BalancingPolicy = .roundRobin
    public var localityPolicy: LocalityPolicy = .none
    public var slowStart: SlowStart? = nil
    /// Below this share of healthy endpoints health is ignored; 0 never ignores it.
    public var panicThresholdPercent: Double = 50
    public var subsets: SubsetSettings? = nil
    public var circuitBreakers: CircuitBreakers = CircuitBreakers()
    public var outlierDetection: OutlierDetection? = nil
    public var healthChecks: [HealthCheck] = []
    public var http: UpstreamHTTP = UpstreamHTTP()
    public var transportSocket: TransportSocket = .plain
    /// The first match wins; `transportSocket` serves endpoints that match none.
    public var transportSocketMatches: [TransportSocketMatch] = []
    public var dns: DNSSettings = DNSSettings()
    /// The local address of connections; nil leaves it to the kernel.
    public var bindAddress: Address? = nil
    public var tcpKeepalive: TCPKeepalive? = nil
    /// Close connections to an endpoint that left, at once, even while its health checks pass.
    public var ignoresHealthOnRemoval: Bool = false
    public var cleanupInterval: Duration = .seconds(5)
    public var metadata: Metadata = [:]

    public init(
        name: String,
        discovery: Discovery,
        connectTimeout: Duration = .seconds(5),
        bufferBytesMax: UInt32? = nil,
        policy: BalancingPolicy = .roundRobin,
        localityPolicy: LocalityPolicy = .none,
        slowStart: SlowStart? = nil,
        panicThresholdPercent: Double = 50,
        subsets: SubsetSettings? = nil,
        circuitBreakers: CircuitBreakers = CircuitBreakers(),
        outlierDetection: OutlierDetection? = nil,
        healthChecks: [HealthCheck] = [],
        http: UpstreamHTTP = UpstreamHTTP(),
        transportSocket: TransportSocket = .plain,
        transportSocketMatches: [TransportSocketMatch] = [],
        dns: DNSSettings = DNSSettings(),
        bindAddress: Address? = nil,
        tcpKeepalive: TCPKeepalive? = nil,
        ignoresHealthOnRemoval: Bool = false,
        cleanupInterval: Duration = .seconds(5),
        metadata: Metadata = [:]
    ) {
        self.name = name
        self.discovery = discovery
        self.connectTimeout = connectTimeout
        self.bufferBytesMax = bufferBytesMax
        self.policy = policy
        self.localityPolicy = localityPolicy
        self.slowStart = slowStart
        self.panicThresholdPercent = panicThresholdPercent
        self.subsets = subsets
        self.circuitBreakers = circuitBreakers
        self.outlierDetection = outlierDetection
        self.healthChecks = healthChecks
        self.http = http
        self.transportSocket = transportSocket
        self.transportSocketMatches = transportSocketMatches
        self.dns = dns
        self.bindAddress = bindAddress
        self.tcpKeepalive = tcpKeepalive
        self.ignoresHealthOnRemoval = ignoresHealthOnRemoval
        self.cleanupInterval = cleanupInterval
        self.metadata = metadata
    }
}

/// How bytes to an endpoint are wrapped.
public indirect enum TransportSocket: Hashable, Sendable {
    case plain
    case tls(UpstreamTLS)
    /// A PROXY protocol header before `inner` starts.
    case proxyProtocol(version: Int, inner: TransportSocket)
}

/// HTTP towards the endpoints.
public struct UpstreamHTTP: Hashable, Sendable {
    public enum Version: Hashable, Sendable {
        case http1
        case http2
        /// HTTP/2 when ALPN says so, else HTTP/1.1.
        case alpn
        /// What the downstream speaks.
        case sameAsDownstream
    }

    public var version: Version = .http1
    public var http1: HTTPConnectionManager.HTTP1Options = HTTPConnectionManager.HTTP1Options()
    public var http2: HTTPConnectionManager.HTTP2Options = HTTPConnectionManager.HTTP2Options()
    public var idleTimeout: Duration? = .seconds(3600)
    public var connectionDurationMax: Duration? = nil
    public var streamDurationMax: Duration? = nil
    public var requestsPerConnectionMax: UInt32? = nil
    public var responseHeadersCountMax: UInt32 = 100
    /// SNI from the request's host; SAN check against that SNI.
    public var setsSNIFromHost: Bool = false
    public var validatesSANFromHost: Bool = false
    /// Statuses of responses that count as failures of the endpoint, and no others; nil: 5xx.
    public var errorStatuses: Set<UInt32>? = nil

    public init(
        version: Version = .http1,
        http1: HTTPConnectionManager.HTTP1Options = HTTPConnectionManager.HTTP1Options(),
        http2: HTTPConnectionManager.HTTP2Options = HTTPConnectionManager.HTTP2Options(),
        idleTimeout: Duration? = .seconds(3600),
        connectionDurationMax: Duration? = nil,
        streamDurationMax: Duration? = nil,
        requestsPerConnectionMax: UInt32? = nil,
        responseHeadersCountMax: UInt32 = 100,
        setsSNIFromHost: Bool = false,
        validatesSANFromHost: Bool = false
    ) {
        self.version = version
        self.http1 = http1
        self.http2 = http2
        self.idleTimeout = idleTimeout
        self.connectionDurationMax = connectionDurationMax
        self.streamDurationMax = streamDurationMax
        self.requestsPerConnectionMax = requestsPerConnectionMax
        self.responseHeadersCountMax = responseHeadersCountMax
        self.setsSNIFromHost = setsSNIFromHost
        self.validatesSANFromHost = validatesSANFromHost
    }
}
