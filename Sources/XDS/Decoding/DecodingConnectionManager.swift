internal import Base
internal import SwiftProtobuf

private typealias XFFMessage = Envoy_Extensions_Http_OriginalIpDetection_Xff_V3_XffConfig
private typealias Message = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager

extension HTTPConnectionManager {
    /// Ignored: the tags and verbosity of `tracing` (spans are not exported here).
    init(
        _ message: Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager,
        at path: FieldPath
    ) throws(DecodeError) {
        self.init(routes: try Routes(message, at: path), filters: try Self.filters(message, at: path))
        statPrefix = message.statPrefix
        codec =
            switch message.codecType {
            case .auto: .auto
            case .http1: .http1
            case .http2: .http2
            case .http3, .UNRECOGNIZED: throw path.child("codec_type").error("not supported")
            }
        try applyIdentity(message, at: path)
        try applyTimeouts(message, at: path)
        try applyPaths(message, at: path)
        proxiesContinue = message.proxy100Continue
        upgrades = try path.list(message.upgradeConfigs, "upgrade_configs") { (upgrade, path) throws(DecodeError) in
            try path.refuseUnknown(upgrade)
            return Upgrade(
                type: try path.nonEmpty(upgrade.upgradeType, "upgrade_type"),
                isEnabled: upgrade.hasEnabled ? upgrade.enabled.value : true
            )
        }
        http1 = try .init(message.httpProtocolOptions, at: path.child("http_protocol_options"))
        http2 = try .init(message.http2ProtocolOptions, at: path.child("http2_protocol_options"))
        resetsStreamOnInvalidMessage = message.streamErrorOnInvalidHTTPMessage.value
        accessLogs = try AccessLog.list(message.accessLog, "access_log", at: path)
        if message.hasLocalReplyConfig {
            localReply = try LocalReply(message.localReplyConfig, at: path.child("local_reply_config"))
        }
        if message.hasTracing { tracing = try Tracing(message.tracing, at: path.child("tracing")) }
    }

    private static func filters(_ message: Message, at path: FieldPath) throws(DecodeError) -> [HTTPFilter] {
        var filters: [HTTPFilter] = []
        var names: Set<String> = []
        var hasRouter = false
        for (index, filter) in message.httpFilters.enumerated() {
            let path = path.item("http_filters", index)
            guard !hasRouter else { throw path.error("follows the router, which must be the last filter") }
            guard names.insert(filter.name).inserted else {
                throw path.child("name").error("\"\(filter.name)\" occurs twice")
            }
            guard let filter = try HTTPFilter.make(filter, at: path) else { continue }
            if case .router = filter.kind { hasRouter = true }
            filters.append(filter)
        }
        guard hasRouter else { throw path.child("http_filters").error("the last filter must be the router") }
        return filters
    }

    private mutating func applyIdentity(_ message: Message, at path: FieldPath) throws(DecodeError) {
        serverName = message.serverName.isEmpty ? "envoy" : message.serverName
        serverHeader =
            switch message.serverHeaderTransformation {
            case .overwrite: .overwrite
            case .appendIfAbsent: .appendIfAbsent
            case .passThrough: .passThrough
            case .UNRECOGNIZED: throw path.child("server_header_transformation").error("unknown value")
            }
        via = message.via
        addsUserAgent = message.addUserAgent.value
        usesRemoteAddress = message.useRemoteAddress.value
        trustedHops = message.xffNumTrustedHops
        skipsXFFAppend = message.skipXffAppend
        appendsForwardedPort = message.appendXForwardedPort
        try applyClientAddress(message, at: path)
        mapsIPv4ToIPv6 = message.representIpv4RemoteAddressAsIpv4MappedIpv6
        forwardClientCertificate =
            switch message.forwardClientCertDetails {
            case .sanitize: .sanitize
            case .forwardOnly: .forwardOnly
            case .appendForward: .appendForward
            case .sanitizeSet: .sanitizeSet
            case .alwaysForwardOnly: .alwaysForwardOnly
            case .UNRECOGNIZED: throw path.child("forward_client_cert_details").error("unknown value")
            }
        let details = message.setCurrentClientCertDetails
        clientCertificateDetails = ClientCertificateDetails(
            includesSubject: details.subject.value,
            includesCertificate: details.cert,
            includesChain: details.chain,
            includesDNSNames: details.dns,
            includesURIs: details.uri
        )
        generatesRequestID = message.hasGenerateRequestID ? message.generateRequestID.value : true
        preservesExternalRequestID = message.preserveExternalRequestID
        if message.hasRequestIDExtension {
            let name = message.requestIDExtension.typedConfig.messageName
            guard name == "envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig" else {
                throw path.child("request_id_extension.typed_config").error("\(name) is not supported")
            }
        }
    }

    /// Source: Envoy, which also refuses the extension beside `use_remote_address`.
    private mutating func applyClientAddress(_ message: Message, at path: FieldPath) throws(DecodeError) {
        let extensions = message.originalIpDetectionExtensions
        guard let first = extensions.first else { return }
        guard extensions.count == 1, !usesRemoteAddress else {
            throw path.child("original_ip_detection_extensions").error("only one, and not beside use_remote_address")
        }
        let path = path.item("original_ip_detection_extensions", 0).child("typed_config")
        guard first.typedConfig.holds(XFFMessage.self) else {
            throw path.error("\(first.typedConfig.messageName) is not supported")
        }
        let xff = try path.unpack(first.typedConfig, as: XFFMessage.self)
        guard xff.hasXffTrustedCidrs, xff.xffNumTrustedHops == 0 else {
            throw path.error("xff_trusted_cidrs and nothing else must be set")
        }
        skipsXFFAppend = xff.hasSkipXffAppend ? xff.skipXffAppend.value : true
        trustedProxies = try path.list(xff.xffTrustedCidrs.cidrs, "xff_trusted_cidrs.cidrs") {
            (range, path) throws(DecodeError) in try CIDR(decoding: range, at: path)
        }
    }

    private mutating func applyTimeouts(_ message: Message, at path: FieldPath) throws(DecodeError) {
        let common = message.commonHTTPProtocolOptions
        let commonPath = path.child("common_http_protocol_options")
        try commonPath.refuseUnknown(common)
        connectionIdleTimeout = try commonPath.timeout(
            common.hasIdleTimeout ? common.idleTimeout : nil,
            "idle_timeout",
            default: .seconds(3600)
        )
        connectionDurationMax = try commonPath.timeout(
            common.hasMaxConnectionDuration ? common.maxConnectionDuration : nil,
            "max_connection_duration"
        )
        streamDurationMax = try commonPath.timeout(
            common.hasMaxStreamDuration ? common.maxStreamDuration : nil,
            "max_stream_duration"
        )
        if common.hasMaxRequestsPerConnection, common.maxRequestsPerConnection.value > 0 {
            requestsPerConnectionMax = common.maxRequestsPerConnection.value
        }
        requestHeadersCountMax = common.hasMaxHeadersCount ? common.maxHeadersCount.value : 100
        underscoreHeaders =
            switch common.headersWithUnderscoresAction {
            case .allow: .allow
            case .rejectRequest: .reject
            case .dropHeader: .drop
            case .UNRECOGNIZED: throw commonPath.child("headers_with_underscores_action").error("unknown value")
            }
        requestHeadersKilobytesMax = message.hasMaxRequestHeadersKb ? message.maxRequestHeadersKb.value : 60
        guard (1...8192).contains(requestHeadersKilobytesMax) else {
            throw path.child("max_request_headers_kb").error("not in 1...8192")
        }
        streamIdleTimeout = try path.timeout(
            message.hasStreamIdleTimeout ? message.streamIdleTimeout : nil,
            "stream_idle_timeout",
            default: .seconds(300)
        )
        requestTimeout = try path.timeout(message.hasRequestTimeout ? message.requestTimeout : nil, "request_timeout")
        requestHeadersTimeout = try path.timeout(
            message.hasRequestHeadersTimeout ? message.requestHeadersTimeout : nil,
            "request_headers_timeout"
        )
        drainTimeout = try path.duration(
            message.hasDrainTimeout ? message.drainTimeout : nil,
            "drain_timeout",
            default: .seconds(5)
        )
        delayedCloseTimeout = try path.duration(
            message.hasDelayedCloseTimeout ? message.delayedCloseTimeout : nil,
            "delayed_close_timeout",
            default: .seconds(1)
        )
    }

    private mutating func applyPaths(_ message: Message, at path: FieldPath) throws(DecodeError) {
        normalizesPath = message.normalizePath.value
        mergesSlashes = message.mergeSlashes
        escapedSlashes =
            switch message.pathWithEscapedSlashesAction {
            case .implementationSpecificDefault, .keepUnchanged: .keep
            case .rejectRequest: .reject
            case .unescapeAndRedirect: .unescapeAndRedirect
            case .unescapeAndForward: .unescapeAndForward
            case .UNRECOGNIZED: throw path.child("path_with_escaped_slashes_action").error("unknown value")
            }
        portStripping = message.stripAnyHostPort ? .any : message.stripMatchingHostPort ? .matching : .none
    }
}

extension HTTPConnectionManager.Routes {
    init(
        _ message: Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager,
        at path: FieldPath
    ) throws(DecodeError) {
        switch message.routeSpecifier {
        case .rds(let rds):
            let path = path.child("rds")
            try path.refuseUnknown(rds)
            try path.demandADS(rds.configSource, "config_source")
            self = .named(try path.nonEmpty(rds.routeConfigName, "route_config_name"))
        case .routeConfig(let routes):
            self = .inline(try RouteConfiguration(routes, at: path.child("route_config")))
        case nil:
            throw path.error("neither rds nor route_config is set")
        }
    }
}

extension HTTPConnectionManager.LocalReply {
    init(
        _ config: Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_LocalReplyConfig,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(config)
        self.init(
            mappers: try path.list(config.mappers, "mappers") { (mapper, path) throws(DecodeError) in
                try path.refuseUnknown(mapper)
                return Mapper(
                    filter: try AccessLogFilter(mapper.filter, at: path.child("filter")),
                    status: mapper.hasStatusCode ? mapper.statusCode.value : nil,
                    body: mapper.hasBody ? try DataSource.inlineBytes(mapper.body, at: path.child("body")) : nil,
                    format: mapper.hasBodyFormatOverride
                        ? try BodyFormat(mapper.bodyFormatOverride, at: path.child("body_format_override")) : nil
                )
            },
            bodyFormat: config.hasBodyFormat ? try BodyFormat(config.bodyFormat, at: path.child("body_format")) : nil
        )
    }
}

extension HTTPConnectionManager.LocalReply.BodyFormat {
    init(_ format: Envoy_Config_Core_V3_SubstitutionFormatString, at path: FieldPath) throws(DecodeError) {
        self.init(format: try AccessLog.format(format, at: path).0, contentType: format.contentType)
    }
}

extension Tracing {
    init(
        _ tracing: Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager.Tracing,
        at path: FieldPath
    ) throws(DecodeError) {
        self.init(
            clientSampling: tracing.hasClientSampling
                ? try Fraction(tracing.clientSampling, at: path.child("client_sampling")) : .always,
            randomSampling: tracing.hasRandomSampling
                ? try Fraction(tracing.randomSampling, at: path.child("random_sampling")) : .always,
            overallSampling: tracing.hasOverallSampling
                ? try Fraction(tracing.overallSampling, at: path.child("overall_sampling")) : .always
        )
    }
}
