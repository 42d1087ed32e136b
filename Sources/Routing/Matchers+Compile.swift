internal import Base
public import XDS

extension StringPattern {
    /// - Throws: a pattern that is not RE2 syntax or too long.
    public init(compiling matcher: StringMatcher) throws(CompileError) {
        let form: Form =
            switch matcher.pattern {
            case .exact(let text): .exact(Array(text.utf8))
            case .prefix(let text): .prefix(Array(text.utf8))
            case .suffix(let text): .suffix(Array(text.utf8))
            case .contains(let text): .contains(Array(text.utf8))
            case .regex(let text):
                .expression(try within("safe_regex") { () throws(CompileError) in try RegularExpression(text) })
            }
        self.init(form, ignoresCase: matcher.ignoresCase)
    }
}

extension HeaderRule {
    static func compile(_ matchers: [HeaderMatcher]) throws(CompileError) -> [HeaderRule] {
        var rules: [HeaderRule] = []
        for (index, matcher) in matchers.enumerated() {
            rules.append(
                try within("headers[\(index)]") { () throws(CompileError) in try HeaderRule(compiling: matcher) }
            )
        }
        return rules
    }

    convenience init(compiling matcher: HeaderMatcher) throws(CompileError) {
        guard !matcher.name.isEmpty else { throw CompileError(path: "name", message: "a header name is required") }
        let test: Test =
            switch matcher.rule {
            case .present(let expected): .present(expected)
            case .text(let text): .pattern(try StringPattern(compiling: text))
            case .range(let start, let end): .range(start: start, end: end)
            }
        self.init(
            name: HeaderName(matcher.name),
            test: test,
            isInverted: matcher.isInverted,
            readsMissingAsEmpty: matcher.treatsMissingAsEmpty
        )
    }
}

extension QueryRule {
    init(compiling matcher: QueryParameterMatcher) throws(CompileError) {
        switch matcher.rule {
        case .present(let expected):
            self.init(name: Array(matcher.name.utf8), pattern: nil, expectsPresence: expected)
        case .text(let text):
            self.init(
                name: Array(matcher.name.utf8),
                pattern: try StringPattern(compiling: text),
                expectsPresence: true
            )
        }
    }
}

extension RouteRule {
    convenience init(compiling match: RouteMatch) throws(CompileError) {
        guard match.metadata.isEmpty else {
            throw CompileError(path: "dynamic_metadata", message: "matching on metadata is not supported")
        }
        let path: Path =
            switch match.path {
            case .prefix(let text): .prefix(Array(text.utf8))
            case .exact(let text): .exact(Array(text.utf8))
            case .separatedPrefix(let text): .separatedPrefix(Array(text.utf8))
            case .regex(let text):
                .expression(try within("safe_regex") { () throws(CompileError) in try RegularExpression(text) })
            case .connect: .connect
            }
        var parameters: [QueryRule] = []
        for (index, parameter) in match.queryParameters.enumerated() {
            parameters.append(
                try within("query_parameters[\(index)]") { () throws(CompileError) in
                    try QueryRule(compiling: parameter)
                }
            )
        }
        self.init(
            path: path,
            ignoresCase: !match.isCaseSensitive,
            headers: try HeaderRule.compile(match.headers),
            queryParameters: parameters,
            requiresGRPC: match.isGRPC,
            fraction: match.share,
            presentsCertificate: match.presentsCertificate,
            validatesCertificate: match.hasValidatedCertificate
        )
    }

    /// How many bytes of the path a prefix rewrite replaces; nil stands for the whole path.
    var rewrittenLength: Int? {
        switch path {
        case .prefix(let text), .separatedPrefix(let text): text.count
        case .exact, .expression, .connect: nil
        }
    }
}

extension PathRewrite {
    static func replacing(_ rule: RouteRule, with text: String) -> PathRewrite {
        let bytes = Array(text.utf8)
        return rule.rewrittenLength.map { .prefix(matchedLength: $0, replacement: bytes) } ?? .whole(bytes)
    }

    init(compiling rewrite: RegexRewrite) throws(CompileError) {
        let expression = try within("pattern") { () throws(CompileError) in try RegularExpression(rewrite.regex) }
        let substitution = Array(rewrite.substitution.utf8)
        try expression.check(substitution: substitution)
        self = .expression(expression, substitution: substitution)
    }
}
