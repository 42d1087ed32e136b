public import Base

/// What a route, virtual host or weighted cluster changes about the HTTP filters, keyed by filter name.
public typealias FilterOverrides = [String: FilterOverride]

/// One filter's settings for one route.
public enum FilterOverride: Hashable, Sendable {
    case disabled
    /// Turns on a filter that is off by default, with the filter's own settings.
    case enabled
    case cors(CORSPolicy)
    case fault(Fault)
    /// Nil turns RBAC off for the route.
    case rbac(RBACFilter?)
    /// Nil turns it off; else the name of an entry of `requirements`.
    case jwtRequirement(String?)
    case localRateLimit(LocalRateLimit)
}

/// Cross-origin rules (Fetch standard, CORS protocol).
public struct CORSPolicy: Hashable, Sendable {
    public var allowOrigins: [StringMatcher] = []
    /// Header values, ready to send; empty sends none.
    public var allowMethods: String = ""
    public var allowHeaders: String = ""
    public var exposeHeaders: String = ""
    public var maxAge: String = ""
    public var allowsCredentials: Bool = false
    public var allowsPrivateNetworkAccess: Bool = false
    /// True (Envoy's default) passes a preflight whose origin matches nothing to the upstream.
    public var forwardsNotMatchingPreflights: Bool = true
    public var enabled: Fraction = .always

    public init(
        allowOrigins: [StringMatcher] = [],
        allowMethods: String = "",
        allowHeaders: String = "",
        exposeHeaders: String = "",
        maxAge: String = "",
        allowsCredentials: Bool = false,
        allowsPrivateNetworkAccess: Bool = false,
        forwardsNotMatchingPreflights: Bool = true,
        enabled: Fraction = .always
    ) {
        self.allowOrigins = allowOrigins
        self.allowMethods = allowMethods
        self.allowHeaders = allowHeaders
        self.exposeHeaders = exposeHeaders
        self.maxAge = maxAge
        self.allowsCredentials = allowsCredentials
        self.allowsPrivateNetworkAccess = allowsPrivateNetworkAccess
        self.forwardsNotMatchingPreflights = forwardsNotMatchingPreflights
        self.enabled = enabled
    }
}

/// Made-up delays and errors.
public struct Fault: Hashable, Sendable {
    public struct Delay: Hashable, Sendable {
        public var duration: Duration
        public var share: Fraction

        public init(
            duration: Duration,
            share: Fraction
        ) {
            self.duration = duration
            self.share = share
        }
    }

    public struct Abort: Hashable, Sendable {
        public enum Answer: Hashable, Sendable {
            case http(status: UInt32)
            case grpc(status: UInt32)
        }

        public var answer: Answer
        public var share: Fraction

        public init(
            answer: Answer,
            share: Fraction
        ) {
            self.answer = answer
            self.share = share
        }
    }

    public var delay: Delay? = nil
    public var abort: Abort? = nil
    /// All must match for the fault to apply.
    public var headers: [HeaderMatcher] = []
    public var activeFaultsMax: UInt32? = nil

    public init(
        delay: Delay? = nil,
        abort: Abort? = nil,
        headers: [HeaderMatcher] = [],
        activeFaultsMax: UInt32? = nil
    ) {
        self.delay = delay
        self.abort = abort
        self.headers = headers
        self.activeFaultsMax = activeFaultsMax
    }
}

/// Answers 429 when the bucket is empty.
public struct LocalRateLimit: Hashable, Sendable {
    public var statPrefix: String = ""
    public var status: UInt32 = 429
    public var bucket: TokenBucket? = nil
    public var enabled: Fraction = .never
    public var enforced: Fraction = .never
    public var responseHeadersToAdd: [HeaderMutation] = []
    public var isPerConnection: Bool = false

    public init(
        statPrefix: String = "",
        status: UInt32 = 429,
        bucket: TokenBucket? = nil,
        enabled: Fraction = .never,
        enforced: Fraction = .never,
        responseHeadersToAdd: [HeaderMutation] = [],
        isPerConnection: Bool = false
    ) {
        self.statPrefix = statPrefix
        self.status = status
        self.bucket = bucket
        self.enabled = enabled
        self.enforced = enforced
        self.responseHeadersToAdd = responseHeadersToAdd
        self.isPerConnection = isPerConnection
    }
}

/// Who may do what. Source: Envoy `config.rbac.v3.RBAC`.
public struct RBACFilter: Hashable, Sendable {
    /// Nil enforces nothing.
    public var rules: RBAC? = nil
    /// Evaluated for statistics only.
    public var shadowRules: RBAC? = nil
    public var statPrefix: String = ""

    public init(
        rules: RBAC? = nil,
        shadowRules: RBAC? = nil,
        statPrefix: String = ""
    ) {
        self.rules = rules
        self.shadowRules = shadowRules
        self.statPrefix = statPrefix
    }
}

/// Named policies under one verdict.
public struct RBAC: Hashable, Sendable {
    public enum Action: Hashable, Sendable { case allow, deny, log }

    /// Matches when any permission and any principal match.
    public struct Policy: Hashable, Sendable {
        public var name: String
        public var permissions: [RBACPermission]
        public var principals: [RBACPrincipal]

        public init(
            name: String,
            permissions: [RBACPermission],
            principals: [RBACPrincipal]
        ) {
            self.name = name
            self.permissions = permissions
            self.principals = principals
        }
    }

    public var action: Action
    /// Sorted by name.
    public var policies: [Policy]

    public init(
        action: Action,
        policies: [Policy]
    ) {
        self.action = action
        self.policies = policies
    }
}

/// What is being done.
public indirect enum RBACPermission: Hashable, Sendable {
    case any
    case all([RBACPermission])
    case anyOf([RBACPermission])
    case not(RBACPermission)
    case header(HeaderMatcher)
    /// The path without query.
    case path(StringMatcher)
    case destinationIP(CIDR)
    case destinationPort(UInt16)
    case requestedServerName(StringMatcher)
    case metadata(MetadataMatcher)
}

/// Who is doing it.
public indirect enum RBACPrincipal: Hashable, Sendable {
    case any
    case all([RBACPrincipal])
    case anyOf([RBACPrincipal])
    case not(RBACPrincipal)
    /// The URI SAN, else DNS SAN, else subject of the peer's verified certificate; nil matcher: any mTLS peer.
    case authenticated(StringMatcher?)
    /// The peer of the TCP connection.
    case directRemoteIP(CIDR)
    /// The client after X-Forwarded-For or PROXY protocol.
    case remoteIP(CIDR)
    case header(HeaderMatcher)
    case path(StringMatcher)
    case metadata(MetadataMatcher)
    /// `io.istio.peer_principal` and friends.
    case filterState(key: String, StringMatcher)
}

/// A rule about a value that an earlier filter left (`envoy.filters.http.jwt_authn` …).
public struct MetadataMatcher: Hashable, Sendable {
    public indirect enum Value: Hashable, Sendable {
        case null
        case number(Double)
        case numberRange(start: Double, end: Double)
        case text(StringMatcher)
        case bool(Bool)
        case present(Bool)
        /// A list with an element that matches.
        case list(Value)
        case anyOf([Value])
    }

    public var filter: String
    public var path: [String]
    public var value: Value
    public var isInverted: Bool = false

    public init(
        filter: String,
        path: [String],
        value: Value,
        isInverted: Bool = false
    ) {
        self.filter = filter
        self.path = path
        self.value = value
        self.isInverted = isInverted
    }
}

/// Which tokens are accepted and where they are demanded. Source: Envoy `jwt_authn.v3.JwtAuthentication`.
public struct JWTAuthentication: Hashable, Sendable {
    public struct Provider: Hashable, Sendable {
        public enum Keys: Hashable, Sendable {
            case inline(DataSource)
            case remote(uri: String, cluster: String, timeout: Duration, cacheDuration: Duration)
        }

        public struct HeaderLocation: Hashable, Sendable {
            public var name: String
            public var prefix: String = ""

            public init(
                name: String,
                prefix: String = ""
            ) {
                self.name = name
                self.prefix = prefix
            }
        }

        public struct ClaimHeader: Hashable, Sendable {
            public var header: String
            public var claim: String

            public init(
                header: String,
                claim: String
            ) {
                self.header = header
                self.claim = claim
            }
        }

        public var issuer: String = ""
        public var audiences: [String] = []
        public var keys: Keys
        public var forwardsToken: Bool = false
        public var fromHeaders: [HeaderLocation] = []
        public var fromParameters: [String] = []
        public var fromCookies: [String] = []
        /// Base64url payload is sent upstream in this header; empty: not at all.
        public var payloadHeader: String = ""
        public var payloadMetadataKey: String = ""
        public var spaceDelimitedClaims: [String] = []
        public var clockSkew: Duration = .seconds(60)
        public var claimHeaders: [ClaimHeader] = []

        public init(
            issuer: String = "",
            audiences: [String] = [],
            keys: Keys,
            forwardsToken: Bool = false,
            fromHeaders: [HeaderLocation] = [],
            fromParameters: [String] = [],
            fromCookies: [String] = [],
            payloadHeader: String = "",
            payloadMetadataKey: String = "",
            spaceDelimitedClaims: [String] = [],
            clockSkew: Duration = .seconds(60),
            claimHeaders: [ClaimHeader] = []
        ) {
            self.issuer = issuer
            self.audiences = audiences
            self.keys = keys
            self.forwardsToken = forwardsToken
            self.fromHeaders = fromHeaders
            self.fromParameters = fromParameters
            self.fromCookies = fromCookies
            self.payloadHeader = payloadHeader
            self.payloadMetadataKey = payloadMetadataKey
            self.spaceDelimitedClaims = spaceDelimitedClaims
            self.clockSkew = clockSkew
            self.claimHeaders = claimHeaders
        }
    }

    public indirect enum Requirement: Hashable, Sendable {
        case provider(String)
        case providerWithAudiences(String, audiences: [String])
        case anyOf([Requirement])
        case all([Requirement])
        case allowMissing
        case allowMissingOrFailed
    }

    public struct Rule: Hashable, Sendable {
        public var match: RouteMatch
        /// Nil demands nothing.
        public var requirement: Requirement?

        public init(
            match: RouteMatch,
            requirement: Requirement?
        ) {
            self.match = match
            self.requirement = requirement
        }
    }

    public var providers: [String: Provider] = [:]
    public var rules: [Rule] = []
    public var requirements: [String: Requirement] = [:]
    public var bypassesCORSPreflight: Bool = false

    public init(
        providers: [String: Provider] = [:],
        rules: [Rule] = [],
        requirements: [String: Requirement] = [:],
        bypassesCORSPreflight: Bool = false
    ) {
        self.providers = providers
        self.rules = rules
        self.requirements = requirements
        self.bypassesCORSPreflight = bypassesCORSPreflight
    }
}
