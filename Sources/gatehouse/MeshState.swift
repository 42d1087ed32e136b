internal import Registry
internal import Resources
internal import Store
internal import Translation
internal import XDS

/// The mesh at the newest revision, and every proxy's configuration made from it.
///
/// Registry and translation are pure; this actor holds what they are given beside resources (the connected gateways,
/// the files that resources may name) and keeps results while nothing they depend on has changed.
actor MeshState {
    private struct Made {
        var revision: UInt64
        var inputs: UInt64
        var mesh: MeshSnapshot
        var configurations: [ProxyNode: NodeConfiguration] = [:]
    }

    private let store: ResourceStore
    private let resourceRoot: String?
    private let trustBundle: [UInt8]
    private var ticketKeys: [[UInt8]]
    private var gateways: [String: GatewayWorkload] = [:]
    /// Streams of each gateway that are open.
    private var streams: [String: Int] = [:]
    private var inputsVersion: UInt64 = 0
    private var made: Made?

    init(store: ResourceStore, resourceRoot: String?, trustBundle: [UInt8], ticketKeys: [[UInt8]]) {
        self.store = store
        self.resourceRoot = resourceRoot
        self.trustBundle = trustBundle
        self.ticketKeys = ticketKeys
    }

    func renewed(ticketKeys: [[UInt8]]) {
        self.ticketKeys = ticketKeys
        inputsVersion += 1
    }

    /// - Returns: whether the mesh looks different with this gateway.
    func connected(_ gateway: GatewayWorkload) -> Bool {
        let key = Self.key(gateway)
        streams[key, default: 0] += 1
        guard gateways[key] != gateway else { return false }
        gateways[key] = gateway
        inputsVersion += 1
        return true
    }

    /// - Returns: whether this was the last stream of the gateway, which may come back or be forgotten.
    func disconnected(_ gateway: GatewayWorkload) -> Bool {
        let key = Self.key(gateway)
        guard let count = streams[key] else { return false }
        streams[key] = count > 1 ? count - 1 : nil
        return count <= 1
    }

    /// Takes a gateway that has not come back out of the mesh.
    ///
    /// - Returns: whether the mesh looks different without it.
    func forget(_ gateway: GatewayWorkload) -> Bool {
        let key = Self.key(gateway)
        guard streams[key] == nil, gateways.removeValue(forKey: key) != nil else { return false }
        inputsVersion += 1
        return true
    }

    private static func key(_ gateway: GatewayWorkload) -> String { "\(gateway.namespace)/\(gateway.name)" }

    /// Nil for a node that translation does not serve.
    func configuration(for node: Node) -> NodeConfiguration? {
        guard let proxy = NodeMetadata.proxyNode(node) else { return nil }
        var current = current()
        if let known = current.configurations[proxy] { return known }
        let configuration = translate(current.mesh, for: proxy)
        current.configurations[proxy] = configuration
        made = current
        return configuration
    }

    private func current() -> Made {
        let resources = store.current
        if let made, made.revision == resources.revision, made.inputs == inputsVersion { return made }
        let inputs = MeshInputs(
            gateways: gateways.values.sorted { ($0.namespace, $0.name) < ($1.namespace, $1.name) },
            files: resourceRoot.map { ResourceFiles.contents(of: resources, root: $0) } ?? [:],
            trustBundle: trustBundle,
            ticketKeys: ticketKeys
        )
        let fresh = Made(
            revision: resources.revision,
            inputs: inputsVersion,
            mesh: MeshSnapshot(building: resources, inputs: inputs)
        )
        made = fresh
        return fresh
    }
}
