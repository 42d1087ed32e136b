/// A compiled `envoy.type.matcher.v3.StringMatcher`.
///
/// Source: the comments of that message. `ignoreCase` folds ASCII only and has no effect on a regular expression,
/// which must match the whole value.
public struct StringPattern: Sendable {
    public enum Form: Sendable {
        case exact([UInt8])
        case prefix([UInt8])
        case suffix([UInt8])
        case contains([UInt8])
        case expression(RegularExpression)
    }

    public let form: Form
    public let ignoresCase: Bool

    public init(_ form: Form, ignoresCase: Bool = false) {
        self.form = form
        self.ignoresCase = ignoresCase
    }

    public func matches(_ value: UnsafeRawBufferPointer) -> Bool {
        switch form {
        case .exact(let text):
            text.withUnsafeBytes { ignoresCase ? value.equalsIgnoringCase($0) : value.equals($0) }
        case .prefix(let text):
            text.withUnsafeBytes { value.count >= $0.count && same(value, 0, $0) }
        case .suffix(let text):
            text.withUnsafeBytes { value.count >= $0.count && same(value, value.count &- $0.count, $0) }
        case .contains(let text):
            text.withUnsafeBytes { value.firstOccurrence(of: $0, ignoringCase: ignoresCase) != nil }
        case .expression(let expression):
            expression.matchesWhole(value)
        }
    }

    public func matches(_ value: [UInt8]) -> Bool { value.withUnsafeBytes { matches($0) } }

    @inline(__always)
    private func same(_ value: UnsafeRawBufferPointer, _ start: Int, _ text: UnsafeRawBufferPointer) -> Bool {
        ignoresCase ? sameLetters(value, start, text) : sameBytes(value, start, text)
    }
}
