extension HTTPRoute {
    func check(isDelegate: Bool, hasGateway: Bool, _ findings: inout Findings) {
        checkActions(isDelegate: isDelegate, &findings)
        findings.each("match", match) { match, findings in match.check(hasGateway: hasGateway, &findings) }
        findings.each("route", route) { item, findings in
            findings.inside("destination") { $0.checkDestination(item.destination) }
            findings.checkHeaders(item.headers)
        }
        findings.checkWeights("route", route.map(\.weight))
        findings.checkHeaders(headers)
        findings.checkDuration("timeout", timeout, allowsZero: true)
        findings.inside("redirect", redirect) { $0.check(matches: match, &$1) }
        findings.inside("directResponse", directResponse) { $0.check(&$1) }
        findings.inside("rewrite", rewrite) { $0.check(&$1) }
        findings.inside("retries", retries) { $0.check(&$1) }
        findings.inside("fault", fault) { $0.check(&$1) }
        findings.inside("corsPolicy", corsPolicy) { $0.check(&$1) }
        findings.inside("delegate", delegate) { $0.check(&$1) }
        checkMirrors(&findings)
        checkHostChanges(&findings)
    }

    private func checkActions(isDelegate: Bool, _ findings: inout Findings) {
        let rule = "http-route.action"
        if delegate != nil {
            if isDelegate { findings.error(at: "delegate", rule, "a delegate cannot delegate further") }
            if !route.isEmpty { findings.error(at: "route", rule, "not together with delegate") }
            if redirect != nil { findings.error(at: "redirect", rule, "not together with delegate") }
        } else if route.isEmpty, redirect == nil, directResponse == nil {
            findings.error(rule, "needs one of route, redirect, directResponse\(isDelegate ? "" : " and delegate")")
        }
        let pairs: [(String, Bool, String, Bool)] = [
            ("redirect", redirect != nil, "route", !route.isEmpty),
            ("directResponse", directResponse != nil, "route", !route.isEmpty),
            ("directResponse", directResponse != nil, "redirect", redirect != nil),
            ("fault", fault != nil, "redirect", redirect != nil),
            ("fault", fault != nil, "directResponse", directResponse != nil),
            ("rewrite", rewrite != nil, "redirect", redirect != nil),
            ("rewrite", rewrite != nil, "directResponse", directResponse != nil),
            ("mirror", mirror != nil, "mirrors", !mirrors.isEmpty),
        ]
        for (key, isSet, other, isOtherSet) in pairs where isSet && isOtherSet {
            findings.error(at: key, rule, "not together with \(other)")
        }
    }

    private func checkMirrors(_ findings: inout Findings) {
        findings.inside("mirror", mirror) { $1.checkDestination($0) }
        findings.each("mirrors", mirrors) { mirror, findings in
            findings.inside("destination") { $0.checkDestination(mirror.destination) }
            findings.checkPercent("percentage", mirror.percentage)
            findings.warnSmallPercent("percentage", mirror.percentage)
        }
        findings.checkPercent("mirrorPercentage", mirrorPercentage)
        findings.warnSmallPercent("mirrorPercentage", mirrorPercentage)
        guard let mirrorPercent else { return }
        if mirrorPercent > 100 {
            findings.error(at: "mirrorPercent", "percent.range", "must be between 0 and 100, not \(mirrorPercent)")
        }
        findings.warn(at: "mirrorPercent", "IST0002", "is deprecated; write mirrorPercentage")
    }

    /// The Host sent upstream may be decided in one place only.
    private func checkHostChanges(_ findings: inout Findings) {
        func changesHost(_ headers: Headers?) -> Bool {
            let operations = headers?.request
            let names = Array((operations?.set ?? [:]).keys) + Array((operations?.add ?? [:]).keys)
            return names.contains { ["host", ":authority"].contains($0.lowercased()) }
        }
        let perDestination = route.contains { changesHost($0.headers) }
        let places = [rewrite?.authority != nil, changesHost(headers), perDestination].count { $0 }
        guard places > 1 else { return }
        findings.error(
            "http-route.host",
            "the host is changed in more than one place (rewrite.authority, headers, route headers)"
        )
    }
}

extension Delegate {
    func check(_ findings: inout Findings) {
        if name == nil { findings.error(at: "name", "delegate.name", "is required") }
        if let name, !Names.isSubdomain(name) {
            findings.error(at: "name", "delegate.name", "\"\(name.prefix(80))\" is not the name of an object")
        }
        if let namespace, !Names.isLowerLabel(namespace) {
            findings.error(at: "namespace", "delegate.namespace", "\"\(namespace.prefix(80))\" is not a namespace")
        }
    }
}

extension HTTPMatchRequest {
    static let claimPrefix = "@request.auth.claims"

    func check(hasGateway: Bool, _ findings: inout Findings) {
        findings.checkMatch("uri", uri, allowsEmptyPrefix: true)
        findings.checkMatch("scheme", scheme)
        findings.checkMatch("method", method)
        findings.checkMatch("authority", authority)
        for (key, headers) in [("headers", headers), ("withoutHeaders", withoutHeaders)] {
            findings.inside(key) { findings in
                for (name, match) in headers.sorted(by: { $0.key < $1.key }) {
                    findings.inside(name) { findings in
                        if name.hasPrefix(Self.claimPrefix) {
                            if !hasGateway {
                                findings.error("match.claims", "routing by JWT claims works on gateways only")
                            }
                        } else {
                            findings.checkHeaderName(name)
                        }
                    }
                    findings.checkMatch(name, match, inMap: true)
                }
            }
        }
        findings.inside("queryParams") { findings in
            for (name, match) in queryParams.sorted(by: { $0.key < $1.key }) {
                findings.checkMatch(name, match, inMap: true)
            }
        }
        findings.checkSource(labels: sourceLabels, namespace: sourceNamespace, gateways: gateways, port: port)
    }
}
