internal import SwiftProtobuf

extension RouteConfiguration {
    /// Without effect here and therefore ignored: `validate_clusters` (an unknown cluster answers at request time).
    ///
    /// - Throws: when something is wrong or asks for what this proxy does not do. Refuse the resource.
    public init(decoding bytes: [UInt8]) throws(DecodeError) {
        let path = FieldPath.root
        try self.init(path.parse(bytes, as: Envoy_Config_Route_V3_RouteConfiguration.self), at: path)
    }

    init(_ routes: Envoy_Config_Route_V3_RouteConfiguration, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(routes)
        let hosts = try path.list(routes.virtualHosts, "virtual_hosts") { (host, path) throws(DecodeError) in
            try VirtualHost(host, at: path)
        }
        self.init(
            name: routes.name,
            virtualHosts: hosts,
            headers: try HeaderMutations(routes, at: path),
            internalOnlyHeaders: routes.internalOnlyHeaders.map { $0.lowercased() },
            ignoresPortInHost: routes.ignorePortInHostMatching,
            directResponseBodyBytesMax: routes.hasMaxDirectResponseBodySizeBytes
                ? routes.maxDirectResponseBodySizeBytes.value : 4096
        )
        try checkDomains(at: path)
    }

    /// A domain names one virtual host only; Envoy refuses the whole configuration otherwise.
    private func checkDomains(at path: FieldPath) throws(DecodeError) {
        var seen: Set<String> = []
        for (index, host) in virtualHosts.enumerated() {
            for domain in host.domains where !seen.insert(domain.lowercased()).inserted {
                throw path.item("virtual_hosts", index).child("domains").error("\"\(domain)\" occurs twice")
            }
        }
    }
}

extension VirtualHost {
    init(_ host: Envoy_Config_Route_V3_VirtualHost, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(host)
        try path.refuse("rate_limits", if: !host.rateLimits.isEmpty)
        guard !host.domains.isEmpty, !host.domains.contains("") else {
            throw path.child("domains").error("must not be empty")
        }
        let requirement: TLSRequirement =
            switch host.requireTls {
            case .none: .none
            case .externalOnly: .externalOnly
            case .all: .all
            case .UNRECOGNIZED: throw path.child("require_tls").error("unknown value")
            }
        self.init(
            name: try path.nonEmpty(host.name, "name"),
            domains: host.domains,
            routes: try path.list(host.routes, "routes") { (route, path) throws(DecodeError) in
                try Route(route, at: path)
            },
            tlsRequirement: requirement,
            headers: try HeaderMutations(host, at: path),
            filterOverrides: try FilterOverride.all(host.typedPerFilterConfig, at: path),
            includesAttemptCount: host.includeRequestAttemptCount,
            retryPolicy: host.hasRetryPolicy ? try RetryPolicy(host.retryPolicy, at: path.child("retry_policy")) : nil,
            mirrors: try RequestMirror.list(host.requestMirrorPolicies, "request_mirror_policies", at: path)
        )
    }
}

extension Route {
    /// Ignored: `decorator.propagate`, `tracing.custom_tags` (spans are not exported here).
    init(_ route: Envoy_Config_Route_V3_Route, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(route)
        let action: Action
        switch route.action {
        case .route(let forward): action = .forward(try RouteAction(forward, at: path.child("route")))
        case .redirect(let redirect): action = .redirect(try Redirect(redirect, at: path.child("redirect")))
        case .directResponse(let direct):
            action = .direct(try DirectResponse(direct, at: path.child("direct_response")))
        case .nonForwardingAction: action = .nonForwarding
        case nil: throw path.child("route").error("no action is set")
        }
        self.init(
            name: route.name,
            match: try RouteMatch(route.match, at: path.child("match")),
            action: action,
            headers: try HeaderMutations(route, at: path),
            filterOverrides: try FilterOverride.all(route.typedPerFilterConfig, at: path),
            metadata: MetadataValue.metadata(route.metadata),
            operation: route.decorator.operation,
            tracing: route.hasTracing ? try Tracing(route.tracing, at: path.child("tracing")) : nil
        )
        statPrefix = route.statPrefix
    }
}

extension Tracing {
    init(_ tracing: Envoy_Config_Route_V3_Tracing, at path: FieldPath) throws(DecodeError) {
        self.init(
            clientSampling: tracing.hasClientSampling
                ? try Fraction(tracing.clientSampling, at: path.child("client_sampling")) : .always,
            randomSampling: tracing.hasRandomSampling
                ? try Fraction(tracing.randomSampling, at: path.child("random_sampling")) : .always,
            overallSampling: tracing.hasOverallSampling
                ? try Fraction(tracing.overallSampling, at: path.child("overall_sampling")) : .always
        )
    }
}

extension RouteMatch {
    init(_ match: Envoy_Config_Route_V3_RouteMatch, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(match)
        let pattern: Path
        switch match.pathSpecifier {
        case .prefix(let text): pattern = .prefix(text)
        case .path(let text): pattern = .exact(text)
        case .safeRegex(let regex): pattern = .regex(try path.child("safe_regex").nonEmpty(regex.regex, "regex"))
        case .pathSeparatedPrefix(let text):
            guard text.utf8.first == 47, text.utf8.last != 47, !text.utf8.contains(where: { $0 == 63 || $0 == 35 })
            else {
                throw path.child("path_separated_prefix").error(
                    "must start with \"/\", must not end with it, and must not hold \"?\" or \"#\""
                )
            }
            pattern = .separatedPrefix(text)
        case .connectMatcher: pattern = .connect
        case nil: throw path.error("no path is set")
        }
        self.init(
            path: pattern,
            isCaseSensitive: match.hasCaseSensitive ? match.caseSensitive.value : true,
            headers: try HeaderMatcher.list(match.headers, "headers", at: path),
            queryParameters: try path.list(match.queryParameters, "query_parameters") {
                (matcher, path) throws(DecodeError) in try QueryParameterMatcher(matcher, at: path)
            },
            isGRPC: match.hasGrpc,
            share: match.hasRuntimeFraction
                ? try Fraction(match.runtimeFraction, at: path.child("runtime_fraction")) : nil,
            presentsCertificate: match.tlsContext.hasPresented ? match.tlsContext.presented.value : nil,
            hasValidatedCertificate: match.tlsContext.hasValidated ? match.tlsContext.validated.value : nil,
            metadata: try path.list(match.dynamicMetadata, "dynamic_metadata") { (matcher, path) throws(DecodeError) in
                try MetadataMatcher(matcher, at: path)
            }
        )
    }
}

extension Redirect {
    init(_ redirect: Envoy_Config_Route_V3_RedirectAction, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(redirect)
        var scheme: String?
        switch redirect.schemeRewriteSpecifier {
        case .httpsRedirect(let isHTTPS): scheme = isHTTPS ? "https" : nil
        case .schemeRedirect(let text): scheme = text.isEmpty ? nil : text
        case nil: scheme = nil
        }
        let rewrite: PathRewrite?
        switch redirect.pathRewriteSpecifier {
        case .pathRedirect(let text): rewrite = .path(text)
        case .prefixRewrite(let text): rewrite = .prefix(text)
        case .regexRewrite(let regex): rewrite = .regex(try RegexRewrite(regex, at: path.child("regex_rewrite")))
        case nil: rewrite = nil
        }
        let status: UInt32 =
            switch redirect.responseCode {
            case .movedPermanently: 301
            case .found: 302
            case .seeOther: 303
            case .temporaryRedirect: 307
            case .permanentRedirect: 308
            case .UNRECOGNIZED: throw path.child("response_code").error("unknown value")
            }
        self.init(
            scheme: scheme,
            host: redirect.hostRedirect.isEmpty ? nil : redirect.hostRedirect,
            port: redirect.portRedirect == 0 ? nil : try path.port(redirect.portRedirect, "port_redirect"),
            path: rewrite,
            status: status,
            stripsQuery: redirect.stripQuery
        )
    }
}

extension DirectResponse {
    init(_ direct: Envoy_Config_Route_V3_DirectResponseAction, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(direct)
        guard (200..<600).contains(direct.status) else { throw path.child("status").error("not in 200...599") }
        self.init(
            status: direct.status,
            body: direct.hasBody ? try DataSource.inlineBytes(direct.body, at: path.child("body")) : []
        )
    }
}
