/// What a resource names: the other resources it needs before it can work.
public struct References: Hashable, Sendable {
    public var routes: Set<String> = []
    public var clusters: Set<String> = []
    /// Names of ClusterLoadAssignments.
    public var endpoints: Set<String> = []
    public var secrets: Set<String> = []

    public init() {}

    public mutating func formUnion(_ other: References) {
        routes.formUnion(other.routes)
        clusters.formUnion(other.clusters)
        endpoints.formUnion(other.endpoints)
        secrets.formUnion(other.secrets)
    }

    public func names(_ type: ResourceType) -> Set<String> {
        switch type {
        case .cluster: clusters
        case .endpoint: endpoints
        case .listener: []
        case .route: routes
        case .secret: secrets
        }
    }

    /// - Throws: when the resource does not decode.
    public init(of type: ResourceType, bytes: [UInt8]) throws(DecodeError) {
        self.init()
        switch type {
        case .cluster: add(try Cluster(decoding: bytes))
        case .endpoint: _ = try ClusterLoadAssignment(decoding: bytes)
        case .listener: add(try Listener(decoding: bytes))
        case .route: add(try RouteConfiguration(decoding: bytes))
        case .secret: _ = try Secret(decoding: bytes)
        }
    }

    mutating func add(_ listener: Listener) {
        for chain in listener.filterChains + [listener.defaultFilterChain].compactMap({ $0 }) {
            if let tls = chain.tls {
                add(tls.settings)
                if case .secret(let name) = tls.tickets { secrets.insert(name) }
            }
            switch chain.terminal {
            case .http(let manager):
                switch manager.routes {
                case .named(let name): routes.insert(name)
                case .inline(let configuration): add(configuration)
                }
                for filter in manager.filters {
                    if case .jwtAuthentication(let jwt) = filter.kind { add(jwt) }
                }
            case .tcp(let proxy):
                // The server name, not the configuration, names the cluster.
                if !chain.networkFilters.contains(.sniCluster) { clusters.formUnion(proxy.clusters.map(\.name)) }
            }
        }
    }

    private mutating func add(_ jwt: JWTAuthentication) {
        for provider in jwt.providers.values {
            if case .remote(_, let cluster, _, _) = provider.keys { clusters.insert(cluster) }
        }
    }

    mutating func add(_ configuration: RouteConfiguration) {
        for host in configuration.virtualHosts {
            clusters.formUnion(host.mirrors.map(\.cluster))
            for route in host.routes {
                guard case .forward(let action) = route.action else { continue }
                clusters.formUnion(action.mirrors.map(\.cluster))
                switch action.destination {
                case .cluster(let name): clusters.insert(name)
                case .weighted(let weighted): clusters.formUnion(weighted.map(\.name))
                case .clusterHeader: break
                }
            }
        }
    }

    mutating func add(_ cluster: Cluster) {
        switch cluster.discovery {
        case .eds(let serviceName): endpoints.insert(serviceName)
        case .aggregate(let names): clusters.formUnion(names)
        case .fixed, .strictDNS, .logicalDNS, .originalDestination, .dynamicForward: break
        }
        add(cluster.transportSocket)
        for match in cluster.transportSocketMatches { add(match.socket) }
    }

    private mutating func add(_ socket: TransportSocket) {
        switch socket {
        case .plain: break
        case .tls(let tls): add(tls.settings)
        case .proxyProtocol(_, let inner): add(inner)
        }
    }

    private mutating func add(_ settings: TLSSettings) {
        if case .secrets(let names) = settings.certificates { secrets.formUnion(names) }
        switch settings.validation {
        case .secret(let name), .combined(_, let name): secrets.insert(name)
        case .none, .inline: break
        }
    }
}
