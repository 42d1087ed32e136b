internal import Resources
internal import SwiftProtobuf
internal import XDS

/// Translates match conditions.
///
/// Source: Istio. Regular expressions match the whole value; an empty matcher, or the regular expression `*`, asks only
/// for presence. Of several matches in one rule any may hold, so each becomes a route of its own.
enum RouteMatches {
    static func message(_ match: HTTPMatchRequest?) -> RouteMatchMessage {
        var message = RouteMatchMessage()
        message.prefix = "/"
        guard let match else { return message }
        switch match.uri {
        case .exact(let path): message.path = path
        case .prefix(let prefix): message.prefix = prefix
        case .regex(let pattern): message.safeRegex = Wire.regex(pattern)
        case .present, nil: break
        }
        if isConnect(match) { message.connectMatcher = RouteMatchMessage.ConnectMatcher() }
        if match.ignoreUriCase { message.caseSensitive = Wire.bool(false) }
        if let method = match.method, !isConnect(match) { message.headers.append(header(":method", method)) }
        if let authority = match.authority { message.headers.append(header(":authority", authority)) }
        if let scheme = match.scheme { message.headers.append(header(":scheme", scheme)) }
        for name in match.headers.keys.sorted() {
            guard let matcher = match.headers[name] else { continue }
            message.headers.append(header(name.lowercased(), matcher))
        }
        for name in match.withoutHeaders.keys.sorted() {
            guard let matcher = match.withoutHeaders[name] else { continue }
            var inverted = header(name.lowercased(), matcher)
            inverted.invertMatch = true
            if !isPresence(matcher) { inverted.treatMissingHeaderAsEmpty = true }
            message.headers.append(inverted)
        }
        for name in match.queryParams.keys.sorted() {
            guard let matcher = match.queryParams[name] else { continue }
            message.queryParameters.append(query(name, matcher))
        }
        return message
    }

    /// CONNECT has no path to match (RFC 9112 §3.2.3): its routes have a matcher of their own.
    static func isConnect(_ match: HTTPMatchRequest?) -> Bool { match?.method == .exact("CONNECT") }

    /// True when the match takes every request: what comes after it in one VirtualService is never reached.
    static func isCatchAll(_ match: HTTPMatchRequest?) -> Bool {
        guard let match else { return true }
        let path =
            switch match.uri {
            case .prefix("/"), .regex(".*"), .regex("*"), .present, nil: true
            default: false
            }
        return path && match.headers.isEmpty && match.withoutHeaders.isEmpty && match.queryParams.isEmpty
            && match.method == nil && match.authority == nil && match.scheme == nil
    }

    static func strings(_ match: StringMatch) -> StringMatcherMessage {
        var matcher = StringMatcherMessage()
        switch match {
        case .exact(let text): matcher.exact = text
        case .prefix(let text): matcher.prefix = text
        case .regex(let pattern): matcher.safeRegex = Wire.regex(pattern)
        case .present: matcher.safeRegex = Wire.regex(".*")
        }
        return matcher
    }

    private static func isPresence(_ match: StringMatch) -> Bool {
        switch match {
        case .present, .regex("*"): true
        default: false
        }
    }

    private static func header(_ name: String, _ match: StringMatch) -> HeaderMatcherMessage {
        var matcher = HeaderMatcherMessage()
        matcher.name = name
        if isPresence(match) {
            matcher.presentMatch = true
        } else {
            matcher.stringMatch = strings(match)
        }
        return matcher
    }

    private static func query(_ name: String, _ match: StringMatch) -> QueryMatcherMessage {
        var matcher = QueryMatcherMessage()
        matcher.name = name
        if isPresence(match) {
            matcher.presentMatch = true
        } else {
            matcher.stringMatch = strings(match)
        }
        return matcher
    }
}
