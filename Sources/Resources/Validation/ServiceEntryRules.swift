internal import Base

extension ServiceEntrySpec {
    func check(_ findings: inout Findings) {
        findings.checkExportTo(exportTo, allowsNone: true)
        findings.inside("workloadSelector", workloadSelector) { $1.checkSelector("labels", $0.labels) }
        if workloadSelector != nil, !endpoints.isEmpty {
            findings.error(at: "endpoints", "service-entry.endpoints", "not together with workloadSelector")
        }
        checkHosts(&findings)
        checkPorts(&findings)
        checkAddresses(&findings)
        checkResolution(&findings)
        checkEndpoints(&findings)
    }

    private func checkHosts(_ findings: inout Findings) {
        if hosts.isEmpty { findings.error(at: "hosts", "service-entry.hosts", "needs at least one host") }
        if hosts.count > 256 { findings.error(at: "hosts", "service-entry.hosts", "at most 256 hosts") }
        findings.each("hosts", hosts) { host, findings in
            if host == "*" {
                findings.error("service-entry.hosts.wildcard", "\"*\" is not allowed; write *.domain")
            } else if !Names.isWildcardDomain(host), !Names.isAddress(host) {
                findings.error("service-entry.hosts.name", "\"\(host.prefix(80))\" is not a domain name or *.domain")
            } else if Names.isPartialWildcard(host) {
                findings.warn("IST0133", "the partial wildcard \"\(host)\" is matched as a suffix")
            }
        }
    }

    private func checkPorts(_ findings: inout Findings) {
        var numbers = Set<UInt32>()
        var names = Set<String>()
        findings.each("ports", ports) { port, findings in
            findings.checkPort("number", port.number)
            findings.checkPort("targetPort", port.targetPort)
            if !numbers.insert(port.number).inserted {
                findings.error(at: "number", "service-entry.ports.number", "\(port.number) is given twice")
            }
            if !Names.isLabel(port.name) {
                findings.error(
                    at: "name",
                    "service-entry.ports.name",
                    port.name.isEmpty ? "is required" : "\"\(port.name.prefix(80))\" is not a DNS label"
                )
            } else if !names.insert(port.name).inserted {
                findings.error(at: "name", "service-entry.ports.name", "\"\(port.name)\" is given twice")
            }
            findings.checkProtocol(port.protocol)
            let word = port.protocol?.uppercased() ?? "TCP"
            if word == "TCP", addresses.isEmpty, resolutionMode != .dynamicDNS {
                findings.warn(
                    at: "protocol",
                    "IST0134",
                    "a TCP port without addresses takes all traffic to port \(port.number), whatever its destination"
                )
            }
        }
    }

    private var resolutionMode: Resolution { effectiveResolution }

    private func checkAddresses(_ findings: inout Findings) {
        if addresses.count > 256 { findings.error(at: "addresses", "service-entry.addresses", "at most 256") }
        findings.each("addresses", addresses) { address, findings in
            if !Names.isSubnet(address) {
                findings.error("subnet", "\"\(address.prefix(80))\" is not an IP address or CIDR block")
            } else if address.contains("/"), resolutionMode != .none, resolutionMode != .static {
                findings.error("service-entry.addresses.cidr", "CIDR blocks need resolution NONE or STATIC")
            }
        }
    }

    private func checkResolution(_ findings: inout Findings) {
        switch resolutionMode {
        case .none:
            if !endpoints.isEmpty {
                findings.error(at: "endpoints", "service-entry.none", "not allowed with resolution NONE")
            }
            if workloadSelector != nil {
                findings.warn(at: "workloadSelector", "IST0133", "has no effect with resolution NONE")
            }
        case .dns, .dnsRoundRobin:
            if endpoints.isEmpty, workloadSelector == nil, let wildcard = hosts.first(where: { $0.hasPrefix("*") }) {
                findings.error(
                    at: "hosts",
                    "service-entry.dns.wildcard",
                    "\"\(wildcard)\" cannot be looked up; give endpoints, or resolution NONE or DYNAMIC_DNS"
                )
            }
            if resolutionMode == .dnsRoundRobin, endpoints.count > 1 {
                findings.error(
                    at: "endpoints",
                    "service-entry.round-robin",
                    "DNS_ROUND_ROBIN takes one endpoint at most"
                )
            }
            if resolutionMode == .dnsRoundRobin, hosts.count > 1, endpoints.isEmpty {
                findings.warn(at: "hosts", "IST0133", "only the first host is looked up with DNS_ROUND_ROBIN")
            }
        case .static:
            break
        case .dynamicDNS:
            checkDynamic(&findings)
        }
        checkSeveralHosts(&findings)
    }

    private func checkDynamic(_ findings: inout Findings) {
        findings.each("hosts", hosts) { host, findings in
            guard !host.hasPrefix("*") else { return }
            findings.error("service-entry.dynamic", "DYNAMIC_DNS takes wildcard hosts only")
        }
        if !addresses.isEmpty {
            findings.error(at: "addresses", "service-entry.dynamic", "not allowed with DYNAMIC_DNS")
        }
        if !endpoints.isEmpty {
            findings.error(at: "endpoints", "service-entry.dynamic", "not allowed with DYNAMIC_DNS")
        }
        let allowed: Set<String> = ["HTTP", "HTTP2", "GRPC", "TLS", "HTTPS"]
        findings.each("ports", ports) { port, findings in
            guard !allowed.contains(port.protocol?.uppercased() ?? "") else { return }
            findings.error(at: "protocol", "service-entry.dynamic", "DYNAMIC_DNS needs HTTP, HTTP2, GRPC, TLS or HTTPS")
        }
    }

    /// Several hosts can be told apart by Host or server name only.
    private func checkSeveralHosts(_ findings: inout Findings) {
        guard hosts.count > 1, addresses.isEmpty else { return }
        findings.each("ports", ports) { port, findings in
            let word = port.protocol?.uppercased() ?? "TCP"
            guard !Names.httpProtocols.contains(word), !Names.tlsProtocols.contains(word) else { return }
            findings.error(
                at: "protocol",
                "service-entry.several-hosts",
                "several hosts need HTTP or TLS ports: \(word) traffic does not say which host it is for"
            )
        }
    }

    private func checkEndpoints(_ findings: inout Findings) {
        let names = Set(ports.map(\.name))
        findings.each("endpoints", endpoints) { endpoint, findings in
            endpoint.check(&findings)
            findings.each("ports", endpoint.ports) { name, _, findings in
                guard !names.contains(name) else { return }
                findings.error("service-entry.endpoint.port", "the service has no port named \"\(name.prefix(80))\"")
            }
            guard let address = endpoint.address else { return }
            let isUnix = address.hasPrefix("unix://")
            if isUnix, resolutionMode != .static {
                findings.error(at: "address", "service-entry.endpoint.unix", "unix sockets need resolution STATIC")
            } else if isUnix, ports.count > 1 {
                findings.error(at: "address", "service-entry.endpoint.unix", "needs a service with one port")
            } else if resolutionMode == .static, !isUnix, !Names.isAddress(address) {
                findings.error(
                    at: "address",
                    "service-entry.endpoint.address",
                    "STATIC needs an IP address, not \"\(address.prefix(80))\"; names need resolution DNS"
                )
            }
        }
    }
}

extension Findings {
    mutating func checkProtocol(_ word: String?) {
        guard let word, !Names.protocols.contains(word.uppercased()) else { return }
        let near = Spelling.nearest(to: word, among: Names.protocols.sorted())
        error(
            at: "protocol",
            "port.protocol",
            "unknown protocol \"\(word.prefix(40))\"\(near.map { "; did you mean \"\($0)\"?" } ?? "")"
        )
    }
}

extension WorkloadEntrySpec {
    /// - Parameter isTemplate: the address comes later.
    func check(isTemplate: Bool = false, _ findings: inout Findings) {
        findings.checkLabels("labels", labels)
        findings.each("ports", ports) { name, number, findings in
            if !Names.isLabel(name) {
                findings.error("workload.port.name", "\"\(name.prefix(80))\" is not a port name (DNS label)")
            }
            if !Names.isPort(number) {
                findings.error("port.range", "must be between 1 and 65535, not \(number)")
            }
        }
        if let serviceAccount, !Names.isSubdomain(serviceAccount) {
            findings.error(at: "serviceAccount", "workload.service-account", "is not the name of an object")
        }
        guard let address else {
            if isTemplate { return }
            if network == nil {
                findings.error(at: "address", "workload.address", "is required")
            } else {
                findings.warn(at: "address", "IST0133", "without an address only the network's gateway is reached")
            }
            return
        }
        findings.inside("address") { check(address, &$0) }
    }

    private func check(_ address: String, _ findings: inout Findings) {
        if address.hasPrefix("unix://") {
            if !Names.isUnixPath(address) || address.hasSuffix("/") {
                findings.error("workload.unix", "must be unix:///absolute/path or unix://@name")
            }
            if !ports.isEmpty { findings.error("workload.unix", "a unix socket cannot have ports") }
        } else if !Names.isAddress(address), !Names.isDomain(address) {
            findings.error("workload.address", "\"\(address.prefix(80))\" is not an IP address or domain name")
        }
    }
}

extension WorkloadGroupSpec {
    func check(_ findings: inout Findings) {
        findings.inside("metadata", metadata) { $1.checkLabels("labels", $0.labels) }
        findings.inside("template", template) { $0.check(isTemplate: true, &$1) }
        findings.inside("probe", probe) { $0.check(&$1) }
    }
}

extension ReadinessProbe {
    func check(_ findings: inout Findings) {
        let methods = [httpGet != nil, tcpSocket != nil, exec != nil, grpc != nil]
        if methods.count(where: { $0 }) != 1 {
            findings.error("probe.method", "needs exactly one of httpGet, tcpSocket, exec and grpc")
        }
        findings.checkNotNegative("initialDelaySeconds", initialDelaySeconds)
        findings.checkNotNegative("timeoutSeconds", timeoutSeconds)
        findings.checkNotNegative("periodSeconds", periodSeconds)
        findings.checkNotNegative("successThreshold", successThreshold)
        findings.checkNotNegative("failureThreshold", failureThreshold)
        findings.inside("httpGet", httpGet) { probe, findings in
            findings.checkPort("port", probe.port)
            if let scheme = probe.scheme, !["HTTP", "HTTPS"].contains(scheme.uppercased()) {
                findings.error(at: "scheme", "probe.scheme", "must be HTTP or HTTPS")
            }
            findings.each("httpHeaders", probe.httpHeaders) { header, findings in
                findings.inside("name") { $0.checkHeaderName(header.name) }
            }
        }
        findings.inside("tcpSocket", tcpSocket) { $1.checkPort("port", $0.port) }
        findings.inside("grpc", grpc) { $1.checkPort("port", $0.port ?? 0) }
        findings.inside("exec", exec) { probe, findings in
            if probe.command.isEmpty { findings.error(at: "command", "probe.command", "must not be empty") }
        }
    }
}
