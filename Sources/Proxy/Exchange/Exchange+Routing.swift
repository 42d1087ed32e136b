internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream
internal import XDS

// From a head to what is to be done with it.
extension Exchange {
    /// Checks and normalises the head. False when the exchange was answered.
    func prepare(
        _ head: MessageHead,
        _ http: HTTPPlan,
        _ downstream: HTTPDownstream,
        _ facts: ConnectionFacts
    ) -> Bool {
        remote = facts.directRemote
        isGRPC = head.isGRPC || (http.grpcWeb != nil && noteGRPCWeb(head, http))
        // A gRPC request may last for as long as both ends like.
        if isGRPC { requestDeadline = .max }
        if head.minorVersion == 0, stream?.connection.version == .http1, !http.manager.http1.acceptsHTTP10 {
            reply(426, "", details: "low_version", flags: [])
            return false
        }
        if head.authority.isEmpty, head.method != .connect, !nameHost(head, http) { return false }
        if !downstream.isAdmitted {
            reply(403, "RBAC: access denied", details: "rbac_access_denied", flags: .unauthorized)
            return false
        }
        if head.method != .connect, !normalizePath(head, http) { return false }
        if http.manager.portStripping != .none { stripPort(head, http, downstream) }
        prepareHeaders(head, http, downstream, facts)
        return head.method != .options || forwardOptions(head)
    }

    /// HTTP/1.0 allows a request without Host (RFC 9112 §3.2); the listener says who is meant then.
    private func nameHost(_ head: MessageHead, _ http: HTTPPlan) -> Bool {
        guard !http.defaultHost.isEmpty else {
            reply(400, "", details: "missing_host_header", flags: [])
            return false
        }
        http.defaultHost.withUnsafeBytes { head.setAuthority($0) }
        return true
    }

    private func normalizePath(_ head: MessageHead, _ http: HTTPPlan) -> Bool {
        switch http.normalizer.normalize(head.path, into: &worker.scratch) {
        case .unchanged: return true
        case .rewritten:
            worker.scratch.withUnsafeBytes { head.setPath($0) }
            return true
        case .redirect:
            answer(status: 307, body: [], details: "path_normalization_failed", flags: [], location: true, edits: nil)
            return false
        case .rejected:
            reply(400, "", details: "path_normalization_failed", flags: [])
            return false
        }
    }

    private func stripPort(_ head: MessageHead, _ http: HTTPPlan, _ downstream: HTTPDownstream) {
        let authority = head.authority
        var end = authority.count
        while end > 0, authority[end &- 1] &- 48 < 10 { end &-= 1 }
        guard end > 0, end < authority.count, authority[end &- 1] == 58 else { return }
        if http.manager.portStripping == .matching {
            var port = 0
            for byte in authority[end...] { port = min(port &* 10 &+ Int(byte &- 48), 1 << 20) }
            if port != Int(downstream.facts.local.port) { return }
        }
        head.setAuthority(UnsafeRawBufferPointer(rebasing: authority[..<(end &- 1)]))
    }

    func dispatch(
        _ head: MessageHead,
        _ http: HTTPPlan,
        _ downstream: HTTPDownstream,
        _ facts: ConnectionFacts
    ) {
        let outcome =
            isServerWide(head)
            ? head.withPath(UnsafeRawBufferPointer("/")) {
                http.routes.match(head, connection: facts, random: &worker.random)
            } : http.routes.match(head, connection: facts, random: &worker.random)
        switch outcome {
        case .route(let entry):
            take(entry, head, http, downstream)
        case .requiresTLS(let redirect):
            self.redirect(redirect, head, edits: nil)
        case .none:
            switch downstream.otherServer(for: head.authority) {
            case .none: reply(404, "", details: "route_not_found", flags: .noRoute)
            case .misdirected: reply(421, "", details: "misdirected_request", flags: .noRoute)
            case .samePolicy(let other):
                guard
                    case .route(let entry) = other.routes.match(
                        head,
                        connection: downstream.facts,
                        random: &worker.random
                    )
                else {
                    reply(404, "", details: "route_not_found", flags: .noRoute)
                    return
                }
                take(entry, head, http, downstream)
            }
        }
    }

    /// `OPTIONS *` asks about the server as a whole (RFC 9110 §9.3.7): it goes where the host's root goes.
    private func isServerWide(_ head: MessageHead) -> Bool {
        head.method == .options && head.path.count == 1 && head.path[0] == 0x2A
    }

    private func take(_ entry: RouteEntry, _ head: MessageHead, _ http: HTTPPlan, _ downstream: HTTPDownstream) {
        route = entry
        if case .forward(let action) = entry.action {
            forward = action
            switch action.target {
            case .cluster(let only): choice = only
            case .weighted(let clusters): choice = clusters.pick(random: worker.random.next())
            case .header: break
            }
            if let limit = action.idleTimeout { idleTimeout = limit > .zero ? UInt64(limit.wholeNanoseconds) : .max }
            if let limit = action.streamDurationMax { durationDeadline = limit > .zero ? after(limit) : .max }
        }
        if http.hasFilters, !filter(entry, head, http, downstream) { return }
        proceed(entry, head, http, downstream)
    }

    // MARK: filters

    /// The fixed order: CORS, gRPC-Web, RBAC, fault, header changes. False when the exchange was answered or waits.
    @inline(never) private func filter(
        _ entry: RouteEntry,
        _ head: MessageHead,
        _ http: HTTPPlan,
        _ downstream: HTTPDownstream
    ) -> Bool {
        let changes = choice?.filters ?? entry.filters
        if let step = http.cors, case .cors(let rule)? = changes.change(for: step.name),
            rule.share.holds(random: worker.random.next()), !crossOrigin(rule, head)
        {
            return false
        }
        if let step = http.grpcWeb, web != nil { bridgeGRPCWeb(head, changes.change(for: step.name)) }
        for step in http.roles {
            guard let filter = Self.roles(step, changes), let rule = filter.enforced else { continue }
            if !isAllowed(head, by: rule, downstream) {
                reply(403, "RBAC: access denied", details: "rbac_access_denied", flags: .unauthorized)
                return false
            }
        }
        if let step = http.fault, let rule = Self.fault(step, changes), !inject(rule, head) { return false }
        return true
    }

    private static func fault(_ step: HTTPPlan.Step<FaultRule?>, _ changes: RouteFilters) -> FaultRule? {
        switch changes.change(for: step.name) {
        case .disabled: return nil
        case .fault(let rule): return rule
        case .enabled: return step.settings
        case nil: return step.isOff ? nil : step.settings
        case .cors, .roles, .jwtRequirement, .localRateLimit: return step.settings
        }
    }

    private func crossOrigin(_ rule: CORSRule, _ head: MessageHead) -> Bool {
        switch rule.decide(head) {
        case .pass: return true
        case .decorate:
            corsRule = rule
            return true
        case .answerPreflight, .answerBarePreflight:
            corsRule = rule
            answerPreflight(rule, head)
            return false
        }
    }

    private func inject(_ rule: FaultRule, _ head: MessageHead) -> Bool {
        let decision = rule.decide(head, random: &worker.random)
        guard decision.delay != nil || decision.abort != nil else { return true }
        if let limit = rule.activeFaultsMax, worker.activeFaults >= limit { return true }
        worker.activeFaults &+= 1
        isFaultActive = true
        if let delay = decision.delay {
            pendingAbort = decision.abort
            phase = .delaying
            delayDeadline = after(delay)
            armClock()
            return false
        }
        if let abort = decision.abort {
            self.abort(abort)
            return false
        }
        return true
    }

    func delayIsOver() {
        if phase == .backingOff {
            pickHost()
            return
        }
        guard phase == .delaying, let route, let stream, let http, let downstream else { return }
        flags.insert(.delayInjected)
        phase = .idle
        if let abort = pendingAbort { self.abort(abort) } else { proceed(route, stream.head, http, downstream) }
    }

    private func abort(_ abort: FaultRule.Abort) {
        switch abort {
        case .status(let status):
            reply(status, "fault filter abort", details: "fault_filter_abort", flags: .faultInjected)
        case .grpc(let code):
            isGRPC = true
            reply(
                200,
                "fault filter abort",
                details: "fault_filter_abort",
                flags: .faultInjected,
                grpcCode: code
            )
        }
    }

    // MARK: actions

    private func proceed(
        _ entry: RouteEntry,
        _ head: MessageHead,
        _ http: HTTPPlan,
        _ downstream: HTTPDownstream
    ) {
        switch entry.action {
        case .forward(let action): send(action, entry, head, http, downstream)
        case .redirect(let action): redirect(action, head, edits: entry)
        case .respond(let response):
            answer(
                status: Int(response.status),
                body: response.body,
                details: "direct_response",
                flags: [],
                location: false,
                edits: entry
            )
        case .nonForwarding: reply(500, "", details: "non_forwarding_action", flags: .noRoute)
        }
    }

    private func redirect(_ action: RedirectAction, _ head: MessageHead, edits: RouteEntry?) {
        worker.scratch.removeAll(keepingCapacity: true)
        let scheme: StaticString = head.scheme == .https ? "https" : "http"
        let isFine = action.location(
            scheme: UnsafeRawBufferPointer(scheme),
            authority: head.authority,
            target: head.path,
            appendingTo: &worker.scratch
        )
        guard isFine else {
            reply(400, "", details: "redirect_too_long", flags: [])
            return
        }
        answer(status: action.status, body: [], details: "direct_response", flags: [], location: true, edits: edits)
    }

    /// Gets the head ready for an upstream and looks for one.
    private func send(
        _ action: ForwardAction,
        _ entry: RouteEntry,
        _ head: MessageHead,
        _ http: HTTPPlan,
        _ downstream: HTTPDownstream
    ) {
        guard let found = findCluster(action, head) else {
            reply(action.clusterNotFoundStatus, "", details: "cluster_not_found", flags: .noCluster)
            return
        }
        cluster = found
        if head.method == .connect {
            let isAllowed = Self.isEnabled("connect", action) ?? http.allowsConnect
            guard isAllowed else {
                reply(403, "", details: "upgrade_failed", flags: [])
                return
            }
        } else if head.has(.upgrade) {
            wantsUpgrade = chooseUpgrade(head, action, http)
        }
        if head.has(.expect) { expectContinue(head, http) }
        head.removeHopByHopFields(keepingUpgrade: wantsUpgrade)
        if !action.hashRules.isEmpty {
            hash = HashRule.hash(of: head, facts: facts(downstream), rules: action.hashRules)
            if hash == nil { makeCookie(action) }
        }
        edit(action, entry, head, http, downstream)
        let isReplayable = action.retry.map { $0.retriesMax > 0 } ?? false
        let isKept = isReplayable || !action.mirrors.isEmpty
        keepsBody = isKept && !isRequestComplete && !wantsUpgrade && head.method != .connect
        if isRequestComplete, !wantsUpgrade {
            startResponseDeadlines()
            if !action.mirrors.isEmpty { mirror() }
        }
        armClock()
        pickHost()
    }

    private func findCluster(_ action: ForwardAction, _ head: MessageHead) -> ClusterRuntime? {
        if let choice { return worker.cluster(for: choice) }
        guard case .header(let name) = action.target else { return nil }
        return name.withUnsafeBytes { name in
            head.value(named: name).flatMap { worker.clusters[String(decoding: $0, as: UTF8.self)] }
        }
    }

    // MARK: edits

    private func edit(
        _ action: ForwardAction,
        _ entry: RouteEntry,
        _ head: MessageHead,
        _ http: HTTPPlan,
        _ downstream: HTTPDownstream
    ) {
        for step in http.edits where !step.isOff { apply(step.settings.request, to: head, downstream) }
        if let choice, !choice.requestHeaders.isEmpty { apply(choice.requestHeaders, to: head, downstream) }
        if !entry.requestHeaders.isEmpty { apply(entry.requestHeaders, to: head, downstream) }
        rewriteHost(action, head)
        guard let rewrite = action.pathRewrite, !isServerWide(head) else { return }
        worker.scratch.removeAll(keepingCapacity: true)
        guard rewrite.apply(to: head.path, appendingTo: &worker.scratch) else { return }
        if !http.suppressesEnvoyHeaders { head.set(.xEnvoyOriginalPath, head.path) }
        worker.scratch.withUnsafeBytes { head.setPath($0) }
    }

    private func apply(_ edits: HeaderEdits, to head: MessageHead, _ downstream: HTTPDownstream) {
        edits.apply(to: head, request: nil, facts: facts(downstream), scratch: &worker.scratch)
    }

    private func rewriteHost(_ action: ForwardAction, _ head: MessageHead) {
        if let literal = choice?.hostRewrite {
            replaceHost(action, head, with: literal)
            return
        }
        switch action.hostRewrite {
        case .keep, .automatic: return
        case .literal(let host): replaceHost(action, head, with: host)
        case .header(let name):
            let value = name.withUnsafeBytes { name in head.value(named: name).map { Array($0) } }
            if let value, !value.isEmpty { replaceHost(action, head, with: value) }
        }
    }

    private static var originalHost: UnsafeRawBufferPointer { UnsafeRawBufferPointer("x-envoy-original-host") }

    func replaceHost(_ action: ForwardAction, _ head: MessageHead, with host: [UInt8]) {
        if action.appendsForwardedHost { head.append(.xForwardedHost, head.authority) }
        if http?.suppressesEnvoyHeaders == false { head.set(Self.originalHost, head.authority) }
        host.withUnsafeBytes { head.setAuthority($0) }
    }
}
