/// The order in which resources win over each other: older first, then by name, then by namespace.
///
/// Source: Istio sorts by creationTimestamp, whose seconds often tie; the store's creation counter stands in for it.
public struct CreationOrder: Hashable, Sendable, Comparable {
    public var sequence: UInt64
    public var name: String
    public var namespace: String

    public init(sequence: UInt64 = 0, name: String, namespace: String) {
        self.sequence = sequence
        self.name = name
        self.namespace = namespace
    }

    public static func < (a: CreationOrder, b: CreationOrder) -> Bool {
        (a.sequence, a.name, a.namespace) < (b.sequence, b.name, b.namespace)
    }
}
