extension HTTPRedirect {
    func check(matches: [HTTPMatchRequest], _ findings: inout Findings) {
        if uri == nil, prefixRewrite == nil, authority == nil, scheme == nil, port == nil, derivePort == nil {
            findings.error("redirect.empty", "needs one of uri, prefixRewrite, authority, scheme and port")
        }
        if port != nil, derivePort != nil {
            findings.error(at: "derivePort", "schema.oneof", "not together with port")
        }
        findings.checkPort("port", port)
        if uri != nil, prefixRewrite != nil {
            findings.error(at: "prefixRewrite", "redirect.prefix", "not together with uri")
        }
        let hasOtherMatch = matches.contains { match in
            switch match.uri {
            case nil, .prefix?: false
            default: true
            }
        }
        if prefixRewrite != nil, hasOtherMatch {
            findings.error(at: "prefixRewrite", "redirect.prefix", "needs uri.prefix in every match of the rule")
        }
        if let scheme, scheme != "http", scheme != "https" {
            findings.error(at: "scheme", "redirect.scheme", "must be http or https")
        }
        if let redirectCode, redirectCode != 0, ![301, 302, 303, 307, 308].contains(redirectCode) {
            findings.error(
                at: "redirectCode",
                "redirect.code",
                "must be 301, 302, 303, 307 or 308, not \(redirectCode)"
            )
        }
    }
}

extension HTTPDirectResponse {
    func check(_ findings: inout Findings) {
        if !(200...599).contains(status) {
            findings.error(at: "status", "direct-response.status", "must be between 200 and 599, not \(status)")
        }
        findings.inside("body", body) { body, findings in
            if body.string != nil, body.bytes != nil {
                findings.error("schema.oneof", "only one of string and bytes can be set")
            }
            let count = body.content.count
            if count > 1 << 20 {
                findings.error("direct-response.body", "is \(count) bytes; at most 1 MiB (1048576) is allowed")
            } else if count > 100 << 10 {
                findings.warn("IST0133", "is \(count) bytes; bodies above 100 KiB make every configuration push heavy")
            }
        }
    }
}

extension HTTPRewrite {
    func check(_ findings: inout Findings) {
        if uri == nil, authority == nil, uriRegexRewrite == nil {
            findings.error("rewrite.empty", "needs one of uri, authority and uriRegexRewrite")
        }
        if uri != nil, uriRegexRewrite != nil {
            findings.error(at: "uriRegexRewrite", "rewrite.uri", "not together with uri")
        }
        findings.inside("uriRegexRewrite", uriRegexRewrite) { regex, findings in
            guard let match = regex.match, let rewrite = regex.rewrite else {
                return findings.error("rewrite.regex", "needs both match and rewrite")
            }
            findings.inside("match") { $0.checkRegex(match) }
            if let fault = RegularExpression.fault(inRewrite: rewrite, of: match) {
                findings.error(at: "rewrite", "rewrite.regex", "does not go with the expression: \(fault)")
            }
        }
    }
}

extension HTTPRetry {
    private static let tokens: Set<Substring> = [
        "5xx", "gateway-error", "reset", "reset-before-request", "connect-failure", "retriable-4xx", "refused-stream",
        "retriable-status-codes", "retriable-headers", "envoy-ratelimited", "http3-post-connect-failure", "cancelled",
        "deadline-exceeded", "internal", "resource-exhausted", "unavailable",
    ]

    func check(_ findings: inout Findings) {
        if attempts < 0 {
            findings.error(at: "attempts", "retries.attempts", "must not be negative, not \(attempts)")
        } else if attempts == 0 {
            let isConfigured =
                perTryTimeout != nil || retryOn != nil || retryRemoteLocalities != nil || backoff != nil
            if isConfigured {
                findings.error(
                    at: "attempts",
                    "retries.disabled",
                    "is 0, which turns retries off; nothing else can be set"
                )
            }
        }
        findings.checkDuration("perTryTimeout", perTryTimeout, allowsZero: true)
        findings.checkDuration("backoff", backoff)
        guard let retryOn else { return }
        for token in retryOn.split(separator: ",", omittingEmptySubsequences: false) {
            let word = token.drop { $0 == " " }
            let trimmed = word.prefix { $0 != " " }
            let isPlain = word.dropFirst(trimmed.count).allSatisfy { $0 == " " }
            if isPlain, Self.tokens.contains(trimmed) { continue }
            if isPlain, trimmed.utf8.count == 3, let code = Int(trimmed), (100...599).contains(code) { continue }
            findings.error(
                at: "retryOn",
                "retries.retry-on",
                "\"\(token.prefix(40))\" is neither a retry condition nor a status code"
            )
        }
    }
}

extension HTTPFaultInjection {
    static let grpcStatuses: Set<String> = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
        "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]

    func check(_ findings: inout Findings) {
        if delay == nil, abort == nil { findings.error("fault.empty", "needs delay or abort") }
        findings.inside("delay", delay) { $0.check(&$1) }
        findings.inside("abort", abort) { $0.check(&$1) }
    }
}

extension HTTPFaultInjection.Delay {
    func check(_ findings: inout Findings) {
        if exponentialDelay != nil {
            findings.error(at: "exponentialDelay", "fault.delay", "is not supported; write fixedDelay")
        } else if fixedDelay == nil {
            findings.error(at: "fixedDelay", "fault.delay", "is required")
        }
        findings.checkDuration("fixedDelay", fixedDelay)
        findings.checkPercent("percentage", percentage)
        findings.warnSmallPercent("percentage", percentage)
        if !(0...100).contains(percent) {
            findings.error(at: "percent", "percent.range", "must be between 0 and 100, not \(percent)")
        } else if percent != 0 {
            findings.warn(at: "percent", "IST0002", "is deprecated; write percentage")
        }
        if percentage == nil, percent == 0 {
            findings.warn("GH0005", "no percentage is given, so every request is delayed (Istio would delay none)")
        }
    }
}

extension HTTPFaultInjection.Abort {
    func check(_ findings: inout Findings) {
        let given = [httpStatus != nil, grpcStatus != nil, http2Error != nil].count { $0 }
        if given > 1 { findings.error("schema.oneof", "only one of httpStatus, grpcStatus and http2Error can be set") }
        if given == 0 { findings.warn("IST0133", "no status is given, so nothing is aborted") }
        if let httpStatus, !(200...599).contains(httpStatus) {
            findings.error(at: "httpStatus", "fault.abort.status", "must be between 200 and 599, not \(httpStatus)")
        }
        if let grpcStatus, !HTTPFaultInjection.grpcStatuses.contains(grpcStatus) {
            let near = Spelling.nearest(to: grpcStatus, among: Array(HTTPFaultInjection.grpcStatuses).sorted())
            findings.error(
                at: "grpcStatus",
                "fault.abort.status",
                "\"\(grpcStatus.prefix(40))\" is not a gRPC status\(near.map { "; did you mean \"\($0)\"?" } ?? "")"
            )
        }
        if http2Error != nil { findings.error(at: "http2Error", "fault.abort.status", "is not supported") }
        findings.checkPercent("percentage", percentage)
        findings.warnSmallPercent("percentage", percentage)
        if given > 0, percentage == nil {
            findings.warn("GH0006", "no percentage is given, so no request is aborted; write percentage: {value: 100}")
        }
    }
}

extension CorsPolicy {
    private static let methods: Set<String> = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*",
    ]

    func check(_ findings: inout Findings) {
        if !allowOrigin.isEmpty { findings.warn(at: "allowOrigin", "IST0002", "is deprecated; write allowOrigins") }
        for index in allowOrigins.indices {
            findings.inside("allowOrigins") { findings in
                findings.checkMatch(index, allowOrigins[index])
            }
        }
        findings.each("allowMethods", allowMethods) { method, findings in
            guard !Self.methods.contains(method) else { return }
            findings.error("cors.method", "\"\(method.prefix(40))\" is not an HTTP method")
        }
        findings.each("allowHeaders", allowHeaders) { name, findings in
            if name != "*" { findings.checkHeaderName(name) }
        }
        findings.each("exposeHeaders", exposeHeaders) { name, findings in
            if name != "*" { findings.checkHeaderName(name) }
        }
        findings.checkDuration("maxAge", maxAge)
        if let maxAge, maxAge.components.attoseconds != 0 {
            findings.error(at: "maxAge", "cors.max-age", "must be whole seconds")
        }
    }
}

extension Findings {
    mutating func checkMatch(_ index: Int, _ match: StringMatch) {
        at(index) { findings in
            switch match {
            case .regex(let expression): findings.inside("regex") { $0.checkRegex(expression) }
            case .exact(""), .prefix(""): findings.error("match.empty", "must not be empty")
            case .present: findings.error("match.empty", "needs one of exact, prefix and regex")
            case .exact, .prefix: break
            }
        }
    }
}
