internal import Crypto

extension GatewaySpec {
    func check(_ findings: inout Findings) {
        if servers.isEmpty { findings.error(at: "servers", "gateway.servers.empty", "needs at least one server") }
        findings.checkSelector("selector", selector, warnsWhenEmpty: false)
        var names = Set<String>()
        findings.each("servers", servers) { server, findings in
            server.check(&findings)
            if let name = server.port?.name, !names.insert(name).inserted {
                findings.inside("port") {
                    $0.error(at: "name", "gateway.port.duplicate-name", "the port name \"\(name)\" is given twice")
                }
            }
        }
    }
}

extension Server {
    func check(_ findings: inout Findings) {
        if hosts.isEmpty { findings.error(at: "hosts", "gateway.hosts.empty", "needs at least one host") }
        findings.each("hosts", hosts) { Self.check(host: $0, &$1) }
        let isUnix = bind?.hasPrefix("unix://") ?? false
        if let bind, !Names.isAddress(bind), !Names.isUnixPath(bind) {
            findings.error(at: "bind", "gateway.bind", "must be an IP address, unix:///path or unix://@name")
        }
        findings.inside("port", port) { port, findings in
            Self.check(port: port, isUnix: isUnix, &findings)
        }
        let word = (port?.protocol ?? "").uppercased()
        let isRedirectOnly = tls.map { $0.httpsRedirect && $0.isEmptyButRedirect } ?? false
        if Names.tlsProtocols.contains(word), tls == nil {
            findings.error(at: "tls", "gateway.tls.missing", "a server with protocol \(word) needs a tls block")
        } else if let tls, !Names.tlsProtocols.contains(word), Names.protocols.contains(word), !isRedirectOnly {
            findings.error(
                at: "tls",
                "gateway.tls.plain",
                "a server with protocol \(word) cannot have TLS settings"
                    + (tls.httpsRedirect ? " other than httpsRedirect" : "")
            )
        }
        findings.inside("tls", tls) { tls, findings in
            if tls.httpsRedirect, word != "HTTP" {
                findings.warn(at: "httpsRedirect", "IST0133", "has an effect on plain HTTP servers only")
            }
            if Names.tlsProtocols.contains(word) { tls.check(&findings) }
        }
    }

    private static func check(port: Port, isUnix: Bool, _ findings: inout Findings) {
        if isUnix, port.number != 0 {
            findings.error(at: "number", "port.unix", "must be 0 with a unix socket")
        } else if !isUnix {
            findings.checkPort("number", port.number)
        }
        if port.name == nil { findings.error(at: "name", "port.name", "is required") }
        if port.targetPort != nil {
            findings.error(at: "targetPort", "port.target", "has no effect on a Gateway")
        }
        let allowed = ["HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "MYSQL", "REDIS", "TCP", "TLS"]
        let word = port.protocol ?? ""
        guard !allowed.contains(word.uppercased()) else { return }
        findings.error(
            at: "protocol",
            "port.protocol",
            word.isEmpty ? "is required" : "\"\(word.prefix(40))\" is not one of \(allowed.joined(separator: ", "))"
        )
    }

    private static func check(host text: String, _ findings: inout Findings) {
        var host = text
        if let slash = text.firstIndex(of: "/") {
            let space = text[..<slash]
            host = String(text[text.index(after: slash)...])
            if space != "*", space != ".", !Names.isLowerLabel(space) {
                findings.error("gateway.host.namespace", "invalid namespace \"\(space.prefix(80))\" before the slash")
            }
        }
        if Names.isAddress(host) { return }
        if Names.isPartialWildcard(host) {
            findings.error(
                "gateway.host.partial",
                "partial wildcard \"\(host.prefix(80))\" is not allowed; write *.name"
            )
        } else if !Names.isWildcardDomain(host) {
            findings.error("gateway.host.name", "\"\(host.prefix(80))\" is not a domain name, *.domain or *")
        } else if host != "*", !host.contains(".") {
            findings.warn(
                "GH0003",
                "the host \"\(host)\" has no dot; it is served as written, where Istio would refuse it"
            )
        }
    }
}

extension ServerTLSSettings {
    static let ciphers: Set<String> = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
        "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA", "DES-CBC3-SHA",
    ]

    /// True when only `httpsRedirect` is set.
    var isEmptyButRedirect: Bool {
        var copy = self
        copy.httpsRedirect = false
        return copy == ServerTLSSettings()
    }

    private var hasFiles: Bool { serverCertificate != nil || privateKey != nil }

    func check(_ findings: inout Findings) {
        checkVersions(&findings)
        checkCiphers(&findings)
        if credentialNames.count > 2 {
            findings.error(at: "credentialNames", "tls.credential-names", "at most two: one RSA and one ECDSA")
        }
        if tlsCertificates.count > 2 {
            findings.warn(at: "tlsCertificates", "IST0133", "only the first two certificates are used")
        }
        switch effectiveMode {
        case .istioMutual:
            if hasFiles || caCertificates != nil || credentialName != nil || !credentialNames.isEmpty
                || !tlsCertificates.isEmpty
            {
                findings.error(
                    "tls.istio-mutual",
                    "ISTIO_MUTUAL uses the mesh identity and cannot have own certificates"
                )
            }
            return
        case .passthrough, .autoPassthrough:
            if hasFiles || caCertificates != nil || credentialName != nil || !credentialNames.isEmpty {
                findings.warn("IST0133", "certificates are ignored with mode \(effectiveMode.rawValue)")
            }
            return
        case .simple, .mutual, .optionalMutual:
            checkSources(&findings)
            checkPins(&findings)
        }
    }

    /// What is written about client certificates: well-formed, and asked for at all.
    private func checkPins(_ findings: inout Findings) {
        findings.each("verifyCertificateHash", verifyCertificateHash) { text, findings in
            let digits = text.filter { $0 != ":" }
            guard Hex.decode(digits)?.count != 32 else { return }
            findings.error("tls.pin", "must be a SHA-256 in 64 hexadecimal digits, with or without colons")
        }
        findings.each("verifyCertificateSpki", verifyCertificateSpki) { text, findings in
            guard Base64.decode(text)?.count != 32 else { return }
            findings.error("tls.pin", "must be a SHA-256 in base64 (44 characters)")
        }
        guard effectiveMode == .simple else { return }
        let idle = [
            ("subjectAltNames", !subjectAltNames.isEmpty), ("verifyCertificateHash", !verifyCertificateHash.isEmpty),
            ("verifyCertificateSpki", !verifyCertificateSpki.isEmpty), ("insecureSkipVerify", insecureSkipVerify),
        ]
        for (key, isSet) in idle where isSet {
            findings.warn(at: key, "IST0133", "has no effect: SIMPLE asks for no client certificates")
        }
    }

    private func checkVersions(_ findings: inout Findings) {
        if minProtocolVersion == .v1_0 || minProtocolVersion == .v1_1 {
            findings.warn(
                at: "minProtocolVersion",
                "IST0133",
                "TLS below 1.2 is insecure and needs matching cipherSuites"
            )
        }
        let order = TLSProtocol.allCases
        if let low = minProtocolVersion, let high = maxProtocolVersion, low != .auto, high != .auto,
            let a = order.firstIndex(of: low), let b = order.firstIndex(of: high), a > b
        {
            findings.error(at: "maxProtocolVersion", "tls.versions", "is lower than minProtocolVersion")
        }
    }

    private func checkCiphers(_ findings: inout Findings) {
        var seen = Set<String>()
        findings.each("cipherSuites", cipherSuites) { name, findings in
            var plain = name[...]
            if let first = plain.utf8.first, [0x2D, 0x2B, 0x21].contains(first) { plain = plain.dropFirst() }
            if !Self.ciphers.contains(String(plain)) {
                findings.warn("IST0133", "unknown cipher suite \"\(name.prefix(60))\" is ignored")
            } else if name == "DES-CBC3-SHA" {
                findings.warn("IST0133", "the TLS library here no longer offers \(name); it is ignored")
            } else if !seen.insert(name).inserted {
                findings.warn("IST0133", "duplicate cipher suite \"\(name)\" is ignored")
            }
        }
    }

    private func checkSources(_ findings: inout Findings) {
        let needsCA = effectiveMode != .simple
        if credentialName != nil, needsCA || !hasFiles, credentialNames.isEmpty, tlsCertificates.isEmpty {
            checkRevocation(&findings)
            return
        }
        let sources = [credentialName != nil, !credentialNames.isEmpty, hasFiles, !tlsCertificates.isEmpty]
        if sources.count(where: { $0 }) > 1 {
            findings.error(
                "tls.sources",
                "only one of credentialName, credentialNames, serverCertificate with privateKey, and tlsCertificates"
            )
            return
        }
        checkRevocation(&findings)
        if credentialName != nil || !credentialNames.isEmpty { return }
        if tlsCertificates.isEmpty {
            if serverCertificate == nil {
                findings.error(
                    at: "serverCertificate",
                    "tls.certificate",
                    "\(effectiveMode.rawValue) needs a server certificate (or credentialName)"
                )
            }
            if privateKey == nil {
                findings.error(
                    at: "privateKey",
                    "tls.key",
                    "\(effectiveMode.rawValue) needs a private key (or credentialName)"
                )
            }
        }
        findings.each("tlsCertificates", tlsCertificates) { pair, findings in
            if pair.serverCertificate == nil {
                findings.error(at: "serverCertificate", "tls.certificate", "needs a server certificate")
            }
            if pair.privateKey == nil { findings.error(at: "privateKey", "tls.key", "needs a private key") }
        }
        if needsCA, caCertificates == nil, caCertCredentialName == nil {
            findings.error(
                at: "caCertificates",
                "tls.ca",
                "\(effectiveMode.rawValue) needs a client CA bundle to verify client certificates"
            )
        }
    }

    private func checkRevocation(_ findings: inout Findings) {
        guard caCrl != nil else { return }
        if credentialName != nil || !credentialNames.isEmpty {
            findings.error(
                at: "caCrl",
                "tls.crl",
                "with a credential the revocation list goes into the Secret as ca.crl"
            )
        } else if effectiveMode == .simple {
            findings.error(
                at: "caCrl",
                "tls.crl",
                "SIMPLE asks for no client certificates, so there is nothing to revoke"
            )
        }
    }
}
