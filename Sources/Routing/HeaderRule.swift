internal import HTTP

/// A compiled `route.v3.HeaderMatcher`.
///
/// Source: its comments. Several lines of one name are joined with `,` before matching. A missing header matches
/// nothing, inverted or not, except in the presence form or when it is to be read as empty.
final class HeaderRule: Sendable {
    enum Test: Sendable {
        case present(Bool)
        case pattern(StringPattern)
        /// Whole decimal numbers from `start` up to but not including `end`.
        case range(start: Int64, end: Int64)
    }

    let name: HeaderName
    let test: Test
    let isInverted: Bool
    let readsMissingAsEmpty: Bool

    init(name: HeaderName, test: Test, isInverted: Bool, readsMissingAsEmpty: Bool) {
        self.name = name
        self.test = test
        self.isInverted = isInverted
        self.readsMissingAsEmpty = readsMissingAsEmpty
    }

    func matches(_ head: MessageHead) -> Bool {
        if case .present(let expected) = test { return (head.has(name) == expected) != isInverted }
        return head.withJoinedValue(name) { value in
            guard let value else {
                guard readsMissingAsEmpty else { return false }
                return holds(Bytes(start: nil, count: 0)) != isInverted
            }
            return holds(value) != isInverted
        }
    }

    private func holds(_ value: Bytes) -> Bool {
        switch test {
        case .present(let expected): return expected
        case .pattern(let pattern): return pattern.matches(value)
        case .range(let start, let end):
            guard let number = value.decimal else { return false }
            return number >= start && number < end
        }
    }
}

/// A compiled `route.v3.QueryParameterMatcher`.
struct QueryRule: Sendable {
    let name: [UInt8]
    /// nil tests presence only.
    let pattern: StringPattern?
    /// For the presence form: whether the parameter must be there or must not.
    let expectsPresence: Bool

    func matches(_ query: Bytes?) -> Bool {
        let value = query.flatMap { query in name.withUnsafeBytes { QueryString.first($0, in: query) } }
        guard let pattern else { return (value != nil) == expectsPresence }
        guard let value else { return false }
        return pattern.matches(value)
    }
}
