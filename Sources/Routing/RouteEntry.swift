internal import Base
public import XDS

/// One route, compiled: everything an exchange needs to know after matching, decided when the configuration arrived.
///
/// Shape: immutable and shared by all workers; an exchange holds it by reference for its whole life.
public final class RouteEntry: Sendable {
    public enum Action: Sendable {
        case forward(ForwardAction)
        case redirect(RedirectAction)
        case respond(DirectResponse)
        /// `non_forwarding_action`: for servers that answer themselves (proxyless gRPC). A proxy answers 500.
        case nonForwarding
    }

    /// Route name, for the access log; empty when the configuration gives none.
    public let name: String
    public let virtualHostName: String
    public let action: Action
    /// Istio resource this route came from (`metadata.filter_metadata.istio.config`), for explanations; empty if
    /// unknown.
    public let origin: String
    /// Route, virtual host and route configuration, in that order (Envoy applies the most specific level first).
    /// Mutations of a weighted cluster come before these: see ``ClusterChoice``.
    public let requestHeaders: HeaderEdits
    public let responseHeaders: HeaderEdits
    /// Filter configuration that replaces the listener's for this route (virtual host's included).
    public let filters: RouteFilters
    /// `include_request_attempt_count`: send `x-envoy-attempt-count` upstream.
    public let countsAttempts: Bool
    /// `decorator.operation`; empty when unset.
    public let operation: String
    /// Sampling that differs from the listener's; nil inherits.
    public let tracing: Tracing?
    /// Statistics of the route are kept under this name; empty: none are.
    public let statPrefix: String
    let match: RouteRule

    init(
        name: String,
        virtualHostName: String,
        action: Action,
        origin: String,
        requestHeaders: HeaderEdits,
        responseHeaders: HeaderEdits,
        filters: RouteFilters,
        countsAttempts: Bool,
        operation: String,
        tracing: Tracing?,
        statPrefix: String = "",
        match: RouteRule
    ) {
        self.name = name
        self.virtualHostName = virtualHostName
        self.action = action
        self.origin = origin
        self.requestHeaders = requestHeaders
        self.responseHeaders = responseHeaders
        self.filters = filters
        self.countsAttempts = countsAttempts
        self.operation = operation
        self.tracing = tracing
        self.statPrefix = statPrefix
        self.match = match
    }
}

/// Where a request goes and under which conditions.
public final class ForwardAction: Sendable {
    public enum Target: Sendable {
        case cluster(ClusterChoice)
        case weighted(WeightedClusters)
        /// The cluster named by this request header (lower case); none when it is absent.
        case header([UInt8])
    }

    public enum HostRewrite: Sendable {
        case keep
        case literal([UInt8])
        /// The host name of the endpoint that was picked.
        case automatic
        /// The value of this header, when present.
        case header([UInt8])
    }

    public enum Priority: Sendable { case normal, high }

    public let target: Target
    /// The whole exchange, from the end of the request; `.zero` is off. 15 s when the configuration says nothing.
    public let timeout: Duration
    /// What the upstream is told in `x-envoy-expected-rq-timeout-ms`: the limit of a try, or else of the exchange, in
    /// milliseconds; empty when there is neither.
    public let expectedTimeout: [UInt8]
    /// `timeout` in nanoseconds.
    public let timeoutNanoseconds: UInt64
    /// Overrides the listener's stream idle timeout; nil inherits, `.zero` is off.
    public let idleTimeout: Duration?
    /// Overrides the listener's maximum stream duration; nil inherits, `.zero` is off.
    public let streamDurationMax: Duration?
    /// `grpc_timeout_header_max`: nil ignores the `grpc-timeout` header, `.zero` takes it without limit.
    public let grpcTimeoutMax: Duration?
    public let grpcTimeoutOffset: Duration
    public let retry: RetryRule?
    public let pathRewrite: PathRewrite?
    public let hostRewrite: HostRewrite
    public let appendsForwardedHost: Bool
    public let hashRules: [HashRule]
    public let mirrors: [RequestMirror]
    /// Upgrade types (lower case) this route switches on or off against the listener's list.
    public let upgrades: [(type: [UInt8], isEnabled: Bool)]
    public let priority: Priority
    /// 503, 404 or 500: the answer when the cluster does not exist.
    public let clusterNotFoundStatus: Int
    /// Follow redirects of the upstream inside the proxy; nil hands them to the client.
    public let internalRedirect: RouteAction.InternalRedirect?
    /// Subset keys for a cluster named by a header; the other targets carry them in ``ClusterChoice``.
    public let metadataMatch: [String: MetadataValue]

    init(
        target: Target,
        timeout: Duration,
        idleTimeout: Duration?,
        streamDurationMax: Duration?,
        grpcTimeoutMax: Duration?,
        grpcTimeoutOffset: Duration,
        retry: RetryRule?,
        pathRewrite: PathRewrite?,
        hostRewrite: HostRewrite,
        appendsForwardedHost: Bool,
        hashRules: [HashRule],
        mirrors: [RequestMirror],
        upgrades: [(type: [UInt8], isEnabled: Bool)],
        priority: Priority,
        clusterNotFoundStatus: Int,
        internalRedirect: RouteAction.InternalRedirect?,
        metadataMatch: [String: MetadataValue]
    ) {
        self.target = target
        self.timeout = timeout
        timeoutNanoseconds = timeout.nanosecondsFromNow
        let limits = [retry?.perTryTimeout ?? .zero, timeout].first { $0 > .zero }
        expectedTimeout = limits.map { Array(String($0.wholeNanoseconds / 1_000_000).utf8) } ?? []
        self.idleTimeout = idleTimeout
        self.streamDurationMax = streamDurationMax
        self.grpcTimeoutMax = grpcTimeoutMax
        self.grpcTimeoutOffset = grpcTimeoutOffset
        self.retry = retry
        self.pathRewrite = pathRewrite
        self.hostRewrite = hostRewrite
        self.appendsForwardedHost = appendsForwardedHost
        self.hashRules = hashRules
        self.mirrors = mirrors
        self.upgrades = upgrades
        self.priority = priority
        self.clusterNotFoundStatus = clusterNotFoundStatus
        self.internalRedirect = internalRedirect
        self.metadataMatch = metadataMatch
    }
}

/// One cluster a request may go to, with what only this destination adds.
public final class ClusterChoice: Sendable {
    public let name: String
    /// Applied before the route's own edits; empty for a plain `cluster`.
    public let requestHeaders: HeaderEdits
    public let responseHeaders: HeaderEdits
    /// `host_rewrite_literal` of this destination; wins over the route's.
    public let hostRewrite: [UInt8]?
    /// Route's and virtual host's included.
    public let filters: RouteFilters
    /// Subset keys (`envoy.lb`) that endpoints must carry, the route's included; empty asks for nothing.
    public let metadataMatch: [String: MetadataValue]

    init(
        name: String,
        metadataMatch: [String: MetadataValue] = [:],
        requestHeaders: HeaderEdits = .none,
        responseHeaders: HeaderEdits = .none,
        hostRewrite: [UInt8]? = nil,
        filters: RouteFilters = .none
    ) {
        self.name = name
        self.requestHeaders = requestHeaders
        self.responseHeaders = responseHeaders
        self.hostRewrite = hostRewrite
        self.filters = filters
        self.metadataMatch = metadataMatch
    }
}

/// Destinations that share a route by weight: each request draws anew, so shares hold on average only.
public struct WeightedClusters: Sendable {
    public let choices: [ClusterChoice]
    /// Running sums of the weights; the last one is the total.
    let bounds: [UInt32]

    /// - Throws: no destination with a weight above zero, or a total beyond 2³²−1 (Envoy's limit).
    init(_ clusters: [(choice: ClusterChoice, weight: UInt32)]) throws(CompileError) {
        var sum: UInt32 = 0
        var bounds: [UInt32] = []
        for cluster in clusters where cluster.weight > 0 {
            let (next, overflow) = sum.addingReportingOverflow(cluster.weight)
            guard !overflow else {
                throw CompileError(path: "clusters", message: "the weights add up to more than 2³²−1")
            }
            sum = next
            bounds.append(sum)
        }
        guard sum > 0 else { throw CompileError(path: "clusters", message: "no cluster has a weight above zero") }
        choices = clusters.filter { $0.weight > 0 }.map(\.choice)
        self.bounds = bounds
    }

    /// The destination for one draw; `random` is any 64 random bits.
    public func pick(random: UInt64) -> ClusterChoice {
        let total = UInt64(bounds[bounds.count &- 1])
        let point = UInt32(truncatingIfNeeded: ((random >> 32) &* total) >> 32)
        var index = 0
        while index &+ 1 < bounds.count, bounds[index] <= point { index &+= 1 }
        return choices[index]
    }
}

extension Fraction {
    /// One draw; `random` is any 64 random bits.
    @inlinable public func holds(random: UInt64) -> Bool {
        millionths >= 1_000_000 || ((random >> 32) &* 1_000_000) >> 32 < UInt64(millionths)
    }
}
