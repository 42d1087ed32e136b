internal import SwiftProtobuf

private typealias PreviousPriorities = Envoy_Extensions_Retry_Priority_PreviousPriorities_V3_PreviousPrioritiesConfig

extension RouteAction {
    init(_ action: Envoy_Config_Route_V3_RouteAction, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(action)
        try path.refuse("rate_limits", if: !action.rateLimits.isEmpty)
        try path.refuse("cors", if: action.hasCors)
        let notFound: ClusterNotFound =
            switch action.clusterNotFoundResponseCode {
            case .serviceUnavailable: .serviceUnavailable
            case .notFound: .notFound
            case .internalServerError: .internalServerError
            case .UNRECOGNIZED: throw path.child("cluster_not_found_response_code").error("unknown value")
            }
        self.init(
            destination: try Destination(action, at: path),
            clusterNotFound: notFound,
            metadataMatch: MetadataValue.subset(action.metadataMatch),
            pathRewrite: try PathRewrite.make(action, at: path),
            hostRewrite: HostRewrite.make(action),
            appendsForwardedHost: action.appendXForwardedHost,
            timeout: action.hasTimeout ? try path.duration(action.timeout, "timeout") : nil,
            idleTimeout: action.hasIdleTimeout ? try path.duration(action.idleTimeout, "idle_timeout") : nil,
            retryPolicy: action.hasRetryPolicy
                ? try RetryPolicy(action.retryPolicy, at: path.child("retry_policy")) : nil,
            mirrors: try RequestMirror.list(action.requestMirrorPolicies, "request_mirror_policies", at: path),
            isHighPriority: try path.normalPriority(action.priority),
            hashPolicies: try path.list(action.hashPolicy, "hash_policy") { (policy, path) throws(DecodeError) in
                try HashPolicy(policy, at: path)
            },
            upgrades: try path.list(action.upgradeConfigs, "upgrade_configs") { (upgrade, path) throws(DecodeError) in
                try path.refuseUnknown(upgrade)
                return Upgrade(
                    type: try path.nonEmpty(upgrade.upgradeType, "upgrade_type"),
                    isEnabled: upgrade.hasEnabled ? upgrade.enabled.value : true
                )
            },
            streamDuration: action.hasMaxStreamDuration
                ? try StreamDuration(action.maxStreamDuration, at: path.child("max_stream_duration")) : nil,
            internalRedirect: action.hasInternalRedirectPolicy
                ? try InternalRedirect(action.internalRedirectPolicy, at: path.child("internal_redirect_policy")) : nil
        )
    }
}

extension RouteAction.Destination {
    init(_ action: Envoy_Config_Route_V3_RouteAction, at path: FieldPath) throws(DecodeError) {
        switch action.clusterSpecifier {
        case .cluster(let name): self = .cluster(try path.nonEmpty(name, "cluster"))
        case .clusterHeader(let name):
            self = .clusterHeader(try path.nonEmpty(name, "cluster_header").lowercased())
        case .weightedClusters(let weighted):
            let path = path.child("weighted_clusters")
            try path.refuseUnknown(weighted)
            let clusters = try path.list(weighted.clusters, "clusters") { (cluster, path) throws(DecodeError) in
                try WeightedCluster(cluster, at: path)
            }
            let total = clusters.reduce(0) { $0 + UInt64($1.weight) }
            guard total > 0, total <= UInt32.max else {
                throw path.error("the sum of weights must be in 1...4294967295")
            }
            self = .weighted(clusters)
        case nil:
            throw path.error("no cluster is set")
        }
    }
}

extension RouteAction.PathRewrite {
    static func make(_ action: Envoy_Config_Route_V3_RouteAction, at path: FieldPath) throws(DecodeError) -> Self? {
        guard action.hasRegexRewrite else { return action.prefixRewrite.isEmpty ? nil : .prefix(action.prefixRewrite) }
        guard action.prefixRewrite.isEmpty else {
            throw path.child("regex_rewrite").error("prefix_rewrite is set too")
        }
        return .regex(try RegexRewrite(action.regexRewrite, at: path.child("regex_rewrite")))
    }
}

extension RouteAction.HostRewrite {
    static func make(_ action: Envoy_Config_Route_V3_RouteAction) -> Self? {
        switch action.hostRewriteSpecifier {
        case .hostRewriteLiteral(let text): text.isEmpty ? nil : .literal(text)
        case .hostRewriteHeader(let name): name.isEmpty ? nil : .header(name.lowercased())
        case .autoHostRewrite(let isOn): isOn.value ? .endpoint : nil
        case nil: nil
        }
    }
}

extension RouteAction.StreamDuration {
    init(
        _ duration: Envoy_Config_Route_V3_RouteAction.MaxStreamDuration,
        at path: FieldPath
    ) throws(DecodeError) {
        self.init(
            max: duration.hasMaxStreamDuration
                ? try path.duration(duration.maxStreamDuration, "max_stream_duration") : nil,
            grpcTimeoutHeaderMax: duration.hasGrpcTimeoutHeaderMax
                ? try path.duration(duration.grpcTimeoutHeaderMax, "grpc_timeout_header_max") : nil,
            grpcTimeoutHeaderOffset: duration.hasGrpcTimeoutHeaderOffset
                ? try path.duration(duration.grpcTimeoutHeaderOffset, "grpc_timeout_header_offset") : nil
        )
    }
}

extension RouteAction.InternalRedirect {
    init(
        _ policy: Envoy_Config_Route_V3_InternalRedirectPolicy,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(policy)
        self.init(
            redirectsMax: policy.hasMaxInternalRedirects ? policy.maxInternalRedirects.value : 1,
            statuses: policy.redirectResponseCodes.isEmpty ? [302] : policy.redirectResponseCodes
        )
    }
}

extension WeightedCluster {
    init(
        _ cluster: Envoy_Config_Route_V3_WeightedCluster.ClusterWeight,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(cluster)
        self.init(
            name: try path.nonEmpty(cluster.name, "name"),
            weight: cluster.weight.value,
            metadataMatch: MetadataValue.subset(cluster.metadataMatch),
            headers: try HeaderMutations(cluster, at: path),
            hostRewrite: cluster.hostRewriteLiteral.isEmpty ? nil : cluster.hostRewriteLiteral,
            filterOverrides: try FilterOverride.all(cluster.typedPerFilterConfig, at: path)
        )
    }
}

extension RequestMirror {
    static func list(
        _ policies: [Envoy_Config_Route_V3_RouteAction.RequestMirrorPolicy],
        _ name: String,
        at path: FieldPath
    ) throws(DecodeError) -> [RequestMirror] {
        try path.list(policies, name) { (policy, path) throws(DecodeError) in
            // Ignored: trace_sampled.
            try path.refuseUnknown(policy)
            return RequestMirror(
                cluster: try path.nonEmpty(policy.cluster, "cluster"),
                share: policy.hasRuntimeFraction
                    ? try Fraction(policy.runtimeFraction, at: path.child("runtime_fraction")) : .always
            )
        }
    }
}

extension HashPolicy {
    init(_ policy: Envoy_Config_Route_V3_RouteAction.HashPolicy, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(policy)
        let source: Source
        switch policy.policySpecifier {
        case .header(let header):
            let path = path.child("header")
            let rewrite = header.hasRegexRewrite
            source = .header(
                try path.nonEmpty(header.headerName, "header_name").lowercased(),
                rewrite: rewrite ? try RegexRewrite(header.regexRewrite, at: path.child("regex_rewrite")) : nil
            )
        case .cookie(let cookie):
            let path = path.child("cookie")
            source = .cookie(
                name: try path.nonEmpty(cookie.name, "name"),
                ttl: cookie.hasTtl ? try path.duration(cookie.ttl, "ttl") : nil,
                path: cookie.path,
                attributes: cookie.attributes.map { CookieAttribute(name: $0.name, value: $0.value) }
            )
        case .connectionProperties(let properties):
            guard properties.sourceIp else { throw path.child("connection_properties").error("source_ip is not set") }
            source = .sourceIP
        case .queryParameter(let parameter):
            source = .queryParameter(try path.child("query_parameter").nonEmpty(parameter.name, "name"))
        case .filterState(let state):
            source = .filterState(try path.child("filter_state").nonEmpty(state.key, "key"))
        case nil:
            throw path.error("no policy is set")
        }
        self.init(source: source, isTerminal: policy.terminal)
    }
}

extension RetryPolicy {
    init(_ policy: Envoy_Config_Route_V3_RetryPolicy, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(policy)
        var avoidsPrevious = false
        for (index, predicate) in policy.retryHostPredicate.enumerated() {
            let isKnown =
                predicate.name == "envoy.retry_host_predicates.previous_hosts"
                || predicate.typedConfig.holds(Envoy_Extensions_Retry_Host_PreviousHosts_V3_PreviousHostsPredicate.self)
            guard isKnown else {
                throw path.item("retry_host_predicate", index).error("\"\(predicate.name)\" is not supported")
            }
            avoidsPrevious = true
        }
        let backOff = path.child("retry_back_off")
        let base = try backOff.duration(
            policy.hasRetryBackOff ? policy.retryBackOff.baseInterval : nil,
            "base_interval",
            default: .milliseconds(25)
        )
        self.init(
            conditions: policy.retryOn.split(separator: ",").map { Self.trimmed($0) }.filter { !$0.isEmpty },
            retriesMax: policy.hasNumRetries ? policy.numRetries.value : 1,
            perTryTimeout: try path.timeout(policy.hasPerTryTimeout ? policy.perTryTimeout : nil, "per_try_timeout"),
            perTryIdleTimeout: try path.timeout(
                policy.hasPerTryIdleTimeout ? policy.perTryIdleTimeout : nil,
                "per_try_idle_timeout"
            ),
            statuses: policy.retriableStatusCodes,
            responseHeaders: try HeaderMatcher.list(policy.retriableHeaders, "retriable_headers", at: path),
            backOffBase: base,
            backOffMax: try backOff.timeout(
                policy.retryBackOff.hasMaxInterval ? policy.retryBackOff.maxInterval : nil,
                "max_interval"
            ),
            avoidsPreviousHosts: avoidsPrevious,
            hostSelectionAttemptsMax: max(1, policy.hostSelectionRetryMaxAttempts)
        )
        if policy.hasRetryPriority {
            let path = path.child("retry_priority.typed_config")
            let any = policy.retryPriority.typedConfig
            guard any.holds(PreviousPriorities.self) else { throw path.error("\(any.messageName) is not supported") }
            let frequency = try path.unpack(any, as: PreviousPriorities.self).updateFrequency
            guard frequency > 0 else { throw path.child("update_frequency").error("must be above 0") }
            prioritiesUpdateFrequency = frequency
        }
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

extension FieldPath {
    /// Circuit breakers have one set of thresholds here; a route that wants the other one would get none of its own.
    fileprivate func normalPriority(_ priority: Envoy_Config_Core_V3_RoutingPriority) throws(DecodeError) -> Bool {
        try refuse("priority", if: priority == .high)
        return false
    }
}
