/// Forward to a cluster.
public struct RouteAction: Hashable, Sendable {
    public indirect enum Destination: Hashable, Sendable {
        case cluster(String)
        /// The cluster's name is the value of this request header.
        case clusterHeader(String)
        case weighted([WeightedCluster])
    }

    public enum ClusterNotFound: Hashable, Sendable { case serviceUnavailable, notFound, internalServerError }

    public enum PathRewrite: Hashable, Sendable {
        /// Replaces the matched prefix (or whole path).
        case prefix(String)
        case regex(RegexRewrite)
    }

    public enum HostRewrite: Hashable, Sendable {
        case literal(String)
        /// The endpoint's host name (DNS clusters).
        case endpoint
        /// The value of this request header.
        case header(String)
    }

    public struct Upgrade: Hashable, Sendable {
        public var type: String
        public var isEnabled: Bool = true

        public init(
            type: String,
            isEnabled: Bool = true
        ) {
            self.type = type
            self.isEnabled = isEnabled
        }
    }

    /// Longest life of a stream; replaces `timeout` where both could apply.
    public struct StreamDuration: Hashable, Sendable {
        /// Nil or zero: no limit.
        public var max: Duration? = nil
        /// Cap for `grpc-timeout`; nil ignores the header, zero takes it as it is.
        public var grpcTimeoutHeaderMax: Duration? = nil
        public var grpcTimeoutHeaderOffset: Duration? = nil

        public init(
            max: Duration? = nil,
            grpcTimeoutHeaderMax: Duration? = nil,
            grpcTimeoutHeaderOffset: Duration? = nil
        ) {
            self.max = max
            self.grpcTimeoutHeaderMax = grpcTimeoutHeaderMax
            self.grpcTimeoutHeaderOffset = grpcTimeoutHeaderOffset
        }
    }

    public struct InternalRedirect: Hashable, Sendable {
        public var redirectsMax: UInt32 = 1
        public var statuses: [UInt32] = [302]

        public init(
            redirectsMax: UInt32 = 1,
            statuses: [UInt32] = [302]
        ) {
            self.redirectsMax = redirectsMax
            self.statuses = statuses
        }
    }

    public var destination: Destination
    public var clusterNotFound: ClusterNotFound = .serviceUnavailable
    /// Subset keys (`envoy.lb`) that endpoints must carry.
    public var metadataMatch: [String: MetadataValue] = [:]
    public var pathRewrite: PathRewrite? = nil
    public var hostRewrite: HostRewrite? = nil
    public var appendsForwardedHost: Bool = false
    /// From the end of the request to the end of the response; nil is Envoy's 15 s, zero is off.
    public var timeout: Duration? = nil
    /// Overrides the connection manager's stream idle timeout; zero is off.
    public var idleTimeout: Duration? = nil
    public var retryPolicy: RetryPolicy? = nil
    public var mirrors: [RequestMirror] = []
    public var isHighPriority: Bool = false
    public var hashPolicies: [HashPolicy] = []
    public var upgrades: [Upgrade] = []
    public var streamDuration: StreamDuration? = nil
    public var internalRedirect: InternalRedirect? = nil

    public init(
        destination: Destination,
        clusterNotFound: ClusterNotFound = .serviceUnavailable,
        metadataMatch: [String: MetadataValue] = [:],
        pathRewrite: PathRewrite? = nil,
        hostRewrite: HostRewrite? = nil,
        appendsForwardedHost: Bool = false,
        timeout: Duration? = nil,
        idleTimeout: Duration? = nil,
        retryPolicy: RetryPolicy? = nil,
        mirrors: [RequestMirror] = [],
        isHighPriority: Bool = false,
        hashPolicies: [HashPolicy] = [],
        upgrades: [Upgrade] = [],
        streamDuration: StreamDuration? = nil,
        internalRedirect: InternalRedirect? = nil
    ) {
        self.destination = destination
        self.clusterNotFound = clusterNotFound
        self.metadataMatch = metadataMatch
        self.pathRewrite = pathRewrite
        self.hostRewrite = hostRewrite
        self.appendsForwardedHost = appendsForwardedHost
        self.timeout = timeout
        self.idleTimeout = idleTimeout
        self.retryPolicy = retryPolicy
        self.mirrors = mirrors
        self.isHighPriority = isHighPriority
        self.hashPolicies = hashPolicies
        self.upgrades = upgrades
        self.streamDuration = streamDuration
        self.internalRedirect = internalRedirect
    }
}

/// One of several destinations.
public struct WeightedCluster: Hashable, Sendable {
    public var name: String
    public var weight: UInt32
    public var metadataMatch: [String: MetadataValue] = [:]
    public var headers: HeaderMutations = HeaderMutations()
    public var hostRewrite: String? = nil
    public var filterOverrides: FilterOverrides = [:]

    public init(
        name: String,
        weight: UInt32,
        metadataMatch: [String: MetadataValue] = [:],
        headers: HeaderMutations = HeaderMutations(),
        hostRewrite: String? = nil,
        filterOverrides: FilterOverrides = [:]
    ) {
        self.name = name
        self.weight = weight
        self.metadataMatch = metadataMatch
        self.headers = headers
        self.hostRewrite = hostRewrite
        self.filterOverrides = filterOverrides
    }
}

/// Send a copy elsewhere and forget the answer.
public struct RequestMirror: Hashable, Sendable {
    public var cluster: String
    public var share: Fraction = .always

    public init(
        cluster: String,
        share: Fraction = .always
    ) {
        self.cluster = cluster
        self.share = share
    }
}

/// A further attribute of a cookie that a hash policy makes.
public struct CookieAttribute: Hashable, Sendable {
    public var name: String
    /// Empty: the name alone, as in `Secure`.
    public var value: String

    public init(name: String, value: String = "") {
        self.name = name
        self.value = value
    }
}

/// What the load balancer hashes; the first policy with a value wins where it is terminal, else all are combined.
public struct HashPolicy: Hashable, Sendable {
    public enum Source: Hashable, Sendable {
        case header(String, rewrite: RegexRewrite?)
        /// `ttl` nil: only read; else the cookie is made when missing (zero: a session cookie).
        case cookie(name: String, ttl: Duration?, path: String, attributes: [CookieAttribute])
        case sourceIP
        case queryParameter(String)
        case filterState(String)
    }

    public var source: Source
    public var isTerminal: Bool = false

    public init(
        source: Source,
        isTerminal: Bool = false
    ) {
        self.source = source
        self.isTerminal = isTerminal
    }
}

/// When and how to try again.
public struct RetryPolicy: Hashable, Sendable {
    /// Envoy's words, split and trimmed: `5xx`, `connect-failure`, `refused-stream`, `unavailable`, …
    public var conditions: [String] = []
    /// Besides the first attempt.
    public var retriesMax: UInt32 = 1
    /// Nil or zero: the route's timeout only.
    public var perTryTimeout: Duration? = nil
    public var perTryIdleTimeout: Duration? = nil
    public var statuses: [UInt32] = []
    public var responseHeaders: [HeaderMatcher] = []
    public var backOffBase: Duration = .milliseconds(25)
    /// Nil is ten times the base.
    public var backOffMax: Duration? = nil
    public var avoidsPreviousHosts: Bool = false
    public var hostSelectionAttemptsMax: Int64 = 1
    /// Retries leave out the priorities of earlier attempts, recomputed every so many attempts; nil: they do not.
    public var prioritiesUpdateFrequency: Int32? = nil

    public init(
        conditions: [String] = [],
        retriesMax: UInt32 = 1,
        perTryTimeout: Duration? = nil,
        perTryIdleTimeout: Duration? = nil,
        statuses: [UInt32] = [],
        responseHeaders: [HeaderMatcher] = [],
        backOffBase: Duration = .milliseconds(25),
        backOffMax: Duration? = nil,
        avoidsPreviousHosts: Bool = false,
        hostSelectionAttemptsMax: Int64 = 1
    ) {
        self.conditions = conditions
        self.retriesMax = retriesMax
        self.perTryTimeout = perTryTimeout
        self.perTryIdleTimeout = perTryIdleTimeout
        self.statuses = statuses
        self.responseHeaders = responseHeaders
        self.backOffBase = backOffBase
        self.backOffMax = backOffMax
        self.avoidsPreviousHosts = avoidsPreviousHosts
        self.hostSelectionAttemptsMax = hostSelectionAttemptsMax
    }
}
