internal import Base
internal import Routing
internal import Transport
internal import XDS

/// One listener as compiled from xDS: immutable, shared by all workers.
final class ListenerPlan: Sendable {
    enum PROXYProtocol: Sendable { case off, required, optional }

    let name: String
    let addresses: [NetworkAddress]
    let table: FilterChainTable
    let chains: [ChainPlan]
    let defaultChain: ChainPlan?
    let proxyProtocol: PROXYProtocol
    /// Whether the first bytes are looked at before a chain is chosen.
    let looksAtTLS: Bool
    let inspectionTimeout: Duration
    let continuesAfterTimeout: Bool
    let usesOriginalDestination: Bool
    let isInbound: Bool
    let bufferBytesMax: Int
    /// Open connections over all workers; `.max` is no limit.
    let connectionsMax: Int
    let quota: ConnectionQuota
    let socketOptions: [SocketOption]
    /// Equal identities mean the listener has not changed at all.
    let identity: String

    init(
        listener: Listener,
        addresses: [NetworkAddress],
        table: FilterChainTable,
        chains: [ChainPlan],
        defaultChain: ChainPlan?,
        quota: ConnectionQuota,
        identity: String
    ) {
        name = listener.name
        self.addresses = addresses
        self.table = table
        self.chains = chains
        self.defaultChain = defaultChain
        self.identity = identity
        var proxyProtocol = PROXYProtocol.off
        var usesOriginalDestination = listener.usesOriginalDestination
        for filter in listener.listenerFilters {
            switch filter {
            case .proxyProtocol(let allowsPlain): proxyProtocol = allowsPlain ? .optional : .required
            case .originalDestination: usesOriginalDestination = true
            case .tlsInspector, .httpInspector: break
            }
        }
        self.proxyProtocol = proxyProtocol
        self.usesOriginalDestination = usesOriginalDestination
        looksAtTLS = table.looksAtTLS
        inspectionTimeout = listener.listenerFiltersTimeout > .zero ? listener.listenerFiltersTimeout : .seconds(3600)
        continuesAfterTimeout = listener.continuesOnListenerFiltersTimeout
        isInbound = listener.trafficDirection == .inbound
        bufferBytesMax = Int(min(max(listener.connectionBufferBytesMax ?? 32 << 10, 4096), 16 << 20))
        connectionsMax = listener.connectionsMax.map { Int(clamping: $0) } ?? .max
        self.quota = quota
        socketOptions = listener.socketOptions
    }

    func chain(for choice: FilterChainTable.Choice) -> ChainPlan? {
        switch choice {
        case .chain(let index): chains[index]
        case .defaultChain: defaultChain
        case .none: nil
        }
    }

    /// The chain of this plan that replaces `old` for connections that are open already; nil: they must drain.
    func successor(of old: ChainPlan) -> ChainPlan? {
        if let same = chains.first(where: { $0.lineage == old.lineage }) { return same }
        if let chain = defaultChain, chain.lineage == old.lineage { return chain }
        return nil
    }
}

/// One filter chain: its TLS and what finally serves its connections.
final class ChainPlan: Sendable {
    enum Terminal: Sendable {
        case http(HTTPPlan)
        case tcp(TCPPlan)
    }

    let name: String
    let usesTLS: Bool
    /// Nil on a TLS chain while `missingSecret` has not arrived: handshakes are refused.
    let tls: TLSContext?
    let missingSecret: String
    /// Equal policies show the same certificates and ask clients for the same.
    let tlsPolicy: DownstreamTLS?
    let handshakeTimeout: Duration
    /// The URI name of the certificate shown, for `x-forwarded-client-cert`; empty when it has none.
    let ownURI: String
    /// DNS names that the certificate shown is sure to cover.
    let ownNames: [HostPattern]
    let roles: [RoleFilter]
    /// Open connections over all workers; `.max` is no limit.
    let connectionsMax: Int
    let quota: ConnectionQuota
    let terminal: Terminal
    /// Equal identities: TLS and connection settings are the same (routes may differ), down to the secrets' versions.
    let identity: String
    /// Equal lineages: as above, but certificates may have been renewed. Open connections go on.
    let lineage: String

    init(
        chain: FilterChain,
        tls: CompiledTLS?,
        roles: [RoleFilter],
        quota: ConnectionQuota,
        terminal: Terminal,
        identity: String,
        lineage: String
    ) {
        name = chain.name
        usesTLS = chain.tls != nil
        self.tls = tls?.context
        missingSecret = tls?.missingSecret ?? ""
        tlsPolicy = chain.tls
        ownURI = tls?.ownURI ?? ""
        ownNames = tls?.ownNames ?? []
        handshakeTimeout = chain.handshakeTimeout ?? .seconds(10)
        self.roles = roles
        self.quota = quota
        var connectionsMax = Int.max
        for case .connectionLimit(let count) in chain.networkFilters {
            connectionsMax = min(connectionsMax, Int(clamping: count))
        }
        self.connectionsMax = connectionsMax
        self.terminal = terminal
        self.identity = identity
        self.lineage = lineage
    }

    var http: HTTPPlan? {
        if case .http(let plan) = terminal { return plan }
        return nil
    }
}

/// A TCP proxy: clusters by weight.
final class TCPPlan: Sendable {
    let clusters: [(name: String, weight: UInt32)]
    let totalWeight: UInt64
    let idleTimeout: Duration
    let connectAttemptsMax: Int
    let durationMax: Duration?
    let hashesSourceAddress: Bool
    /// The TLS server name names the cluster (AUTO_PASSTHROUGH).
    let usesServerNameAsCluster: Bool
    /// The port of a server name that is resolved for a cluster without endpoints of its own; nil: none is.
    let serverNamePort: UInt16?
    /// Bytes travel inside a request to the cluster.
    let tunneling: TCPProxy.Tunneling?

    init(_ proxy: TCPProxy, usesServerNameAsCluster: Bool, serverNamePort: UInt16? = nil) throws(PlanError) {
        self.usesServerNameAsCluster = usesServerNameAsCluster
        self.serverNamePort = serverNamePort
        tunneling = proxy.tunneling
        guard proxy.metadataMatch.isEmpty else { throw PlanError("not supported", at: "metadata_match") }
        clusters = proxy.clusters.filter { $0.weight > 0 }.map { ($0.name, $0.weight) }
        totalWeight = clusters.reduce(0) { $0 + UInt64($1.weight) }
        guard totalWeight > 0 || usesServerNameAsCluster else {
            throw PlanError("no cluster has a weight above zero", at: "weighted_clusters")
        }
        idleTimeout = proxy.idleTimeout
        connectAttemptsMax = Int(max(1, proxy.connectAttemptsMax))
        durationMax = proxy.connectionDurationMax
        hashesSourceAddress = proxy.isHashedBySourceIP
    }

    func pick(random: UInt64) -> String {
        if clusters.count == 1 { return clusters[0].name }
        var point = random % totalWeight
        for cluster in clusters {
            if point < UInt64(cluster.weight) { return cluster.name }
            point -= UInt64(cluster.weight)
        }
        return clusters[0].name
    }
}
