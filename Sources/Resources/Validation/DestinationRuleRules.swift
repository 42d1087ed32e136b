extension DestinationRuleSpec {
    func check(_ findings: inout Findings) {
        if !Names.isWildcardDomain(host) {
            let shown = host.isEmpty ? "is required" : "\"\(host.prefix(80))\" is not a domain name or *.domain"
            let hint = host.contains("/") ? "; CIDR blocks are not supported" : ""
            findings.error(at: "host", "destination-rule.host", shown + hint)
        }
        findings.checkExportTo(exportTo, ownNamespaceOnly: workloadSelector != nil)
        findings.inside("workloadSelector", workloadSelector) { $1.checkSelector("matchLabels", $0.matchLabels) }
        findings.inside("trafficPolicy", trafficPolicy) { $0.check(&$1) }
        var names = Set<String>()
        findings.each("subsets", subsets) { subset, findings in
            if !Names.isLabel(subset.name) {
                findings.error(
                    at: "name",
                    "subset.name",
                    subset.name.isEmpty ? "is required" : "\"\(subset.name.prefix(80))\" is not a DNS label"
                )
            } else if !names.insert(subset.name).inserted {
                findings.error(at: "name", "subset.duplicate", "the subset \"\(subset.name)\" is given twice")
            }
            findings.checkLabels("labels", subset.labels)
            findings.inside("trafficPolicy", subset.trafficPolicy) { $0.check(&$1) }
        }
    }
}

extension TrafficPolicy {
    func check(_ findings: inout Findings) {
        if self == TrafficPolicy() { findings.error("traffic-policy.empty", "must have at least one section") }
        if tunnel != nil, proxyProtocol != nil {
            findings.error(at: "tunnel", "traffic-policy.tunnel", "not together with proxyProtocol")
        }
        Self.check(loadBalancer, connectionPool, outlierDetection, tls, &findings)
        findings.inside("tunnel", tunnel) { $0.check(&$1) }
        findings.inside("retryBudget", retryBudget) { budget, findings in
            if let percent = budget.percent, !(0...100).contains(percent) {
                findings.error(at: "percent", "percent.range", "must be between 0 and 100, not \(percent)")
            }
        }
        findings.each("portLevelSettings", portLevelSettings) { settings, findings in
            findings.inside("port") { $0.checkPort("number", settings.port?.number ?? 0) }
            if settings.loadBalancer == nil, settings.connectionPool == nil, settings.outlierDetection == nil,
                settings.tls == nil
            {
                findings.error("traffic-policy.port-empty", "must have at least one section")
            }
            Self.check(
                settings.loadBalancer,
                settings.connectionPool,
                settings.outlierDetection,
                settings.tls,
                &findings
            )
        }
    }

    private static func check(
        _ loadBalancer: LoadBalancerSettings?,
        _ connectionPool: ConnectionPoolSettings?,
        _ outlierDetection: OutlierDetection?,
        _ tls: ClientTLSSettings?,
        _ findings: inout Findings
    ) {
        findings.inside("loadBalancer", loadBalancer) { $0.check(hasOutlierDetection: outlierDetection != nil, &$1) }
        findings.inside("connectionPool", connectionPool) { $0.check(&$1) }
        findings.inside("outlierDetection", outlierDetection) { $0.check(&$1) }
        findings.inside("tls", tls) { $0.check(&$1) }
    }
}

extension TrafficPolicy.TunnelSettings {
    func check(_ findings: inout Findings) {
        if let word = self.protocol, word != "CONNECT", word != "POST" {
            findings.error(at: "protocol", "tunnel.protocol", "must be CONNECT or POST")
        }
        if !Names.isDomain(targetHost), !Names.isAddress(targetHost) {
            findings.error(at: "targetHost", "tunnel.host", "must be a domain name or an IP address")
        }
        findings.checkPort("targetPort", targetPort)
    }
}

extension ClientTLSSettings {
    func check(_ findings: inout Findings) {
        let mode = effectiveMode
        let files = [
            ("clientCertificate", clientCertificate), ("privateKey", privateKey), ("caCertificates", caCertificates),
            ("caCrl", caCrl),
        ]
        if credentialName != nil, mode == .simple || mode == .mutual {
            for (key, value) in files where value != nil {
                findings.error(at: key, "client-tls.credential", "not together with credentialName")
            }
        }
        if insecureSkipVerify == true, mode == .simple || mode == .mutual {
            for (key, isSet) in [
                ("caCertificates", caCertificates != nil), ("subjectAltNames", !subjectAltNames.isEmpty),
            ]
            where isSet {
                findings.error(at: key, "client-tls.skip-verify", "not together with insecureSkipVerify")
            }
            if mode == .simple, credentialName != nil {
                findings.error(at: "credentialName", "client-tls.skip-verify", "not together with insecureSkipVerify")
            }
        }
        switch mode {
        case .mutual where credentialName == nil:
            if clientCertificate == nil {
                findings.error(
                    at: "clientCertificate",
                    "client-tls.certificate",
                    "MUTUAL needs a client certificate (or credentialName)"
                )
            }
            if privateKey == nil {
                findings.error(at: "privateKey", "client-tls.key", "MUTUAL needs a private key (or credentialName)")
            }
        case .istioMutual:
            for (key, value) in files + [("credentialName", credentialName)] where value != nil {
                findings.error(at: key, "client-tls.istio-mutual", "ISTIO_MUTUAL uses the mesh identity")
            }
        case .simple where caCertificates == nil && credentialName == nil && insecureSkipVerify != true:
            findings.warn("IST0128", "no caCertificates: the server is verified against the system's trust store")
        case .mutual, .simple, .disable:
            break
        }
    }
}

extension OutlierDetection {
    func check(_ findings: inout Findings) {
        findings.checkDuration("interval", interval)
        findings.checkDuration("baseEjectionTime", baseEjectionTime)
        for (key, value) in [("maxEjectionPercent", maxEjectionPercent), ("minHealthPercent", minHealthPercent)]
        where !(0...100).contains(value) {
            findings.error(at: key, "percent.range", "must be between 0 and 100, not \(value)")
        }
        if consecutiveErrors != 0 {
            findings.warn(
                at: "consecutiveErrors",
                "IST0002",
                "is deprecated and has no effect; write consecutive5xxErrors or consecutiveGatewayErrors"
            )
        }
        if !splitExternalLocalOriginErrors, let failures = consecutiveLocalOriginFailures, failures > 0 {
            findings.error(
                at: "consecutiveLocalOriginFailures",
                "outlier.split",
                "needs splitExternalLocalOriginErrors: true"
            )
        }
        findings.each("outlierDetectionHttpErrorCodes", outlierDetectionHttpErrorCodes) { code, findings in
            guard !(100...599).contains(code) else { return }
            findings.error("outlier.code", "must be between 100 and 599, not \(code)")
        }
    }
}

extension ConnectionPoolSettings {
    func check(_ findings: inout Findings) {
        if tcp == nil, http == nil { findings.error("connection-pool.empty", "needs tcp or http") }
        findings.inside("tcp", tcp) { tcp, findings in
            findings.checkNotNegative("maxConnections", tcp.maxConnections)
            findings.checkDuration("connectTimeout", tcp.connectTimeout)
            findings.checkDuration("maxConnectionDuration", tcp.maxConnectionDuration)
            findings.checkDuration("idleTimeout", tcp.idleTimeout, allowsZero: true)
            findings.inside("tcpKeepalive", tcp.tcpKeepalive) { keepalive, findings in
                findings.checkDuration("time", keepalive.time)
                findings.checkDuration("interval", keepalive.interval)
            }
        }
        findings.inside("http", http) { http, findings in
            findings.checkNotNegative("http1MaxPendingRequests", http.http1MaxPendingRequests)
            findings.checkNotNegative("http2MaxRequests", http.http2MaxRequests)
            findings.checkNotNegative("maxRequestsPerConnection", http.maxRequestsPerConnection)
            findings.checkNotNegative("maxRetries", http.maxRetries)
            findings.checkNotNegative("maxConcurrentStreams", http.maxConcurrentStreams)
            findings.checkDuration("idleTimeout", http.idleTimeout, allowsZero: true)
            if http.useClientProtocol, http.h2UpgradePolicy == .upgrade {
                findings.error(at: "useClientProtocol", "connection-pool.protocol", "not together with UPGRADE")
            }
            findings.inside("http2KeepAlive", http.http2KeepAlive) { keepalive, findings in
                if keepalive.interval == nil { findings.error(at: "interval", "http2.keepalive", "is required") }
                if keepalive.timeout == nil { findings.error(at: "timeout", "http2.keepalive", "is required") }
                findings.checkDuration("interval", keepalive.interval)
                findings.checkDuration("timeout", keepalive.timeout)
            }
        }
    }
}
