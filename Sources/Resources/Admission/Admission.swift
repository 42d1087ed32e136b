/// Decides about changes, in the turn of the single writer. Pure: clock and randomness come in from outside.
public struct Admission: Sendable {
    /// What stands in the world around a decision.
    public struct Environment: Sendable {
        /// Seconds since the epoch.
        public var now: @Sendable () -> Int64
        /// A fresh RFC 4122 uid in text form.
        public var makeUID: @Sendable () -> String
        /// `--resource-root`: file paths in resources must be below it; nil refuses all of them.
        public var resourceRoot: String?
        /// Translation and compilation of the state after the change: what it cannot compile comes back as violations
        /// of the named objects and refuses the change.
        public var compile: @Sendable (ResourceSet) -> [(key: ResourceKey, violation: Violation)]

        public init(
            now: @escaping @Sendable () -> Int64,
            makeUID: @escaping @Sendable () -> String,
            resourceRoot: String? = nil,
            compile: @escaping @Sendable (ResourceSet) -> [(key: ResourceKey, violation: Violation)] = { _ in [] }
        ) {
            self.now = now
            self.makeUID = makeUID
            self.resourceRoot = resourceRoot
            self.compile = compile
        }
    }

    public var environment: Environment

    public init(_ environment: Environment) { self.environment = environment }

    /// Warnings of the result include those of decoding; callers need not add them again.
    ///
    /// - Throws: the first conflict, or all violations of all objects. Nothing of the change is accepted then.
    public func admit(_ change: Change, against current: ResourceSet) throws(AdmissionError) -> AdmittedChange {
        if let wanted = change.ifRevision, wanted != current.revision {
            throw .revisionMismatch(wanted: wanted, current: current.revision)
        }
        var turn = Turn(environment: environment, current: current, count: change.actions.count)
        // Namespaces first, so that the order of a batch does not matter.
        let order =
            change.actions.indices.filter { change.actions[$0].isNamespaceWrite }
            + change.actions.indices.filter { !change.actions[$0].isNamespaceWrite }
        for index in order { try turn.perform(change.actions[index], index) }
        guard turn.invalid.isEmpty else { throw .invalid(turn.invalid) }
        turn.resolveReferences()
        let admitted = turn.finish()
        guard admitted.makesRevision else { return admitted }
        let faults = environment.compile(admitted.resulting)
        guard faults.isEmpty else { throw .invalid(Self.group(faults, admitted)) }
        return admitted
    }

    private static func group(
        _ faults: [(key: ResourceKey, violation: Violation)],
        _ admitted: AdmittedChange
    ) -> [(action: Int, key: ResourceKey, violations: [Violation])] {
        var groups: [(action: Int, key: ResourceKey, violations: [Violation])] = []
        for fault in faults {
            if let position = groups.firstIndex(where: { $0.key == fault.key }) {
                groups[position].violations.append(fault.violation)
            } else {
                let action = admitted.results.firstIndex { $0.key == fault.key } ?? 0
                groups.append((action, fault.key, [fault.violation]))
            }
        }
        return groups
    }
}

extension Change.Action {
    fileprivate var isNamespaceWrite: Bool {
        switch self {
        case .create(let resource, _), .update(let resource, _, _), .put(let resource, _): resource.kind == .namespace
        case .updateStatus, .delete, .terminate: false
        }
    }
}
