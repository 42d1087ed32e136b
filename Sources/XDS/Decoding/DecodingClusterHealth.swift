internal import SwiftProtobuf

extension CircuitBreakers {
    init(_ breakers: Envoy_Config_Cluster_V3_CircuitBreakers, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(breakers)
        self.init()
        for (index, message) in breakers.thresholds.enumerated() {
            let path = path.item("thresholds", index)
            try path.refuseUnknown(message)
            let standard = Thresholds()
            let limits = Thresholds(
                connectionsMax: message.hasMaxConnections ? message.maxConnections.value : standard.connectionsMax,
                pendingRequestsMax: message.hasMaxPendingRequests
                    ? message.maxPendingRequests.value : standard.pendingRequestsMax,
                requestsMax: message.hasMaxRequests ? message.maxRequests.value : standard.requestsMax,
                retriesMax: message.hasMaxRetries ? message.maxRetries.value : standard.retriesMax,
                connectionPoolsMax: message.hasMaxConnectionPools ? message.maxConnectionPools.value : nil
            )
            switch message.priority {
            case .default: normal = limits
            case .high: high = limits
            case .UNRECOGNIZED: throw path.child("priority").error("unknown value")
            }
        }
        for message in breakers.perHostThresholds where message.hasMaxConnections {
            connectionsPerHostMax = message.maxConnections.value
        }
    }
}

extension OutlierDetection {
    init(_ message: Envoy_Config_Cluster_V3_OutlierDetection, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(message)
        self.init()
        if message.hasConsecutive5Xx { consecutive5xx = message.consecutive5Xx.value }
        if message.hasConsecutiveGatewayFailure {
            consecutiveGatewayFailure = message.consecutiveGatewayFailure.value
        }
        if message.hasConsecutiveLocalOriginFailure {
            consecutiveLocalOriginFailure = message.consecutiveLocalOriginFailure.value
        }
        splitsLocalOriginErrors = message.splitExternalLocalOriginErrors
        try applyTimes(message, at: path)
        try applyPercentages(message, at: path)
        if message.hasSuccessRateMinimumHosts { successRateMinimumHosts = message.successRateMinimumHosts.value }
        if message.hasSuccessRateRequestVolume { successRateRequestVolume = message.successRateRequestVolume.value }
        if message.hasSuccessRateStdevFactor { successRateDeviationFactor = message.successRateStdevFactor.value }
        if message.hasFailurePercentageMinimumHosts {
            failurePercentageMinimumHosts = message.failurePercentageMinimumHosts.value
        }
        if message.hasFailurePercentageRequestVolume {
            failurePercentageRequestVolume = message.failurePercentageRequestVolume.value
        }
    }

    private mutating func applyTimes(
        _ message: Envoy_Config_Cluster_V3_OutlierDetection,
        at path: FieldPath
    ) throws(DecodeError) {
        interval = try path.duration(message.hasInterval ? message.interval : nil, "interval", default: interval)
        guard interval > .zero else { throw path.child("interval").error("must be longer than zero") }
        baseEjectionTime = try path.duration(
            message.hasBaseEjectionTime ? message.baseEjectionTime : nil,
            "base_ejection_time",
            default: baseEjectionTime
        )
        ejectionTimeMax = try path.duration(
            message.hasMaxEjectionTime ? message.maxEjectionTime : nil,
            "max_ejection_time",
            default: max(ejectionTimeMax, baseEjectionTime)
        )
    }

    private mutating func applyPercentages(
        _ message: Envoy_Config_Cluster_V3_OutlierDetection,
        at path: FieldPath
    ) throws(DecodeError) {
        if message.hasMaxEjectionPercent {
            ejectionPercentMax = try path.percent(message.maxEjectionPercent.value, "max_ejection_percent")
        }
        if message.hasEnforcingConsecutive5Xx {
            let name = "enforcing_consecutive_5xx"
            enforcingConsecutive5xx = try path.percent(message.enforcingConsecutive5Xx.value, name)
        }
        if message.hasEnforcingConsecutiveGatewayFailure {
            let name = "enforcing_consecutive_gateway_failure"
            let value = message.enforcingConsecutiveGatewayFailure.value
            enforcingConsecutiveGatewayFailure = try path.percent(value, name)
        }
        if message.hasEnforcingConsecutiveLocalOriginFailure {
            let name = "enforcing_consecutive_local_origin_failure"
            let value = message.enforcingConsecutiveLocalOriginFailure.value
            enforcingConsecutiveLocalOriginFailure = try path.percent(value, name)
        }
        if message.hasEnforcingSuccessRate {
            enforcingSuccessRate = try path.percent(message.enforcingSuccessRate.value, "enforcing_success_rate")
        }
        if message.hasFailurePercentageThreshold {
            let name = "failure_percentage_threshold"
            failurePercentageThreshold = try path.percent(message.failurePercentageThreshold.value, name)
        }
        if message.hasEnforcingFailurePercentage {
            let name = "enforcing_failure_percentage"
            enforcingFailurePercentage = try path.percent(message.enforcingFailurePercentage.value, name)
        }
    }
}

extension HealthCheck {
    init(_ check: Envoy_Config_Core_V3_HealthCheck, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(check)
        let timeout = try path.duration(check.timeout, "timeout")
        let interval = try path.duration(check.interval, "interval")
        guard timeout > .zero else { throw path.child("timeout").error("must be longer than zero") }
        guard interval > .zero else { throw path.child("interval").error("must be longer than zero") }
        self.init(
            probe: try Probe(check, at: path),
            timeout: timeout,
            interval: interval,
            intervalJitter: try path.duration(
                check.hasIntervalJitter ? check.intervalJitter : nil,
                "interval_jitter",
                default: .zero
            ),
            unhealthyThreshold: max(1, check.unhealthyThreshold.value),
            healthyThreshold: max(1, check.healthyThreshold.value),
            reusesConnection: check.hasReuseConnection ? check.reuseConnection.value : true,
            noTrafficInterval: try path.duration(
                check.hasNoTrafficInterval ? check.noTrafficInterval : nil,
                "no_traffic_interval",
                default: .seconds(60)
            ),
            unhealthyInterval: try path.timeout(
                check.hasUnhealthyInterval ? check.unhealthyInterval : nil,
                "unhealthy_interval"
            ),
            healthyEdgeInterval: try path.timeout(
                check.hasHealthyEdgeInterval ? check.healthyEdgeInterval : nil,
                "healthy_edge_interval"
            )
        )
    }
}

extension HealthCheck.Probe {
    init(_ check: Envoy_Config_Core_V3_HealthCheck, at path: FieldPath) throws(DecodeError) {
        switch check.healthChecker {
        case .httpHealthCheck(let http):
            self = .http(try HealthCheck.HTTPProbe(http, at: path.child("http_health_check")))
        case .tcpHealthCheck(let tcp):
            let path = path.child("tcp_health_check")
            try path.refuseUnknown(tcp)
            self = .tcp(
                send: tcp.hasSend ? try Self.payload(tcp.send, at: path.child("send")) : [],
                receive: try path.list(tcp.receive, "receive") { (payload, path) throws(DecodeError) in
                    try Self.payload(payload, at: path)
                }
            )
        case .grpcHealthCheck(let grpc):
            try path.child("grpc_health_check").refuseUnknown(grpc)
            self = .grpc(service: grpc.serviceName, authority: grpc.authority)
        case nil:
            throw path.error("no health checker is set")
        }
    }

    /// `text` is hexadecimal.
    private static func payload(
        _ payload: Envoy_Config_Core_V3_HealthCheck.Payload,
        at path: FieldPath
    ) throws(DecodeError) -> [UInt8] {
        switch payload.payload {
        case .binary(let bytes): return [UInt8](bytes)
        case .text(let text):
            let digits = [UInt8](text.utf8)
            guard digits.count.isMultiple(of: 2) else { throw path.child("text").error("not hexadecimal") }
            var bytes: [UInt8] = []
            for index in stride(from: 0, to: digits.count, by: 2) {
                guard let byte = UInt8(String(decoding: digits[index...index + 1], as: UTF8.self), radix: 16) else {
                    throw path.child("text").error("not hexadecimal")
                }
                bytes.append(byte)
            }
            return bytes
        case nil: throw path.error("holds nothing")
        }
    }
}

extension HealthCheck.HTTPProbe {
    init(_ http: Envoy_Config_Core_V3_HealthCheck.HttpHealthCheck, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(http)
        let method: String =
            switch http.method {
            case .methodUnspecified, .get: "GET"
            case .head: "HEAD"
            case .post: "POST"
            case .put: "PUT"
            case .delete: "DELETE"
            case .options: "OPTIONS"
            case .trace: "TRACE"
            case .patch: "PATCH"
            case .connect, .UNRECOGNIZED: throw path.child("method").error("not supported")
            }
        let usesHTTP2: Bool =
            switch http.codecClientType {
            case .http1: false
            case .http2: true
            case .http3, .UNRECOGNIZED: throw path.child("codec_client_type").error("not supported")
            }
        self.init(
            host: http.host,
            path: try path.nonEmpty(http.path, "path"),
            method: method,
            headers: try HeaderMutation.list(http.requestHeadersToAdd, "request_headers_to_add", at: path),
            statuses: try path.list(http.expectedStatuses, "expected_statuses") { (range, path) throws(DecodeError) in
                guard range.start >= 100, range.start < range.end, range.end <= 600 else {
                    throw path.error("not a range within 100..<600")
                }
                return range.start..<range.end
            },
            usesHTTP2: usesHTTP2
        )
    }
}
