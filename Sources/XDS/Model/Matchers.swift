/// A rule about one text.
///
/// Source: Envoy `type.matcher.v3.StringMatcher`. Matching is on bytes; `ignoresCase` folds ASCII letters only and
/// never applies to a regex.
public struct StringMatcher: Hashable, Sendable {
    public enum Pattern: Hashable, Sendable {
        case exact(String)
        case prefix(String)
        case suffix(String)
        case contains(String)
        /// RE2 syntax; must match the whole text.
        case regex(String)
    }

    public var pattern: Pattern
    public var ignoresCase: Bool = false

    public init(
        pattern: Pattern,
        ignoresCase: Bool = false
    ) {
        self.pattern = pattern
        self.ignoresCase = ignoresCase
    }
}

/// A regex and what its first match is replaced with; `\1` names a capture group.
public struct RegexRewrite: Hashable, Sendable {
    public var regex: String
    public var substitution: String

    public init(
        regex: String,
        substitution: String
    ) {
        self.regex = regex
        self.substitution = substitution
    }
}

/// A rule about one request header; several values of one name are joined with `,` before matching.
public struct HeaderMatcher: Hashable, Sendable {
    public enum Rule: Hashable, Sendable {
        /// True asks for presence, false for absence.
        case present(Bool)
        case text(StringMatcher)
        /// The whole value is a base-10 integer in `start..<end`.
        case range(start: Int64, end: Int64)
    }

    /// Lower case; `:method`, `:path`, `:authority`, `:scheme` name the pseudo headers.
    public var name: String
    public var rule: Rule
    public var isInverted: Bool = false
    /// When false, a missing header fails every text and range rule, inverted or not.
    public var treatsMissingAsEmpty: Bool = false

    public init(
        name: String,
        rule: Rule,
        isInverted: Bool = false,
        treatsMissingAsEmpty: Bool = false
    ) {
        self.name = name
        self.rule = rule
        self.isInverted = isInverted
        self.treatsMissingAsEmpty = treatsMissingAsEmpty
    }
}

/// A rule about one query parameter, compared without percent-decoding.
public struct QueryParameterMatcher: Hashable, Sendable {
    public enum Rule: Hashable, Sendable {
        case present(Bool)
        case text(StringMatcher)
    }

    public var name: String
    public var rule: Rule

    public init(
        name: String,
        rule: Rule
    ) {
        self.name = name
        self.rule = rule
    }
}

/// A share of all cases, in millionths (1_000_000 is always).
public struct Fraction: Hashable, Sendable {
    public var millionths: UInt32

    public static let always = Fraction(millionths: 1_000_000)
    public static let never = Fraction(millionths: 0)

    public init(
        millionths: UInt32
    ) {
        self.millionths = millionths
    }
}

/// One change to a header block.
///
/// Values may hold Envoy's substitution commands (`%DOWNSTREAM_REMOTE_ADDRESS%`); `%%` is a percent sign.
public struct HeaderMutation: Hashable, Sendable {
    public enum Action: Hashable, Sendable {
        case appendIfExistsOrAdd
        case addIfAbsent
        case overwriteIfExistsOrAdd
        case overwriteIfExists
    }

    public var name: String
    public var value: String
    public var action: Action = .appendIfExistsOrAdd
    /// False drops the change when the computed value is empty.
    public var keepsEmptyValue: Bool = false

    public init(
        name: String,
        value: String,
        action: Action = .appendIfExistsOrAdd,
        keepsEmptyValue: Bool = false
    ) {
        self.name = name
        self.value = value
        self.action = action
        self.keepsEmptyValue = keepsEmptyValue
    }
}

/// What to add to and remove from request and response headers. Removals are done first, as Envoy does.
public struct HeaderMutations: Hashable, Sendable {
    public var requestAdd: [HeaderMutation] = []
    public var requestRemove: [String] = []
    public var responseAdd: [HeaderMutation] = []
    public var responseRemove: [String] = []

    public var isEmpty: Bool {
        requestAdd.isEmpty && requestRemove.isEmpty && responseAdd.isEmpty && responseRemove.isEmpty
    }

    public init(
        requestAdd: [HeaderMutation] = [],
        requestRemove: [String] = [],
        responseAdd: [HeaderMutation] = [],
        responseRemove: [String] = []
    ) {
        self.requestAdd = requestAdd
        self.requestRemove = requestRemove
        self.responseAdd = responseAdd
        self.responseRemove = responseRemove
    }
}
