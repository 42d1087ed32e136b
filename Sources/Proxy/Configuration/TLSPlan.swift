internal import Base
internal import Crypto
internal import Transport
internal import Upstream
internal import XDS

/// A compiled TLS side: a context, or the name of the secret it waits for.
struct CompiledTLS {
    var context: TLSContext?
    var configuration: TLSConfiguration
    var missingSecret = ""
    var ownURI = ""
}

/// Turns xDS TLS settings into Transport contexts.
struct TLSCompiler {
    let secrets: SecretBook

    func downstream(_ tls: DownstreamTLS) throws(PlanError) -> CompiledTLS {
        var compiled = try common(tls.settings, role: .server)
        let asksForCertificate = tls.settings.validation != .none
        if tls.requiresClientCertificate {
            compiled.configuration.peerVerification = .required
        } else {
            compiled.configuration.peerVerification = asksForCertificate ? .optional : .none
        }
        if compiled.configuration.peerVerification == .required, compiled.configuration.trustedCertificates == nil,
            compiled.missingSecret.isEmpty
        {
            throw PlanError(
                "require_client_certificate needs a trusted CA",
                at: "common_tls_context.validation_context"
            )
        }
        if let chain = compiled.configuration.identities.first?.certificateChain {
            compiled.ownURI = Self.uriName(ofFirstIn: chain)
        }
        if case .disabled = tls.tickets { compiled.configuration.hasSessionTickets = false }
        return try finish(compiled)
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
            validatesSNI: validates
        )
    }

    /// The first URI name of the leaf; empty when there is none (or the PEM is damaged, which the context will report).
    private static func uriName(ofFirstIn chain: [UInt8]) -> String {
        do {
            return try Certificate.chain(pem: chain).first?.uriNames.first ?? ""
        } catch {
            return ""
        }
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
        try planning("common_tls_context.tls_params") { () throws(PlanError) in
            if let least = settings.versionMin { compiled.configuration.minimumVersion = try Self.version(least) }
            if let most = settings.versionMax { compiled.configuration.maximumVersion = try Self.version(most) }
        }
        if !settings.cipherSuites.isEmpty {
            compiled.configuration.cipherSuites = settings.cipherSuites.joined(separator: ":")
        }
        if !settings.curves.isEmpty { compiled.configuration.curves = settings.curves.joined(separator: ":") }
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
    }

    private func apply(_ rules: CertificateValidation, to compiled: inout CompiledTLS) throws(PlanError) {
        if let source = rules.trustedCA {
            compiled.configuration.trustedCertificates = try SecretBook.bytes(of: source)
        }
        for name in rules.subjectNames { compiled.configuration.subjectAltNames.append(try Self.matcher(name)) }
        guard rules.certificateHashes.isEmpty, rules.publicKeyHashes.isEmpty else {
            throw PlanError("certificate pins are not supported")
        }
        guard rules.revocationList == nil else { throw PlanError("revocation lists are not supported", at: "crl") }
        guard !rules.allowsExpired else { throw PlanError("not supported", at: "allow_expired_certificate") }
        if rules.acceptsUntrusted {
            guard compiled.configuration.role == .client else {
                throw PlanError("ACCEPT_UNTRUSTED is not supported", at: "trust_chain_verification")
            }
            compiled.configuration.peerVerification = .none
        }
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
            case .regex:
                throw PlanError("regular expressions are not supported here", at: "match_typed_subject_alt_names")
            }
        return SANMatcher(kind: kind, pattern: pattern, ignoresCase: name.matcher.ignoresCase)
    }

    private static func version(_ version: TLSSettings.Version) throws(PlanError) -> TLSVersion {
        switch version {
        case .tls10, .tls11: throw PlanError("TLS below 1.2 is not supported")
        case .tls12: return .tls12
        case .tls13: return .tls13
        }
    }
}
