internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// A route with what ordering needs to know about it.
struct BuiltRoute {
    /// One message, or two when gRPC requests are told apart.
    var messages: [RouteMessage]
    var isCatchAll: Bool
}

/// Makes routes of the http rules of VirtualServices, for one proxy.
struct RouteBuilder {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let destinations: Destinations

    init(mesh: MeshSnapshot, node: ProxyNode) {
        self.mesh = mesh
        self.node = node
        destinations = Destinations(mesh: mesh, node: node)
    }

    /// - Parameters:
    ///   - gateways: the names under which this proxy applies rules: `mesh`, or `ns/name` of Gateways.
    ///   - port: the declared port requests come to.
    func routes(
        of rules: RoutingRules,
        gateways: Set<String>,
        port: Int,
        ledger: inout Ledger
    ) -> [BuiltRoute] {
        ledger.use(rules.source)
        ledger.use(rules.delegates)
        var built: [BuiltRoute] = []
        for rule in rules.http {
            let matches: [HTTPMatchRequest?] = rule.match.isEmpty ? [nil] : rule.match
            for match in matches where applies(match, gateways: gateways, port: port) {
                guard let messages = route(rule, match, rules: rules, port: port, ledger: &ledger) else { continue }
                let isCatchAll = RouteMatches.isCatchAll(match)
                built.append(BuiltRoute(messages: messages, isCatchAll: isCatchAll))
                if isCatchAll { return built }
            }
        }
        return built
    }

    /// The route to a service that no VirtualService speaks of.
    func defaultRoute(to service: MeshService, port: MeshPort, ledger: inout Ledger) -> BuiltRoute {
        let resolved = destinations.resolve(service, port: port, ledger: &ledger)
        var action = RouteActionMessage()
        action.cluster = resolved.reference.name
        if let retries = RouteActions.defaultRetries(mesh.settings) { action.retryPolicy = retries }
        var message = RouteMessage()
        RouteActions.markIdempotent(&message, mesh.settings)
        if let hash = RouteActions.hashPolicy(resolved.traffic.loadBalancer) { action.hashPolicy = [hash] }
        message.name = "default"
        message.match = RouteMatches.message(nil)
        message.route = action
        let messages = applyTimeout(nil, to: message, destinations: [resolved])
        return BuiltRoute(messages: messages, isCatchAll: true)
    }

    /// Source: Istio. `port` and the source selectors are decided here, per proxy, not per request. A match with its
    /// own gateways is for those only; source labels speak of sidecars.
    func applies(_ match: HTTPMatchRequest?, gateways: Set<String>, port: Int) -> Bool {
        guard let match else { return true }
        if let wanted = match.port, Int(wanted) != port { return false }
        if !match.gateways.isEmpty, gateways.isDisjoint(with: match.gateways) { return false }
        guard !node.isGateway || match.gateways.isEmpty else { return true }
        guard Labels.contains(node.labels, all: match.sourceLabels) else { return false }
        return match.sourceNamespace == nil || match.sourceNamespace == node.namespace
    }

    // MARK: One route

    private func route(
        _ rule: HTTPRoute,
        _ match: HTTPMatchRequest?,
        rules: RoutingRules,
        port: Int,
        ledger: inout Ledger
    ) -> [RouteMessage]? {
        let extras = mesh.routePolicies.effective(for: rules.source, rule: rule.name)
        ledger.use(extras.sources)
        for (loser, winner) in mesh.routePolicies.displaced(at: rules.source) {
            ledger.use(loser)
            ledger.report(loser, .policyConflict, "\(winner) is older and has the same target")
        }
        var message = RouteMessage()
        message.name = [rule.name, match?.name].compactMap { $0 }.joined(separator: ".")
        message.match = RouteMatches.message(match)
        if let prefix = match?.statPrefix { message.statPrefix = prefix }
        let changes = HeaderChanges(rule.headers)
        message.requestHeadersToAdd = changes.requestAdd
        message.requestHeadersToRemove = changes.requestRemove
        message.responseHeadersToAdd = changes.responseAdd
        message.responseHeadersToRemove = changes.responseRemove
        if let cors = rule.corsPolicy {
            message.typedPerFilterConfig["envoy.filters.http.cors"] = Wire.any(RouteActions.cors(cors))
        }
        if let fault = rule.fault.flatMap(RouteActions.fault) {
            message.typedPerFilterConfig["envoy.filters.http.fault"] = Wire.any(fault)
        }
        if let redirect = rule.redirect {
            message.redirect = RouteActions.redirect(redirect, requestPort: port)
            return [message]
        }
        if let direct = rule.directResponse {
            message.directResponse = RouteActions.direct(status: direct.status, body: direct.body?.content ?? [])
            return [message]
        }
        guard !rule.route.isEmpty else { return nil }
        let resolved = rule.route.map {
            destinations.resolve($0.destination, listenPort: port, source: rules.source, ledger: &ledger)
        }
        var action = RouteActionMessage()
        forward(rule.route, resolved, authority: rule.rewrite?.authority ?? changes.authority, action: &action)
        rewrite(rule.rewrite, match: match, action: &action)
        if RouteMatches.isConnect(match) { action.upgradeConfigs = [Self.tunnelUpgrade] }
        mirror(rule, port: port, source: rules.source, action: &action, ledger: &ledger)
        let policy = rule.retries.map(RouteActions.retries) ?? RouteActions.defaultRetries(mesh.settings)
        if let policy { action.retryPolicy = policy }
        if rule.retries == nil { RouteActions.markIdempotent(&message, mesh.settings) }
        message.route = action
        RouteExtras.apply(extras, to: &message)
        return applyTimeout(rule.timeout, to: message, destinations: resolved)
    }

    /// A CONNECT that a rule asks for ends here; its bytes go on as TCP.
    private static var tunnelUpgrade: RouteActionMessage.UpgradeConfig {
        var upgrade = RouteActionMessage.UpgradeConfig()
        upgrade.upgradeType = "CONNECT"
        upgrade.connectConfig = RouteActionMessage.UpgradeConfig.ConnectConfig()
        return upgrade
    }

    private func forward(
        _ targets: [HTTPRouteDestination],
        _ resolved: [Destinations.Resolved],
        authority: String?,
        action: inout RouteActionMessage
    ) {
        action.hashPolicy = resolved.compactMap { RouteActions.hashPolicy($0.traffic.loadBalancer) }
        if let authority { action.hostRewriteLiteral = authority }
        if targets.count == 1, let only = targets.first, only.headers == nil, let cluster = resolved.first {
            action.cluster = cluster.reference.name
            return
        }
        var weighted = WeightedClusterMessage()
        for (target, cluster) in zip(targets, resolved) where targets.count == 1 || target.weight > 0 {
            var share = WeightedClusterMessage.ClusterWeight()
            share.name = cluster.reference.name
            share.weight = Wire.uint(targets.count == 1 ? 100 : target.weight)
            let changes = HeaderChanges(target.headers)
            share.requestHeadersToAdd = changes.requestAdd
            share.requestHeadersToRemove = changes.requestRemove
            share.responseHeadersToAdd = changes.responseAdd
            share.responseHeadersToRemove = changes.responseRemove
            if let authority = changes.authority { share.hostRewriteLiteral = authority }
            weighted.clusters.append(share)
        }
        if weighted.clusters.count == 1, targets.allSatisfy({ $0.headers == nil }), let only = weighted.clusters.first {
            action.cluster = only.name
        } else {
            action.weightedClusters = weighted
        }
    }

    private func rewrite(_ written: HTTPRewrite?, match: HTTPMatchRequest?, action: inout RouteActionMessage) {
        if let regex = written?.uriRegexRewrite, let pattern = regex.match {
            action.regexRewrite.pattern = Wire.regex(pattern)
            action.regexRewrite.substitution = regex.rewrite ?? ""
        } else if let uri = written?.uri {
            // For exact and regular-expression matches the prefix that is replaced is the whole path.
            action.prefixRewrite = uri
        }
    }

    private func mirror(
        _ rule: HTTPRoute,
        port: Int,
        source: ResourceKey,
        action: inout RouteActionMessage,
        ledger: inout Ledger
    ) {
        var targets = rule.mirrors.map { ($0.destination, $0.percentage?.value ?? 100) }
        if let destination = rule.mirror {
            targets.append((destination, rule.mirrorPercentage?.value ?? rule.mirrorPercent.map(Double.init) ?? 100))
        }
        for (destination, share) in targets where share > 0 {
            let resolved = destinations.resolve(destination, listenPort: port, source: source, ledger: &ledger)
            var policy = RouteActionMessage.RequestMirrorPolicy()
            policy.cluster = resolved.reference.name
            policy.runtimeFraction = Wire.runtimeFraction(percent: share)
            policy.traceSampled = Wire.bool(false)
            action.requestMirrorPolicies.append(policy)
        }
    }

    // MARK: Timeouts

    /// A written timeout holds for every request. The default does not hold for gRPC: not at all on gRPC ports, and
    /// where HTTP/2 may carry gRPC among other requests, those get a route of their own without it.
    private func applyTimeout(
        _ written: Duration?,
        to message: RouteMessage,
        destinations: [Destinations.Resolved]
    ) -> [RouteMessage] {
        func with(_ timeout: Duration) -> RouteMessage {
            var copy = message
            copy.route.timeout = Wire.duration(timeout)
            return copy
        }
        if let written { return [with(written)] }
        let fallback = mesh.settings.requestTimeout
        if fallback == .zero || destinations.contains(where: { $0.isGRPC }) { return [with(.zero)] }
        guard destinations.contains(where: { $0.mayCarryGRPC }) else { return [with(fallback)] }
        var grpc = with(.zero)
        grpc.match.grpc = RouteMatchMessage.GrpcRouteMatchOptions()
        return [grpc, with(fallback)]
    }
}
