internal import SwiftProtobuf

private typealias RouterMessage = Envoy_Extensions_Filters_Http_Router_V3_Router
private typealias CORSFilter = Envoy_Extensions_Filters_Http_Cors_V3_Cors
private typealias CORSMessage = Envoy_Extensions_Filters_Http_Cors_V3_CorsPolicy
private typealias FaultMessage = Envoy_Extensions_Filters_Http_Fault_V3_HTTPFault
private typealias RBACMessage = Envoy_Extensions_Filters_Http_Rbac_V3_RBAC
private typealias RBACPerRoute = Envoy_Extensions_Filters_Http_Rbac_V3_RBACPerRoute
private typealias JWTMessage = Envoy_Extensions_Filters_Http_JwtAuthn_V3_JwtAuthentication
private typealias JWTPerRoute = Envoy_Extensions_Filters_Http_JwtAuthn_V3_PerRouteConfig
private typealias RateLimitMessage = Envoy_Extensions_Filters_Http_LocalRatelimit_V3_LocalRateLimit
private typealias HeaderMutationMessage = Envoy_Extensions_Filters_Http_HeaderMutation_V3_HeaderMutation
private typealias DynamicForward = Envoy_Extensions_Filters_Http_DynamicForwardProxy_V3_FilterConfig
private typealias CompressorMessage = Envoy_Extensions_Filters_Http_Compressor_V3_Compressor
private typealias CompressorPerRoute = Envoy_Extensions_Filters_Http_Compressor_V3_CompressorPerRoute
private typealias GRPCWebMessage = Envoy_Extensions_Filters_Http_GrpcWeb_V3_GrpcWeb
private typealias FilterConfig = Envoy_Config_Route_V3_FilterConfig

extension HTTPFilter {
    /// Nil for an unknown filter that its sender calls optional.
    static func make(
        _ filter: Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter,
        at path: FieldPath
    ) throws(DecodeError) -> HTTPFilter? {
        try path.refuseUnknown(filter)
        if case .configDiscovery = filter.configType { throw path.child("config_discovery").error("not supported") }
        let name = try path.nonEmpty(filter.name, "name")
        let typed = path.child("typed_config")
        guard let kind = try Kind.make(filter.typedConfig, at: typed) else {
            if filter.isOptional { return nil }
            throw typed.error("HTTP filter \(filter.typedConfig.messageName) is not supported")
        }
        return HTTPFilter(name: name, kind: kind, isDisabled: filter.disabled)
    }
}

extension HTTPFilter.Kind {
    /// Nil for a type that is not known here.
    static func make(_ any: Google_Protobuf_Any, at path: FieldPath) throws(DecodeError) -> HTTPFilter.Kind? {
        if any.holds(RouterMessage.self) {
            // Ignored: dynamic_stats and start_child_span, which only change what Envoy reports.
            let router = try path.unpack(any, as: RouterMessage.self)
            return .router(
                HTTPFilter.Router(
                    suppressesEnvoyHeaders: router.suppressEnvoyHeaders,
                    upstreamAccessLogs: try AccessLog.list(router.upstreamLog, "upstream_log", at: path)
                )
            )
        }
        if any.holds(CORSFilter.self) {
            _ = try path.unpack(any, as: CORSFilter.self)
            return .cors
        }
        if any.holds(GRPCWebMessage.self) {
            _ = try path.unpack(any, as: GRPCWebMessage.self)
            return .grpcWeb
        }
        if any.holds(FaultMessage.self) {
            return .fault(try Fault(path.unpack(any, as: FaultMessage.self), at: path))
        }
        if any.holds(RBACMessage.self) {
            return .rbac(try RBACFilter(path.unpack(any, as: RBACMessage.self), at: path))
        }
        if any.holds(JWTMessage.self) {
            return .jwtAuthentication(try JWTAuthentication(path.unpack(any, as: JWTMessage.self), at: path))
        }
        if any.holds(RateLimitMessage.self) {
            return .localRateLimit(try LocalRateLimit(path.unpack(any, as: RateLimitMessage.self), at: path))
        }
        if any.holds(CompressorMessage.self) {
            return .compressor(try Compressor(path.unpack(any, as: CompressorMessage.self), at: path))
        }
        if any.holds(HeaderMutationMessage.self) {
            let filter = try path.unpack(any, as: HeaderMutationMessage.self)
            return .headerMutation(try HeaderMutations(filter.mutations, at: path.child("mutations")))
        }
        if any.holds(DynamicForward.self) {
            _ = try path.unpack(any, as: DynamicForward.self)
            return .dynamicForwardProxy
        }
        return nil
    }
}

extension FilterOverride {
    /// The settings of one route, by filter name.
    static func all(
        _ entries: [String: Google_Protobuf_Any],
        at path: FieldPath
    ) throws(DecodeError) -> FilterOverrides {
        var result: FilterOverrides = [:]
        for (name, any) in entries {
            let path = path.entry("typed_per_filter_config", name)
            guard any.holds(FilterConfig.self) else {
                guard let override = try make(any, at: path) else {
                    throw path.error("\(any.messageName) is not supported")
                }
                result[name] = override
                continue
            }
            let wrapper = try path.unpack(any, as: FilterConfig.self)
            if wrapper.disabled {
                result[name] = .disabled
            } else if wrapper.config.typeURL.isEmpty {
                result[name] = .enabled
            } else if let override = try make(wrapper.config, at: path.child("config")) {
                result[name] = override
            } else if !wrapper.isOptional {
                throw path.child("config").error("\(wrapper.config.messageName) is not supported")
            }
        }
        return result
    }

    private static func make(_ any: Google_Protobuf_Any, at path: FieldPath) throws(DecodeError) -> FilterOverride? {
        if any.holds(CORSMessage.self) {
            return .cors(try CORSPolicy(path.unpack(any, as: CORSMessage.self), at: path))
        }
        if any.holds(FaultMessage.self) {
            return .fault(try Fault(path.unpack(any, as: FaultMessage.self), at: path))
        }
        if any.holds(RBACPerRoute.self) {
            let rbac = try path.unpack(any, as: RBACPerRoute.self)
            return .rbac(rbac.hasRbac ? try RBACFilter(rbac.rbac, at: path.child("rbac")) : nil)
        }
        if any.holds(JWTPerRoute.self) {
            switch try path.unpack(any, as: JWTPerRoute.self).requirementSpecifier {
            case .requirementName(let name): return .jwtRequirement(try path.nonEmpty(name, "requirement_name"))
            case .disabled(true): return .jwtRequirement(nil)
            case .disabled(false), nil: throw path.error("neither disabled nor requirement_name is set")
            }
        }
        if any.holds(RateLimitMessage.self) {
            return .localRateLimit(try LocalRateLimit(path.unpack(any, as: RateLimitMessage.self), at: path))
        }
        if any.holds(CompressorPerRoute.self) {
            guard try path.unpack(any, as: CompressorPerRoute.self).disabled else {
                throw path.error("only disabled is supported")
            }
            return .disabled
        }
        return nil
    }
}

extension CORSPolicy {
    init(
        _ policy: Envoy_Extensions_Filters_Http_Cors_V3_CorsPolicy,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuse("shadow_enabled", if: policy.hasShadowEnabled)
        self.init(
            allowOrigins: try path.list(policy.allowOriginStringMatch, "allow_origin_string_match") {
                (matcher, path) throws(DecodeError) in try StringMatcher(matcher, at: path)
            },
            allowMethods: policy.allowMethods,
            allowHeaders: policy.allowHeaders,
            exposeHeaders: policy.exposeHeaders,
            maxAge: policy.maxAge,
            allowsCredentials: policy.allowCredentials.value,
            allowsPrivateNetworkAccess: policy.allowPrivateNetworkAccess.value,
            forwardsNotMatchingPreflights: policy.hasForwardNotMatchingPreflights
                ? policy.forwardNotMatchingPreflights.value : true,
            enabled: policy.hasFilterEnabled
                ? try Fraction(policy.filterEnabled, at: path.child("filter_enabled")) : .always
        )
    }
}

extension Fault {
    init(
        _ fault: Envoy_Extensions_Filters_Http_Fault_V3_HTTPFault,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuse("response_rate_limit", if: fault.hasResponseRateLimit)
        var delay: Delay?
        if fault.hasDelay {
            let path = path.child("delay")
            try path.refuseUnknown(fault.delay)
            guard case .fixedDelay(let duration) = fault.delay.faultDelaySecifier else {
                throw path.error("only fixed_delay is supported")
            }
            delay = Delay(
                duration: try path.duration(duration, "fixed_delay"),
                share: try Fraction(fault.delay.percentage, at: path.child("percentage"))
            )
        }
        var abort: Abort?
        if fault.hasAbort {
            let path = path.child("abort")
            try path.refuseUnknown(fault.abort)
            let share = try Fraction(fault.abort.percentage, at: path.child("percentage"))
            switch fault.abort.errorType {
            case .httpStatus(let status):
                guard (200...599).contains(status) else { throw path.child("http_status").error("not in 200...599") }
                abort = Abort(answer: .http(status: status), share: share)
            case .grpcStatus(let status): abort = Abort(answer: .grpc(status: status), share: share)
            case .headerAbort, nil: throw path.error("only http_status and grpc_status are supported")
            }
        }
        self.init(
            delay: delay,
            abort: abort,
            headers: try HeaderMatcher.list(fault.headers, "headers", at: path),
            activeFaultsMax: fault.hasMaxActiveFaults ? fault.maxActiveFaults.value : nil
        )
    }
}

extension LocalRateLimit {
    /// Ignored: `stage`, which only means something beside `rate_limits`.
    init(
        _ limit: Envoy_Extensions_Filters_Http_LocalRatelimit_V3_LocalRateLimit,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuse("descriptors", if: !limit.descriptors.isEmpty)
        try path.refuse("rate_limits", if: !limit.rateLimits.isEmpty)
        try path.refuse("enable_x_ratelimit_headers", if: limit.enableXRatelimitHeaders != .off)
        let status = limit.hasStatus ? UInt32(clamping: limit.status.code.rawValue) : 429
        self.init(
            statPrefix: limit.statPrefix,
            status: status < 400 ? 429 : status,
            bucket: limit.hasTokenBucket ? try TokenBucket(limit.tokenBucket, at: path.child("token_bucket")) : nil,
            enabled: limit.hasFilterEnabled
                ? try Fraction(limit.filterEnabled, at: path.child("filter_enabled")) : .never,
            enforced: limit.hasFilterEnforced
                ? try Fraction(limit.filterEnforced, at: path.child("filter_enforced")) : .never,
            responseHeadersToAdd: try HeaderMutation.list(
                limit.responseHeadersToAdd,
                "response_headers_to_add",
                at: path
            ),
            isPerConnection: limit.localRateLimitPerDownstreamConnection
        )
    }
}

extension HeaderMutations {
    init(
        _ mutations: Envoy_Extensions_Filters_Http_HeaderMutation_V3_Mutations,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(mutations)
        self.init()
        for (index, mutation) in mutations.requestMutations.enumerated() {
            switch try Self.decode(mutation, at: path.item("request_mutations", index)) {
            case .remove(let name): requestRemove.append(name)
            case .set(let mutation): requestAdd.append(mutation)
            }
        }
        for (index, mutation) in mutations.responseMutations.enumerated() {
            switch try Self.decode(mutation, at: path.item("response_mutations", index)) {
            case .remove(let name): responseRemove.append(name)
            case .set(let mutation): responseAdd.append(mutation)
            }
        }
    }

    private enum Step {
        case remove(String)
        case set(HeaderMutation)
    }

    private static func decode(
        _ mutation: Envoy_Config_Common_MutationRules_V3_HeaderMutation,
        at path: FieldPath
    ) throws(DecodeError) -> Step {
        switch mutation.action {
        case .remove(let name): return .remove(try path.nonEmpty(name, "remove").lowercased())
        case .append(let option): return .set(try HeaderMutation(option, at: path.child("append")))
        case nil: throw path.error("holds no action")
        }
    }
}
