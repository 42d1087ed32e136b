internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// The active health check of a cluster.
struct HealthChecks {
    let mesh: MeshSnapshot
    let target: Destinations.Resolved

    func apply(to cluster: inout ClusterMessage, ledger: inout Ledger) {
        let reference = target.reference
        guard let (source, check) = mesh.healthCheck(for: reference.host, subset: reference.subset) else { return }
        ledger.use(source)
        guard !target.forwardsByName else {
            ledger.report(source, .notEffective, "endpoints of \(reference.host) are not known, so none can be checked")
            return
        }
        cluster.healthChecks = [message(check)]
    }

    private func message(_ written: HealthCheckPolicySpec.Check) -> Envoy_Config_Core_V3_HealthCheck {
        var check = Envoy_Config_Core_V3_HealthCheck()
        check.interval = Wire.duration(written.interval ?? .seconds(10))
        check.timeout = Wire.duration(written.timeout ?? .seconds(2))
        check.unhealthyThreshold = Wire.uint(written.unhealthyThreshold ?? 3)
        check.healthyThreshold = Wire.uint(written.healthyThreshold ?? 2)
        if let jitter = written.intervalJitter { check.intervalJitter = Wire.duration(jitter) }
        if let percent = written.intervalJitterPercent { check.intervalJitterPercent = percent }
        if let jitter = written.initialJitter { check.initialJitter = Wire.duration(jitter) }
        if let interval = written.noTrafficInterval { check.noTrafficInterval = Wire.duration(interval) }
        if let interval = written.noTrafficHealthyInterval { check.noTrafficHealthyInterval = Wire.duration(interval) }
        if let interval = written.unhealthyInterval { check.unhealthyInterval = Wire.duration(interval) }
        if let interval = written.unhealthyEdgeInterval { check.unhealthyEdgeInterval = Wire.duration(interval) }
        if let interval = written.healthyEdgeInterval { check.healthyEdgeInterval = Wire.duration(interval) }
        if let reuse = written.reuseConnection { check.reuseConnection = Wire.bool(reuse) }
        if let port = written.port { check.altPort = Wire.uint(port) }
        if let http = written.http {
            check.httpHealthCheck = message(http)
        } else if let grpc = written.grpc {
            check.grpcHealthCheck.serviceName = grpc.service ?? ""
            check.grpcHealthCheck.authority = grpc.authority ?? ""
        } else {
            var tcp = Envoy_Config_Core_V3_HealthCheck.TcpHealthCheck()
            if let send = written.tcp?.send, !send.isEmpty { tcp.send.text = Self.hex(send) }
            tcp.receive = (written.tcp?.receive ?? []).map { text in
                var payload = Envoy_Config_Core_V3_HealthCheck.Payload()
                payload.text = Self.hex(text)
                return payload
            }
            check.tcpHealthCheck = tcp
        }
        return check
    }

    private func message(
        _ written: HealthCheckPolicySpec.HTTPCheck
    ) -> Envoy_Config_Core_V3_HealthCheck.HttpHealthCheck {
        var http = Envoy_Config_Core_V3_HealthCheck.HttpHealthCheck()
        http.path = written.path
        http.host = written.host ?? target.service?.hostname ?? ""
        http.method = Self.methods[written.method ?? "GET"] ?? .get
        http.expectedStatuses = written.expectedStatuses.compactMap(Self.range)
        http.retriableStatuses = written.retriableStatuses.compactMap(Self.range)
        http.requestHeadersToAdd = written.headers.sorted { $0.key < $1.key }.map { name, value in
            var option = Core.HeaderValueOption()
            option.header.key = name.lowercased()
            option.header.value = value
            option.appendAction = .overwriteIfExistsOrAdd
            return option
        }
        if target.port?.portProtocol.isHTTP2 == true { http.codecClientType = .http2 }
        return http
    }

    private static let methods: [String: Envoy_Config_Core_V3_RequestMethod] = [
        "GET": .get, "HEAD": .head, "POST": .post, "PUT": .put, "DELETE": .delete, "OPTIONS": .options,
    ]

    /// `200` or `200-299`, both ends included.
    private static func range(_ text: String) -> Envoy_Type_V3_Int64Range? {
        guard let (low, high) = HealthCheckPolicySpec.statuses(text) else { return nil }
        var range = Envoy_Type_V3_Int64Range()
        range.start = Int64(low)
        range.end = Int64(high) + 1
        return range
    }

    private static func hex(_ text: String) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 { out += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: out, as: UTF8.self)
    }
}
