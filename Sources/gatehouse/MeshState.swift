internal import Foundation
internal import Registry
internal import Resources
internal import Store
internal import Translation
internal import XDS

/// The mesh at the newest revision, and every proxy's configuration made from it.
///
/// Registry and translation are pure; this actor holds what they are given beside resources (the connected gateways, the
/// files that resources may name) and keeps results while nothing they depend on has changed.
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
    private var gateways: [String: GatewayWorkload] = [:]
    private var inputsVersion: UInt64 = 0
    private var made: Made?

    init(store: ResourceStore, resourceRoot: String?, trustBundle: [UInt8]) {
        self.store = store
        self.resourceRoot = resourceRoot
        self.trustBundle = trustBundle
    }

    /// - Returns: whether the mesh looks different with this gateway.
    func connected(_ gateway: GatewayWorkload) -> Bool {
        let key = "\(gateway.namespace)/\(gateway.name)"
        guard gateways[key] != gateway else { return false }
        gateways[key] = gateway
        inputsVersion += 1
        return true
    }

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
            files: ResourceFiles.contents(for: resources, below: resourceRoot),
            trustBundle: trustBundle
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

/// The certificate files that Gateways and DestinationRules name, where the operator permits them.
enum ResourceFiles {
    static let bytesMax = 1 << 20

    /// By path as written; only regular files that lie below `root` after symbolic links are followed.
    static func contents(for resources: ResourceSet, below root: String?) -> [String: [UInt8]] {
        guard let root else { return [:] }
        let folder = URL(filePath: root).resolvingSymlinksInPath().path(percentEncoded: false)
        var files: [String: [UInt8]] = [:]
        for path in paths(in: resources) where files[path] == nil {
            let real = URL(filePath: path).resolvingSymlinksInPath().path(percentEncoded: false)
            guard real.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/"),
                let bytes = FileManager.default.contents(atPath: real), bytes.count <= bytesMax
            else { continue }
            files[path] = Array(bytes)
        }
        return files
    }

    private static func paths(in resources: ResourceSet) -> [String] {
        var paths: [String?] = []
        for gateway in resources.typed(GatewaySpec.self) {
            for server in gateway.spec.servers {
                guard let tls = server.tls else { continue }
                paths += [tls.serverCertificate, tls.privateKey, tls.caCertificates, tls.caCrl]
                for pair in tls.tlsCertificates { paths += [pair.serverCertificate, pair.privateKey] }
            }
        }
        for rule in resources.typed(DestinationRuleSpec.self) {
            for policy in [rule.spec.trafficPolicy] + rule.spec.subsets.map(\.trafficPolicy) {
                for tls in [policy?.tls] + (policy?.portLevelSettings.map(\.tls) ?? []) {
                    paths += [tls?.clientCertificate, tls?.privateKey, tls?.caCertificates, tls?.caCrl]
                }
            }
        }
        return paths.compactMap { $0 }
    }
}
