/// What one API request asks for: one object, or a batch that is accepted or refused as a whole.
public struct Change: Sendable {
    public struct Preconditions: Sendable, Equatable {
        /// From the object's own metadata, `If-Match`, or DeleteOptions; nil does not care.
        public var resourceVersion: String?
        public var uid: String?

        public init(resourceVersion: String? = nil, uid: String? = nil) {
            self.resourceVersion = resourceVersion
            self.uid = uid
        }
    }

    public enum Action: Sendable {
        /// Fails with `alreadyExists`. `source` gives violations their line.
        case create(Resource, source: SourceMap? = nil)
        /// Replaces an existing object; status is kept. Fails with `notFound` and `conflict`.
        case update(Resource, Preconditions = .init(), source: SourceMap? = nil)
        /// Creates, or replaces whatever is there. A resourceVersion in the object's metadata must still be current.
        case put(Resource, source: SourceMap? = nil)
        /// Replaces only the status of an existing object; no revision, no translation.
        case updateStatus(ResourceKey, JSONValue?, Preconditions = .init())
        case delete(ResourceKey, Preconditions = .init())
        /// Marks a namespace as going: nothing new gets in, and a later `delete` takes it with all that is inside.
        case terminate(ResourceKey, Preconditions = .init())
    }

    public var actions: [Action]
    /// When set, the whole configuration must still be at this revision.
    public var ifRevision: UInt64?

    public init(_ actions: [Action], ifRevision: UInt64? = nil) {
        self.actions = actions
        self.ifRevision = ifRevision
    }
}

/// A change that has passed admission; the store accepts nothing else. Only `Admission` makes one.
public struct AdmittedChange: Sendable {
    public enum Outcome: Sendable, Equatable {
        case created, configured, unchanged, deleted
    }

    public struct Result: Sendable {
        public var key: ResourceKey
        public var outcome: Outcome
        /// The object as it is stored now; for a deletion, as it was last.
        public var resource: Resource
        /// What it replaces or deletes; nil for a new object.
        public var previous: Resource?
        public var warnings: [Warning]
    }

    /// One per action, in the order of the request; objects that go with a deleted owner or namespace follow.
    public let results: [Result]
    /// The revision this was decided against; the store refuses it at any other.
    public let baseRevision: UInt64
    /// The state after the change: `revision` is one more unless only status changed or nothing did.
    public let resulting: ResourceSet

    /// Objects to write, with uid, generation, timestamps and resourceVersion set.
    public var puts: [Resource] {
        results.filter { $0.outcome == .created || $0.outcome == .configured }.map(\.resource)
    }
    public var deletes: [Resource] { results.filter { $0.outcome == .deleted }.map(\.resource) }
    public var warnings: [Warning] { results.flatMap(\.warnings) }
    public var isEmpty: Bool { results.allSatisfy { $0.outcome == .unchanged } }
    /// False for changes of status alone, which make no revision and trigger no push.
    public var makesRevision: Bool { resulting.revision != baseRevision }

    init(results: [Result], baseRevision: UInt64, resulting: ResourceSet) {
        self.results = results
        self.baseRevision = baseRevision
        self.resulting = resulting
    }
}

/// Why a change is refused; says which HTTP answer it is.
public enum AdmissionError: Error, Sendable {
    /// 409 AlreadyExists.
    case alreadyExists(ResourceKey)
    /// 404 NotFound.
    case notFound(ResourceKey)
    /// 409 Conflict: somebody else has written since.
    case conflict(ResourceKey, message: String)
    /// 412: the whole configuration has moved on.
    case revisionMismatch(wanted: UInt64, current: UInt64)
    /// 403: the object exists but must not be changed this way (immutable, built in, owned).
    case forbidden(ResourceKey, message: String)
    /// 422 Invalid: per action, by its position in the request.
    case invalid([(action: Int, key: ResourceKey, violations: [Violation])])
}
