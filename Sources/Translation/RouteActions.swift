internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// Parts of a route that do not depend on where it lives.
enum RouteActions {
    // MARK: Retries

    /// The product's default: two more attempts, only when the request was provably not sent, or when its method may
    /// be repeated (`markIdempotent`).
    static let defaultRetryOn = "connect-failure,refused-stream,reset-before-request"
    /// What a written policy means when it names no conditions. A limit per try only makes sense if running into it is
    /// tried again, hence `reset` with it.
    static let explicitRetryOn = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"

    static func defaultRetries(_ settings: MeshSettings) -> RetryPolicyMessage? {
        if let written = settings.config.defaultHttpRetryPolicy { return retries(written) }
        var policy = RetryPolicyMessage()
        policy.retryOn = defaultRetryOn
        policy.numRetries = Wire.uint(2)
        avoidPreviousHosts(&policy)
        return policy
    }

    /// What Envoy has no word for: requests whose method is idempotent (RFC 9110 §9.2.2) are also tried again when the
    /// connection broke before any answer. Our proxies read it from the route's metadata.
    static func markIdempotent(_ message: inout RouteMessage, _ settings: MeshSettings) {
        guard settings.config.defaultHttpRetryPolicy == nil else { return }
        var fields = Google_Protobuf_Struct()
        fields.fields["retry_idempotent"] = Google_Protobuf_Value(boolValue: true)
        message.metadata.filterMetadata[Wire.ownKey] = fields
    }

    /// Nil when retries are turned off.
    static func retries(_ written: HTTPRetry) -> RetryPolicyMessage? {
        guard written.attempts > 0 else { return nil }
        var policy = RetryPolicyMessage()
        policy.numRetries = Wire.uint(written.attempts)
        var conditions: [String] = []
        let fallback = written.perTryTimeout == nil ? explicitRetryOn : explicitRetryOn + ",reset"
        for word in (written.retryOn ?? fallback).split(separator: ",") {
            let condition = String(word.filter { $0 != " " })
            if let code = UInt32(condition) {
                policy.retriableStatusCodes.append(code)
            } else if !condition.isEmpty, !conditions.contains(condition) {
                conditions.append(condition)
            }
        }
        if !policy.retriableStatusCodes.isEmpty, !conditions.contains("retriable-status-codes") {
            conditions.append("retriable-status-codes")
        }
        policy.retryOn = conditions.joined(separator: ",")
        if let limit = written.perTryTimeout { policy.perTryTimeout = Wire.duration(limit) }
        if let backoff = written.backoff {
            policy.retryBackOff.baseInterval = Wire.duration(backoff)
        }
        if written.retryIgnorePreviousHosts ?? true { avoidPreviousHosts(&policy) }
        if written.retryRemoteLocalities == true {
            // Source: Istio: other priorities, that is localities, are looked for after every second attempt.
            var priorities = Envoy_Extensions_Retry_Priority_PreviousPriorities_V3_PreviousPrioritiesConfig()
            priorities.updateFrequency = 2
            policy.retryPriority.name = "envoy.retry_priorities.previous_priorities"
            policy.retryPriority.typedConfig = Wire.any(priorities)
        }
        return policy
    }

    private static func avoidPreviousHosts(_ policy: inout RetryPolicyMessage) {
        var predicate = RetryPolicyMessage.RetryHostPredicate()
        predicate.name = "envoy.retry_host_predicates.previous_hosts"
        predicate.typedConfig = Wire.any(Envoy_Extensions_Retry_Host_PreviousHosts_V3_PreviousHostsPredicate())
        policy.retryHostPredicate = [predicate]
        policy.hostSelectionRetryMaxAttempts = 5
    }

    // MARK: Answers of the proxy's own

    static func redirect(
        _ written: HTTPRedirect,
        requestPort: Int
    ) -> Envoy_Config_Route_V3_RedirectAction {
        var action = Envoy_Config_Route_V3_RedirectAction()
        if let uri = written.uri {
            action.pathRedirect = uri
        } else if let prefix = written.prefixRewrite {
            action.prefixRewrite = prefix
        }
        if let authority = written.authority { action.hostRedirect = authority }
        if let scheme = written.scheme { action.schemeRedirect = scheme }
        if let port = written.port {
            action.portRedirect = isDefault(Int(port), scheme: written.scheme) ? 0 : port
        } else if written.derivePort == .fromRequestPort {
            action.portRedirect = isDefault(requestPort, scheme: written.scheme) ? 0 : UInt32(clamping: requestPort)
        }
        action.responseCode =
            switch written.redirectCode ?? 301 {
            case 302: .found
            case 303: .seeOther
            case 307: .temporaryRedirect
            case 308: .permanentRedirect
            default: .movedPermanently
            }
        return action
    }

    private static func isDefault(_ port: Int, scheme: String?) -> Bool {
        port == 80 && scheme == "http" || port == 443 && scheme == "https"
    }

    static func direct(status: UInt32, body: [UInt8] = []) -> Envoy_Config_Route_V3_DirectResponseAction {
        var action = Envoy_Config_Route_V3_DirectResponseAction()
        action.status = status
        if !body.isEmpty { action.body = Wire.inline(body) }
        return action
    }

    // MARK: Filters

    /// Nil when nothing is ever injected.
    static func fault(_ written: HTTPFaultInjection) -> FaultMessage? {
        var message = FaultMessage()
        if let delay = written.delay, let fixed = delay.fixedDelay {
            let share = delay.percentage?.value ?? (delay.percent > 0 ? Double(delay.percent) : 100)
            if share > 0 {
                message.delay.fixedDelay = Wire.duration(fixed)
                message.delay.percentage = Wire.fraction(percent: share)
            }
        }
        if let abort = written.abort, let share = abort.percentage?.value, share > 0 {
            if let status = abort.httpStatus {
                message.abort.httpStatus = UInt32(clamping: status)
            } else if let name = abort.grpcStatus, let code = grpcCodes[name] {
                message.abort.grpcStatus = code
            }
            message.abort.percentage = Wire.fraction(percent: share)
        }
        return message.hasDelay || message.hasAbort ? message : nil
    }

    private static let grpcCodes: [String: UInt32] = [
        "OK": 0, "CANCELLED": 1, "UNKNOWN": 2, "INVALID_ARGUMENT": 3, "DEADLINE_EXCEEDED": 4, "NOT_FOUND": 5,
        "ALREADY_EXISTS": 6, "PERMISSION_DENIED": 7, "RESOURCE_EXHAUSTED": 8, "FAILED_PRECONDITION": 9, "ABORTED": 10,
        "OUT_OF_RANGE": 11, "UNIMPLEMENTED": 12, "INTERNAL": 13, "UNAVAILABLE": 14, "DATA_LOSS": 15,
        "UNAUTHENTICATED": 16,
    ]

    static func cors(_ written: CorsPolicy) -> CORSMessage {
        var message = CORSMessage()
        message.allowOriginStringMatch =
            written.allowOrigin.map { $0 == "*" ? RouteMatches.strings(.present) : Wire.exact($0) }
            + written.allowOrigins.map(RouteMatches.strings)
        message.allowMethods = written.allowMethods.joined(separator: ",")
        message.allowHeaders = written.allowHeaders.joined(separator: ",")
        message.exposeHeaders = written.exposeHeaders.joined(separator: ",")
        if let age = written.maxAge { message.maxAge = String(age.components.seconds) }
        if let credentials = written.allowCredentials { message.allowCredentials = Wire.bool(credentials) }
        message.forwardNotMatchingPreflights = Wire.bool(written.unmatchedPreflights != .ignore)
        message.filterEnabled = Wire.runtimeFraction(percent: 100)
        return message
    }

    // MARK: Hashing

    /// What consistent hashing looks at; nil for other policies.
    static func hashPolicy(_ balancer: LoadBalancerSettings?) -> RouteActionMessage.HashPolicy? {
        guard let hash = balancer?.consistentHash else { return nil }
        var policy = RouteActionMessage.HashPolicy()
        if let name = hash.httpHeaderName {
            policy.header.headerName = name
        } else if let cookie = hash.httpCookie {
            policy.cookie.name = cookie.name
            if let path = cookie.path { policy.cookie.path = path }
            if let ttl = cookie.ttl { policy.cookie.ttl = Wire.duration(ttl) }
            policy.cookie.attributes = cookie.attributes.map { written in
                var attribute = RouteActionMessage.HashPolicy.CookieAttribute()
                attribute.name = written.name
                attribute.value = written.value ?? ""
                return attribute
            }
        } else if hash.useSourceIp == true {
            policy.connectionProperties.sourceIp = true
        } else if let name = hash.httpQueryParameterName {
            policy.queryParameter.name = name
        } else {
            return nil
        }
        return policy
    }
}
