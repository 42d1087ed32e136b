internal import Base

extension VirtualServiceSpec {
    /// True when the rules also apply to sidecars.
    private var appliesToMesh: Bool { gateways.isEmpty || gateways.contains("mesh") }
    private var appliesToGateway: Bool { gateways.contains { $0 != "mesh" } }

    func check(_ findings: inout Findings) {
        findings.checkExportTo(exportTo)
        checkHosts(&findings)
        findings.each("gateways", gateways) { $1.checkGatewayName($0) }
        if hosts.isEmpty {
            checkDelegate(&findings)
        } else if http.isEmpty, tls.isEmpty, tcp.isEmpty {
            findings.warn("GH0004", "there are no routes yet: requests for these hosts will get 404")
        }
        let claims = appliesToGateway
        findings.each("http", http) { rule, findings in
            rule.check(isDelegate: hosts.isEmpty, hasGateway: claims, &findings)
        }
        findings.each("tls", tls) { rule, findings in rule.check(hosts: hosts, &findings) }
        findings.each("tcp", tcp) { rule, findings in rule.check(appliesToMesh: appliesToMesh, &findings) }
        Reachability.check(http, &findings)
    }

    private func checkDelegate(_ findings: inout Findings) {
        if http.isEmpty, tls.isEmpty, tcp.isEmpty {
            findings.error(
                at: "hosts",
                "virtual-service.hosts",
                "needs at least one host (or http rules, as a delegate)"
            )
        }
        for (key, isSet) in [("gateways", !gateways.isEmpty), ("tls", !tls.isEmpty), ("tcp", !tcp.isEmpty)] where isSet
        {
            findings.error(
                at: key,
                "virtual-service.delegate",
                "not allowed without hosts: a VirtualService without hosts is a delegate and has http rules only"
            )
        }
    }

    private func checkHosts(_ findings: inout Findings) {
        findings.each("hosts", hosts) { host, findings in
            if host == "*", appliesToMesh {
                findings.error(
                    "virtual-service.hosts.wildcard",
                    "\"*\" is not allowed for sidecars (gateways is empty or names mesh); name hosts or a gateway"
                )
            } else if host.contains("/"), CIDR(host) != nil {
                guard !http.isEmpty else { return }
                findings.error(
                    "virtual-service.hosts.cidr",
                    "a CIDR block cannot be an HTTP host; write tcp or tls rules with match.destinationSubnets"
                )
            } else if !Names.isWildcardDomain(host), !Names.isAddress(host), !Names.isMeshServerName(host) {
                findings.error(
                    "virtual-service.hosts.name",
                    "\"\(host.prefix(80))\" is not a domain name, *.domain, or IP address"
                )
            }
        }
        guard hosts.count <= 500 else { return checkEqualHosts(&findings) }
        for (index, host) in hosts.enumerated() {
            let pattern = HostPattern(host)
            guard let other = hosts[..<index].first(where: { HostPattern($0).matches(pattern) }) else { continue }
            findings.inside("hosts") { findings in
                findings.at(index) {
                    $0.error(
                        "virtual-service.hosts.duplicate",
                        "\"\(host)\" overlaps \"\(other)\" of the same resource"
                    )
                }
            }
        }
    }

    private func checkEqualHosts(_ findings: inout Findings) {
        guard Set(hosts).count < hosts.count else { return }
        findings.error(at: "hosts", "virtual-service.hosts.duplicate", "a host is given twice")
    }
}

extension Findings {
    mutating func checkGatewayName(_ name: String) {
        if name == "mesh" { return }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        switch parts.count {
        case 1 where Names.isLowerLabel(name):
            return
        case 1 where Names.isSubdomain(name):
            warn("IST0133", "\"\(name)\" is the old form name.namespace; write namespace/name")
        case 2 where (parts[0] == "." || Names.isLowerLabel(parts[0])) && Names.isSubdomain(parts[1]):
            return
        default:
            error(
                "virtual-service.gateways",
                "\"\(name.prefix(80))\" is not mesh, name, or namespace/name of a Gateway"
            )
        }
    }

    mutating func checkSubnets(_ key: String, _ subnets: [String]) {
        each(key, subnets) { subnet, findings in
            guard !Names.isSubnet(subnet) else { return }
            findings.error("subnet", "\"\(subnet.prefix(80))\" is not an address or CIDR block")
        }
    }

    /// What TLS and TCP matches share.
    mutating func checkSource(labels: [String: String], namespace: String?, gateways: [String], port: UInt32?) {
        checkLabels("sourceLabels", labels)
        if let namespace, !Names.isLowerLabel(namespace) {
            error(at: "sourceNamespace", "match.source-namespace", "\"\(namespace.prefix(80))\" is not a namespace")
        }
        each("gateways", gateways) { $1.checkGatewayName($0) }
        checkPort("port", port)
    }
}

extension TLSRoute {
    func check(hosts: [String], _ findings: inout Findings) {
        if match.isEmpty { findings.error(at: "match", "tls-route.match", "needs at least one match") }
        findings.each("match", match) { match, findings in
            if match.sniHosts.isEmpty {
                findings.error(at: "sniHosts", "tls-route.sni", "needs at least one server name")
            }
            findings.each("sniHosts", match.sniHosts) { name, findings in
                if Names.isAddress(name) {
                    findings.warn("IST0133", "an IP address is never sent as server name")
                } else if !Names.isWildcardDomain(name), !Names.isMeshServerName(name) {
                    findings.error("tls-route.sni.name", "\"\(name.prefix(80))\" is not a domain name or *.domain")
                    return
                }
                let pattern = HostPattern(name)
                if !hosts.contains(where: {
                    pattern.isSubset(of: HostPattern($0)) || CIDR($0) != nil && $0.contains("/")
                }) {
                    findings.error(
                        "tls-route.sni.host",
                        "\"\(name)\" is not covered by the hosts of this VirtualService"
                    )
                }
            }
            findings.checkSubnets("destinationSubnets", match.destinationSubnets)
            findings.checkSource(
                labels: match.sourceLabels,
                namespace: match.sourceNamespace,
                gateways: match.gateways,
                port: match.port
            )
        }
        if route.isEmpty { findings.error(at: "route", "tls-route.route", "needs at least one destination") }
        findings.check(route: route)
    }
}

extension TCPRoute {
    func check(appliesToMesh: Bool, _ findings: inout Findings) {
        findings.each("match", match) { match, findings in
            findings.checkSubnets("destinationSubnets", match.destinationSubnets)
            if let subnet = match.sourceSubnet, !Names.isSubnet(subnet) {
                findings.error(at: "sourceSubnet", "subnet", "\"\(subnet.prefix(80))\" is not an address or CIDR block")
            } else if match.sourceSubnet != nil, appliesToMesh,
                match.gateways.isEmpty || match.gateways.contains("mesh")
            {
                findings.warn(at: "sourceSubnet", "GH0007", "is for gateways: for sidecars this match never holds")
            }
            findings.checkSource(
                labels: match.sourceLabels,
                namespace: match.sourceNamespace,
                gateways: match.gateways,
                port: match.port
            )
        }
        if route.isEmpty { findings.error(at: "route", "tcp-route.route", "needs at least one destination") }
        findings.check(route: route)
    }
}

extension Findings {
    fileprivate mutating func check(route: [RouteDestination]) {
        each("route", route) { item, findings in
            findings.inside("destination") { $0.checkDestination(item.destination) }
        }
        checkWeights("route", route.map(\.weight))
    }
}
