internal import SwiftProtobuf

private typealias Downstream = Envoy_Extensions_TransportSockets_Tls_V3_DownstreamTlsContext
private typealias Upstream = Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext
private typealias RawBuffer = Envoy_Extensions_TransportSockets_RawBuffer_V3_RawBuffer
private typealias ProxyProtocol = Envoy_Extensions_TransportSockets_ProxyProtocol_V3_ProxyProtocolUpstreamTransport

extension DownstreamTLS {
    /// Nil for plain text.
    static func of(
        _ socket: Envoy_Config_Core_V3_TransportSocket?,
        at path: FieldPath
    ) throws(DecodeError) -> DownstreamTLS? {
        guard let socket else { return nil }
        let typed = path.child("typed_config")
        if socket.typedConfig.holds(RawBuffer.self) { return nil }
        guard socket.typedConfig.holds(Downstream.self) else {
            throw typed.error("transport socket \(socket.typedConfig.messageName) is not supported")
        }
        return try DownstreamTLS(typed.unpack(socket.typedConfig, as: Downstream.self), at: typed)
    }

    init(
        _ tls: Envoy_Extensions_TransportSockets_Tls_V3_DownstreamTlsContext,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuse("ocsp_staple_policy", if: tls.ocspStaplePolicy != .lenientStapling)
        let tickets: Tickets
        switch tls.sessionTicketKeysType {
        case .sessionTicketKeys(let keys):
            tickets = .inline(try DataSource.list(keys.keys, "keys", at: path.child("session_ticket_keys")))
        case .sessionTicketKeysSdsSecretConfig(let config):
            let path = path.child("session_ticket_keys_sds_secret_config")
            tickets = .secret(try TLSSettings.secretName(config, at: path))
        case .disableStatelessSessionResumption(let isDisabled): tickets = isDisabled ? .disabled : .automatic
        case nil: tickets = .automatic
        }
        let settings = try TLSSettings(tls.commonTlsContext, at: path.child("common_tls_context"))
        guard settings.certificates != .none else {
            throw path.child("common_tls_context").error("no certificate to show")
        }
        self.init(
            settings: settings,
            requiresClientCertificate: tls.requireClientCertificate.value,
            requiresSNI: tls.requireSni.value,
            tickets: tickets,
            sessionTimeout: tls.hasSessionTimeout ? try path.duration(tls.sessionTimeout, "session_timeout") : nil,
            scansAllCertificatesOnSNIMismatch: tls.fullScanCertsOnSniMismatch.value
        )
        if requiresClientCertificate, settings.validation == .none {
            throw path.child("require_client_certificate").error("there is no validation context to check it with")
        }
    }
}

extension TransportSocket {
    init(
        _ socket: Envoy_Config_Core_V3_TransportSocket,
        isInner: Bool = false,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(socket)
        let any = socket.typedConfig
        let typed = path.child("typed_config")
        if any.holds(RawBuffer.self) || (any.typeURL.isEmpty && socket.name == "envoy.transport_sockets.raw_buffer") {
            self = .plain
        } else if any.holds(Upstream.self) {
            self = .tls(try UpstreamTLS(typed.unpack(any, as: Upstream.self), at: typed))
        } else if any.holds(ProxyProtocol.self), !isInner {
            let proxy = try typed.unpack(any, as: ProxyProtocol.self)
            self = .proxyProtocol(
                version: proxy.config.version == .v2 ? 2 : 1,
                inner: try TransportSocket(proxy.transportSocket, isInner: true, at: typed.child("transport_socket"))
            )
        } else {
            throw typed.error("transport socket \(any.messageName) is not supported")
        }
    }
}

extension UpstreamTLS {
    init(
        _ tls: Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuse("allow_renegotiation", if: tls.allowRenegotiation)
        self.init(
            settings: try TLSSettings(tls.commonTlsContext, at: path.child("common_tls_context")),
            sni: tls.sni,
            setsSNIFromEndpoint: tls.autoHostSni,
            validatesSANFromSNI: tls.autoSniSanValidation,
            sessionKeysMax: tls.hasMaxSessionKeys ? tls.maxSessionKeys.value : 1
        )
    }
}

extension TLSSettings {
    init(
        _ context: Envoy_Extensions_TransportSockets_Tls_V3_CommonTlsContext,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(context)
        try path.refuse("tls_certificate_provider_instance", if: context.hasTlsCertificateProviderInstance)
        let parameters = path.child("tls_params")
        try parameters.refuseUnknown(context.tlsParams)
        self.init(
            versionMin: try Version.make(
                context.tlsParams.tlsMinimumProtocolVersion,
                at: parameters.child("tls_minimum_protocol_version")
            ),
            versionMax: try Version.make(
                context.tlsParams.tlsMaximumProtocolVersion,
                at: parameters.child("tls_maximum_protocol_version")
            ),
            cipherSuites: context.tlsParams.cipherSuites,
            curves: context.tlsParams.ecdhCurves,
            signatureAlgorithms: context.tlsParams.signatureAlgorithms,
            certificates: try Certificates(context, at: path),
            validation: try Validation(context, at: path),
            alpn: context.alpnProtocols
        )
        if let versionMin, let versionMax, versionMin > versionMax {
            throw parameters.error("the minimum version is above the maximum version")
        }
    }
}

extension TLSSettings.Version {
    static func make(
        _ version: Envoy_Extensions_TransportSockets_Tls_V3_TlsParameters.TlsProtocol,
        at path: FieldPath
    ) throws(DecodeError) -> TLSSettings.Version? {
        switch version {
        case .tlsAuto: nil
        case .tlsv10: .tls10
        case .tlsv11: .tls11
        case .tlsv12: .tls12
        case .tlsv13: .tls13
        case .UNRECOGNIZED: throw path.error("unknown value")
        }
    }
}

extension TLSSettings.Certificates {
    init(
        _ context: Envoy_Extensions_TransportSockets_Tls_V3_CommonTlsContext,
        at path: FieldPath
    ) throws(DecodeError) {
        let names = try path.list(context.tlsCertificateSdsSecretConfigs, "tls_certificate_sds_secret_configs") {
            (config, path) throws(DecodeError) in try TLSSettings.secretName(config, at: path)
        }
        if !names.isEmpty {
            guard context.tlsCertificates.isEmpty else {
                throw path.child("tls_certificates").error("tls_certificate_sds_secret_configs is set too")
            }
            self = .secrets(names)
            return
        }
        let inline = try path.list(context.tlsCertificates, "tls_certificates") {
            (certificate, path) throws(DecodeError) in try TLSCertificate(certificate, at: path)
        }
        self = inline.isEmpty ? .none : .inline(inline)
    }
}

extension TLSSettings {
    /// A secret without a source is one that the proxy itself holds.
    static func secretName(
        _ config: Envoy_Extensions_TransportSockets_Tls_V3_SdsSecretConfig,
        at path: FieldPath
    ) throws(DecodeError) -> String {
        try path.refuseUnknown(config)
        if config.hasSdsConfig { try path.demandADS(config.sdsConfig, "sds_config") }
        return try path.nonEmpty(config.name, "name")
    }
}

extension TLSSettings.Validation {
    init(
        _ context: Envoy_Extensions_TransportSockets_Tls_V3_CommonTlsContext,
        at path: FieldPath
    ) throws(DecodeError) {
        switch context.validationContextType {
        case .validationContext(let validation):
            let validation = try CertificateValidation(validation, at: path.child("validation_context"))
            self = .inline(validation)
        case .validationContextSdsSecretConfig(let config):
            self = .secret(try TLSSettings.secretName(config, at: path.child("validation_context_sds_secret_config")))
        case .combinedValidationContext(let combined):
            let path = path.child("combined_validation_context")
            try path.refuseUnknown(combined)
            self = .combined(
                try CertificateValidation(
                    combined.defaultValidationContext,
                    at: path.child("default_validation_context")
                ),
                secret: try TLSSettings.secretName(
                    combined.validationContextSdsSecretConfig,
                    at: path.child("validation_context_sds_secret_config")
                )
            )
        case nil:
            self = .none
        }
    }
}

extension CertificateValidation {
    init(
        _ context: Envoy_Extensions_TransportSockets_Tls_V3_CertificateValidationContext,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(context)
        try path.refuse("ca_certificate_provider_instance", if: context.hasCaCertificateProviderInstance)
        try path.refuse("custom_validator_config", if: context.hasCustomValidatorConfig)
        self.init(
            trustedCA: context.hasTrustedCa ? try DataSource(context.trustedCa, at: path.child("trusted_ca")) : nil,
            usesSystemRoots: context.hasSystemRootCerts,
            subjectNames: try Self.names(context, at: path),
            certificateHashes: context.verifyCertificateHash.map {
                $0.lowercased().filter { $0 != ":" }
            },
            publicKeyHashes: context.verifyCertificateSpki,
            revocationList: context.hasCrl ? try DataSource(context.crl, at: path.child("crl")) : nil,
            allowsExpired: context.allowExpiredCertificate,
            acceptsUntrusted: context.trustChainVerification == .acceptUntrusted
        )
    }

    /// Both SAN fields say the same where a sender sets both; then Envoy looks at the typed one only, and so do we.
    private static func names(
        _ context: Envoy_Extensions_TransportSockets_Tls_V3_CertificateValidationContext,
        at path: FieldPath
    ) throws(DecodeError) -> [NameMatcher] {
        guard context.matchTypedSubjectAltNames.isEmpty else {
            return try path.list(context.matchTypedSubjectAltNames, "match_typed_subject_alt_names") {
                (name, path) throws(DecodeError) in
                let kind: NameMatcher.Kind =
                    switch name.sanType {
                    case .email: .email
                    case .dns: .dns
                    case .uri: .uri
                    case .ipAddress: .ipAddress
                    case .unspecified, .otherName, .UNRECOGNIZED:
                        throw path.child("san_type").error("not supported")
                    }
                return NameMatcher(kind: kind, matcher: try StringMatcher(name.matcher, at: path.child("matcher")))
            }
        }
        return try path.list(context.matchSubjectAltNames, "match_subject_alt_names") {
            (matcher, path) throws(DecodeError) in
            NameMatcher(kind: nil, matcher: try StringMatcher(matcher, at: path))
        }
    }
}

extension TLSCertificate {
    init(
        _ certificate: Envoy_Extensions_TransportSockets_Tls_V3_TlsCertificate,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(certificate)
        try path.refuse("pkcs12", if: certificate.hasPkcs12)
        self.init(
            chain: try DataSource(certificate.certificateChain, at: path.child("certificate_chain")),
            privateKey: try DataSource(certificate.privateKey, at: path.child("private_key")),
            password: certificate.hasPassword ? try DataSource(certificate.password, at: path.child("password")) : nil,
            ocspStaple: certificate.hasOcspStaple
                ? try DataSource(certificate.ocspStaple, at: path.child("ocsp_staple")) : nil
        )
    }
}

extension DataSource {
    static func list(
        _ sources: [Envoy_Config_Core_V3_DataSource],
        _ name: String,
        at path: FieldPath
    ) throws(DecodeError) -> [DataSource] {
        try path.list(sources, name) { (source, path) throws(DecodeError) in try DataSource(source, at: path) }
    }
}

extension Secret {
    /// - Throws: when something is wrong or asks for what this proxy does not do. Refuse the resource.
    public init(decoding bytes: [UInt8]) throws(DecodeError) {
        let path = FieldPath.root
        let secret = try path.parse(bytes, as: Envoy_Extensions_TransportSockets_Tls_V3_Secret.self)
        try path.refuseUnknown(secret)
        let content: Content
        switch secret.type {
        case .tlsCertificate(let certificate):
            content = .certificate(try TLSCertificate(certificate, at: path.child("tls_certificate")))
        case .validationContext(let context):
            content = .validation(try CertificateValidation(context, at: path.child("validation_context")))
        case .sessionTicketKeys(let keys):
            content = .ticketKeys(try DataSource.list(keys.keys, "keys", at: path.child("session_ticket_keys")))
        case .genericSecret(let generic):
            content = .generic(try DataSource(generic.secret, at: path.child("generic_secret.secret")))
        case nil:
            throw path.error("holds nothing")
        }
        self.init(name: try path.nonEmpty(secret.name, "name"), content: content)
    }
}
