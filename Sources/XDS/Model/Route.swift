/// A table of virtual hosts.
///
/// Source: Envoy `config.route.v3`. Hosts: exact name first, then the longest `*.suffix`, the longest `prefix.*`, `*`.
public struct RouteConfiguration: Hashable, Sendable {
    public var name: String
    public var virtualHosts: [VirtualHost] = []
    public var headers: HeaderMutations = HeaderMutations()
    /// Removed from requests of external clients.
    public var internalOnlyHeaders: [String] = []
    public var ignoresPortInHost: Bool = false
    public var directResponseBodyBytesMax: UInt32 = 4096

    public init(
        name: String,
        virtualHosts: [VirtualHost] = [],
        headers: HeaderMutations = HeaderMutations(),
        internalOnlyHeaders: [String] = [],
        ignoresPortInHost: Bool = false,
        directResponseBodyBytesMax: UInt32 = 4096
    ) {
        self.name = name
        self.virtualHosts = virtualHosts
        self.headers = headers
        self.internalOnlyHeaders = internalOnlyHeaders
        self.ignoresPortInHost = ignoresPortInHost
        self.directResponseBodyBytesMax = directResponseBodyBytesMax
    }
}

/// Routes for a set of hosts; the first match wins.
public struct VirtualHost: Hashable, Sendable {
    public enum TLSRequirement: Hashable, Sendable {
        case none
        case externalOnly
        /// Plain requests get a 301 to https.
        case all
    }

    public var name: String
    public var domains: [String]
    public var routes: [Route] = []
    public var tlsRequirement: TLSRequirement = .none
    public var headers: HeaderMutations = HeaderMutations()
    public var filterOverrides: FilterOverrides = [:]
    /// Sends `x-envoy-attempt-count` upstream.
    public var includesAttemptCount: Bool = false
    /// For routes that have none.
    public var retryPolicy: RetryPolicy? = nil
    public var mirrors: [RequestMirror] = []

    public init(
        name: String,
        domains: [String],
        routes: [Route] = [],
        tlsRequirement: TLSRequirement = .none,
        headers: HeaderMutations = HeaderMutations(),
        filterOverrides: FilterOverrides = [:],
        includesAttemptCount: Bool = false,
        retryPolicy: RetryPolicy? = nil,
        mirrors: [RequestMirror] = []
    ) {
        self.name = name
        self.domains = domains
        self.routes = routes
        self.tlsRequirement = tlsRequirement
        self.headers = headers
        self.filterOverrides = filterOverrides
        self.includesAttemptCount = includesAttemptCount
        self.retryPolicy = retryPolicy
        self.mirrors = mirrors
    }
}

/// A condition and what to do.
public struct Route: Hashable, Sendable {
    public indirect enum Action: Hashable, Sendable {
        case forward(RouteAction)
        case redirect(Redirect)
        case direct(DirectResponse)
        /// Only gRPC servers use it; a proxy answers 500.
        case nonForwarding
    }

    public var name: String = ""
    public var match: RouteMatch
    public var action: Action
    public var headers: HeaderMutations = HeaderMutations()
    public var filterOverrides: FilterOverrides = [:]
    public var metadata: Metadata = [:]
    /// Name of the operation in traces.
    public var operation: String = ""
    public var tracing: Tracing? = nil
    /// Statistics of the route are kept under this name; empty: none are.
    public var statPrefix: String = ""

    public init(
        name: String = "",
        match: RouteMatch,
        action: Action,
        headers: HeaderMutations = HeaderMutations(),
        filterOverrides: FilterOverrides = [:],
        metadata: Metadata = [:],
        operation: String = "",
        tracing: Tracing? = nil
    ) {
        self.name = name
        self.match = match
        self.action = action
        self.headers = headers
        self.filterOverrides = filterOverrides
        self.metadata = metadata
        self.operation = operation
        self.tracing = tracing
    }
}

/// When a route applies; all criteria must hold.
public struct RouteMatch: Hashable, Sendable {
    /// All but `regex` compare the path without query and fragment.
    public enum Path: Hashable, Sendable {
        case prefix(String)
        case exact(String)
        /// The whole path without query; RE2 syntax.
        case regex(String)
        /// `/a` matches `/a` and `/a/b`, not `/ab`.
        case separatedPrefix(String)
        /// CONNECT requests.
        case connect
    }

    public var path: Path
    public var isCaseSensitive: Bool = true
    public var headers: [HeaderMatcher] = []
    public var queryParameters: [QueryParameterMatcher] = []
    public var isGRPC: Bool = false
    /// Only this share of requests.
    public var share: Fraction? = nil
    /// Nil does not care; else whether the client presented a certificate.
    public var presentsCertificate: Bool? = nil
    public var hasValidatedCertificate: Bool? = nil
    public var metadata: [MetadataMatcher] = []

    public init(
        path: Path,
        isCaseSensitive: Bool = true,
        headers: [HeaderMatcher] = [],
        queryParameters: [QueryParameterMatcher] = [],
        isGRPC: Bool = false,
        share: Fraction? = nil,
        presentsCertificate: Bool? = nil,
        hasValidatedCertificate: Bool? = nil,
        metadata: [MetadataMatcher] = []
    ) {
        self.path = path
        self.isCaseSensitive = isCaseSensitive
        self.headers = headers
        self.queryParameters = queryParameters
        self.isGRPC = isGRPC
        self.share = share
        self.presentsCertificate = presentsCertificate
        self.hasValidatedCertificate = hasValidatedCertificate
        self.metadata = metadata
    }
}

/// Answer with a Location.
public struct Redirect: Hashable, Sendable {
    public enum PathRewrite: Hashable, Sendable {
        /// May hold a query, which then replaces the request's.
        case path(String)
        case prefix(String)
        case regex(RegexRewrite)
    }

    /// Nil keeps it.
    public var scheme: String? = nil
    public var host: String? = nil
    public var port: UInt16? = nil
    public var path: PathRewrite? = nil
    /// 301, 302, 303, 307 or 308.
    public var status: UInt32 = 301
    public var stripsQuery: Bool = false

    public init(
        scheme: String? = nil,
        host: String? = nil,
        port: UInt16? = nil,
        path: PathRewrite? = nil,
        status: UInt32 = 301,
        stripsQuery: Bool = false
    ) {
        self.scheme = scheme
        self.host = host
        self.port = port
        self.path = path
        self.status = status
        self.stripsQuery = stripsQuery
    }
}

/// Answer without an upstream.
public struct DirectResponse: Hashable, Sendable {
    public var status: UInt32
    public var body: [UInt8] = []

    public init(
        status: UInt32,
        body: [UInt8] = []
    ) {
        self.status = status
        self.body = body
    }
}
