internal import Registry
internal import Resources
internal import XDS

/// A cluster that something points at; it is built when everything that can point is known.
struct ClusterReference: Hashable, Comparable {
    var host: String
    var port: Int
    var subset: String
    /// Named by SNI (`outbound_.443_.v1_.host`) and never wrapped in TLS: what AUTO_PASSTHROUGH needs.
    var isPassthrough = false

    var name: String {
        isPassthrough
            ? "outbound_.\(port)_.\(subset)_.\(host)"
            : "outbound|\(port)|\(subset)|\(host)"
    }

    /// The server name by which mesh peers announce where a connection belongs.
    var serverName: String { "outbound_.\(port)_.\(subset)_.\(host)" }

    static func < (a: ClusterReference, b: ClusterReference) -> Bool { a.name < b.name }
}

/// What the builders note down while they work.
struct Ledger {
    static let passthroughCluster = "PassthroughCluster"
    static let blackHoleCluster = "BlackHoleCluster"

    private(set) var problems: Set<Problem> = []
    private(set) var uses: Set<ResourceKey> = []
    private(set) var clusters: Set<ClusterReference> = []
    /// Secrets that listeners and clusters name, by SDS name.
    private(set) var secrets: [String: SecretMessage] = [:]
    private(set) var needsPassthrough = false
    private(set) var needsBlackHole = false

    mutating func report(_ resource: ResourceKey, _ reason: Problem.Reason, _ message: String) {
        problems.insert(Problem(resource: resource, reason: reason, message: message))
    }

    mutating func use(_ resource: ResourceKey) { uses.insert(resource) }
    mutating func use(_ resources: [ResourceKey]) { uses.formUnion(resources) }
    mutating func need(_ cluster: ClusterReference) { clusters.insert(cluster) }
    mutating func deliver(_ secret: SecretMessage) { secrets[secret.name] = secret }

    mutating func needPassthrough() -> String {
        needsPassthrough = true
        return Self.passthroughCluster
    }

    mutating func needBlackHole() -> String {
        needsBlackHole = true
        return Self.blackHoleCluster
    }
}
