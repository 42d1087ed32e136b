extension ProxyConfigSpec {
    func check(_ findings: inout Findings) {
        findings.inside("selector", selector) {
            $1.checkSelector("matchLabels", $0.matchLabels, warnsWhenEmpty: false)
        }
        findings.checkNotNegative("concurrency", concurrency)
        findings.each("environmentVariables", environmentVariables) { name, value, findings in
            if name.isEmpty || name.contains("=") || name.utf8.contains(0) {
                findings.error("proxy-config.environment", "is not the name of an environment variable")
            }
            if value.utf8.count > 2048 || value.utf8.contains(0) {
                findings.error("proxy-config.environment", "must have at most 2048 bytes, none of them zero")
            }
        }
    }
}

extension MeshConfigSpec {
    func check(_ findings: inout Findings) {
        findings.checkDuration("connectTimeout", connectTimeout)
        findings.checkDuration("dnsRefreshRate", dnsRefreshRate)
        findings.checkDuration("defaultRequestTimeout", defaultRequestTimeout, allowsZero: true)
        for (key, domain) in [("trustDomain", trustDomain)] + trustDomainAliases.map({ ("trustDomainAliases", $0) }) {
            guard let domain, !Names.isDomain(domain) || domain.utf8.count > 255 else { continue }
            findings.error(at: key, "mesh.trust-domain", "\"\(domain.prefix(80))\" is not a trust domain")
        }
        if let rootNamespace, !Names.isLowerLabel(rootNamespace) {
            findings.error(at: "rootNamespace", "mesh.root-namespace", "is not a namespace")
        }
        if let accessLogFile, !accessLogFile.isEmpty, accessLogFile != "/dev/stdout" {
            findings.error(at: "accessLogFile", "mesh.access-log", "must be /dev/stdout")
        }
        if accessLogFile == "" {
            findings.error(at: "accessLogFile", "not-supported", "the access log cannot be turned off in this version")
        }
        if accessLogEncoding == .text {
            findings.error(
                at: "accessLogEncoding",
                "not-supported",
                "is not supported by this version; the log is JSON"
            )
        }
        findings.inside("outboundTrafficPolicy", outboundTrafficPolicy) { $0.check(isMesh: true, &$1) }
        findings.inside("localityLbSetting", localityLbSetting) { $0.check(hasOutlierDetection: true, &$1) }
        findings.inside("zoneAwareLbSetting", zoneAwareLbSetting) { $0.check(&$1) }
        findings.inside("defaultHttpRetryPolicy", defaultHttpRetryPolicy) { $0.check(&$1) }
        findings.inside("defaultTrafficPolicy", defaultTrafficPolicy) { policy, findings in
            findings.inside("connectionPool", policy.connectionPool) { $0.check(&$1) }
            findings.inside("outlierDetection", policy.outlierDetection) { $0.check(&$1) }
        }
        findings.inside("edgeDefaults", edgeDefaults) { $0.check(&$1) }
        findings.inside("overload", overload) { $0.check(&$1) }
        findings.inside("meshMTLS", meshMTLS) { mesh, findings in
            if !mesh.ecdhCurves.isEmpty {
                findings.warn(at: "ecdhCurves", "IST0133", "is for tlsDefaults; mesh TLS does not use it")
            }
            mesh.check(&findings)
        }
        findings.inside("tlsDefaults", tlsDefaults) { $0.check(&$1) }
        findings.inside("defaultConfig", defaultConfig) { config, findings in
            findings.checkNotNegative("concurrency", config.concurrency)
            for (key, value) in [
                ("drainDuration", config.drainDuration), ("terminationDrainDuration", config.terminationDrainDuration),
            ] {
                guard let value, value < .zero || value.components.attoseconds != 0 else { continue }
                findings.error(at: key, "duration.seconds", "must be whole seconds and not negative")
            }
        }
        for (key, list) in [
            ("defaultServiceExportTo", defaultServiceExportTo),
            ("defaultVirtualServiceExportTo", defaultVirtualServiceExportTo),
            ("defaultDestinationRuleExportTo", defaultDestinationRuleExportTo),
        ] {
            findings.each(key, list) { name, findings in
                guard ![".", "*", "~"].contains(name), !Names.isLowerLabel(name) else { return }
                findings.error("export-to.name", "must be \".\", \"*\", \"~\" or a namespace")
            }
        }
    }
}
