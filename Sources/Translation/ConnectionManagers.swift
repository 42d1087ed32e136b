internal import Base
internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// HTTP connection managers for the three places where requests enter a proxy.
struct ConnectionManagers {
    let mesh: MeshSnapshot

    /// The edge: what clients say about themselves is replaced by what is known.
    ///
    /// Source: Istio's gateway defaults: remote address used, forwarded certificates set from this connection, path
    /// normalised (BASE), WebSocket upgrades on.
    func gateway(routeConfiguration: String, statPrefix: String, profile: EdgeProfile) -> ConnectionManager {
        var manager = base(statPrefix: statPrefix)
        profile.apply(to: &manager)
        manager.rds = rds(routeConfiguration)
        manager.useRemoteAddress = Wire.bool(true)
        if mesh.forwardsByName { addForwarding(&manager) }
        let topology = mesh.settings.config.defaultConfig?.gatewayTopology
        manager.xffNumTrustedHops = topology?.numTrustedProxies ?? 0
        switch topology?.forwardClientCertDetails ?? .sanitizeSet {
        case .sanitize: manager.forwardClientCertDetails = .sanitize
        case .forwardOnly: manager.forwardClientCertDetails = .forwardOnly
        case .appendForward: manager.forwardClientCertDetails = .appendForward
        case .alwaysForwardOnly: manager.forwardClientCertDetails = .alwaysForwardOnly
        case .sanitizeSet, .undefined: manager.forwardClientCertDetails = .sanitizeSet
        }
        manager.setCurrentClientCertDetails.subject = Wire.bool(true)
        manager.setCurrentClientCertDetails.cert = true
        manager.setCurrentClientCertDetails.dns = true
        manager.setCurrentClientCertDetails.uri = true
        profile.applyClients(to: &manager)
        return manager
    }

    /// The app's way out of a sidecar. Requests come with a path or an absolute URL, tunnels with CONNECT.
    func outbound(routeConfiguration: String, statPrefix: String) -> ConnectionManager {
        var manager = base(statPrefix: statPrefix)
        manager.rds = rds(routeConfiguration)
        manager.useRemoteAddress = Wire.bool(false)
        addForwarding(&manager)
        var connect = ConnectionManager.UpgradeConfig()
        connect.upgradeType = "CONNECT"
        manager.upgradeConfigs.append(connect)
        manager.http2ProtocolOptions.allowConnect = true
        return manager
    }

    /// The way in to the app: the peer's identity is appended to what it forwards.
    func inbound(routes: RouteConfigurationMessage, statPrefix: String, isGRPCWeb: Bool) -> ConnectionManager {
        var manager = base(statPrefix: statPrefix)
        if isGRPCWeb { Self.addGRPCWeb(to: &manager) }
        manager.routeConfig = routes
        manager.useRemoteAddress = Wire.bool(false)
        manager.forwardClientCertDetails = .appendForward
        manager.setCurrentClientCertDetails.subject = Wire.bool(true)
        manager.setCurrentClientCertDetails.dns = true
        manager.setCurrentClientCertDetails.uri = true
        return manager
    }

    private func base(statPrefix: String) -> ConnectionManager {
        var manager = ConnectionManager()
        manager.codecType = .auto
        manager.statPrefix = statPrefix
        manager.serverName = "gatehouse"
        // Streams may be silent for as long as their ends like (server-sent events, gRPC), as in Istio.
        manager.streamIdleTimeout = Wire.duration(.zero)
        // Inside the mesh a head is what a gateway let in, and what it added.
        manager.maxRequestHeadersKb = Wire.uint(mesh.edgePolicies.requestHeaderBytesMax / 1024 + 32)
        manager.commonHTTPProtocolOptions.maxHeadersCount = Wire.uint(
            min(1000, mesh.edgePolicies.requestHeaderCountMax + 64)
        )
        // The application may refuse content before it is sent.
        manager.proxy100Continue = true
        if HeaderCaseOptions.arePreserved(mesh.settings) {
            manager.httpProtocolOptions.headerKeyFormat = HeaderCaseOptions.preserved
        }
        normalise(&manager)
        var websocket = ConnectionManager.UpgradeConfig()
        websocket.upgradeType = "websocket"
        manager.upgradeConfigs = [websocket]
        manager.httpFilters = [
            Self.filter("envoy.filters.http.cors", Envoy_Extensions_Filters_Http_Cors_V3_Cors()),
            Self.filter("envoy.filters.http.fault", FaultMessage()),
        ]
        manager.httpFilters += RouteExtras.filters(mesh.routePolicies)
        manager.httpFilters.append(Self.filter("envoy.filters.http.router", RouterMessage()))
        return manager
    }

    private func addForwarding(_ manager: inout ConnectionManager) {
        manager.httpFilters.insert(Forwarding.httpFilter(mesh.settings), at: manager.httpFilters.count - 1)
    }

    private func normalise(_ manager: inout ConnectionManager) {
        switch mesh.settings.config.pathNormalization?.normalization ?? .base {
        case .none:
            manager.normalizePath = Wire.bool(false)
        case .base, .default:
            manager.normalizePath = Wire.bool(true)
        case .mergeSlashes:
            manager.normalizePath = Wire.bool(true)
            manager.mergeSlashes = true
        case .decodeAndMergeSlashes:
            manager.normalizePath = Wire.bool(true)
            manager.mergeSlashes = true
            manager.pathWithEscapedSlashesAction = .unescapeAndForward
        }
    }

    private func rds(_ name: String) -> Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_Rds {
        var rds = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_Rds()
        rds.configSource = Wire.ads
        rds.routeConfigName = name
        return rds
    }

    /// In front of the other filters, as in Istio: they see gRPC.
    static func addGRPCWeb(to manager: inout ConnectionManager) {
        manager.httpFilters.insert(
            filter("envoy.filters.http.grpc_web", Envoy_Extensions_Filters_Http_GrpcWeb_V3_GrpcWeb()),
            at: 0
        )
    }

    private static func filter(_ name: String, _ configuration: some Message) -> HTTPFilterMessage {
        var filter = HTTPFilterMessage()
        filter.name = name
        filter.typedConfig = Wire.any(configuration)
        return filter
    }
}

/// Network filters and filter chains.
enum Chains {
    static func http(_ manager: ConnectionManager) -> NetworkFilter {
        Wire.networkFilter("envoy.filters.network.http_connection_manager", manager)
    }

    static func tcp(
        _ targets: [(cluster: String, weight: Int)],
        statPrefix: String,
        options: TCPOptions = TCPOptions()
    ) -> NetworkFilter {
        var proxy = TCPProxyMessage()
        proxy.statPrefix = statPrefix
        if targets.count == 1, let only = targets.first {
            proxy.cluster = only.cluster
        } else {
            var weighted = TCPProxyMessage.WeightedCluster()
            weighted.clusters = targets.map { target in
                var share = TCPProxyMessage.WeightedCluster.ClusterWeight()
                share.name = target.cluster
                share.weight = UInt32(clamping: target.weight)
                return share
            }
            proxy.weightedClusters = weighted
        }
        if let tunnel = options.tunnel {
            proxy.tunnelingConfig.hostname = "\(tunnel.targetHost):\(tunnel.targetPort)"
            proxy.tunnelingConfig.usePost = tunnel.protocol == "POST"
        }
        if let timeout = options.idleTimeout { proxy.idleTimeout = Wire.duration(timeout) }
        if let most = options.durationMax { proxy.maxDownstreamConnectionDuration = Wire.duration(most) }
        if options.connectAttemptsMax > 1 { proxy.maxConnectAttempts = Wire.uint(options.connectAttemptsMax) }
        if options.hashesSource {
            var policy = Envoy_Type_V3_HashPolicy()
            policy.sourceIp = .init()
            proxy.hashPolicy = [policy]
        }
        return Wire.networkFilter("envoy.filters.network.tcp_proxy", proxy)
    }

    static func chain(
        name: String,
        serverNames: [String] = [],
        transportProtocol: String = "",
        applicationProtocols: [String] = [],
        tls: DownstreamTLS? = nil,
        filter: NetworkFilter
    ) -> FilterChainMessage {
        Self.chain(
            name: name,
            serverNames: serverNames,
            transportProtocol: transportProtocol,
            applicationProtocols: applicationProtocols,
            tls: tls,
            filters: [filter]
        )
    }

    static func chain(
        name: String,
        serverNames: [String] = [],
        transportProtocol: String = "",
        applicationProtocols: [String] = [],
        destinations: [CIDR] = [],
        sources: [CIDR] = [],
        tls: DownstreamTLS? = nil,
        filters: [NetworkFilter]
    ) -> FilterChainMessage {
        var chain = FilterChainMessage()
        chain.name = name
        if !destinations.isEmpty { chain.filterChainMatch.prefixRanges = destinations.map(Wire.range) }
        if !sources.isEmpty { chain.filterChainMatch.sourcePrefixRanges = sources.map(Wire.range) }
        if !serverNames.isEmpty || !transportProtocol.isEmpty || !applicationProtocols.isEmpty {
            chain.filterChainMatch.serverNames = serverNames
            chain.filterChainMatch.transportProtocol = transportProtocol
            chain.filterChainMatch.applicationProtocols = applicationProtocols
        }
        if let tls {
            chain.transportSocket = Wire.transportSocket(tls)
            chain.transportSocketConnectTimeout = Wire.duration(.seconds(10))
        }
        chain.filters = filters
        return chain
    }

    /// A listener with the ClientHello inspected when any chain depends on it.
    static func listener(
        name: String,
        address: String,
        port: UInt16,
        direction: Envoy_Config_Core_V3_TrafficDirection,
        chains: [FilterChainMessage],
        inspectsTLS: Bool,
        readsProxyHeader: Bool = false
    ) -> ListenerMessage {
        var listener = ListenerMessage()
        listener.name = name
        listener.address = Wire.address(address, port: port)
        listener.trafficDirection = direction
        listener.filterChains = chains
        if readsProxyHeader {
            var header = ListenerFilterMessage()
            header.name = "envoy.filters.listener.proxy_protocol"
            header.typedConfig = Wire.any(ProxyProtocolListenerFilter())
            listener.listenerFilters = [header]
        }
        if inspectsTLS {
            var inspector = ListenerFilterMessage()
            inspector.name = "envoy.filters.listener.tls_inspector"
            inspector.typedConfig = Wire.any(TLSInspector())
            listener.listenerFilters.append(inspector)
        }
        return listener
    }
}
