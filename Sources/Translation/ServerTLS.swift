internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// The server side of TLS at gateways and sidecars.
struct ServerTLS {
    let material: TLSMaterial

    /// - Throws: `TLSMaterial.Missing` when a secret or file is not there; the filter chain is then left out.
    func gateway(
        _ settings: ServerTLSSettings,
        isHTTP: Bool,
        gateway: ResourceKey,
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) -> DownstreamTLS {
        var tls = DownstreamTLS()
        let alpn = isHTTP ? ["h2", "http/1.1"] : []
        switch settings.effectiveMode {
        case .istioMutual:
            tls.commonTlsContext = try material.meshIdentity(
                peerNames: settings.subjectAltNames.map(Wire.exact),
                alpn: alpn,
                ledger: &ledger
            )
            pin(settings, &tls.commonTlsContext.combinedValidationContext.defaultValidationContext)
            tls.requireClientCertificate = Wire.bool(true)
        case .simple, .mutual, .optionalMutual:
            tls.commonTlsContext.alpnProtocols = alpn
            tls.commonTlsContext.tlsCertificateSdsSecretConfigs = try certificates(
                settings,
                gateway: gateway,
                ledger: &ledger
            )
            if settings.effectiveMode != .simple {
                try verifyClients(settings, gateway: gateway, tls: &tls, ledger: &ledger)
            }
            tls.requireClientCertificate = Wire.bool(settings.effectiveMode == .mutual)
        case .passthrough, .autoPassthrough:
            throw TLSMaterial.Missing(reason: .notSupported, message: "a passthrough server does not end TLS")
        }
        tls.commonTlsContext.tlsParams = TLSParameters.server(settings, material.mesh.settings)
        material.sessionTickets(&tls, ledger: &ledger)
        return tls
    }

    /// Identities of the trust domain and of its aliases.
    private var meshPeers: [StringMatcherMessage] {
        let settings = material.mesh.settings
        return ([settings.trustDomain] + settings.config.trustDomainAliases).map { domain in
            var peers = StringMatcherMessage()
            peers.prefix = "spiffe://\(domain)/"
            return peers
        }
    }

    /// Mesh mTLS towards the app: any workload of the trust domain.
    func inbound(isHTTP: Bool, ledger: inout Ledger) throws(TLSMaterial.Missing) -> DownstreamTLS {
        var tls = DownstreamTLS()
        tls.commonTlsContext = try material.meshIdentity(
            peerNames: meshPeers,
            alpn: isHTTP ? ["h2", "http/1.1"] : ["istio"],
            ledger: &ledger
        )
        tls.requireClientCertificate = Wire.bool(true)
        return tls
    }

    private func certificates(
        _ settings: ServerTLSSettings,
        gateway: ResourceKey,
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) -> [SDSReference] {
        var references: [SDSReference] = []
        let names = settings.credentialName.map { [$0] } ?? settings.credentialNames
        for name in names {
            references.append(try material.certificate(name, beside: gateway, ledger: &ledger))
        }
        if !references.isEmpty { return references }
        for pair in settings.tlsCertificates {
            guard let chain = pair.serverCertificate, let key = pair.privateKey else { continue }
            references.append(try material.certificateFile(chain: chain, key: key, ledger: &ledger))
        }
        if !references.isEmpty { return references }
        guard let chain = settings.serverCertificate, let key = settings.privateKey else {
            throw TLSMaterial.Missing(reason: .secretMissing, message: "the server names no certificate")
        }
        return [try material.certificateFile(chain: chain, key: key, ledger: &ledger)]
    }

    private func verifyClients(
        _ settings: ServerTLSSettings,
        gateway: ResourceKey,
        tls: inout DownstreamTLS,
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) {
        let trust: SDSReference
        if let name = settings.caCertCredentialName ?? settings.credentialName ?? settings.credentialNames.first {
            trust = try material.trust(name, beside: gateway, ledger: &ledger)
        } else if let path = settings.caCertificates ?? settings.tlsCertificates.first?.caCertificates {
            trust = try material.trustFile(path, ledger: &ledger)
        } else {
            throw TLSMaterial.Missing(reason: .secretMissing, message: "the server names no CA bundle for its clients")
        }
        var combined = CommonTLS.CombinedCertificateValidationContext()
        combined.defaultValidationContext = TLSMaterial.writtenNames(settings.subjectAltNames)
        pin(settings, &combined.defaultValidationContext)
        if let path = settings.caCrl {
            combined.defaultValidationContext.crl = try material.revocationFile(path)
        }
        if settings.insecureSkipVerify {
            combined.defaultValidationContext.trustChainVerification = .acceptUntrusted
        }
        combined.validationContextSdsSecretConfig = trust
        tls.commonTlsContext.combinedValidationContext = combined
    }

    private func pin(_ settings: ServerTLSSettings, _ validation: inout ValidationMessage) {
        validation.verifyCertificateHash = settings.verifyCertificateHash
        validation.verifyCertificateSpki = settings.verifyCertificateSpki
    }
}
