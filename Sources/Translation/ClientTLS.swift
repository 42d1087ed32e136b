internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// The caller's side of TLS: mesh mTLS and TLS origination.
struct ClientTLS {
    let material: TLSMaterial

    /// What an endpoint of a cluster is spoken to with.
    enum Wrapping {
        case plain
        case tls(Core.TransportSocket)
        /// Mesh mTLS for endpoints that say so, plain text for the others.
        case byEndpoint(mesh: Core.TransportSocket)
    }

    /// - Throws: `Missing` when the cluster cannot be spoken to as asked; it is then left out, never sent in plain
    ///   text.
    func wrapping(
        _ target: Destinations.Resolved,
        service: MeshService,
        endpoints: [MeshEndpoint],
        source: ResourceKey,
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) -> Wrapping {
        guard let settings = target.traffic.tls else {
            return try automatic(target, service: service, endpoints: endpoints, ledger: &ledger)
        }
        switch settings.effectiveMode {
        case .disable:
            return .plain
        case .istioMutual:
            return .tls(try meshSocket(target, endpoints: endpoints, settings: settings, ledger: &ledger))
        case .simple, .mutual:
            let tls = try originate(settings, target: target, service: service, source: source, ledger: &ledger)
            return .tls(Wire.transportSocket(tls))
        }
    }

    // MARK: Mesh

    /// Source: Istio's automatic mTLS: workloads with a sidecar are spoken to with mesh mTLS unless a rule says
    /// otherwise.
    private func automatic(
        _ target: Destinations.Resolved,
        service: MeshService,
        endpoints: [MeshEndpoint],
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) -> Wrapping {
        guard material.mesh.settings.autoMTLS, !service.isExternal, material.node.identity != .none else {
            return .plain
        }
        let meshEndpoints = endpoints.filter(\.isMesh)
        guard !meshEndpoints.isEmpty else { return .plain }
        let socket = try meshSocket(target, endpoints: meshEndpoints, settings: nil, ledger: &ledger)
        return meshEndpoints.count == endpoints.count ? .tls(socket) : .byEndpoint(mesh: socket)
    }

    private func meshSocket(
        _ target: Destinations.Resolved,
        endpoints: [MeshEndpoint],
        settings: ClientTLSSettings?,
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) -> Core.TransportSocket {
        var names = settings?.subjectAltNames ?? []
        if names.isEmpty {
            let accounts = Set(
                endpoints.filter { !$0.serviceAccount.isEmpty }.flatMap { endpoint in
                    material.mesh.settings.spiffeIDs(
                        namespace: endpoint.namespace,
                        serviceAccount: endpoint.serviceAccount
                    )
                }
            )
            names = accounts.sorted()
        }
        var tls = UpstreamTLS()
        tls.commonTlsContext = try material.meshIdentity(
            peerNames: names.map(Wire.exact),
            alpn: alpn(target),
            ledger: &ledger
        )
        tls.sni = settings?.sni ?? target.reference.serverName
        return Wire.transportSocket(tls)
    }

    /// The words that mesh servers recognise peers by, then the protocol itself. Source: Istio's ALPN names.
    private func alpn(_ target: Destinations.Resolved) -> [String] {
        // HTTP routes may end at a TLS port: that of an ISTIO_MUTUAL gateway.
        let spoken = target.port?.portProtocol ?? .http
        guard spoken.isHTTP || spoken == .https else { return ["istio-peer-exchange", "istio"] }
        return target.mayCarryGRPC ? ["istio-h2", "istio", "h2"] : ["istio-http/1.1", "istio", "http/1.1"]
    }

    // MARK: Origination

    private func originate(
        _ settings: ClientTLSSettings,
        target: Destinations.Resolved,
        service: MeshService,
        source: ResourceKey,
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) -> UpstreamTLS {
        var tls = UpstreamTLS()
        if settings.effectiveMode == .mutual {
            tls.commonTlsContext.tlsCertificateSdsSecretConfigs = [
                try clientCertificate(settings, target: target, source: source, ledger: &ledger)
            ]
        }
        let isNamed = !(service.hostname.hasPrefix("*"))
        tls.sni = settings.sni ?? (isNamed ? service.hostname : "")
        try verification(settings, service: service, source: source, tls: &tls, ledger: &ledger)
        if target.port?.portProtocol.isHTTP ?? true || target.port?.portProtocol == .https {
            tls.commonTlsContext.alpnProtocols = target.mayCarryGRPC ? ["h2"] : ["http/1.1"]
        }
        tls.commonTlsContext.tlsParams = TLSParameters.client(material.mesh.settings)
        return tls
    }

    private func verification(
        _ settings: ClientTLSSettings,
        service: MeshService,
        source: ResourceKey,
        tls: inout UpstreamTLS,
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) {
        if settings.insecureSkipVerify == true { return }
        let names = settings.subjectAltNames.isEmpty ? service.subjectAltNames : settings.subjectAltNames
        var validation = TLSMaterial.writtenNames(names)
        if let path = settings.caCrl { validation.crl = try material.revocationFile(path) }
        if names.isEmpty { tls.autoSniSanValidation = true }
        if let path = settings.caCertificates, path != "system" {
            combine(validation, try material.trustFile(path, ledger: &ledger), into: &tls)
        } else if let credential = settings.credentialName,
            let trust = try? material.trust(credential, beside: source, ledger: &ledger)
        {
            combine(validation, trust, into: &tls)
        } else {
            var own = validation
            own.trustedCa = Wire.file(TLSMaterial.systemTrust)
            tls.commonTlsContext.validationContext = own
        }
    }

    private func combine(_ validation: ValidationMessage, _ trust: SDSReference, into tls: inout UpstreamTLS) {
        var combined = CommonTLS.CombinedCertificateValidationContext()
        combined.defaultValidationContext = validation
        combined.validationContextSdsSecretConfig = trust
        tls.commonTlsContext.combinedValidationContext = combined
    }

    /// Client keys go to gateways, and to those sidecars that a rule with a workload selector picks; never to all.
    private func clientCertificate(
        _ settings: ClientTLSSettings,
        target: Destinations.Resolved,
        source: ResourceKey,
        ledger: inout Ledger
    ) throws(TLSMaterial.Missing) -> SDSReference {
        guard material.node.isGateway || target.policy?.callerLabels != nil else {
            throw TLSMaterial.Missing(
                reason: .notEffective,
                message: "client certificates are given to gateways and to sidecars that a workloadSelector picks"
            )
        }
        if let name = settings.credentialName {
            return try material.certificate(name, beside: source, ledger: &ledger)
        }
        guard let chain = settings.clientCertificate, let key = settings.privateKey else {
            throw TLSMaterial.Missing(reason: .secretMissing, message: "MUTUAL names no client certificate")
        }
        return try material.certificateFile(chain: chain, key: key, ledger: &ledger)
    }
}
