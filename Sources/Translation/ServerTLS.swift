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
        tls.commonTlsContext.tlsParams = Self.parameters(settings)
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
        combined.validationContextSdsSecretConfig = trust
        tls.commonTlsContext.combinedValidationContext = combined
    }

    static func parameters(_ settings: ServerTLSSettings) -> TLSParametersMessage {
        var parameters = TLSParametersMessage()
        parameters.tlsMinimumProtocolVersion = version(settings.minProtocolVersion) ?? .tlsv12
        parameters.tlsMaximumProtocolVersion = version(settings.maxProtocolVersion) ?? .tlsv13
        var seen: Set<String> = []
        parameters.cipherSuites = settings.cipherSuites.filter { knownSuites.contains($0) && seen.insert($0).inserted }
        return parameters
    }

    private static func version(_ version: ServerTLSSettings.TLSProtocol?) -> TLSParametersMessage.TlsProtocol? {
        switch version {
        // Older versions are broken; who asks for one was warned and gets the oldest that is not.
        case .v1_0, .v1_1, .v1_2: .tlsv12
        case .v1_3: .tlsv13
        case .auto, nil: nil
        }
    }

    /// Istio's list without 3DES, which no current library offers; other names were warned about on admission.
    private static let knownSuites: Set<String> = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
        "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA",
    ]
}
