/// Everything that is stored at one revision. A value: whoever holds one sees no later change.
///
/// Cost: copying is a few reference counts; changing one object copies the table of its kind once.
public struct ResourceSet: Sendable {
    private struct Name: Hashable, Sendable {
        var namespace: String
        var name: String
    }

    /// Accepted requests so far; a batch is one.
    public var revision: UInt64
    /// The counter behind `metadata.resourceVersion`; one per object event.
    public var resourceVersion: UInt64
    private var tables: [ResourceKind: [Name: Resource]] = [:]

    public init(revision: UInt64 = 0, resourceVersion: UInt64 = 0, _ resources: [Resource] = []) {
        self.revision = revision
        self.resourceVersion = resourceVersion
        for resource in resources { insert(resource) }
    }

    public subscript(_ key: ResourceKey) -> Resource? {
        tables[key.kind]?[Name(namespace: key.namespace, name: key.name)]
    }

    public subscript(_ kind: ResourceKind, namespace namespace: String, name name: String) -> Resource? {
        self[ResourceKey(kind, namespace: namespace, name: name)]
    }

    public func contains(_ key: ResourceKey) -> Bool { self[key] != nil }

    public var count: Int { tables.values.reduce(0) { $0 + $1.count } }
    public func count(_ kind: ResourceKind) -> Int { tables[kind]?.count ?? 0 }

    /// All of a kind, or those of one namespace, ordered by namespace and name.
    public func all(_ kind: ResourceKind, namespace: String? = nil) -> [Resource] {
        (tables[kind] ?? [:]).values
            .filter { namespace == nil || $0.metadata.namespace == namespace }
            .sorted { ($0.metadata.namespace, $0.metadata.name) < ($1.metadata.namespace, $1.metadata.name) }
    }

    /// All of a kind in the order that decides between conflicting configuration: oldest first, then name, then
    /// namespace. Source: Istio's ordering key, with a counter in place of whole seconds.
    public func typed<S: ResourceSpec>(_ type: S.Type = S.self, namespace: String? = nil) -> [Typed<S>] {
        (tables[S.kind] ?? [:]).values
            .filter { namespace == nil || $0.metadata.namespace == namespace }
            .compactMap { Typed<S>($0) }
            .sorted { a, b in
                (a.creationSequence, a.name, a.namespace) < (b.creationSequence, b.name, b.namespace)
            }
    }

    public func typed<S: ResourceSpec>(_ type: S.Type = S.self, namespace: String, name: String) -> Typed<S>? {
        self[S.kind, namespace: namespace, name: name].flatMap { Typed<S>($0) }
    }

    /// Every object, ordered by kind, namespace and name.
    public var everything: [Resource] { ResourceKind.allCases.flatMap { all($0) } }

    /// Every object that a claim holds for, in no order; cheaper than sorting first.
    public func filter(_ isWanted: (Resource) -> Bool) -> [Resource] {
        tables.values.flatMap { $0.values.filter(isWanted) }
    }

    /// All of a kind in no order.
    public func unordered(_ kind: ResourceKind) -> some Collection<Resource> { (tables[kind] ?? [:]).values }

    /// The mesh-wide settings; defaults when nobody wrote any.
    public var meshConfig: MeshConfigSpec {
        typed(MeshConfigSpec.self, namespace: "", name: "default")?.spec ?? .init()
    }

    /// For the store when it loads, for status writes, and for tests; changes by users go through `Admission`.
    public mutating func insert(_ resource: Resource) {
        let name = Name(namespace: resource.key.namespace, name: resource.metadata.name)
        tables[resource.kind, default: [:]][name] = resource
    }

    /// See `insert`.
    @discardableResult
    public mutating func remove(_ key: ResourceKey) -> Resource? {
        tables[key.kind]?.removeValue(forKey: Name(namespace: key.namespace, name: key.name))
    }
}
