internal import HTTP

/// A compiled `route.v3.HeaderMatcher`.
///
/// Source: its comments, and Envoy 1.40 for several lines of one name: each line is matched by itself, and one that
/// matches is enough (an inverted rule then fails); fields that Envoy keeps in a slot of their own are one value,
/// joined with `,`. A missing header matches nothing, inverted or not, except in the presence form or when it is to be
/// read as empty.
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
        if case .field(let name) = name { return name.withUnsafeBytes { matches(head, $0) } }
        return head.withJoinedValue(name) { value in
            guard let value else {
                guard readsMissingAsEmpty else { return false }
                return holds(Bytes(start: nil, count: 0)) != isInverted
            }
            return holds(value) != isInverted
        }
    }

    private func matches(_ head: MessageHead, _ name: Bytes) -> Bool {
        guard var index = head.nextIndex(of: name, from: 0) else {
            return readsMissingAsEmpty && holds(Bytes(start: nil, count: 0)) != isInverted
        }
        while true {
            if holds(head.value(at: index)) { return !isInverted }
            guard let next = head.nextIndex(of: name, from: index &+ 1) else { return isInverted }
            index = next
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
