extension HealthCheckPolicySpec {
    func check(_ findings: inout Findings) {
        if !Names.isDomain(host) {
            let shown = host.isEmpty ? "is required" : "\"\(host.prefix(80))\" is not a host name"
            findings.error(at: "host", "health-check.host", shown)
        }
        if let subset, !Names.isLabel(subset) {
            findings.error(at: "subset", "subset.name", "\"\(subset.prefix(80))\" is not a DNS label")
        }
        findings.inside("check", check) { $0.check(&$1) }
    }
}

extension HealthCheckPolicySpec.Check {
    func check(_ findings: inout Findings) {
        let ways = [http != nil, grpc != nil, tcp != nil].count { $0 }
        if ways != 1 { findings.error("schema.oneof", "needs exactly one of http, grpc and tcp") }
        for (key, value) in [
            ("interval", interval), ("timeout", timeout), ("intervalJitter", intervalJitter),
            ("initialJitter", initialJitter), ("noTrafficInterval", noTrafficInterval),
            ("noTrafficHealthyInterval", noTrafficHealthyInterval), ("unhealthyInterval", unhealthyInterval),
            ("unhealthyEdgeInterval", unhealthyEdgeInterval), ("healthyEdgeInterval", healthyEdgeInterval),
        ] {
            findings.checkDuration(key, value)
        }
        for (key, value) in [("unhealthyThreshold", unhealthyThreshold), ("healthyThreshold", healthyThreshold)]
        where value == 0 {
            findings.error(at: key, "health-check.threshold", "must be at least 1")
        }
        if let percent = intervalJitterPercent, percent > 100 {
            findings.error(at: "intervalJitterPercent", "percent.range", "must be between 0 and 100, not \(percent)")
        }
        if let port { findings.checkPort("port", port) }
        findings.inside("http", http) { http, findings in
            if !http.path.hasPrefix("/") {
                findings.error(at: "path", "health-check.path", "must begin with \"/\"")
            }
            if let method = http.method, !["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"].contains(method) {
                findings.error(at: "method", "health-check.method", "must be GET, HEAD, POST, PUT, DELETE or OPTIONS")
            }
            for (key, list) in [
                ("expectedStatuses", http.expectedStatuses), ("retriableStatuses", http.retriableStatuses),
            ] {
                findings.each(key, list) { text, findings in
                    guard HealthCheckPolicySpec.statuses(text) == nil else { return }
                    findings.error("health-check.status", "must be a status such as 200, or a range such as 200-299")
                }
            }
            findings.each("headers", http.headers) { name, _, findings in findings.checkHeaderName(name) }
        }
        findings.inside("grpc", grpc) { grpc, findings in
            guard let service = grpc.service, service.utf8.count > 127 else { return }
            findings.error(at: "service", "health-check.service", "must have at most 127 bytes")
        }
        findings.inside("tcp", tcp) { tcp, findings in
            findings.each("receive", tcp.receive) { text, findings in
                if text.isEmpty { findings.error("health-check.receive", "must not be empty") }
            }
        }
    }
}
