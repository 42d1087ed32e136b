public import Base

/// How HTTP connections of a filter chain are served.
///
/// Source: Envoy `HttpConnectionManager`; defaults are Envoy's unless a property says otherwise.
public struct HTTPConnectionManager: Hashable, Sendable {
    public enum Codec: Hashable, Sendable { case auto, http1, http2 }

    public enum Routes: Hashable, Sendable {
        /// The name of a RouteConfiguration that comes over ADS.
        case named(String)
        case inline(RouteConfiguration)
    }

    public enum ServerHeader: Hashable, Sendable { case overwrite, appendIfAbsent, passThrough }

    public enum EscapedSlashes: Hashable, Sendable { case keep, reject, unescapeAndRedirect, unescapeAndForward }

    public enum ForwardClientCertificate: Hashable, Sendable {
        case sanitize, forwardOnly, appendForward, sanitizeSet, alwaysForwardOnly
    }

    public enum UnderscoreHeaders: Hashable, Sendable { case allow, reject, drop }

    /// Which facts about the peer's certificate go into `x-forwarded-client-cert`; the hash always does.
    public struct ClientCertificateDetails: Hashable, Sendable {
        public var includesSubject: Bool = false
        public var includesCertificate: Bool = false
        public var includesChain: Bool = false
        public var includesDNSNames: Bool = false
        public var includesURIs: Bool = false

        public init(
            includesSubject: Bool = false,
            includesCertificate: Bool = false,
            includesChain: Bool = false,
            includesDNSNames: Bool = false,
            includesURIs: Bool = false
        ) {
            self.includesSubject = includesSubject
            self.includesCertificate = includesCertificate
            self.includesChain = includesChain
            self.includesDNSNames = includesDNSNames
            self.includesURIs = includesURIs
        }
    }

    public struct Upgrade: Hashable, Sendable {
        /// As in the Upgrade header (`websocket`), or `CONNECT`; compared without case.
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

    /// How names of HTTP/1 fields are written.
    public enum HeaderCase: Hashable, Sendable {
        /// As they came; ours in lower case.
        case asReceived
        /// As they came; ours `Like-This`.
        case preserved
        /// All of them `Like-This`.
        case proper
    }

    public struct HTTP1Options: Hashable, Sendable {
        public var allowsAbsoluteURL: Bool = true
        public var acceptsHTTP10: Bool = false
        public var defaultHostForHTTP10: String = ""
        public var enablesTrailers: Bool = false
        public var headerCase: HeaderCase = .asReceived

        public init(
            allowsAbsoluteURL: Bool = true,
            acceptsHTTP10: Bool = false,
            defaultHostForHTTP10: String = "",
            enablesTrailers: Bool = false,
            headerCase: HeaderCase = .asReceived
        ) {
            self.allowsAbsoluteURL = allowsAbsoluteURL
            self.acceptsHTTP10 = acceptsHTTP10
            self.defaultHostForHTTP10 = defaultHostForHTTP10
            self.enablesTrailers = enablesTrailers
            self.headerCase = headerCase
        }
    }

    public struct HTTP2Options: Hashable, Sendable {
        public var concurrentStreamsMax: UInt32? = nil
        public var initialStreamWindowBytes: UInt32? = nil
        public var initialConnectionWindowBytes: UInt32? = nil
        public var allowsConnect: Bool = false
        public var keepalive: Keepalive? = nil

        public init(
            concurrentStreamsMax: UInt32? = nil,
            initialStreamWindowBytes: UInt32? = nil,
            initialConnectionWindowBytes: UInt32? = nil,
            allowsConnect: Bool = false,
            keepalive: Keepalive? = nil
        ) {
            self.concurrentStreamsMax = concurrentStreamsMax
            self.initialStreamWindowBytes = initialStreamWindowBytes
            self.initialConnectionWindowBytes = initialConnectionWindowBytes
            self.allowsConnect = allowsConnect
            self.keepalive = keepalive
        }
    }

    /// HTTP/2 PING probes.
    public struct Keepalive: Hashable, Sendable {
        /// Nil: only after `idleInterval`.
        public var interval: Duration? = nil
        public var timeout: Duration = .seconds(20)
        /// Probe before using a connection that was idle for this long.
        public var idleInterval: Duration? = nil

        public init(
            interval: Duration? = nil,
            timeout: Duration = .seconds(20),
            idleInterval: Duration? = nil
        ) {
            self.interval = interval
            self.timeout = timeout
            self.idleInterval = idleInterval
        }
    }

    public struct LocalReply: Hashable, Sendable {
        public struct Mapper: Hashable, Sendable {
            public var filter: AccessLogFilter
            public var status: UInt32? = nil
            public var body: [UInt8]? = nil
            public var format: BodyFormat? = nil

            public init(
                filter: AccessLogFilter,
                status: UInt32? = nil,
                body: [UInt8]? = nil,
                format: BodyFormat? = nil
            ) {
                self.filter = filter
                self.status = status
                self.body = body
                self.format = format
            }
        }

        public struct BodyFormat: Hashable, Sendable {
            public var format: AccessLog.Format
            /// Empty: `text/plain`, or `application/json` for JSON.
            public var contentType: String = ""

            public init(
                format: AccessLog.Format,
                contentType: String = ""
            ) {
                self.format = format
                self.contentType = contentType
            }
        }

        public var mappers: [Mapper] = []
        public var bodyFormat: BodyFormat? = nil

        public init(
            mappers: [Mapper] = [],
            bodyFormat: BodyFormat? = nil
        ) {
            self.mappers = mappers
            self.bodyFormat = bodyFormat
        }
    }

    public enum PortStripping: Hashable, Sendable {
        case none
        /// Only a port equal to the listener's.
        case matching
        case any
    }

    public var codec: Codec = .auto
    public var statPrefix: String = ""
    public var routes: Routes
    /// In order; the last one is always `.router`.
    public var filters: [HTTPFilter]
    public var serverName: String = "envoy"
    public var serverHeader: ServerHeader = .overwrite
    public var via: String = ""
    public var addsUserAgent: Bool = false
    /// In kilobytes of 1024 bytes.
    public var requestHeadersKilobytesMax: UInt32 = 60
    public var requestHeadersCountMax: UInt32 = 100
    public var underscoreHeaders: UnderscoreHeaders = .allow

    // Timeouts: nil or zero is off.
    public var connectionIdleTimeout: Duration? = .seconds(3600)
    public var connectionDurationMax: Duration? = nil
    public var requestsPerConnectionMax: UInt32? = nil
    public var streamIdleTimeout: Duration? = .seconds(300)
    public var streamDurationMax: Duration? = nil
    /// From the first byte of the head to the last byte of the body.
    public var requestTimeout: Duration? = nil
    public var requestHeadersTimeout: Duration? = nil
    public var drainTimeout: Duration = .seconds(5)
    public var delayedCloseTimeout: Duration = .seconds(1)

    // Who is the client.
    public var usesRemoteAddress: Bool = false
    public var trustedHops: UInt32 = 0
    public var skipsXFFAppend: Bool = false
    /// Proxies whose `x-forwarded-for` is believed; nil: only the number of hops counts.
    public var trustedProxies: [CIDR]? = nil
    public var appendsForwardedPort: Bool = false
    public var mapsIPv4ToIPv6: Bool = false
    public var forwardClientCertificate: ForwardClientCertificate = .sanitize
    public var clientCertificateDetails: ClientCertificateDetails = ClientCertificateDetails()

    // Request ids.
    public var generatesRequestID: Bool = true
    public var preservesExternalRequestID: Bool = false
    /// Sets `x-request-id` on responses too.
    public var returnsRequestID: Bool = false

    // The path and host as routes see them.
    public var normalizesPath: Bool = false
    public var mergesSlashes: Bool = false
    public var escapedSlashes: EscapedSlashes = .keep
    public var portStripping: PortStripping = .none

    /// `Expect: 100-continue` is the upstream's to answer.
    public var proxiesContinue: Bool = false
    public var upgrades: [Upgrade] = []
    public var http1: HTTP1Options = HTTP1Options()
    public var http2: HTTP2Options = HTTP2Options()
    /// True answers an invalid HTTP message by resetting the stream, false by closing the connection.
    public var resetsStreamOnInvalidMessage: Bool = false
    public var accessLogs: [AccessLog] = []
    public var localReply: LocalReply? = nil
    public var tracing: Tracing? = nil

    public init(
        codec: Codec = .auto,
        statPrefix: String = "",
        routes: Routes,
        filters: [HTTPFilter],
        serverName: String = "envoy",
        serverHeader: ServerHeader = .overwrite,
        via: String = "",
        addsUserAgent: Bool = false,
        requestHeadersKilobytesMax: UInt32 = 60,
        requestHeadersCountMax: UInt32 = 100,
        underscoreHeaders: UnderscoreHeaders = .allow,
        connectionIdleTimeout: Duration? = .seconds(3600),
        connectionDurationMax: Duration? = nil,
        requestsPerConnectionMax: UInt32? = nil,
        streamIdleTimeout: Duration? = .seconds(300),
        streamDurationMax: Duration? = nil,
        requestTimeout: Duration? = nil,
        requestHeadersTimeout: Duration? = nil,
        drainTimeout: Duration = .seconds(5),
        delayedCloseTimeout: Duration = .seconds(1),
        usesRemoteAddress: Bool = false,
        trustedHops: UInt32 = 0,
        skipsXFFAppend: Bool = false,
        mapsIPv4ToIPv6: Bool = false,
        forwardClientCertificate: ForwardClientCertificate = .sanitize,
        clientCertificateDetails: ClientCertificateDetails = ClientCertificateDetails(),
        generatesRequestID: Bool = true,
        preservesExternalRequestID: Bool = false,
        returnsRequestID: Bool = false,
        normalizesPath: Bool = false,
        mergesSlashes: Bool = false,
        escapedSlashes: EscapedSlashes = .keep,
        portStripping: PortStripping = .none,
        upgrades: [Upgrade] = [],
        http1: HTTP1Options = HTTP1Options(),
        http2: HTTP2Options = HTTP2Options(),
        resetsStreamOnInvalidMessage: Bool = false,
        accessLogs: [AccessLog] = [],
        localReply: LocalReply? = nil,
        tracing: Tracing? = nil
    ) {
        self.codec = codec
        self.statPrefix = statPrefix
        self.routes = routes
        self.filters = filters
        self.serverName = serverName
        self.serverHeader = serverHeader
        self.via = via
        self.addsUserAgent = addsUserAgent
        self.requestHeadersKilobytesMax = requestHeadersKilobytesMax
        self.requestHeadersCountMax = requestHeadersCountMax
        self.underscoreHeaders = underscoreHeaders
        self.connectionIdleTimeout = connectionIdleTimeout
        self.connectionDurationMax = connectionDurationMax
        self.requestsPerConnectionMax = requestsPerConnectionMax
        self.streamIdleTimeout = streamIdleTimeout
        self.streamDurationMax = streamDurationMax
        self.requestTimeout = requestTimeout
        self.requestHeadersTimeout = requestHeadersTimeout
        self.drainTimeout = drainTimeout
        self.delayedCloseTimeout = delayedCloseTimeout
        self.usesRemoteAddress = usesRemoteAddress
        self.trustedHops = trustedHops
        self.skipsXFFAppend = skipsXFFAppend
        self.mapsIPv4ToIPv6 = mapsIPv4ToIPv6
        self.forwardClientCertificate = forwardClientCertificate
        self.clientCertificateDetails = clientCertificateDetails
        self.generatesRequestID = generatesRequestID
        self.preservesExternalRequestID = preservesExternalRequestID
        self.returnsRequestID = returnsRequestID
        self.normalizesPath = normalizesPath
        self.mergesSlashes = mergesSlashes
        self.escapedSlashes = escapedSlashes
        self.portStripping = portStripping
        self.upgrades = upgrades
        self.http1 = http1
        self.http2 = http2
        self.resetsStreamOnInvalidMessage = resetsStreamOnInvalidMessage
        self.accessLogs = accessLogs
        self.localReply = localReply
        self.tracing = tracing
    }
}

/// Sampling of trace context; spans are not exported here, `traceparent` is passed on.
public struct Tracing: Hashable, Sendable {
    public var clientSampling: Fraction = .always
    public var randomSampling: Fraction = .always
    public var overallSampling: Fraction = .always

    public init(
        clientSampling: Fraction = .always,
        randomSampling: Fraction = .always,
        overallSampling: Fraction = .always
    ) {
        self.clientSampling = clientSampling
        self.randomSampling = randomSampling
        self.overallSampling = overallSampling
    }
}

/// One step of request handling.
public struct HTTPFilter: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case cors
        case fault(Fault)
        case rbac(RBACFilter)
        case jwtAuthentication(JWTAuthentication)
        case localRateLimit(LocalRateLimit)
        case headerMutation(HeaderMutations)
        /// Resolves the host of requests for `dynamicForward` clusters. Nothing to do here: such clusters resolve.
        case dynamicForwardProxy
        case compressor(Compressor)
        /// Translates gRPC-Web requests, binary and text, into gRPC.
        case grpcWeb
        case router(Router)
    }

    public struct Router: Hashable, Sendable {
        /// Leaves out `x-envoy-…` headers on both sides.
        public var suppressesEnvoyHeaders: Bool = false
        public var upstreamAccessLogs: [AccessLog] = []

        public init(
            suppressesEnvoyHeaders: Bool = false,
            upstreamAccessLogs: [AccessLog] = []
        ) {
            self.suppressesEnvoyHeaders = suppressesEnvoyHeaders
            self.upstreamAccessLogs = upstreamAccessLogs
        }
    }

    /// Key of per-route settings.
    public var name: String
    public var kind: Kind
    /// True: off unless a route turns it on.
    public var isDisabled: Bool = false

    public init(
        name: String,
        kind: Kind,
        isDisabled: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.isDisabled = isDisabled
    }
}
