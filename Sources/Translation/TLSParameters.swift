internal import Registry
internal import Resources
internal import XDS

/// Versions, suites and curves, from where they are written: the server itself, else the mesh.
enum TLSParameters {
    /// Source: Istio. A server's own words win; `tlsDefaults` fills in what it leaves open.
    static func server(_ settings: ServerTLSSettings, _ mesh: MeshSettings) -> TLSParametersMessage {
        let isMesh = settings.effectiveMode == .istioMutual
        let defaults = isMesh ? mesh.config.meshMTLS : mesh.config.tlsDefaults
        var parameters = TLSParametersMessage()
        parameters.tlsMinimumProtocolVersion = version(settings.minProtocolVersion) ?? floor(defaults)
        parameters.tlsMaximumProtocolVersion = version(settings.maxProtocolVersion) ?? .tlsv13
        if parameters.tlsMaximumProtocolVersion.rawValue < parameters.tlsMinimumProtocolVersion.rawValue {
            parameters.tlsMinimumProtocolVersion = parameters.tlsMaximumProtocolVersion
        }
        let suites = settings.cipherSuites.isEmpty ? defaults?.cipherSuites ?? [] : settings.cipherSuites
        parameters.cipherSuites = known(suites)
        if !isMesh { parameters.ecdhCurves = defaults?.ecdhCurves ?? [] }
        return parameters
    }

    /// TLS originated to hosts outside of the mesh.
    static func client(_ mesh: MeshSettings) -> TLSParametersMessage {
        let defaults = mesh.config.tlsDefaults
        var parameters = TLSParametersMessage()
        parameters.tlsMinimumProtocolVersion = floor(defaults)
        parameters.tlsMaximumProtocolVersion = .tlsv13
        parameters.cipherSuites = known(defaults?.cipherSuites ?? [])
        parameters.ecdhCurves = defaults?.ecdhCurves ?? []
        return parameters
    }

    /// Either side of mesh mTLS. Source: Istio's `meshMTLS`, which has no curves.
    static func mesh(_ mesh: MeshSettings) -> TLSParametersMessage {
        var parameters = TLSParametersMessage()
        parameters.tlsMinimumProtocolVersion = floor(mesh.config.meshMTLS)
        parameters.tlsMaximumProtocolVersion = .tlsv13
        parameters.cipherSuites = known(mesh.config.meshMTLS?.cipherSuites ?? [])
        return parameters
    }

    private static func floor(_ config: MeshTLSConfig?) -> TLSParametersMessage.TlsProtocol {
        config?.minProtocolVersion == .v1_3 ? .tlsv13 : .tlsv12
    }

    private static func version(_ version: ServerTLSSettings.TLSProtocol?) -> TLSParametersMessage.TlsProtocol? {
        switch version {
        // Broken versions are spoken where somebody insists; he was warned when he wrote it.
        case .v1_0: .tlsv10
        case .v1_1: .tlsv11
        case .v1_2: .tlsv12
        case .v1_3: .tlsv13
        case .auto, nil: nil
        }
    }

    private static func known(_ suites: [String]) -> [String] {
        var seen: Set<String> = []
        return suites.filter { knownSuites.contains($0) && seen.insert($0).inserted }
    }

    /// Istio's list without 3DES, which no current library offers; other names were warned about on admission.
    private static let knownSuites: Set<String> = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
        "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
        "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA", "AES256-SHA",
    ]
}
