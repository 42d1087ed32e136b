public import HTTP

/// Header mutations of several levels, applied in order: the most specific level first, within a level removals first.
///
/// Source: Envoy's order (weighted cluster, route, virtual host, route configuration) and HeaderValueOption.
public struct HeaderEdits: Sendable {
    /// HeaderValueOption.HeaderAppendAction.
    enum Mode: Sendable { case append, addIfAbsent, overwrite, overwriteIfPresent }

    struct Addition: Sendable {
        /// Lower case.
        var name: [UInt8]
        var value: HeaderFormat
        var mode: Mode
        /// Whether an empty value is sent; otherwise the addition is skipped.
        var keepsEmpty: Bool
    }

    struct Level: Sendable {
        var removals: [[UInt8]] = []
        var additions: [Addition] = []

        var isEmpty: Bool { removals.isEmpty && additions.isEmpty }
    }

    let levels: [Level]

    public static let none = HeaderEdits(levels: [])

    init(levels: [Level]) { self.levels = levels.filter { !$0.isEmpty } }

    /// True when ``apply(to:request:facts:scratch:)`` would do nothing; ask first, it is one load.
    @inlinable public var isEmpty: Bool { isEmptyStored }
    @usableFromInline var isEmptyStored: Bool { levels.isEmpty }

    /// - Parameter head: what is changed: the request's head or the response's.
    /// - Parameter request: the request's head, for `%REQ(x)%`; nil when `head` is the request itself.
    /// - Parameter scratch: a buffer of the worker, overwritten.
    public func apply(
        to head: MessageHead,
        request: MessageHead?,
        facts: RequestFacts,
        scratch: inout [UInt8]
    ) {
        for level in levels { Self.apply(level, to: head, request: request, facts: facts, scratch: &scratch) }
    }

    private static func apply(
        _ level: Level,
        to head: MessageHead,
        request: MessageHead?,
        facts: RequestFacts,
        scratch: inout [UInt8]
    ) {
        for name in level.removals { name.withUnsafeBytes { head.remove($0) } }
        for addition in level.additions {
            if let literal = addition.value.literal {
                guard !literal.isEmpty || addition.keepsEmpty else { continue }
                literal.withUnsafeBytes { put($0, addition, head) }
            } else {
                scratch.removeAll(keepingCapacity: true)
                addition.value.append(
                    to: &scratch,
                    request: request ?? head,
                    response: request == nil ? nil : head,
                    facts: facts
                )
                guard !scratch.isEmpty || addition.keepsEmpty else { continue }
                scratch.withUnsafeBytes { put($0, addition, head) }
            }
        }
    }

    private static func put(_ value: Bytes, _ addition: Addition, _ head: MessageHead) {
        addition.name.withUnsafeBytes { name in
            let isPresent = head.nextIndex(of: name, from: 0) != nil
            switch addition.mode {
            case .append: head.append(name, value)
            case .overwrite: head.set(name, value)
            case .addIfAbsent: if !isPresent { head.append(name, value) }
            case .overwriteIfPresent: if isPresent { head.set(name, value) }
            }
        }
    }
}
