internal import Base
internal import Crypto
internal import Routing
internal import Transport
internal import Upstream
internal import XDS

/// A compiled TLS side: a context, or the name of the secret it waits for.
struct CompiledTLS {
    var context: TLSContext?
    var configuration: TLSConfiguration
    var missingSecret = ""
    var ownURI = ""
    /// The DNS names that every certificate of this side covers.
    var ownNames: [HostPattern] = []
}

/// Turns xDS TLS settings into Transport contexts.
struct TLSCompiler {
    let secrets: SecretBook

    func downstream(_ tls: DownstreamTLS, refusesUnknownProtocols: Bool) throws(PlanError) -> CompiledTLS {
        var compiled = try common(tls.settings, role: .server)
        compiled.configuration.refusesUnknownProtocols = refusesUnknownProtocols
        let asksForCertificate = tls.settings.validation != .none
        if tls.requiresClientCertificate {
            compiled.configuration.peerVerification = .required
        } else {
            compiled.configuration.peerVerification = asksForCertificate ? .optional : .none
        }
        let judgesCertificates =
            compiled.configuration.trustedCertificates != nil || compiled.configuration.acceptsUntrusted
            || !compiled.configuration.certificatePins.isEmpty || !compiled.configuration.publicKeyPins.isEmpty
        if compiled.configuration.peerVerification == .required, !judgesCertificates, compiled.missingSecret.isEmpty {
            throw PlanError(
                "require_client_certificate needs a trusted CA or a pin",
                at: "common_tls_context.validation_context"
            )
        }
        let leaves = compiled.configuration.identities.map { Self.leaf(ofChain: $0.certificateChain) }
        compiled.ownURI = leaves.first??.uriNames.first ?? ""
        compiled.ownNames = Self.commonNames(leaves)
        compiled.configuration.tickets = try tickets(tls.tickets)
        if let lifetime = tls.sessionTimeout { compiled.configuration.sessionLifetime = lifetime }
        return try finish(compiled)
    }

    private func tickets(_ tickets: DownstreamTLS.Tickets) throws(PlanError) -> SessionTickets {
        let sources: [DataSource]
        switch tickets {
        case .automatic: return .automatic
        case .disabled: return .off
        case .inline(let list): sources = list
        case .secret(let name):
            // Until they arrive the process uses keys of its own: nobody has to wait for a shortcut.
            guard case .found(let list) = try secrets.ticketKeys(named: name) else { return .automatic }
            sources = list
        }
        var keys: [[UInt8]] = []
        for source in sources {
            let key = try SecretBook.bytes(of: source)
            guard key.count >= 32 else {
                throw PlanError("a ticket key has at least 32 bytes", at: "session_ticket_keys")
            }
            keys.append(key)
        }
        return keys.isEmpty ? .automatic : .keys(keys)
    }

    func upstream(_ tls: UpstreamTLS, http: UpstreamHTTP) throws(PlanError) -> ClusterPlan.TLS {
        var compiled = try common(tls.settings, role: .client)
        if tls.settings.validation == .none { compiled.configuration.peerVerification = .none }
        let validates = tls.validatesSANFromSNI || http.validatesSANFromHost
        if validates, !http.setsSNIFromHost, !tls.setsSNIFromEndpoint, !tls.sni.isEmpty {
            compiled.configuration.subjectAltNames.append(Self.matcher(forHost: tls.sni))
        }
        compiled = try finish(compiled)
        return ClusterPlan.TLS(
            context: compiled.context,
            configuration: compiled.configuration,
            missingSecret: compiled.missingSecret,
            sni: tls.sni,
            setsSNIFromEndpoint: tls.setsSNIFromEndpoint,
            setsSNIFromHost: http.setsSNIFromHost && tls.sni.isEmpty,
            validatesSNI: validates,
            sessionsMax: Int(clamping: min(tls.sessionKeysMax, 64))
        )
    }

    /// Nil when the PEM is damaged, which the context will report.
    private static func leaf(ofChain chain: [UInt8]) -> Certificate? {
        do {
            return try Certificate.chain(pem: chain).first
        } catch {
            return nil
        }
    }

    /// A handshake may show any of the certificates: only names that all of them have are sure to be covered.
    private static func commonNames(_ leaves: [Certificate?]) -> [HostPattern] {
        let lists = leaves.map { ($0?.dnsNames ?? []).map { HostPattern($0.lowercased()) } }
        guard let first = lists.first else { return [] }
        return first.filter { name in lists.dropFirst().allSatisfy { $0.contains(name) } }
    }

    static func matcher(forHost host: String) -> SANMatcher {
        SANMatcher(kind: .dns, pattern: .exact(Array(host.utf8)))
    }

    private func finish(_ compiled: CompiledTLS) throws(PlanError) -> CompiledTLS {
        guard compiled.missingSecret.isEmpty else { return compiled }
        var compiled = compiled
        do {
            compiled.context = try TLSContext(compiled.configuration)
        } catch {
            throw PlanError(error.description, at: "common_tls_context")
        }
        return compiled
    }

    private func common(_ settings: TLSSettings, role: TLSConfiguration.Role) throws(PlanError) -> CompiledTLS {
        var compiled = CompiledTLS(context: nil, configuration: TLSConfiguration(role: role))
        if let least = settings.versionMin { compiled.configuration.minimumVersion = Self.version(least) }
        if let most = settings.versionMax { compiled.configuration.maximumVersion = Self.version(most) }
        if !settings.cipherSuites.isEmpty {
            compiled.configuration.cipherSuites = settings.cipherSuites.joined(separator: ":")
        }
        if !settings.curves.isEmpty { compiled.configuration.curves = settings.curves.joined(separator: ":") }
        if !settings.signatureAlgorithms.isEmpty {
            compiled.configuration.signatureAlgorithms = settings.signatureAlgorithms.joined(separator: ":")
        }
        compiled.configuration.applicationProtocols = settings.alpn
        switch settings.certificates {
        case .none: break
        case .inline(let certificates):
            for certificate in certificates {
                compiled.configuration.identities.append(try SecretBook.identity(certificate))
            }
        case .secrets(let names):
            for name in names {
                switch try secrets.identity(named: name) {
                case .found(let identity): compiled.configuration.identities.append(identity)
                case .missing(let name): compiled.missingSecret = name
                }
            }
        }
        try planning("common_tls_context.validation_context") { () throws(PlanError) in
            try applyValidation(settings.validation, to: &compiled)
        }
        return compiled
    }

    private func applyValidation(
        _ validation: TLSSettings.Validation,
        to compiled: inout CompiledTLS
    ) throws(PlanError) {
        switch validation {
        case .none: return
        case .inline(let rules): try apply(rules, to: &compiled)
        case .secret(let name), .combined(_, let name):
            if case .combined(let rules, _) = validation { try apply(rules, to: &compiled) }
            switch try secrets.validation(named: name) {
            case .found(let rules): try apply(rules, to: &compiled)
            case .missing(let name): compiled.missingSecret = name
            }
        }
        let configuration = compiled.configuration
        guard
            configuration.revocationLists == nil || configuration.role == .client
                || configuration.trustedCertificates != nil || !compiled.missingSecret.isEmpty
        else { throw PlanError("a revocation list needs a trusted CA", at: "crl") }
    }

    private func apply(_ rules: CertificateValidation, to compiled: inout CompiledTLS) throws(PlanError) {
        if let source = rules.trustedCA {
            compiled.configuration.trustedCertificates = try SecretBook.bytes(of: source)
        }
        for name in rules.subjectNames { compiled.configuration.subjectAltNames.append(try Self.matcher(name)) }
        for text in rules.certificateHashes {
            guard let pin = Hex.decode(text), pin.count == 32 else {
                throw PlanError("`\(text)` is no SHA-256 in hexadecimal", at: "verify_certificate_hash")
            }
            compiled.configuration.certificatePins.append(pin)
        }
        for text in rules.publicKeyHashes {
            guard let pin = Base64.decode(text), pin.count == 32 else {
                throw PlanError("`\(text)` is no SHA-256 in base64", at: "verify_certificate_spki")
            }
            compiled.configuration.publicKeyPins.append(pin)
        }
        if let source = rules.revocationList {
            compiled.configuration.revocationLists = try SecretBook.bytes(of: source)
        }
        compiled.configuration.allowsExpired = compiled.configuration.allowsExpired || rules.allowsExpired
        compiled.configuration.acceptsUntrusted = compiled.configuration.acceptsUntrusted || rules.acceptsUntrusted
    }

    private static func matcher(_ name: CertificateValidation.NameMatcher) throws(PlanError) -> SANMatcher {
        let kind: SANMatcher.Kind =
            switch name.kind {
            case .email: .email
            case .dns: .dns
            case .uri: .uri
            case .ipAddress: .ip
            case nil: .any
            }
        let pattern: SANMatcher.Pattern =
            switch name.matcher.pattern {
            case .exact(let text): .exact(Array(text.utf8))
            case .prefix(let text): .prefix(Array(text.utf8))
            case .suffix(let text): .suffix(Array(text.utf8))
            case .contains(let text): .contains(Array(text.utf8))
            case .regex(let text): .passing(try Self.test(text))
            }
        return SANMatcher(kind: kind, pattern: pattern, ignoresCase: name.matcher.ignoresCase)
    }

    private static func test(_ pattern: String) throws(PlanError) -> NameTest {
        do throws(CompileError) {
            let expression = try RegularExpression(pattern)
            return NameTest(pattern: pattern) { expression.matchesWhole($0) }
        } catch {
            throw PlanError(error.message, at: "match_typed_subject_alt_names")
        }
    }

    private static func version(_ version: TLSSettings.Version) -> TLSVersion {
        switch version {
        case .tls10: return .tls10
        case .tls11: return .tls11
        case .tls12: return .tls12
        case .tls13: return .tls13
        }
    }
}
