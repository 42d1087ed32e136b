public import Resources

/// One thing that happened to one object. Events are totally ordered by `resourceVersion`, without gaps inside the
/// kept history.
public struct ObjectEvent: Sendable {
    public enum Kind: String, Sendable {
        case added = "ADDED"
        case modified = "MODIFIED"
        case deleted = "DELETED"
    }

    public var kind: Kind
    public var resourceVersion: UInt64
    /// The revision of the request that caused it; for a status change the revision it was computed from.
    public var revision: UInt64
    /// Only the status changed: no push follows from it.
    public var isStatusOnly: Bool
    /// The object after the event; for a deletion the object as it was, with the resourceVersion of the deletion.
    public var resource: Resource
    /// The object before the event; nil when it was added.
    public var previous: Resource?

    public init(
        kind: Kind,
        resourceVersion: UInt64,
        revision: UInt64,
        isStatusOnly: Bool,
        resource: Resource,
        previous: Resource?
    ) {
        self.kind = kind
        self.resourceVersion = resourceVersion
        self.revision = revision
        self.isStatusOnly = isStatusOnly
        self.resource = resource
        self.previous = previous
    }
}

/// What one accepted request changed: the feed of the push scheduler.
public struct StoreChange: Sendable {
    public var revision: UInt64
    /// The state that includes the change.
    public var resources: ResourceSet
    public var keys: [ResourceKey]
}

/// Who asked for a write and how, for the revision and the audit trail.
public struct WriteContext: Sendable {
    public var user: String
    /// The client's address.
    public var source: String
    /// The User-Agent.
    public var agent: String
    public var verb: String
    public var uri: String
    public var requestID: String
    /// The author's remark (`?message=`).
    public var message: String
    /// Admit and answer, but store nothing.
    public var isDryRun: Bool

    public init(
        user: String,
        source: String = "",
        agent: String = "",
        verb: String = "",
        uri: String = "",
        requestID: String = "",
        message: String = "",
        isDryRun: Bool = false
    ) {
        self.user = user
        self.source = source
        self.agent = agent
        self.verb = verb
        self.uri = uri
        self.requestID = requestID
        self.message = message
        self.isDryRun = isDryRun
    }
}

/// The answer to a write, after it is durable.
public struct CommitOutcome: Sendable {
    /// The newest revision that includes the change; for a dry run or when nothing had to change, the one it was
    /// compared with.
    public var revision: UInt64
    /// What admission made of the request, action by action.
    public var change: AdmittedChange
    /// In order; empty when nothing had to change and in a dry run.
    public var events: [ObjectEvent]
}
