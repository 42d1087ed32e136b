internal import SwiftProtobuf

extension JWTAuthentication {
    init(
        _ filter: Envoy_Extensions_Filters_Http_JwtAuthn_V3_JwtAuthentication,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(filter)
        try path.refuse("filter_state_rules", if: filter.hasFilterStateRules)
        var providers: [String: Provider] = [:]
        for (name, provider) in filter.providers {
            providers[name] = try Provider(provider, at: path.entry("providers", name))
        }
        var requirements: [String: JWTAuthentication.Requirement] = [:]
        for (name, requirement) in filter.requirementMap {
            requirements[name] = try .init(requirement, at: path.entry("requirement_map", name))
        }
        self.init(
            providers: providers,
            rules: try path.list(filter.rules, "rules") { (rule, path) throws(DecodeError) in
                try Rule(rule, named: requirements, at: path)
            },
            requirements: requirements,
            bypassesCORSPreflight: filter.bypassCorsPreflight
        )
    }
}

extension JWTAuthentication.Rule {
    init(
        _ rule: Envoy_Extensions_Filters_Http_JwtAuthn_V3_RequirementRule,
        named requirements: [String: JWTAuthentication.Requirement],
        at path: FieldPath
    ) throws(DecodeError) {
        let requirement: JWTAuthentication.Requirement?
        switch rule.requirementType {
        case .requires(let value): requirement = try .init(value, at: path.child("requires"))
        case .requirementName(let name):
            guard let named = requirements[name] else {
                throw path.child("requirement_name").error("\"\(name)\" is not in requirement_map")
            }
            requirement = named
        case nil: requirement = nil
        }
        self.init(match: try RouteMatch(rule.match, at: path.child("match")), requirement: requirement)
    }
}

extension JWTAuthentication.Requirement {
    init(
        _ requirement: Envoy_Extensions_Filters_Http_JwtAuthn_V3_JwtRequirement,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(requirement)
        switch requirement.requiresType {
        case .providerName(let name): self = .provider(name)
        case .providerAndAudiences(let value):
            self = .providerWithAudiences(value.providerName, audiences: value.audiences)
        case .requiresAny(let any):
            self = .anyOf(try Self.list(any.requirements, at: path.child("requires_any")))
        case .requiresAll(let all):
            self = .all(try Self.list(all.requirements, at: path.child("requires_all")))
        case .allowMissing: self = .allowMissing
        case .allowMissingOrFailed: self = .allowMissingOrFailed
        case nil: throw path.error("holds no requirement")
        }
    }

    private static func list(
        _ requirements: [Envoy_Extensions_Filters_Http_JwtAuthn_V3_JwtRequirement],
        at path: FieldPath
    ) throws(DecodeError) -> [Self] {
        try path.list(requirements, "requirements") { (requirement, path) throws(DecodeError) in
            try Self(requirement, at: path)
        }
    }
}

extension JWTAuthentication.Provider {
    init(
        _ provider: Envoy_Extensions_Filters_Http_JwtAuthn_V3_JwtProvider,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(provider)
        try path.refuse("subjects", if: provider.hasSubjects)
        try path.refuse("max_lifetime", if: provider.hasMaxLifetime)
        try path.refuse("require_expiration", if: provider.requireExpiration)
        try path.refuse("header_in_metadata", if: !provider.headerInMetadata.isEmpty)
        try path.refuse("failed_status_in_metadata", if: !provider.failedStatusInMetadata.isEmpty)
        try path.refuse("pad_forward_payload_header", if: provider.padForwardPayloadHeader)
        self.init(
            issuer: provider.issuer,
            audiences: provider.audiences,
            keys: try Self.keys(provider, at: path),
            forwardsToken: provider.forward,
            fromHeaders: provider.fromHeaders.map {
                HeaderLocation(name: $0.name.lowercased(), prefix: $0.valuePrefix)
            },
            fromParameters: provider.fromParams,
            fromCookies: provider.fromCookies,
            payloadHeader: provider.forwardPayloadHeader.lowercased(),
            payloadMetadataKey: provider.payloadInMetadata,
            spaceDelimitedClaims: provider.normalizePayloadInMetadata.spaceDelimitedClaims,
            clockSkew: .seconds(Int64(provider.clockSkewSeconds == 0 ? 60 : provider.clockSkewSeconds)),
            claimHeaders: provider.claimToHeaders.map {
                ClaimHeader(header: $0.headerName.lowercased(), claim: $0.claimName)
            }
        )
    }

    private static func keys(
        _ provider: Envoy_Extensions_Filters_Http_JwtAuthn_V3_JwtProvider,
        at path: FieldPath
    ) throws(DecodeError) -> Keys {
        switch provider.jwksSourceSpecifier {
        case .localJwks(let source): return .inline(try DataSource(source, at: path.child("local_jwks")))
        case .remoteJwks(let remote):
            let path = path.child("remote_jwks")
            let uri = path.child("http_uri")
            return .remote(
                uri: try uri.nonEmpty(remote.httpUri.uri, "uri"),
                cluster: try uri.nonEmpty(remote.httpUri.cluster, "cluster"),
                timeout: try uri.duration(remote.httpUri.timeout, "timeout"),
                cacheDuration: try path.duration(
                    remote.hasCacheDuration ? remote.cacheDuration : nil,
                    "cache_duration",
                    default: .seconds(600)
                )
            )
        case nil: throw path.child("local_jwks").error("neither local_jwks nor remote_jwks is set")
        }
    }
}
