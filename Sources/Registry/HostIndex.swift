public import Base

/// Host patterns that can be asked for the closest one covering a name, in time that depends on the name's labels only.
public struct HostIndex: Sendable {
    private var patterns: Set<HostPattern> = []

    public init(_ patterns: some Sequence<HostPattern> = []) { self.patterns = Set(patterns) }

    public var count: Int { patterns.count }
    public var isEmpty: Bool { patterns.isEmpty }
    public var hasWildcard: Bool { patterns.contains(where: \.isWildcard) }

    public func contains(_ pattern: HostPattern) -> Bool { patterns.contains(pattern) }

    /// The most specific pattern that matches every name `name` matches; the name itself when it is in the index.
    public func closest(to name: HostPattern) -> HostPattern? {
        if patterns.contains(name) { return name }
        // `a.b.c` is covered by `*.b.c`, then `*.c`; `*.b.c` by `*.c`. A wildcard stands for at least one label.
        var rest = name.isWildcard ? name.text.dropFirst(2) : Substring(name.text)
        while let dot = rest.firstIndex(of: ".") {
            let wildcard = HostPattern("*" + rest[dot...])
            if patterns.contains(wildcard) { return wildcard }
            rest = rest[rest.index(after: dot)...]
        }
        let all = HostPattern("*")
        return patterns.contains(all) ? all : nil
    }
}
