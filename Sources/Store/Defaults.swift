public import Resources

extension ResourceStore {
    /// The namespaces that exist from the first start.
    public static let firstNamespaces = ["default", "istio-system", "kube-system"]

    /// Stores what a new database starts with: its namespaces and `MeshConfig/default`. Does nothing once there is a
    /// revision, so that what an administrator deletes stays deleted.
    ///
    /// - Throws: what `commit` throws.
    public func storeDefaults(_ admission: Admission) async throws {
        guard current.revision == 0 else { return }
        var actions: [Change.Action] = []
        for name in Self.firstNamespaces {
            let metadata = ObjectMeta(name: name, namespace: "")
            actions.append(.create(try Resource(kind: .namespace, metadata: metadata, body: ["spec": [:]])))
        }
        let mesh = ObjectMeta(name: "default", namespace: "")
        actions.append(.create(try Resource(kind: .meshConfig, metadata: mesh, body: ["spec": [:]])))
        let change = Change(actions)
        let context = WriteContext(user: "system:gatehouse", verb: "create", message: "first start")
        _ = try await commit(context) { try admission.admit(change, against: $0) }
    }
}
