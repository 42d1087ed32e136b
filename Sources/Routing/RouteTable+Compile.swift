internal import Base
public import XDS

extension RouteTable {
    /// Compiles all of `configuration`, or nothing.
    ///
    /// - Throws: the first thing that cannot be compiled, with its path; the caller refuses the whole configuration.
    public convenience init(compiling configuration: RouteConfiguration) throws(CompileError) {
        let hosts = try within("virtual_hosts") { () throws(CompileError) in
            try HostTable(domains: configuration.virtualHosts.map(\.domains))
        }
        var names = Set<String>()
        var virtualHosts: [VirtualHost] = []
        for (index, host) in configuration.virtualHosts.enumerated() {
            virtualHosts.append(
                try within("virtual_hosts[\(index)]") { () throws(CompileError) in
                    guard !host.domains.isEmpty else {
                        throw CompileError(path: "domains", message: "at least one domain is required")
                    }
                    guard names.insert(host.name).inserted else {
                        throw CompileError(path: "name", message: "virtual host `\(host.name)` occurs twice")
                    }
                    return try RouteCompiler(configuration: configuration, host: host).virtualHost()
                }
            )
        }
        self.init(
            name: configuration.name,
            internalOnlyHeaders: configuration.internalOnlyHeaders.map { [UInt8](lowering: $0) },
            hosts: hosts,
            virtualHosts: virtualHosts,
            ignoresPort: configuration.ignoresPortInHost
        )
    }
}

/// Compiles the routes of one virtual host.
struct RouteCompiler {
    let configuration: RouteConfiguration
    let host: VirtualHost

    func virtualHost() throws(CompileError) -> RouteTable.VirtualHost {
        let filters = try RouteFilters(compiling: host.filterOverrides, over: .none)
        let outer = [host.headers, configuration.headers]
        let requestHeaders = try HeaderEdits(requestLevels: outer)
        let responseHeaders = try HeaderEdits(responseLevels: outer)
        let retry = try host.retryPolicy.map { policy throws(CompileError) in
            try within("retry_policy") { () throws(CompileError) in try RetryRule(compiling: policy) }
        }
        var routes: [RouteEntry] = []
        for (index, route) in host.routes.enumerated() {
            routes.append(
                try within("routes[\(index)]") { () throws(CompileError) in
                    let rule = try within("match") { () throws(CompileError) in try RouteRule(compiling: route.match) }
                    let filters = try RouteFilters(compiling: route.filterOverrides, over: filters)
                    return RouteEntry(
                        name: route.name,
                        virtualHostName: host.name,
                        action: try action(of: route, rule: rule, filters: filters, retry: retry),
                        origin: Self.origin(route.metadata),
                        requestHeaders: try HeaderEdits(requestLevels: [route.headers]).followed(by: requestHeaders),
                        responseHeaders: try HeaderEdits(responseLevels: [route.headers])
                            .followed(by: responseHeaders),
                        filters: filters,
                        countsAttempts: host.includesAttemptCount,
                        operation: route.operation,
                        tracing: route.tracing,
                        statPrefix: route.statPrefix,
                        match: rule
                    )
                }
            )
        }
        return RouteTable.VirtualHost(name: host.name, routes: routes, requiresTLS: host.tlsRequirement != .none)
    }

    /// Istio writes the resource a route comes from to `filter_metadata["istio"]["config"]`.
    private static func origin(_ metadata: Metadata) -> String {
        if case .string(let text)? = metadata["istio"]?["config"] { return text }
        return ""
    }

    private func action(
        of route: Route,
        rule: RouteRule,
        filters: RouteFilters,
        retry: RetryRule?
    ) throws(CompileError) -> RouteEntry.Action {
        switch route.action {
        case .nonForwarding: return .nonForwarding
        case .direct(let response):
            return try within("direct_response") { () throws(CompileError) in
                guard (200...599).contains(response.status) else {
                    throw CompileError(path: "status", message: "\(response.status) is not between 200 and 599")
                }
                guard response.body.count <= Int(configuration.directResponseBodyBytesMax) else {
                    throw CompileError(
                        path: "body",
                        message: "\(response.body.count) bytes exceed the limit of "
                            + "\(configuration.directResponseBodyBytesMax)"
                    )
                }
                return .respond(response)
            }
        case .redirect(let redirect):
            return try within("redirect") { () throws(CompileError) in
                .redirect(try RedirectAction(compiling: redirect, rule: rule))
            }
        case .forward(let action):
            return try within("route") { () throws(CompileError) in
                .forward(
                    try forward(
                        action,
                        rule: rule,
                        filters: filters,
                        retry: retry,
                        repeatsIdempotent: route.metadata["gatehouse"]?["retry_idempotent"] == .bool(true)
                    )
                )
            }
        }
    }

    private func forward(
        _ action: RouteAction,
        rule: RouteRule,
        filters: RouteFilters,
        retry: RetryRule?,
        repeatsIdempotent: Bool
    ) throws(CompileError) -> ForwardAction {
        let ownRetry = try action.retryPolicy.map { policy throws(CompileError) in
            try within("retry_policy") { () throws(CompileError) in
                try RetryRule(compiling: policy, repeatsIdempotent: repeatsIdempotent)
            }
        }
        let rewrite: PathRewrite? =
            switch action.pathRewrite {
            case nil, .prefix("")?: nil
            case .prefix(let text)?: .replacing(rule, with: text)
            case .regex(let regex)?:
                try within("regex_rewrite") { () throws(CompileError) in try PathRewrite(compiling: regex) }
            }
        let hostRewrite: ForwardAction.HostRewrite =
            switch action.hostRewrite {
            case nil: .keep
            case .literal(let text)?: .literal(Array(text.utf8))
            case .endpoint?: .automatic
            case .header(let name)?: .header([UInt8](lowering: name))
            }
        let clusterNotFoundStatus =
            switch action.clusterNotFound {
            case .serviceUnavailable: 503
            case .notFound: 404
            case .internalServerError: 500
            }
        return ForwardAction(
            target: try target(action, filters: filters),
            timeout: action.timeout ?? .seconds(15),
            idleTimeout: action.idleTimeout,
            streamDurationMax: action.streamDuration?.max,
            grpcTimeoutMax: action.streamDuration?.grpcTimeoutHeaderMax,
            grpcTimeoutOffset: action.streamDuration?.grpcTimeoutHeaderOffset ?? .zero,
            retry: ownRetry ?? retry,
            pathRewrite: rewrite,
            hostRewrite: hostRewrite,
            appendsForwardedHost: action.appendsForwardedHost,
            hashRules: try HashRule.compile(action.hashPolicies),
            mirrors: action.mirrors.isEmpty ? host.mirrors : action.mirrors,
            upgrades: action.upgrades.map { ([UInt8](lowering: $0.type), $0.isEnabled) },
            priority: action.isHighPriority ? .high : .normal,
            clusterNotFoundStatus: clusterNotFoundStatus,
            internalRedirect: action.internalRedirect,
            metadataMatch: action.metadataMatch
        )
    }

    private func target(_ action: RouteAction, filters: RouteFilters) throws(CompileError) -> ForwardAction.Target {
        switch action.destination {
        case .cluster(let name):
            guard !name.isEmpty else { throw CompileError(path: "cluster", message: "a cluster name is required") }
            return .cluster(ClusterChoice(name: name, metadataMatch: action.metadataMatch, filters: filters))
        case .clusterHeader(let name): return .header([UInt8](lowering: name))
        case .weighted(let clusters):
            return try within("weighted_clusters") { () throws(CompileError) in
                var weighted: [(choice: ClusterChoice, weight: UInt32)] = []
                for (index, cluster) in clusters.enumerated() {
                    let choice = try within("clusters[\(index)]") { () throws(CompileError) in
                        ClusterChoice(
                            name: cluster.name,
                            metadataMatch: action.metadataMatch.merging(cluster.metadataMatch) { _, inner in inner },
                            requestHeaders: try HeaderEdits(requestLevels: [cluster.headers]),
                            responseHeaders: try HeaderEdits(responseLevels: [cluster.headers]),
                            hostRewrite: cluster.hostRewrite.map { Array($0.utf8) },
                            filters: try RouteFilters(compiling: cluster.filterOverrides, over: filters)
                        )
                    }
                    weighted.append((choice, cluster.weight))
                }
                return .weighted(try WeightedClusters(weighted))
            }
        }
    }
}

extension RedirectAction {
    init(compiling redirect: Redirect, rule: RouteRule) throws(CompileError) {
        guard [301, 302, 303, 307, 308].contains(redirect.status) else {
            throw CompileError(path: "response_code", message: "\(redirect.status) is not a redirect")
        }
        let path: PathRewrite? =
            switch redirect.path {
            case nil, .path("")?: nil
            case .path(let text)?: .whole(Array(text.utf8))
            case .prefix(let text)?: .replacing(rule, with: text)
            case .regex(let regex)?:
                try within("regex_rewrite") { () throws(CompileError) in try PathRewrite(compiling: regex) }
            }
        var replacesQuery = false
        if case .path(let text)? = redirect.path { replacesQuery = text.utf8.contains(0x3F) }
        self.init(
            status: Int(redirect.status),
            scheme: redirect.scheme.map { [UInt8](lowering: $0) },
            host: redirect.host.map { Array($0.utf8) },
            port: redirect.port,
            path: path,
            replacesQuery: replacesQuery,
            stripsQuery: redirect.stripsQuery
        )
    }
}

extension HashRule {
    static func compile(_ policies: [HashPolicy]) throws(CompileError) -> [HashRule] {
        var rules: [HashRule] = []
        for (index, policy) in policies.enumerated() {
            let source = try within("hash_policy[\(index)]") { () throws(CompileError) in
                try Source(compiling: policy.source)
            }
            rules.append(HashRule(source: source, isTerminal: policy.isTerminal))
        }
        return rules
    }
}

extension HashRule.Source {
    init(compiling source: HashPolicy.Source) throws(CompileError) {
        switch source {
        case .header(let name, let rewrite):
            let compiled = try rewrite.map { rewrite throws(CompileError) in try PathRewrite(compiling: rewrite) }
            self = .header(name: [UInt8](lowering: name), rewrite: compiled)
        case .cookie(let name, let ttl, let path, let attributes):
            var text = ""
            for attribute in attributes {
                text += attribute.value.isEmpty ? "; \(attribute.name)" : "; \(attribute.name)=\(attribute.value)"
            }
            guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
                throw CompileError(path: "cookie.attributes", message: "not printable text")
            }
            self = .cookie(name: Array(name.utf8), ttl: ttl, path: Array(path.utf8), attributes: Array(text.utf8))
        case .sourceIP: self = .sourceAddress
        case .queryParameter(let name): self = .queryParameter(Array(name.utf8))
        case .filterState: throw CompileError(path: "filter_state", message: "hashing on filter state is not supported")
        }
    }
}

extension RetryRule {
    /// - Parameter repeatsIdempotent: see there.
    convenience init(compiling policy: RetryPolicy, repeatsIdempotent: Bool = false) throws(CompileError) {
        self.init(
            conditions: policy.conditions.reduce(into: Conditions()) { $0.formUnion(Conditions(parsing: $1)) },
            retriesMax: Int(policy.retriesMax),
            perTryTimeout: policy.perTryTimeout ?? .zero,
            perTryIdleTimeout: policy.perTryIdleTimeout ?? .zero,
            statuses: policy.statuses,
            responseHeaders: try HeaderRule.compile(policy.responseHeaders),
            backoffBase: policy.backOffBase,
            backoffMax: policy.backOffMax,
            hostPicksMax: Int(clamping: max(1, policy.hostSelectionAttemptsMax)),
            avoidsPreviousHosts: policy.avoidsPreviousHosts,
            prioritiesUpdateFrequency: Int(policy.prioritiesUpdateFrequency ?? 0),
            repeatsIdempotent: repeatsIdempotent
        )
    }
}
