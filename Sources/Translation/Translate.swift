public import Registry
public import Resources
public import XDS

/// A proxy's configuration, what had to be left out of it, and what it was made of.
public struct NodeConfiguration: Sendable {
    public var snapshot: Snapshot
    /// In order; no duplicates.
    public var problems: [Problem]
    /// Gateway, VirtualService, DestinationRule and service resources that shaped the snapshot: a resource is in the
    /// scope of a proxy when it is in this set.
    public var uses: Set<ResourceKey>

    public init(snapshot: Snapshot, problems: [Problem], uses: Set<ResourceKey>) {
        self.snapshot = snapshot
        self.problems = problems
        self.uses = uses
    }
}

/// Translates the mesh into the configuration of one proxy.
///
/// Pure: equal arguments give equal bytes, whatever proxy software asks. Never fails; see `NodeConfiguration.problems`.
public func translate(_ mesh: MeshSnapshot, for node: ProxyNode) -> NodeConfiguration {
    NodeConfiguration(snapshot: Snapshot(version: mesh.revision), problems: [], uses: [])
}
