/// The one host matcher of the house: an exact name, `*.suffix`, or `*`.
///
/// Source: Istio `pkg/config/host`. Comparison is byte for byte; callers lower-case request hosts first, as configured
/// hosts are. `*.foo.com` matches any depth below `foo.com` but not `foo.com` itself.
public struct HostPattern: Hashable, Sendable, CustomStringConvertible {
    public let text: String

    public init(_ text: some StringProtocol) { self.text = String(text) }

    public var isWildcard: Bool { text.utf8.first == 42 }

    /// What follows the asterisk (`.foo.com` of `*.foo.com`, empty of `*`); nil for an exact name.
    private var suffix: Substring? { isWildcard ? text.dropFirst() : nil }

    /// True when the two patterns have a name in common; symmetric.
    public func matches(_ other: HostPattern) -> Bool {
        switch (suffix, other.suffix) {
        case (nil, nil): text == other.text
        case (let mine?, nil): other.text.utf8.count >= mine.utf8.count && other.text.hasSuffix(mine)
        case (nil, let theirs?): text.utf8.count >= theirs.utf8.count && text.hasSuffix(theirs)
        case (let mine?, let theirs?): mine.hasSuffix(theirs) || theirs.hasSuffix(mine)
        }
    }

    /// True when every name this pattern matches is matched by `other` too.
    public func isSubset(of other: HostPattern) -> Bool {
        switch (suffix, other.suffix) {
        case (nil, nil): text == other.text
        case (_?, nil): false
        case (nil, let theirs?): text.utf8.count >= theirs.utf8.count && text.hasSuffix(theirs)
        case (let mine?, let theirs?): mine.hasSuffix(theirs)
        }
    }

    /// Order of specificity: exact names first, then longer wildcards, `*` last; ties in alphabetical order.
    public static func moreSpecific(_ a: HostPattern, _ b: HostPattern) -> Bool {
        switch (a.isWildcard, b.isWildcard) {
        case (false, true): true
        case (true, false): false
        default:
            a.text.utf8.count != b.text.utf8.count ? a.text.utf8.count > b.text.utf8.count : a.text < b.text
        }
    }

    public var description: String { text }
}
