extension LoadBalancerSettings {
    func check(hasOutlierDetection: Bool, _ findings: inout Findings) {
        if simple != nil, simple != .unspecified, consistentHash != nil {
            findings.error(at: "consistentHash", "schema.oneof", "not together with simple")
        }
        if simple == .leastConn {
            findings.warn(at: "simple", "IST0002", "LEAST_CONN is deprecated; write LEAST_REQUEST")
        }
        findings.inside("consistentHash", consistentHash) { $0.check(&$1) }
        if localityLbSetting != nil, zoneAwareLbSetting != nil {
            findings.error(at: "zoneAwareLbSetting", "load-balancer.locality", "not together with localityLbSetting")
        }
        findings.inside("localityLbSetting", localityLbSetting) {
            $0.check(hasOutlierDetection: hasOutlierDetection, &$1)
        }
        findings.inside("zoneAwareLbSetting", zoneAwareLbSetting) { $0.check(&$1) }
        findings.checkDuration("warmupDurationSecs", warmupDurationSecs)
        if warmupDurationSecs != nil {
            findings.warn(at: "warmupDurationSecs", "IST0002", "is deprecated; write warmup")
        }
        findings.inside("warmup", warmup) { warmup, findings in
            findings.checkDuration("duration", warmup.duration)
            if let percent = warmup.minimumPercent, !(0...100).contains(percent) {
                findings.error(at: "minimumPercent", "percent.range", "must be between 0 and 100, not \(percent)")
            }
            if let aggression = warmup.aggression, aggression <= 0 {
                findings.error(at: "aggression", "warmup.aggression", "must be above 0")
            }
        }
    }
}

extension ConsistentHashLB {
    func check(_ findings: inout Findings) {
        let keys = [
            httpHeaderName != nil, httpCookie != nil, useSourceIp != nil, httpQueryParameterName != nil,
        ]
        let count = keys.count { $0 }
        if count != 1 {
            findings.error(
                "consistent-hash.key",
                "needs exactly one of httpHeaderName, httpCookie, useSourceIp and httpQueryParameterName"
            )
        }
        if let httpHeaderName { findings.inside("httpHeaderName") { $0.checkHeaderName(httpHeaderName) } }
        findings.inside("httpCookie", httpCookie) { cookie, findings in
            if cookie.name.isEmpty { findings.error(at: "name", "consistent-hash.cookie", "is required") }
            if let ttl = cookie.ttl, ttl < .zero {
                findings.error(at: "ttl", "consistent-hash.cookie", "must not be negative")
            }
            var names = Set<String>()
            findings.each("attributes", cookie.attributes) { attribute, findings in
                if attribute.name.isEmpty {
                    findings.error(at: "name", "consistent-hash.cookie", "is required")
                } else if !names.insert(attribute.name.lowercased()).inserted {
                    findings.error(at: "name", "consistent-hash.cookie", "\"\(attribute.name)\" is given twice")
                }
            }
        }
        if ringHash != nil, maglev != nil {
            findings.error(at: "maglev", "schema.oneof", "not together with ringHash")
        }
        if minimumRingSize != nil {
            if ringHash != nil || maglev != nil {
                findings.error(at: "minimumRingSize", "consistent-hash.ring", "not together with ringHash or maglev")
            }
            findings.warn(at: "minimumRingSize", "IST0002", "is deprecated; write ringHash.minimumRingSize")
        }
        findings.inside("maglev", maglev) { maglev, findings in
            let size = maglev.tableSize ?? 0
            guard size >= 5_000_011 || !Self.isPrime(size) else { return }
            findings.error(at: "tableSize", "consistent-hash.maglev", "must be a prime number below 5000011")
        }
    }

    private static func isPrime(_ number: UInt32) -> Bool {
        guard number > 1 else { return false }
        var divisor: UInt32 = 2
        while divisor * divisor <= number {
            if number % divisor == 0 { return false }
            divisor += 1
        }
        return true
    }
}

extension ZoneAwareLoadBalancerSetting {
    func check(_ findings: inout Findings) {
        findings.check(failover: failover)
        findings.each("failoverPriority", failoverPriority) { label, findings in
            guard label.hasPrefix("topology.istio.io/subzone") else { return }
            findings.error("locality.priority", "subzones cannot be used here")
        }
        if minClusterSize == 0 {
            findings.error(at: "minClusterSize", "locality.cluster-size", "must be at least 1")
        }
    }
}

extension LocalityLoadBalancerSetting {
    func check(hasOutlierDetection: Bool, _ findings: inout Findings) {
        if !distribute.isEmpty, !failover.isEmpty {
            findings.error(at: "distribute", "locality.distribute", "not together with failover")
        }
        if !failover.isEmpty, failoverPriority.contains(where: { $0.hasPrefix("topology.kubernetes.io/region") }) {
            findings.error(at: "failoverPriority", "locality.priority", "a region label cannot be used with failover")
        }
        if !failover.isEmpty || !failoverPriority.isEmpty, !hasOutlierDetection {
            findings.warn("IST0133", "failover needs outlierDetection, without it no endpoint ever counts as failed")
        }
        findings.each("distribute", distribute) { item, findings in
            if item.from != nil { findings.inside("from") { $0.check(locality: item.from ?? "") } }
            var sum = 0
            findings.each("to", item.to) { locality, weight, findings in
                findings.check(locality: locality)
                sum += Int(weight)
                guard !(1...100).contains(weight) else { return }
                findings.error("locality.weight", "must be between 1 and 100, not \(weight)")
            }
            if sum != 100 { findings.error(at: "to", "locality.weight-sum", "the weights sum to \(sum), must be 100") }
            findings.inside("to") { $0.checkOverlap(localities: item.to.keys.sorted()) }
        }
        findings.inside("distribute") { $0.checkOverlap(localities: distribute.compactMap(\.from)) }
        findings.check(failover: failover)
    }
}

extension Findings {
    fileprivate mutating func check(failover: [LocalityLoadBalancerSetting.Failover]) {
        each("failover", failover) { item, findings in
            let from = item.from ?? ""
            let to = item.to ?? ""
            if from.isEmpty { findings.error(at: "from", "locality.failover", "is required") }
            if to.isEmpty { findings.error(at: "to", "locality.failover", "is required") }
            if !from.isEmpty, from == to {
                findings.error(at: "to", "locality.failover", "must be another region than \"\(from)\"")
            }
            for (key, value) in [("from", from), ("to", to)] where value.contains("/") || value.contains("*") {
                findings.error(at: key, "locality.failover", "must be a region, without \"/\" and \"*\"")
            }
        }
    }

    fileprivate mutating func check(locality: String) {
        let parts = locality.split(separator: "/", omittingEmptySubsequences: false)
        if parts.contains("") { return error("locality.name", "region, zone and subzone must not be empty") }
        guard let star = parts.firstIndex(of: "*"), star != parts.count - 1 else { return }
        error("locality.wildcard", "a wildcard must be the last part")
    }

    /// `a/*` and `a/b` name the same places.
    fileprivate mutating func checkOverlap(localities: [String]) {
        let parts = localities.map { locality in
            locality.split(separator: "/", omittingEmptySubsequences: false).filter { $0 != "*" }
        }
        guard parts.count <= 200 else { return }
        for (index, one) in parts.enumerated() {
            guard let other = parts[..<index].firstIndex(where: { $0.starts(with: one) || one.starts(with: $0) }) else {
                continue
            }
            error("locality.overlap", "\"\(localities[index])\" overlaps \"\(localities[other])\"")
        }
    }
}
