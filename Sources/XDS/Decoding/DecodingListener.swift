internal import Base
internal import SwiftProtobuf

private typealias TLSInspector = Envoy_Extensions_Filters_Listener_TlsInspector_V3_TlsInspector
private typealias HTTPInspector = Envoy_Extensions_Filters_Listener_HttpInspector_V3_HttpInspector
private typealias OriginalDestination = Envoy_Extensions_Filters_Listener_OriginalDst_V3_OriginalDst
private typealias ProxyProtocol = Envoy_Extensions_Filters_Listener_ProxyProtocol_V3_ProxyProtocol
private typealias NetworkRBAC = Envoy_Extensions_Filters_Network_Rbac_V3_RBAC
private typealias NetworkRateLimit = Envoy_Extensions_Filters_Network_LocalRatelimit_V3_LocalRateLimit
private typealias ConnectionLimit = Envoy_Extensions_Filters_Network_ConnectionLimit_V3_ConnectionLimit
private typealias SNICluster = Envoy_Extensions_Filters_Network_SniCluster_V3_SniCluster
private typealias SNIDynamicForward = Envoy_Extensions_Filters_Network_SniDynamicForwardProxy_V3_FilterConfig
private typealias TCPProxyMessage = Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy
private typealias ConnectionManagerMessage =
    Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager

extension Listener {
    /// Without effect here and therefore ignored: `stat_prefix`, `metadata` of other products,
    /// `ignore_global_conn_limit`, `connection_balance_config` (every worker accepts on a socket of its own).
    ///
    /// - Throws: when something is wrong or asks for what this proxy does not do. Refuse the resource.
    public init(decoding bytes: [UInt8]) throws(DecodeError) {
        let path = FieldPath.root
        try self.init(path.parse(bytes, as: Envoy_Config_Listener_V3_Listener.self), at: path)
    }

    init(_ listener: Envoy_Config_Listener_V3_Listener, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(listener)
        try path.refuse("api_listener", if: listener.hasApiListener)
        let filters = try path.list(listener.listenerFilters, "listener_filters") {
            (filter, path) throws(DecodeError) in try ListenerFilter(filter, at: path)
        }
        let chains = try path.list(listener.filterChains, "filter_chains") { (chain, path) throws(DecodeError) in
            try FilterChain(chain, at: path)
        }
        guard !chains.isEmpty || listener.hasDefaultFilterChain else {
            throw path.child("filter_chains").error("must not be empty")
        }
        let direction: TrafficDirection =
            switch listener.trafficDirection {
            case .inbound: .inbound
            case .outbound: .outbound
            case .unspecified, .UNRECOGNIZED: .unspecified
            }
        let own = try OwnNumbers(listener.metadata, at: path)
        self.init(
            name: try path.nonEmpty(listener.name, "name"),
            address: try Address(listener.address, allowsName: false, at: path.child("address")),
            additionalAddresses: try path.list(listener.additionalAddresses, "additional_addresses") {
                (address, path) throws(DecodeError) in
                try path.refuseUnknown(address)
                return try Address(address.address, allowsName: false, at: path.child("address"))
            },
            bindsToPort: listener.hasBindToPort ? listener.bindToPort.value : true,
            usesOriginalDestination: listener.useOriginalDst.value,
            isTransparent: listener.transparent.value,
            isPortReused: listener.hasEnableReusePort ? listener.enableReusePort.value : true,
            trafficDirection: direction,
            listenerFilters: filters,
            listenerFiltersTimeout: try path.duration(
                listener.hasListenerFiltersTimeout ? listener.listenerFiltersTimeout : nil,
                "listener_filters_timeout",
                default: .seconds(15)
            ),
            continuesOnListenerFiltersTimeout: listener.continueOnListenerFiltersTimeout,
            filterChains: chains,
            defaultFilterChain: listener.hasDefaultFilterChain
                ? try FilterChain(listener.defaultFilterChain, at: path.child("default_filter_chain")) : nil,
            connectionBufferBytesMax: listener.hasPerConnectionBufferLimitBytes
                ? listener.perConnectionBufferLimitBytes.value : nil,
            socketOptions: try path.list(listener.socketOptions, "socket_options") {
                (option, path) throws(DecodeError) in try SocketOption(option, at: path)
            },
            connectionsMax: try own.count("max_connections"),
            overload: try OverloadLimits(own),
            accessLogs: try AccessLog.list(listener.accessLog, "access_log", at: path)
        )
    }
}

extension ListenerFilter {
    init(_ filter: Envoy_Config_Listener_V3_ListenerFilter, at path: FieldPath) throws(DecodeError) {
        try path.refuse("filter_disabled", if: filter.hasFilterDisabled)
        let any = filter.typedConfig
        let typed = path.child("typed_config")
        if any.holds(TLSInspector.self) {
            _ = try typed.unpack(any, as: TLSInspector.self)
            self = .tlsInspector
        } else if any.holds(HTTPInspector.self) {
            _ = try typed.unpack(any, as: HTTPInspector.self)
            self = .httpInspector
        } else if any.holds(OriginalDestination.self) {
            _ = try typed.unpack(any, as: OriginalDestination.self)
            self = .originalDestination
        } else if any.holds(ProxyProtocol.self) {
            let settings = try typed.unpack(any, as: ProxyProtocol.self)
            self = .proxyProtocol(allowsPlainConnections: settings.allowRequestsWithoutProxyProtocol)
        } else {
            throw typed.error("listener filter \(any.messageName) is not supported")
        }
    }
}

extension FilterChain {
    init(_ chain: Envoy_Config_Listener_V3_FilterChain, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(chain)
        var networkFilters: [NetworkFilter] = []
        var terminal: TerminalFilter?
        for (index, filter) in chain.filters.enumerated() {
            let path = path.item("filters", index)
            if terminal != nil { throw path.error("follows a filter that ends the chain") }
            terminal = try TerminalFilter.make(filter, at: path)
            if terminal == nil { networkFilters.append(try NetworkFilter(filter, at: path)) }
        }
        guard let terminal else {
            throw path.child("filters").error("must end with an HTTP connection manager or a TCP proxy")
        }
        let own = try OwnNumbers(chain.metadata, at: path)
        self.init(
            name: chain.name,
            match: try FilterChainMatch(chain.filterChainMatch, at: path.child("filter_chain_match")),
            tls: try DownstreamTLS.of(
                chain.hasTransportSocket ? chain.transportSocket : nil,
                at: path.child("transport_socket")
            ),
            handshakeTimeout: try path.timeout(
                chain.hasTransportSocketConnectTimeout ? chain.transportSocketConnectTimeout : nil,
                "transport_socket_connect_timeout"
            ),
            minBodyRate: try own.count("min_body_rate").map { UInt32(clamping: $0) },
            sendTimeout: try own.count("send_timeout_ms").map { .milliseconds(Int64(clamping: $0)) },
            networkFilters: networkFilters,
            terminal: terminal
        )
    }
}

extension NetworkFilter {
    init(_ filter: Envoy_Config_Listener_V3_Filter, at path: FieldPath) throws(DecodeError) {
        let any = filter.typedConfig
        let typed = path.child("typed_config")
        if any.holds(NetworkRBAC.self) {
            let rbac = try typed.unpack(any, as: NetworkRBAC.self)
            self = .rbac(
                RBACFilter(
                    rules: rbac.hasRules ? try RBAC(rbac.rules, at: typed.child("rules")) : nil,
                    shadowRules: rbac.hasShadowRules
                        ? try RBAC(rbac.shadowRules, at: typed.child("shadow_rules")) : nil,
                    statPrefix: rbac.statPrefix
                )
            )
        } else if any.holds(NetworkRateLimit.self) {
            let limit = try typed.unpack(any, as: NetworkRateLimit.self)
            try typed.refuse("runtime_enabled", if: limit.hasRuntimeEnabled)
            self = .localRateLimit(try TokenBucket(limit.tokenBucket, at: typed.child("token_bucket")))
        } else if any.holds(ConnectionLimit.self) {
            let limit = try typed.unpack(any, as: ConnectionLimit.self)
            try typed.refuse("runtime_enabled", if: limit.hasRuntimeEnabled)
            // A delay only hides the refusal from the client for a while.
            try typed.refuse("delay", if: limit.hasDelay)
            guard limit.maxConnections.value > 0 else { throw typed.child("max_connections").error("must be above 0") }
            self = .connectionLimit(connectionsMax: limit.maxConnections.value)
        } else if any.holds(SNICluster.self) {
            self = .sniCluster
        } else if any.holds(SNIDynamicForward.self) {
            let port = try typed.unpack(any, as: SNIDynamicForward.self).portValue
            self = .sniDynamicForward(port: port == 0 ? 443 : try typed.port(port, "port_value"))
        } else {
            throw typed.error("network filter \(any.messageName) is not supported")
        }
    }
}

extension TerminalFilter {
    /// Nil when the filter is not one that ends a chain.
    static func make(
        _ filter: Envoy_Config_Listener_V3_Filter,
        at path: FieldPath
    ) throws(DecodeError) -> TerminalFilter? {
        try path.refuseUnknown(filter)
        if case .configDiscovery = filter.configType { throw path.child("config_discovery").error("not supported") }
        let any = filter.typedConfig
        let typed = path.child("typed_config")
        if any.holds(ConnectionManagerMessage.self) {
            let message = try typed.unpack(any, as: ConnectionManagerMessage.self)
            return .http(try HTTPConnectionManager(message, at: typed))
        }
        if any.holds(TCPProxyMessage.self) {
            return .tcp(try TCPProxy(typed.unpack(any, as: TCPProxyMessage.self), at: typed))
        }
        return nil
    }
}

extension FilterChainMatch {
    init(_ match: Envoy_Config_Listener_V3_FilterChainMatch, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(match)
        func blocks(
            _ ranges: [Envoy_Config_Core_V3_CidrRange],
            _ name: String
        ) throws(DecodeError) -> [CIDR] {
            try path.list(ranges, name) { (range, path) throws(DecodeError) in try CIDR(decoding: range, at: path) }
        }
        let sourceType: SourceType =
            switch match.sourceType {
            case .any: .any
            case .sameIpOrLoopback: .sameIPOrLoopback
            case .external: .external
            case .UNRECOGNIZED: throw path.child("source_type").error("unknown value")
            }
        self.init(
            destinationPort: match.hasDestinationPort
                ? try path.port(match.destinationPort.value, "destination_port") : nil,
            destinationPrefixes: try blocks(match.prefixRanges, "prefix_ranges"),
            serverNames: match.serverNames.map { $0.lowercased() },
            transportProtocol: match.transportProtocol,
            applicationProtocols: match.applicationProtocols,
            directSourcePrefixes: try blocks(match.directSourcePrefixRanges, "direct_source_prefix_ranges"),
            sourceType: sourceType,
            sourcePrefixes: try blocks(match.sourcePrefixRanges, "source_prefix_ranges"),
            sourcePorts: try path.list(match.sourcePorts, "source_ports") { (port, path) throws(DecodeError) in
                guard let port = UInt16(exactly: port) else { throw path.error("\(port) is not a port") }
                return port
            }
        )
    }
}

extension TCPProxy {
    /// Ignored: `stat_prefix` beyond keeping it.
    init(
        _ proxy: Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy,
        at path: FieldPath
    ) throws(DecodeError) {
        let clusters: [WeightedCluster]
        switch proxy.clusterSpecifier {
        case .cluster(let name):
            clusters = [WeightedCluster(name: try path.nonEmpty(name, "cluster"), weight: 1)]
        case .weightedClusters(let weighted):
            clusters = try path.child("weighted_clusters").list(weighted.clusters, "clusters") {
                (cluster, path) throws(DecodeError) in
                WeightedCluster(
                    name: try path.nonEmpty(cluster.name, "name"),
                    weight: cluster.weight,
                    metadataMatch: MetadataValue.subset(cluster.metadataMatch)
                )
            }
        case nil:
            throw path.child("cluster").error("must not be empty")
        }
        let totalWeight = clusters.reduce(0) { $0 + UInt64($1.weight) }
        guard totalWeight > 0, totalWeight <= UInt32.max else {
            throw path.child("weighted_clusters").error("the sum of weights must be in 1...4294967295")
        }
        self.init(
            statPrefix: proxy.statPrefix,
            clusters: clusters,
            metadataMatch: MetadataValue.subset(proxy.metadataMatch),
            idleTimeout: try path.duration(
                proxy.hasIdleTimeout ? proxy.idleTimeout : nil,
                "idle_timeout",
                default: .seconds(3600)
            ),
            connectAttemptsMax: proxy.hasMaxConnectAttempts ? max(1, proxy.maxConnectAttempts.value) : 1,
            connectionDurationMax: try path.timeout(
                proxy.hasMaxDownstreamConnectionDuration ? proxy.maxDownstreamConnectionDuration : nil,
                "max_downstream_connection_duration"
            ),
            isHashedBySourceIP: !proxy.hashPolicy.isEmpty,
            accessLogs: try AccessLog.list(proxy.accessLog, "access_log", at: path)
        )
        if proxy.hasTunnelingConfig {
            tunneling = try Tunneling(proxy.tunnelingConfig, at: path.child("tunneling_config"))
        }
    }
}

extension TCPProxy.Tunneling {
    init(
        _ config: Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy.TunnelingConfig,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(config)
        self.init(
            hostname: try path.nonEmpty(config.hostname, "hostname"),
            usesPOST: config.usePost,
            path: config.postPath.isEmpty ? "/" : config.postPath,
            headers: try HeaderMutation.list(config.headersToAdd, "headers_to_add", at: path)
        )
    }
}
