internal import Resources

/// Typed lists of what is stored, each in winning order.
struct StoredResources {
    struct Item<Spec: Sendable>: Sendable {
        var source: ObjectName
        var labels: [String: String]
        var annotations: [String: String]
        var order: CreationOrder
        var spec: Spec
    }
}
