public import Resources

extension ResourceStore {
    /// The namespaces that exist from the first start.
    public static let firstNamespaces = ["default", "istio-system", "kube-system"]

    /// Stores what a new database starts with: its namespaces and `MeshConfig/default`. Once there is a revision only
    /// the built-in roles are brought up to date, so that whatever else an administrator deletes stays deleted.
    ///
    /// - Throws: what `commit` throws.
    public func storeDefaults(_ admission: Admission) async throws {
        var actions = try Self.roles(current)
        // Namespaces that were on their way when the process ended.
        actions += current.all(.namespace).filter { namespace in
            namespace.metadata.deletionTimestamp != nil && namespace.metadata.finalizers.isEmpty
        }.map { .delete($0.key) }
        guard current.revision == 0 else { return try await store(actions, admission, "roles of this release") }
        for name in Self.firstNamespaces {
            let metadata = ObjectMeta(name: name, namespace: "")
            actions.append(.create(try Resource(kind: .namespace, metadata: metadata, body: ["spec": [:]])))
        }
        let mesh = ObjectMeta(name: "default", namespace: "")
        actions.append(.create(try Resource(kind: .meshConfig, metadata: mesh, body: ["spec": [:]])))
        try await store(actions, admission, "first start")
    }

    private func store(_ actions: [Change.Action], _ admission: Admission, _ message: String) async throws {
        guard !actions.isEmpty else { return }
        let change = Change(actions)
        let context = WriteContext(user: "system:gatehouse", verb: "create", message: message)
        _ = try await commit(context) { try admission.admit(change, against: $0) }
    }

    /// The built-in roles that are missing or older than this release; one with `autoupdate: false` is left alone.
    private static func roles(_ current: ResourceSet) throws -> [Change.Action] {
        try BuiltInRoles.all.compactMap { name, rules in
            let stored = current[.clusterRole, namespace: "", name: name]
            if stored?.metadata.annotations[BuiltInRoles.autoUpdate] == "false" { return nil }
            if case .clusterRole(let spec)? = stored?.spec, spec.rules == rules { return nil }
            var metadata = ObjectMeta(name: name, namespace: "")
            metadata.labels = ["kubernetes.io/bootstrapping": "rbac-defaults"]
            metadata.annotations = [BuiltInRoles.autoUpdate: "true"]
            let body: JSONObject = ["rules": .array(rules.map(\.json))]
            return .put(try Resource(kind: .clusterRole, metadata: metadata, body: body))
        }
    }
}
