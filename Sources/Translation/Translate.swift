public import Registry
public import Resources
internal import SwiftProtobuf
public import XDS

/// A proxy's configuration, what had to be left out of it, and what it was made of.
public struct NodeConfiguration: Sendable {
    public var snapshot: Snapshot
    /// In order; no duplicates.
    public var problems: [Problem]
    /// The resources that shaped the snapshot: a resource is in the scope of a proxy when it is in this set.
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
    var ledger = Ledger()
    for (root, message) in mesh.unresolvedDelegates { ledger.report(root, .delegateMissing, message) }
    let built: Listeners =
        switch node.role {
        case .gateway(let ports):
            GatewayListeners(mesh: mesh, node: node, ports: ports).build(ledger: &ledger)
        case .sidecar(let places):
            SidecarListeners(mesh: mesh, node: node, places: places).build(ledger: &ledger)
        }
    var snapshot = Snapshot(version: mesh.revision)
    for listener in built.listeners { snapshot.insert(encode(listener.name, listener), as: .listener) }
    for routes in built.routes { snapshot.insert(encode(routes.name, routes), as: .route) }
    for cluster in built.clusters { snapshot.insert(encode(cluster.name, cluster), as: .cluster) }
    addClusters(to: &snapshot, mesh: mesh, node: node, ledger: &ledger)
    for (name, secret) in ledger.secrets { snapshot.insert(encode(name, secret), as: .secret) }
    return NodeConfiguration(snapshot: snapshot, problems: ledger.problems.sorted(), uses: ledger.uses)
}

private func addClusters(to snapshot: inout Snapshot, mesh: MeshSnapshot, node: ProxyNode, ledger: inout Ledger) {
    let clusters = Clusters(
        destinations: Destinations(mesh: mesh, node: node),
        clientTLS: ClientTLS(material: TLSMaterial(mesh: mesh, node: node))
    )
    for reference in ledger.clusters.sorted() {
        guard let built = clusters.build(reference, ledger: &ledger) else { continue }
        snapshot.insert(encode(built.cluster.name, built.cluster), as: .cluster)
        if let assignment = built.assignment {
            snapshot.insert(encode(assignment.clusterName, assignment), as: .endpoint)
        }
    }
    if ledger.needsPassthrough {
        snapshot.insert(encode(Ledger.passthroughCluster, Clusters.passthrough(mesh.settings)), as: .cluster)
    }
    if ledger.needsBlackHole {
        snapshot.insert(encode(Ledger.blackHoleCluster, Clusters.blackHole(mesh.settings)), as: .cluster)
    }
}

private func encode(_ name: String, _ message: some Message) -> EncodedResource {
    EncodedResource(name: name, bytes: Wire.bytes(message))
}
