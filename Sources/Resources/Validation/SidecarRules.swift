internal import Base

extension SidecarSpec {
    func check(_ findings: inout Findings) {
        findings.inside("workloadSelector", workloadSelector) { $1.checkSelector("labels", $0.labels) }
        if ingress.isEmpty, egress.isEmpty, outboundTrafficPolicy == nil, inboundConnectionPool == nil {
            findings.error("sidecar.empty", "needs ingress, egress, outboundTrafficPolicy or inboundConnectionPool")
        }
        findings.inside("inboundConnectionPool", inboundConnectionPool) { $0.check(&$1) }
        findings.inside("outboundTrafficPolicy", outboundTrafficPolicy) { $0.check(&$1) }
        checkIngress(&findings)
        checkEgress(&findings)
    }

    private func checkIngress(_ findings: inout Findings) {
        var places = Set<String>()
        findings.each("ingress", ingress) { listener, findings in
            listener.check(&findings)
            let place = "\(listener.bind ?? ""):\(listener.port?.number ?? 0)"
            if listener.port != nil, !places.insert(place).inserted {
                findings.inside("port") {
                    $0.error(at: "number", "sidecar.ingress.duplicate", "this port is given twice for one address")
                }
            }
        }
    }

    private func checkEgress(_ findings: inout Findings) {
        var places = Set<String>()
        findings.each("egress", egress) { listener, findings in
            listener.check(&findings)
            guard let port = listener.port else { return }
            let place = "\(listener.bind ?? ""):\(port.number)"
            if !places.insert(place).inserted {
                findings.inside("port") {
                    $0.error(at: "number", "sidecar.egress.duplicate", "this port is given twice for one address")
                }
            }
        }
        for (index, listener) in egress.enumerated() where listener.port == nil && index < egress.count - 1 {
            findings.inside("egress") { findings in
                findings.at(index) {
                    $0.error(
                        "sidecar.egress.order",
                        "a listener without port takes all others; it must be the last one"
                    )
                }
            }
        }
        let hosts = egress.flatMap(\.hosts)
        if hosts.contains("*/*"), hosts.contains(where: { $0 != "*/*" && !$0.hasPrefix("~") }) {
            findings.warn(
                at: "egress",
                "IST0133",
                "\"*/*\" imports everything; the other hosts beside it have no effect"
            )
        }
        checkDuplicates(&findings)
    }

    private func checkDuplicates(_ findings: inout Findings) {
        let own = findings.namespace
        findings.each("egress", egress) { listener, findings in
            func parts(_ host: String) -> (space: String, name: String)? {
                guard let slash = host.firstIndex(of: "/"), !host.hasPrefix("~") else { return nil }
                let space = String(host[..<slash])
                return (space == "." ? own : space, String(host[host.index(after: slash)...]))
            }
            let all = listener.hosts.prefix(500).map(parts)
            for (index, item) in all.enumerated() {
                guard let item, item.space != "*" else { continue }
                let isCovered = all.enumerated().contains { other, candidate in
                    guard let candidate, other != index, candidate.space == item.space else { return false }
                    if candidate.name == item.name { return other < index }
                    return HostPattern(item.name).isSubset(of: HostPattern(candidate.name))
                }
                guard isCovered else { continue }
                findings.inside("hosts") { findings in
                    findings.at(index) { $0.warn("IST0133", "this host is covered by another host of the list") }
                }
            }
        }
    }
}

extension SidecarSpec.OutboundTrafficPolicy {
    func check(isMesh: Bool = false, _ findings: inout Findings) {
        if mode == .allowAnyDynamicDNS, !isMesh {
            findings.error(at: "mode", "sidecar.outbound", "ALLOW_ANY_DYNAMIC_DNS is for MeshConfig only")
        }
        findings.inside("egressProxy", egressProxy) { proxy, findings in
            if mode != .allowAny { findings.error("sidecar.egress-proxy", "needs mode ALLOW_ANY") }
            if proxy.port == nil { findings.error(at: "port", "sidecar.egress-proxy", "is required") }
            findings.checkDestination(proxy)
        }
    }
}

extension SidecarSpec.IstioIngressListener {
    func check(_ findings: inout Findings) {
        if let bind, !Names.isAddress(bind) {
            findings.error(
                at: "bind",
                "sidecar.bind",
                bind.hasPrefix("unix://") ? "unix sockets are not supported for ingress" : "must be an IP address"
            )
        }
        findings.checkCapture(captureMode)
        findings.inside("port", port) { $1.check(listenerPort: $0, allowsZero: false) }
        if let defaultEndpoint, !Self.isEndpoint(defaultEndpoint) {
            findings.error(
                at: "defaultEndpoint",
                "sidecar.default-endpoint",
                "must be 127.0.0.1:PORT, 0.0.0.0:PORT, [::1]:PORT, [::]:PORT or unix:///path"
            )
        }
        findings.inside("tls", tls) { tls, findings in checkTLS(tls, &findings) }
        findings.inside("connectionPool", connectionPool) { pool, findings in
            pool.check(&findings)
            if pool.http != nil, !Names.httpProtocols.contains(port?.protocol?.uppercased() ?? "") {
                findings.warn(at: "http", "IST0133", "has no effect on a port whose protocol is not HTTP")
            }
        }
    }

    private static func isEndpoint(_ text: String) -> Bool {
        if text.hasPrefix("unix://") { return Names.isUnixPath(text) }
        guard let place = SocketAddress(text), place.port != 0 else { return false }
        return place.address == IPAddress("127.0.0.1") || place.address == IPAddress("::1")
            || place.address.isUnspecified
    }

    private func checkTLS(_ tls: ServerTLSSettings, _ findings: inout Findings) {
        if tls.effectiveMode != .simple, tls.effectiveMode != .mutual {
            findings.error(at: "mode", "sidecar.tls.mode", "must be SIMPLE or MUTUAL here")
        }
        let refused: [(String, Bool)] = [
            ("httpsRedirect", tls.httpsRedirect), ("subjectAltNames", !tls.subjectAltNames.isEmpty),
            ("credentialName", tls.credentialName != nil), ("credentialNames", !tls.credentialNames.isEmpty),
            ("tlsCertificates", !tls.tlsCertificates.isEmpty),
        ]
        for (key, isSet) in refused where isSet {
            findings.error(at: key, "sidecar.tls", "is not supported on ingress listeners of a Sidecar")
        }
        if !Names.tlsProtocols.contains(port?.protocol?.uppercased() ?? "") {
            findings.error("sidecar.tls.protocol", "needs a port with protocol HTTPS or TLS")
        }
        tls.check(&findings)
    }
}

extension SidecarSpec.IstioEgressListener {
    func check(_ findings: inout Findings) {
        let isUnix = bind?.hasPrefix("unix://") ?? false
        if let bind {
            if !Names.isAddress(bind), !Names.isUnixPath(bind) {
                findings.error(at: "bind", "sidecar.bind", "must be an IP address, unix:///path or unix://@name")
            }
            if port == nil { findings.error(at: "port", "sidecar.bind", "is required with bind") }
        }
        if isUnix, captureMode == .iptables {
            findings.error(at: "captureMode", "sidecar.capture", "must be DEFAULT or NONE with a unix socket")
        }
        findings.checkCapture(captureMode)
        findings.inside("port", port) { $1.check(listenerPort: $0, allowsZero: isUnix) }
        if hosts.isEmpty { findings.error(at: "hosts", "sidecar.egress.hosts", "needs at least one host") }
        findings.each("hosts", hosts) { host, findings in
            guard let slash = host.firstIndex(of: "/") else {
                return findings.error(
                    "sidecar.egress.host",
                    "must be namespace/name, such as \"./*\" or \"*/api.example.com\""
                )
            }
            var space = host[..<slash]
            let name = String(host[host.index(after: slash)...])
            if space.hasPrefix("~"), space != "~" { space = space.dropFirst() }
            if !["*", ".", "~"].contains(space), !Names.isLowerLabel(space) {
                findings.error("sidecar.egress.namespace", "invalid namespace \"\(space.prefix(80))\"")
            }
            if Names.isPartialWildcard(name) || !Names.isWildcardDomain(name) {
                findings.error("sidecar.egress.host", "\"\(name.prefix(80))\" is not a domain name, *.domain or *")
            }
        }
    }
}

extension Findings {
    fileprivate mutating func checkCapture(_ mode: SidecarSpec.CaptureMode?) {
        guard mode == .iptables else { return }
        error(
            at: "captureMode",
            "not-supported",
            "is not supported by this version; apps connect to the listener itself"
        )
    }

    fileprivate mutating func check(listenerPort port: Port, allowsZero: Bool) {
        if !(allowsZero && port.number == 0) { checkPort("number", port.number) }
        if allowsZero, port.number != 0 { error(at: "number", "port.unix", "must be 0 with a unix socket") }
        if let name = port.name, !Names.isLabel(name) {
            error(at: "name", "port.name", "\"\(name.prefix(80))\" is not a DNS label")
        }
        if port.targetPort != nil { error(at: "targetPort", "port.target", "has no effect on a listener") }
        checkProtocol(port.protocol)
    }
}
