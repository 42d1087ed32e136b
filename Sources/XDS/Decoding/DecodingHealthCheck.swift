internal import SwiftProtobuf

extension HealthCheck {
    init(_ check: Envoy_Config_Core_V3_HealthCheck, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(check)
        self.init(
            probe: try Probe(check, at: path),
            timeout: try path.duration(check.timeout, "timeout"),
            interval: try path.duration(check.interval, "interval")
        )
        guard timeout > .zero else { throw path.child("timeout").error("must be longer than zero") }
        guard interval > .zero else { throw path.child("interval").error("must be longer than zero") }
        unhealthyThreshold = max(1, check.unhealthyThreshold.value)
        healthyThreshold = max(1, check.healthyThreshold.value)
        reusesConnection = check.hasReuseConnection ? check.reuseConnection.value : true
        intervalJitterPercent = check.intervalJitterPercent
        if check.hasAltPort { port = try path.port(check.altPort.value, "alt_port") }
        try applyTimes(check, at: path)
    }

    private mutating func applyTimes(
        _ check: Envoy_Config_Core_V3_HealthCheck,
        at path: FieldPath
    ) throws(DecodeError) {
        if check.hasIntervalJitter { intervalJitter = try path.duration(check.intervalJitter, "interval_jitter") }
        if check.hasInitialJitter { initialJitter = try path.duration(check.initialJitter, "initial_jitter") }
        if check.hasNoTrafficInterval {
            noTrafficInterval = try path.duration(check.noTrafficInterval, "no_traffic_interval")
        }
        noTrafficHealthyInterval = try path.timeout(
            check.hasNoTrafficHealthyInterval ? check.noTrafficHealthyInterval : nil,
            "no_traffic_healthy_interval"
        )
        unhealthyInterval = try path.timeout(
            check.hasUnhealthyInterval ? check.unhealthyInterval : nil,
            "unhealthy_interval"
        )
        unhealthyEdgeInterval = try path.timeout(
            check.hasUnhealthyEdgeInterval ? check.unhealthyEdgeInterval : nil,
            "unhealthy_edge_interval"
        )
        healthyEdgeInterval = try path.timeout(
            check.hasHealthyEdgeInterval ? check.healthyEdgeInterval : nil,
            "healthy_edge_interval"
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
        try path.refuse("request_headers_to_remove", if: !http.requestHeadersToRemove.isEmpty)
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
            statuses: try Self.ranges(http.expectedStatuses, "expected_statuses", at: path),
            retriableStatuses: try Self.ranges(http.retriableStatuses, "retriable_statuses", at: path),
            usesHTTP2: usesHTTP2
        )
    }

    private static func ranges(
        _ ranges: [Envoy_Type_V3_Int64Range],
        _ name: String,
        at path: FieldPath
    ) throws(DecodeError) -> [Range<Int64>] {
        try path.list(ranges, name) { (range, path) throws(DecodeError) in
            guard range.start >= 100, range.start < range.end, range.end <= 600 else {
                throw path.error("not a range within 100..<600")
            }
            return range.start..<range.end
        }
    }
}
