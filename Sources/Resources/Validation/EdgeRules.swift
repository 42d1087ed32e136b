internal import Base

// What can be wrong with limits of the edge. The bounds are those within which a proxy carries a value out exactly.

extension EdgePolicySpec {
    func check(_ findings: inout Findings) {
        findings.inside("targetRef") { findings in
            if targetRef.kind != "Gateway" {
                findings.error(at: "kind", "edge.target", "must be Gateway, not \"\(targetRef.kind.prefix(80))\"")
            }
            if let group = targetRef.group, group != "networking.istio.io" {
                findings.error(at: "group", "edge.target", "must be networking.istio.io")
            }
            if !Names.isSubdomain(targetRef.name) {
                findings.error(at: "name", "edge.target", "is not the name of a Gateway")
            }
        }
        settings.check(&findings)
    }
}

extension EdgeSettings {
    func check(_ findings: inout Findings) {
        findings.inside("limits", limits) { $0.check(&$1) }
        findings.inside("timeouts", timeouts) { $0.check(&$1) }
        findings.inside("http1", http1) { $0.check(&$1) }
        findings.inside("http2", http2) { $0.check(&$1) }
        findings.inside("clientAddress", clientAddress) { $0.check(&$1) }
        findings.inside("tcpKeepalive", tcpKeepalive) { keepalive, findings in
            findings.checkSeconds("time", keepalive.time, 1...32_767)
            findings.checkSeconds("interval", keepalive.interval, 1...32_767)
            findings.checkRange("probes", keepalive.probes, 1...127)
        }
    }
}

extension EdgeLimits {
    func check(_ findings: inout Findings) {
        findings.checkRange("requestHeaderBytes", requestHeaderBytes, 1024...131_072)
        if let requestHeaderBytes, requestHeaderBytes % 1024 != 0 {
            findings.error(at: "requestHeaderBytes", "edge.kib", "must be a multiple of 1024")
        }
        findings.checkRange("requestHeaderCount", requestHeaderCount, 1...1000)
        findings.checkRange("connections", connections, 1...10_000_000)
        findings.checkRange("requestsPerConnection", requestsPerConnection, 0...UInt32.max)
        findings.checkRange("bufferBytes", bufferBytes, 4096...16_777_216)
        findings.checkRange("minBodyRate", minBodyRate, 0...1_000_000_000)
    }
}

extension EdgeTimeouts {
    func check(_ findings: inout Findings) {
        findings.checkDuration("tlsHandshake", tlsHandshake)
        findings.checkDuration("requestHeaders", requestHeaders)
        findings.checkDuration("connectionIdle", connectionIdle)
        findings.checkDuration("send", send)
        findings.checkDuration("request", request, allowsZero: true)
        findings.checkDuration("connectionDuration", connectionDuration, allowsZero: true)
        findings.checkDuration("streamIdle", streamIdle, allowsZero: true)
        findings.checkDuration("streamDuration", streamDuration, allowsZero: true)
        findings.checkDuration("tcpIdle", tcpIdle, allowsZero: true)
    }
}

extension OverloadSettings {
    func check(_ findings: inout Findings) {
        if let memoryBytes, memoryBytes < 64 << 20 {
            findings.error(at: "memoryBytes", "number.range", "must be at least 67108864 (64 MiB)")
        }
        findings.checkRange("disableKeepAlivePercent", disableKeepAlivePercent, 10...100)
        findings.checkRange("refuseRequestsPercent", refuseRequestsPercent, 10...100)
        findings.checkRange("refuseConnectionsPercent", refuseConnectionsPercent, 10...100)
        let rising = [disableKeepAlivePercent ?? 85, refuseRequestsPercent ?? 90, refuseConnectionsPercent ?? 95]
        if rising != rising.sorted() {
            findings.error("overload.order", "the three percentages must rise in this order")
        }
    }
}

extension EdgeHTTP1 {
    func check(_ findings: inout Findings) {
        guard let defaultHost else { return }
        if !Names.isSubdomain(defaultHost.lowercased()) {
            findings.error(at: "defaultHost", "host.name", "is not the name of a host")
        }
        if acceptHttp10 == false {
            findings.error(at: "defaultHost", "edge.http10", "means nothing without acceptHttp10")
        }
    }
}

extension EdgeClientAddress {
    func check(_ findings: inout Findings) {
        if !trustedProxies.isEmpty, numTrustedProxies != nil {
            findings.error(at: "numTrustedProxies", "edge.client", "must not be set beside trustedProxies")
        }
        findings.checkRange("numTrustedProxies", numTrustedProxies, 0...32)
        if trustedProxies.count > 256 {
            findings.error(at: "trustedProxies", "list.size", "must not hold more than 256 blocks")
        }
        findings.each("trustedProxies", trustedProxies) { block, findings in
            if CIDR(block) == nil { findings.error("address.cidr", "is not a block like 10.0.0.0/8") }
        }
    }
}

extension EdgeHTTP2 {
    func check(_ findings: inout Findings) {
        findings.checkRange("maxConcurrentStreams", maxConcurrentStreams, 1...1_048_576)
        // Envoy's bounds: RFC 9113 §6.9.2 gives 65535 as the window at the start.
        findings.checkRange("initialStreamWindowSize", initialStreamWindowSize, 65_535...16_777_216)
        findings.checkRange("initialConnectionWindowSize", initialConnectionWindowSize, 65_535...67_108_864)
        findings.checkDuration("keepaliveInterval", keepaliveInterval, allowsZero: true)
        findings.checkDuration("keepaliveTimeout", keepaliveTimeout)
    }
}

extension Findings {
    mutating func checkRange(_ key: String, _ value: UInt32?, _ range: ClosedRange<UInt32>) {
        guard let value, !range.contains(value) else { return }
        error(
            at: key,
            "number.range",
            "must be between \(range.lowerBound) and \(range.upperBound), not \(value)"
        )
    }

    mutating func checkSeconds(_ key: String, _ value: Duration?, _ range: ClosedRange<Int64>) {
        guard let value else { return }
        if value.components.attoseconds != 0 || !range.contains(value.components.seconds) {
            error(
                at: key,
                "duration.seconds",
                "must be whole seconds between \(range.lowerBound)s and \(range.upperBound)s"
            )
        }
    }
}
