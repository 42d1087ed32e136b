public import Base
public import XDS

/// Something a connected proxy did, for status and metrics.
public struct ProxyEvent: Sendable {
    public enum Kind: Equatable, Sendable {
        case connected
        case report(StreamReport)
        case disconnected
    }

    /// One per stream; a reconnected proxy has another.
    public var connection: UInt64
    public var node: Node
    public var kind: Kind

    public init(connection: UInt64, node: Node, kind: Kind) {
        self.connection = connection
        self.node = node
        self.kind = kind
    }
}

/// What is known about one connected proxy.
public struct ProxyStatus: Sendable {
    public struct Rejection: Equatable, Sendable {
        public var revision: UInt64
        /// The proxy's own text.
        public var reason: String
    }

    public var connection: UInt64
    public var node: Node
    public var isDelta: Bool
    public var connectedAt: MonotonicTime
    /// The newest revision at which the proxy had accepted everything there is for it.
    public var syncedRevision: UInt64?
    /// Per type, what was accepted last: `REVISION-HASH`.
    public var acceptedVersions: [ResourceType: String] = [:]
    /// Per type, the refusal that still stands.
    public var rejections: [ResourceType: Rejection] = [:]
    /// Resources that were not sent, because this proxy would refuse them; what it had before serves on.
    public var withheld: [SnapshotProblem] = []

    mutating func apply(_ report: StreamReport) {
        switch report {
        case .accepted(let type, _, let version):
            acceptedVersions[type] = version
            rejections[type] = nil
        case .rejected(let type, let revision, let reason), .impaired(let type, let revision, let reason):
            rejections[type] = Rejection(revision: revision, reason: reason)
        case .synced(let revision):
            syncedRevision = revision
        }
    }
}
