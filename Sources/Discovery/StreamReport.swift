public import XDS

/// What one proxy did with what it was sent.
public enum StreamReport: Equatable, Sendable {
    case accepted(ResourceType, revision: UInt64, version: String)
    /// The proxy keeps what it had. `reason` is its own text.
    case rejected(ResourceType, revision: UInt64, reason: String)
    /// It has accepted everything there is for it at this revision, or nothing for it has changed since.
    case synced(revision: UInt64)
}
