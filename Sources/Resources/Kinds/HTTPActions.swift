/// A redirect answered by the proxy.
public struct HTTPRedirect: FieldObject {
    public enum RedirectPortSelection: String, FieldEnum {
        case fromProtocolDefault = "FROM_PROTOCOL_DEFAULT"
        case fromRequestPort = "FROM_REQUEST_PORT"
    }

    public var uri: String?
    public var prefixRewrite: String?
    public var authority: String?
    public var port: UInt32?
    public var derivePort: RedirectPortSelection?
    public var scheme: String?
    public var redirectCode: UInt32?
    public init() {}
    public static let fields: [Field<HTTPRedirect>] = [
        Field("uri", \.uri, "replaces the path"),
        Field("prefixRewrite", \.prefixRewrite, "replaces the matched prefix"),
        Field("authority", \.authority, "new host"),
        Field("port", \.port, "new port"),
        Field("derivePort", \.derivePort, "where the port comes from"),
        Field("scheme", \.scheme, "http or https"),
        Field("redirectCode", \.redirectCode, "301 (default), 302, 303, 307 or 308"),
    ]
}

/// A fixed answer.
public struct HTTPDirectResponse: FieldObject {
    public var status: UInt32 = 0
    public var body: HTTPBody?
    public init() {}
    public static let fields: [Field<HTTPDirectResponse>] = [
        Field("status", \.status, "status code", required: true),
        Field("body", \.body, "text or bytes"),
    ]
}

/// The body of a fixed answer.
public struct HTTPBody: FieldObject {
    public var string: String?
    public var bytes: Base64Data?
    public init() {}
    public static let fields: [Field<HTTPBody>] = [
        Field("string", \.string, "text"),
        Field("bytes", \.bytes, "base64"),
    ]

    /// What goes on the wire.
    public var content: [UInt8] { bytes?.bytes ?? Array((string ?? "").utf8) }
}

/// Changes of path and authority before forwarding.
public struct HTTPRewrite: FieldObject {
    public struct RegexRewrite: FieldObject {
        public var match: String?
        public var rewrite: String?
        public init() {}
        public static let fields: [Field<RegexRewrite>] = [
            Field("match", \.match, "RE2 expression searched in the path"),
            Field("rewrite", \.rewrite, "replacement with \\1 to \\9", keepsEmpty: true),
        ]
    }

    public var uri: String?
    public var authority: String?
    public var uriRegexRewrite: RegexRewrite?
    public init() {}
    public static let fields: [Field<HTTPRewrite>] = [
        Field("uri", \.uri, "replaces the matched prefix, or the whole path"),
        Field("authority", \.authority, "new Host"),
        Field("uriRegexRewrite", \.uriRegexRewrite, "replaces what an expression finds"),
    ]
}

/// When a request is tried again.
public struct HTTPRetry: FieldObject {
    public var attempts: Int32 = 0
    public var perTryTimeout: Duration?
    public var retryOn: String?
    public var retryRemoteLocalities: Bool?
    public var retryIgnorePreviousHosts: Bool?
    public var backoff: Duration?
    public init() {}
    public static let fields: [Field<HTTPRetry>] = [
        Field("attempts", \.attempts, "how often beyond the first; 0 turns retries off"),
        Field("perTryTimeout", \.perTryTimeout, "time for each try"),
        Field("retryOn", \.retryOn, "comma list of conditions and status codes"),
        Field("retryRemoteLocalities", \.retryRemoteLocalities, "try other localities"),
        Field("retryIgnorePreviousHosts", \.retryIgnorePreviousHosts, "avoid endpoints already tried"),
        Field("backoff", \.backoff, "base of the pause between tries; default 25ms"),
    ]
}

/// Injected faults.
public struct HTTPFaultInjection: FieldObject {
    public struct Delay: FieldObject {
        public var percent: Int32 = 0
        public var fixedDelay: Duration?
        public var exponentialDelay: Duration?
        public var percentage: Percent?
        public init() {}
        public static let fields: [Field<Delay>] = [
            Field("percent", \.percent, "deprecated whole percent"),
            Field("fixedDelay", \.fixedDelay, "how long"),
            Field("exponentialDelay", \.exponentialDelay, "not supported"),
            Field("percentage", \.percentage, "share of requests; without it every request is delayed"),
        ]
    }

    public struct Abort: FieldObject {
        public var httpStatus: Int32?
        public var grpcStatus: String?
        public var http2Error: String?
        public var percentage: Percent?
        public init() {}
        public static let fields: [Field<Abort>] = [
            Field("httpStatus", \.httpStatus, "status to answer"),
            Field("grpcStatus", \.grpcStatus, "gRPC status by name, UNAVAILABLE"),
            Field("http2Error", \.http2Error, "not supported"),
            Field("percentage", \.percentage, "share of requests"),
        ]
    }

    public var delay: Delay?
    public var abort: Abort?
    public init() {}
    public static let fields: [Field<HTTPFaultInjection>] = [
        Field("delay", \.delay, "added latency"),
        Field("abort", \.abort, "answered instead of forwarding"),
    ]
}

/// Answers to browsers of other origins.
public struct CorsPolicy: FieldObject {
    public enum UnmatchedPreflights: String, FieldEnum {
        case unspecified = "UNSPECIFIED"
        case forward = "FORWARD"
        case ignore = "IGNORE"
    }

    public var allowOrigin: [String] = []
    public var allowOrigins: [StringMatch] = []
    public var allowMethods: [String] = []
    public var allowHeaders: [String] = []
    public var exposeHeaders: [String] = []
    public var maxAge: Duration?
    public var allowCredentials: Bool?
    public var unmatchedPreflights: UnmatchedPreflights?
    public init() {}
    public static let fields: [Field<CorsPolicy>] = [
        Field("allowOrigin", \.allowOrigin, "deprecated exact origins"),
        Field("allowOrigins", \.allowOrigins, "origins that are echoed"),
        Field("allowMethods", \.allowMethods, "for preflights"),
        Field("allowHeaders", \.allowHeaders, "for preflights"),
        Field("exposeHeaders", \.exposeHeaders, "what scripts may read"),
        Field("maxAge", \.maxAge, "how long a preflight holds, whole seconds"),
        Field("allowCredentials", \.allowCredentials, "cookies and authorization"),
        Field("unmatchedPreflights", \.unmatchedPreflights, "preflights of other origins"),
    ]
}
