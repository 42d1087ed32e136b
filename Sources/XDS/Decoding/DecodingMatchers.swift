internal import Base
internal import SwiftProtobuf

extension StringMatcher {
    init(_ matcher: Envoy_Type_Matcher_V3_StringMatcher, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(matcher)
        let pattern: Pattern
        switch matcher.matchPattern {
        case .exact(let text): pattern = .exact(text)
        case .prefix(let text): pattern = .prefix(try path.nonEmpty(text, "prefix"))
        case .suffix(let text): pattern = .suffix(try path.nonEmpty(text, "suffix"))
        case .contains(let text): pattern = .contains(try path.nonEmpty(text, "contains"))
        case .safeRegex(let regex): pattern = .regex(try path.child("safe_regex").nonEmpty(regex.regex, "regex"))
        case nil: throw path.error("holds no pattern")
        }
        self.init(pattern: pattern, ignoresCase: matcher.ignoreCase)
    }
}

extension RegexRewrite {
    init(_ rewrite: Envoy_Type_Matcher_V3_RegexMatchAndSubstitute, at path: FieldPath) throws(DecodeError) {
        let regex = try path.child("pattern").nonEmpty(rewrite.pattern.regex, "regex")
        self.init(regex: regex, substitution: rewrite.substitution)
    }
}

extension HeaderMatcher {
    init(_ matcher: Envoy_Config_Route_V3_HeaderMatcher, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(matcher)
        let rule: Rule
        switch matcher.headerMatchSpecifier {
        case .exactMatch(let text): rule = .text(StringMatcher(pattern: .exact(text)))
        case .prefixMatch(let text): rule = .text(StringMatcher(pattern: .prefix(text)))
        case .suffixMatch(let text): rule = .text(StringMatcher(pattern: .suffix(text)))
        case .containsMatch(let text): rule = .text(StringMatcher(pattern: .contains(text)))
        case .safeRegexMatch(let regex): rule = .text(StringMatcher(pattern: .regex(regex.regex)))
        case .stringMatch(let text): rule = .text(try StringMatcher(text, at: path.child("string_match")))
        case .rangeMatch(let range): rule = .range(start: range.start, end: range.end)
        case .presentMatch(let isPresent): rule = .present(isPresent)
        case nil: rule = .present(true)
        }
        self.init(
            name: try path.nonEmpty(matcher.name, "name").lowercased(),
            rule: rule,
            isInverted: matcher.invertMatch,
            treatsMissingAsEmpty: matcher.treatMissingHeaderAsEmpty
        )
    }

    static func list(
        _ matchers: [Envoy_Config_Route_V3_HeaderMatcher],
        _ name: String,
        at path: FieldPath
    ) throws(DecodeError) -> [HeaderMatcher] {
        try path.list(matchers, name) { (matcher, path) throws(DecodeError) in try HeaderMatcher(matcher, at: path) }
    }
}

extension QueryParameterMatcher {
    init(_ matcher: Envoy_Config_Route_V3_QueryParameterMatcher, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(matcher)
        let rule: Rule
        switch matcher.queryParameterMatchSpecifier {
        case .stringMatch(let text): rule = .text(try StringMatcher(text, at: path.child("string_match")))
        case .presentMatch(let isPresent): rule = .present(isPresent)
        case nil: rule = .present(true)
        }
        self.init(name: try path.nonEmpty(matcher.name, "name"), rule: rule)
    }
}

extension MetadataMatcher {
    init(_ matcher: Envoy_Type_Matcher_V3_MetadataMatcher, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(matcher)
        self.init(
            filter: try path.nonEmpty(matcher.filter, "filter"),
            path: matcher.path.map { $0.key },
            value: try Value(matcher.value, at: path.child("value")),
            isInverted: matcher.invert
        )
    }
}

extension MetadataMatcher.Value {
    init(_ value: Envoy_Type_Matcher_V3_ValueMatcher, at path: FieldPath) throws(DecodeError) {
        switch value.matchPattern {
        case .nullMatch: self = .null
        case .stringMatch(let text): self = .text(try StringMatcher(text, at: path.child("string_match")))
        case .boolMatch(let flag): self = .bool(flag)
        case .presentMatch(let isPresent): self = .present(isPresent)
        case .doubleMatch(let number):
            switch number.matchPattern {
            case .exact(let exact): self = .number(exact)
            case .range(let range): self = .numberRange(start: range.start, end: range.end)
            case nil: throw path.child("double_match").error("holds nothing")
            }
        case .listMatch(let list):
            self = .list(try Self(list.oneOf, at: path.child("list_match").child("one_of")))
        case .orMatch(let alternatives):
            let path = path.child("or_match")
            self = .anyOf(
                try path.list(alternatives.valueMatchers, "value_matchers") { (value, path) throws(DecodeError) in
                    try Self(value, at: path)
                }
            )
        case nil: throw path.error("holds no pattern")
        }
    }
}

extension HeaderMutation {
    init(_ option: Envoy_Config_Core_V3_HeaderValueOption, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(option)
        let header = path.child("header")
        let action: Action =
            switch option.appendAction {
            case .appendIfExistsOrAdd: .appendIfExistsOrAdd
            case .addIfAbsent: .addIfAbsent
            case .overwriteIfExistsOrAdd: .overwriteIfExistsOrAdd
            case .overwriteIfExists: .overwriteIfExists
            case .UNRECOGNIZED: throw path.child("append_action").error("unknown value")
            }
        self.init(
            name: try header.nonEmpty(option.header.key, "key").lowercased(),
            value: option.header.rawValue.isEmpty
                ? option.header.value : String(decoding: option.header.rawValue, as: UTF8.self),
            action: action,
            keepsEmptyValue: option.keepEmptyValue
        )
        let isInjection = name.utf8.contains { $0 <= 32 } || value.utf8.contains { $0 == 10 || $0 == 13 || $0 == 0 }
        if isInjection { throw header.error("holds characters that a header field must not have") }
    }

    static func list(
        _ options: [Envoy_Config_Core_V3_HeaderValueOption],
        _ name: String,
        at path: FieldPath
    ) throws(DecodeError) -> [HeaderMutation] {
        try path.list(options, name) { (option, path) throws(DecodeError) in try HeaderMutation(option, at: path) }
    }
}

/// The four header fields that every level of a route configuration has.
protocol HeaderMutating {
    var requestHeadersToAdd: [Envoy_Config_Core_V3_HeaderValueOption] { get }
    var requestHeadersToRemove: [String] { get }
    var responseHeadersToAdd: [Envoy_Config_Core_V3_HeaderValueOption] { get }
    var responseHeadersToRemove: [String] { get }
}

extension Envoy_Config_Route_V3_RouteConfiguration: HeaderMutating {}
extension Envoy_Config_Route_V3_VirtualHost: HeaderMutating {}
extension Envoy_Config_Route_V3_Route: HeaderMutating {}
extension Envoy_Config_Route_V3_WeightedCluster.ClusterWeight: HeaderMutating {}

extension HeaderMutations {
    init(_ message: some HeaderMutating, at path: FieldPath) throws(DecodeError) {
        self.init(
            requestAdd: try HeaderMutation.list(message.requestHeadersToAdd, "request_headers_to_add", at: path),
            requestRemove: message.requestHeadersToRemove.map { $0.lowercased() },
            responseAdd: try HeaderMutation.list(message.responseHeadersToAdd, "response_headers_to_add", at: path),
            responseRemove: message.responseHeadersToRemove.map { $0.lowercased() }
        )
    }
}
