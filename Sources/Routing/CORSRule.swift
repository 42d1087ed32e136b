internal import Base
public import HTTP
public import XDS

/// Cross-origin answers for one route: which origins may read, and what a preflight is told.
///
/// Source: Fetch standard §3.2 and envoy.extensions.filters.http.cors.v3.CorsPolicy.
public final class CORSRule: Sendable {
    /// What to do with a request.
    public enum Decision: Equatable, Sendable {
        /// Not a cross-origin request this rule knows: forward, add nothing.
        case pass
        /// Answer 200 at once, with ``CORSRule/addPreflightHeaders(to:request:)``.
        case answerPreflight
        /// A preflight of an origin the rule does not know, not to be forwarded: answer 200 without allow headers.
        case answerBarePreflight
        /// Forward; call ``CORSRule/addResponseHeaders(to:request:)`` on the answer.
        case decorate
    }

    let origins: [StringPattern]
    let methods: [UInt8]
    let requestHeaders: [UInt8]
    let exposedHeaders: [UInt8]
    /// Seconds, as text; empty when unset.
    let ageMax: [UInt8]
    let allowsCredentials: Bool
    let allowsPrivateNetwork: Bool
    /// Whether preflights of other origins go upstream; otherwise they are answered without allow headers.
    let forwardsUnmatchedPreflights: Bool
    /// Share of requests the rule is enforced for.
    public let share: Fraction

    /// - Throws: an origin pattern that is not RE2 syntax.
    public init(compiling policy: CORSPolicy) throws(CompileError) {
        var origins: [StringPattern] = []
        for (index, origin) in policy.allowOrigins.enumerated() {
            origins.append(
                try within("allow_origin_string_match[\(index)]") { () throws(CompileError) in
                    try StringPattern(compiling: origin)
                }
            )
        }
        self.origins = origins
        methods = Array(policy.allowMethods.utf8)
        requestHeaders = Array(policy.allowHeaders.utf8)
        exposedHeaders = Array(policy.exposeHeaders.utf8)
        ageMax = Array(policy.maxAge.utf8)
        allowsCredentials = policy.allowsCredentials
        allowsPrivateNetwork = policy.allowsPrivateNetworkAccess
        forwardsUnmatchedPreflights = policy.forwardsNotMatchingPreflights
        share = policy.enabled
    }

    /// Judges a request. A preflight is OPTIONS with `origin` and `access-control-request-method`.
    public func decide(_ head: MessageHead) -> Decision {
        guard let origin = head.value(.origin), !origin.isEmpty else { return .pass }
        let isKnown = matches(origin)
        let asked = head.value(.accessControlRequestMethod)
        if head.method == .options, let asked, !asked.isEmpty {
            if isKnown { return .answerPreflight }
            return forwardsUnmatchedPreflights ? .pass : .answerBarePreflight
        }
        return isKnown ? .decorate : .pass
    }

    private func matches(_ origin: Bytes) -> Bool {
        var index = 0
        while index < origins.count {
            if case .exact(let text) = origins[index].form, text == [0x2A] { return true }
            if origins[index].matches(origin) { return true }
            index &+= 1
        }
        return false
    }

    /// Fills the answer to a preflight of a known origin.
    public func addPreflightHeaders(to response: MessageHead, request: MessageHead) {
        addOrigin(to: response, request: request)
        Self.put("access-control-allow-methods", methods, response)
        Self.put("access-control-allow-headers", requestHeaders, response)
        Self.put("access-control-max-age", ageMax, response)
        let asksForPrivate = Bytes("access-control-request-private-network")
        if allowsPrivateNetwork, let asked = request.value(named: asksForPrivate), asked.elementsEqual("true".utf8) {
            response.set(Bytes("access-control-allow-private-network"), Bytes("true"))
        }
    }

    /// Adds what lets a known origin read the answer; replaces what the upstream said about the same.
    public func addResponseHeaders(to response: MessageHead, request: MessageHead) {
        addOrigin(to: response, request: request)
        Self.put("access-control-expose-headers", exposedHeaders, response)
    }

    private func addOrigin(to response: MessageHead, request: MessageHead) {
        guard let origin = request.value(.origin) else { return }
        response.set(Bytes("access-control-allow-origin"), origin)
        if allowsCredentials { response.set(Bytes("access-control-allow-credentials"), Bytes("true")) }
    }

    private static func put(_ name: StaticString, _ value: [UInt8], _ head: MessageHead) {
        guard !value.isEmpty else { return }
        value.withUnsafeBytes { _ = head.set(Bytes(name), $0) }
    }
}
