public import Resources

/// One accepted request, as the history shows it.
public struct RevisionRecord: Sendable {
    public var revision: UInt64
    /// Seconds since 1970.
    public var at: Int64
    public var user: String
    /// The User-Agent.
    public var via: String
    public var message: String
    public var requestID: String
    /// How many objects it changed.
    public var changes: Int
}

/// What a revision did to one object.
public struct RevisionChange: Sendable {
    public var revision: UInt64
    public var key: ResourceKey
    /// Nil when the revision created it.
    public var before: Resource?
    /// Nil when the revision deleted it.
    public var after: Resource?
}
