internal import SwiftProtobuf

private typealias PreserveCaseMessage =
    Envoy_Extensions_Http_HeaderFormatters_PreserveCase_V3_PreserveCaseFormatterConfig

extension HTTPConnectionManager.HTTP1Options {
    init(_ options: Envoy_Config_Core_V3_Http1ProtocolOptions, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(options)
        var headerCase = HTTPConnectionManager.HeaderCase.asReceived
        switch options.headerKeyFormat.headerFormat {
        case .properCaseWords: headerCase = .proper
        case .statefulFormatter(let formatter):
            let path = path.child("header_key_format.stateful_formatter.typed_config")
            headerCase = try Self.preserved(formatter.typedConfig, at: path)
        case nil: break
        }
        self.init(
            allowsAbsoluteURL: options.hasAllowAbsoluteURL ? options.allowAbsoluteURL.value : true,
            acceptsHTTP10: options.acceptHTTP10,
            defaultHostForHTTP10: options.defaultHostForHTTP10,
            enablesTrailers: options.enableTrailers,
            headerCase: headerCase
        )
    }

    private static func preserved(
        _ any: Google_Protobuf_Any,
        at path: FieldPath
    ) throws(DecodeError) -> HTTPConnectionManager.HeaderCase {
        guard any.holds(PreserveCaseMessage.self) else { throw path.error("\(any.messageName) is not supported") }
        let formatter = try path.unpack(any, as: PreserveCaseMessage.self)
        try path.refuse("forward_reason_phrase", if: formatter.forwardReasonPhrase)
        return formatter.formatterTypeOnEnvoyHeaders == .properCase ? .preserved : .asReceived
    }
}

extension HTTPConnectionManager.HTTP2Options {
    /// Ignored: `max_outbound_frames` (our own queue limits hold) and the jitter of keepalive probes.
    init(_ options: Envoy_Config_Core_V3_Http2ProtocolOptions, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(options)
        var keepalive: HTTPConnectionManager.Keepalive?
        if options.hasConnectionKeepalive {
            let path = path.child("connection_keepalive")
            let settings = options.connectionKeepalive
            try path.refuseUnknown(settings)
            keepalive = HTTPConnectionManager.Keepalive(
                interval: try path.timeout(settings.hasInterval ? settings.interval : nil, "interval"),
                timeout: try path.duration(
                    settings.hasTimeout ? settings.timeout : nil,
                    "timeout",
                    default: .seconds(20)
                ),
                idleInterval: try path.timeout(
                    settings.hasConnectionIdleInterval ? settings.connectionIdleInterval : nil,
                    "connection_idle_interval"
                )
            )
        }
        self.init(
            concurrentStreamsMax: options.hasMaxConcurrentStreams ? options.maxConcurrentStreams.value : nil,
            initialStreamWindowBytes: options.hasInitialStreamWindowSize ? options.initialStreamWindowSize.value : nil,
            initialConnectionWindowBytes: options.hasInitialConnectionWindowSize
                ? options.initialConnectionWindowSize.value : nil,
            allowsConnect: options.allowConnect,
            keepalive: keepalive
        )
        for (name, window) in [
            ("initial_stream_window_size", initialStreamWindowBytes),
            ("initial_connection_window_size", initialConnectionWindowBytes),
        ] {
            if let window, !(65_535...2_147_483_647).contains(window) {
                throw path.child(name).error("not in 65535...2147483647")
            }
        }
    }
}

extension UpstreamHTTP {
    init(
        _ options: Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(options)
        self.init()
        try applyCommon(options.commonHTTPProtocolOptions, at: path.child("common_http_protocol_options"))
        let upstream = path.child("upstream_http_protocol_options")
        try upstream.refuseUnknown(options.upstreamHTTPProtocolOptions)
        setsSNIFromHost = options.upstreamHTTPProtocolOptions.autoSni
        validatesSANFromHost = options.upstreamHTTPProtocolOptions.autoSanValidation
        let http1Options: Envoy_Config_Core_V3_Http1ProtocolOptions
        let http2Options: Envoy_Config_Core_V3_Http2ProtocolOptions
        let branch: FieldPath
        switch options.upstreamProtocolOptions {
        case .explicitHTTPConfig(let explicit):
            branch = path.child("explicit_http_config")
            try branch.refuseUnknown(explicit)
            if case .http2ProtocolOptions = explicit.protocolConfig { version = .http2 }
            http1Options = explicit.httpProtocolOptions
            http2Options = explicit.http2ProtocolOptions
        case .useDownstreamProtocolConfig(let downstream):
            branch = path.child("use_downstream_protocol_config")
            try branch.refuseUnknown(downstream)
            version = .sameAsDownstream
            http1Options = downstream.httpProtocolOptions
            http2Options = downstream.http2ProtocolOptions
        case .autoConfig(let auto):
            branch = path.child("auto_config")
            try branch.refuseUnknown(auto)
            version = .alpn
            http1Options = auto.httpProtocolOptions
            http2Options = auto.http2ProtocolOptions
        case nil:
            throw path.error("no protocol is set")
        }
        if options.hasOutlierDetection {
            let path = path.child("outlier_detection.error_matcher")
            errorStatuses = try Self.statuses(options.outlierDetection.errorMatcher, depth: 0, at: path)
        }
        http1 = try .init(http1Options, at: branch.child("http_protocol_options"))
        http2 = try .init(http2Options, at: branch.child("http2_protocol_options"))
    }

    /// The statuses that a matcher made of `or_match` and exact `:status` values names.
    private static func statuses(
        _ matcher: Envoy_Config_Common_Matcher_V3_MatchPredicate,
        depth: Int,
        at path: FieldPath
    ) throws(DecodeError) -> Set<UInt32> {
        guard depth < 8 else { throw path.error("nested too deeply") }
        switch matcher.rule {
        case .orMatch(let set):
            let path = path.child("or_match")
            let parts = try path.list(set.rules, "rules") { (rule, path) throws(DecodeError) in
                try statuses(rule, depth: depth + 1, at: path)
            }
            return parts.reduce(into: []) { $0.formUnion($1) }
        case .httpResponseHeadersMatch(let match):
            let path = path.child("http_response_headers_match")
            guard match.headers.count == 1, let header = match.headers.first, header.name == ":status",
                !header.invertMatch, case .stringMatch(let text) = header.headerMatchSpecifier,
                case .exact(let value) = text.matchPattern, let status = UInt32(value)
            else { throw path.error("only exact values of :status are supported") }
            return [status]
        case .andMatch, .notMatch, .anyMatch, nil:
            throw path.error("only or_match and exact values of :status are supported")
        }
    }

    private mutating func applyCommon(
        _ common: Envoy_Config_Core_V3_HttpProtocolOptions,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(common)
        idleTimeout = try path.timeout(
            common.hasIdleTimeout ? common.idleTimeout : nil,
            "idle_timeout",
            default: .seconds(3600)
        )
        connectionDurationMax = try path.timeout(
            common.hasMaxConnectionDuration ? common.maxConnectionDuration : nil,
            "max_connection_duration"
        )
        streamDurationMax = try path.timeout(
            common.hasMaxStreamDuration ? common.maxStreamDuration : nil,
            "max_stream_duration"
        )
        if common.hasMaxRequestsPerConnection, common.maxRequestsPerConnection.value > 0 {
            requestsPerConnectionMax = common.maxRequestsPerConnection.value
        }
        if common.hasMaxHeadersCount { responseHeadersCountMax = common.maxHeadersCount.value }
    }
}
