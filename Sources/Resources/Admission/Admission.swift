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

    /// - Throws: the first conflict, or all violations of all objects. Nothing of the change is accepted then.
    public func admit(_ change: Change, against current: ResourceSet) throws(AdmissionError) -> AdmittedChange {
        AdmittedChange(results: [], baseRevision: current.revision, resulting: current)
    }
}
