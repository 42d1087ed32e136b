/// Kind, namespace and name of a stored resource: what a problem or a dependency is about.
public struct ObjectName: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var kind: String
    public var namespace: String
    public var name: String

    public init(kind: String, namespace: String, name: String) {
        self.kind = kind
        self.namespace = namespace
        self.name = name
    }

    public static func < (a: ObjectName, b: ObjectName) -> Bool {
        (a.kind, a.namespace, a.name) < (b.kind, b.namespace, b.name)
    }

    public var description: String { "\(kind) \(namespace)/\(name)" }
}

/// The order in which resources win over each other: older first, then by name, then by namespace.
///
/// Source: Istio sorts by creationTimestamp, whose seconds often tie. The store's creation sequence comes before them.
public struct CreationOrder: Hashable, Sendable, Comparable {
    /// Revision that created the object; 0 when unknown (then the time decides).
    public var sequence: UInt64
    /// RFC 3339 text in UTC, which sorts as it reads; empty when unknown.
    public var timestamp: String
    public var name: String
    public var namespace: String

    public init(sequence: UInt64 = 0, timestamp: String = "", name: String, namespace: String) {
        self.sequence = sequence
        self.timestamp = timestamp
        self.name = name
        self.namespace = namespace
    }

    public static func < (a: CreationOrder, b: CreationOrder) -> Bool {
        if a.timestamp != b.timestamp { return a.timestamp < b.timestamp }
        if a.sequence != b.sequence { return a.sequence < b.sequence }
        return (a.name, a.namespace) < (b.name, b.namespace)
    }
}
