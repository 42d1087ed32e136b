public import Base

/// A listening address and what to do with its connections.
///
/// Source: Envoy `config.listener.v3.Listener`.
public struct Listener: Hashable, Sendable {
    public enum TrafficDirection: Hashable, Sendable { case unspecified, inbound, outbound }

    public var name: String
    public var address: Address
    public var additionalAddresses: [Address] = []
    /// False: no socket of its own; connections are handed over by a listener with `usesOriginalDestination`.
    public var bindsToPort: Bool = true
    /// Hand an accepted connection to the listener bound to its original destination, if there is one.
    public var usesOriginalDestination: Bool = false
    public var isTransparent: Bool = false
    public var isPortReused: Bool = true
    public var trafficDirection: TrafficDirection = .unspecified
    public var listenerFilters: [ListenerFilter] = []
    public var listenerFiltersTimeout: Duration = .seconds(15)
    /// True goes on to filter-chain matching when the timeout expires, false closes.
    public var continuesOnListenerFiltersTimeout: Bool = false
    public var filterChains: [FilterChain] = []
    /// Serves connections that match no chain; without it they are closed.
    public var defaultFilterChain: FilterChain? = nil
    /// Soft limit of bytes held per connection and direction; nil is the proxy's default.
    public var connectionBufferBytesMax: UInt32? = nil
    /// Set on the listening socket; accepted connections inherit them.
    public var socketOptions: [SocketOption] = []
    /// Connections open at the same time, beyond which new ones are closed at once; nil is the process's limit. An
    /// extension: metadata `gatehouse`, number `max_connections`.
    public var connectionsMax: UInt64? = nil
    /// When the process sheds work; nil is the proxy's default. An extension: metadata `gatehouse`, numbers
    /// `overload_…`.
    public var overload: OverloadLimits? = nil
    /// Records of connections that no filter chain took.
    public var accessLogs: [AccessLog] = []

    public init(
        name: String,
        address: Address,
        additionalAddresses: [Address] = [],
        bindsToPort: Bool = true,
        usesOriginalDestination: Bool = false,
        isTransparent: Bool = false,
        isPortReused: Bool = true,
        trafficDirection: TrafficDirection = .unspecified,
        listenerFilters: [ListenerFilter] = [],
        listenerFiltersTimeout: Duration = .seconds(15),
        continuesOnListenerFiltersTimeout: Bool = false,
        filterChains: [FilterChain] = [],
        defaultFilterChain: FilterChain? = nil,
        connectionBufferBytesMax: UInt32? = nil,
        socketOptions: [SocketOption] = [],
        connectionsMax: UInt64? = nil,
        overload: OverloadLimits? = nil,
        accessLogs: [AccessLog] = []
    ) {
        self.name = name
        self.address = address
        self.additionalAddresses = additionalAddresses
        self.bindsToPort = bindsToPort
        self.usesOriginalDestination = usesOriginalDestination
        self.isTransparent = isTransparent
        self.isPortReused = isPortReused
        self.trafficDirection = trafficDirection
        self.listenerFilters = listenerFilters
        self.listenerFiltersTimeout = listenerFiltersTimeout
        self.continuesOnListenerFiltersTimeout = continuesOnListenerFiltersTimeout
        self.filterChains = filterChains
        self.defaultFilterChain = defaultFilterChain
        self.connectionBufferBytesMax = connectionBufferBytesMax
        self.socketOptions = socketOptions
        self.connectionsMax = connectionsMax
        self.overload = overload
        self.accessLogs = accessLogs
    }
}

/// One integer socket option, as for `setsockopt`.
public struct SocketOption: Hashable, Sendable {
    public var level: Int32
    public var name: Int32
    public var value: Int32

    public init(level: Int32, name: Int32, value: Int32) {
        self.level = level
        self.name = name
        self.value = value
    }
}

/// Looks at the first bytes, before a filter chain is chosen.
public enum ListenerFilter: Hashable, Sendable {
    case tlsInspector
    case httpInspector
    case originalDestination
    /// PROXY protocol v1 or v2.
    case proxyProtocol(allowsPlainConnections: Bool)
}

/// TLS settings and filters of the connections that `match` describes.
public struct FilterChain: Hashable, Sendable {
    /// Unique within the listener; empty when the sender gave none.
    public var name: String = ""
    public var match: FilterChainMatch = FilterChainMatch()
    /// Nil means plain text.
    public var tls: DownstreamTLS? = nil
    /// Time for the TLS handshake; nil is unlimited.
    public var handshakeTimeout: Duration? = nil
    /// Bytes per second that a request body must bring, over ten seconds; zero is off, nil the proxy's default. An
    /// extension: metadata `gatehouse`, number `min_body_rate`.
    public var minBodyRate: UInt32? = nil
    /// Output that makes no progress for this long ends the connection; nil is the proxy's default. An extension:
    /// metadata `gatehouse`, number `send_timeout_ms`.
    public var sendTimeout: Duration? = nil
    /// Run in order on each new connection, before `terminal`.
    public var networkFilters: [NetworkFilter] = []
    public var terminal: TerminalFilter

    public init(
        name: String = "",
        match: FilterChainMatch = FilterChainMatch(),
        tls: DownstreamTLS? = nil,
        handshakeTimeout: Duration? = nil,
        minBodyRate: UInt32? = nil,
        sendTimeout: Duration? = nil,
        networkFilters: [NetworkFilter] = [],
        terminal: TerminalFilter
    ) {
        self.name = name
        self.match = match
        self.tls = tls
        self.handshakeTimeout = handshakeTimeout
        self.minBodyRate = minBodyRate
        self.sendTimeout = sendTimeout
        self.networkFilters = networkFilters
        self.terminal = terminal
    }
}

/// Which connections a filter chain takes. Every empty or nil criterion matches everything.
///
/// The most specific chain wins, criterion by criterion in the order of the properties below, without backtracking.
public struct FilterChainMatch: Hashable, Sendable {
    public enum SourceType: Hashable, Sendable { case any, sameIPOrLoopback, external }

    public var destinationPort: UInt16? = nil
    public var destinationPrefixes: [CIDR] = []
    /// Exact names or `*.suffix`, lower case.
    public var serverNames: [String] = []
    /// `tls`, `raw_buffer`, or empty.
    public var transportProtocol: String = ""
    public var applicationProtocols: [String] = []
    public var directSourcePrefixes: [CIDR] = []
    public var sourceType: SourceType = .any
    public var sourcePrefixes: [CIDR] = []
    public var sourcePorts: [UInt16] = []

    public init(
        destinationPort: UInt16? = nil,
        destinationPrefixes: [CIDR] = [],
        serverNames: [String] = [],
        transportProtocol: String = "",
        applicationProtocols: [String] = [],
        directSourcePrefixes: [CIDR] = [],
        sourceType: SourceType = .any,
        sourcePrefixes: [CIDR] = [],
        sourcePorts: [UInt16] = []
    ) {
        self.destinationPort = destinationPort
        self.destinationPrefixes = destinationPrefixes
        self.serverNames = serverNames
        self.transportProtocol = transportProtocol
        self.applicationProtocols = applicationProtocols
        self.directSourcePrefixes = directSourcePrefixes
        self.sourceType = sourceType
        self.sourcePrefixes = sourcePrefixes
        self.sourcePorts = sourcePorts
    }
}

/// A filter that decides about a connection and passes it on.
public enum NetworkFilter: Hashable, Sendable {
    case rbac(RBACFilter)
    /// A connection beyond this many open ones of the chain is closed.
    case connectionLimit(connectionsMax: UInt64)
    /// A connection beyond the bucket is closed.
    case localRateLimit(TokenBucket)
    /// The cluster of the TCP proxy that follows is named by the TLS server name.
    case sniCluster
    /// The host of a `dynamicForward` cluster is the TLS server name, at this port.
    case sniDynamicForward(port: UInt16)
}

/// What finally serves a connection.
public indirect enum TerminalFilter: Hashable, Sendable {
    case http(HTTPConnectionManager)
    case tcp(TCPProxy)
}

/// Copies bytes both ways between a connection and one of the clusters.
public struct TCPProxy: Hashable, Sendable {
    public struct WeightedCluster: Hashable, Sendable {
        public var name: String
        public var weight: UInt32
        public var metadataMatch: [String: MetadataValue] = [:]

        public init(
            name: String,
            weight: UInt32,
            metadataMatch: [String: MetadataValue] = [:]
        ) {
            self.name = name
            self.weight = weight
            self.metadataMatch = metadataMatch
        }
    }

    public var statPrefix: String = ""
    /// One entry for a plain `cluster`.
    public var clusters: [WeightedCluster]
    /// Subset keys (`envoy.lb`) that endpoints must carry.
    public var metadataMatch: [String: MetadataValue] = [:]
    /// Zero turns it off.
    public var idleTimeout: Duration = .seconds(3600)
    public var connectAttemptsMax: UInt32 = 1
    public var connectionDurationMax: Duration? = nil
    public var isHashedBySourceIP: Bool = false
    public var accessLogs: [AccessLog] = []
    /// Bytes travel inside an HTTP request to the cluster; nil: as they are.
    public var tunneling: Tunneling? = nil

    /// The request that carries a connection.
    public struct Tunneling: Hashable, Sendable {
        /// `host:port`.
        public var hostname: String
        /// POST to `path` instead of CONNECT.
        public var usesPOST: Bool = false
        public var path: String = "/"
        public var headers: [HeaderMutation] = []

        public init(hostname: String, usesPOST: Bool = false, path: String = "/", headers: [HeaderMutation] = []) {
            self.hostname = hostname
            self.usesPOST = usesPOST
            self.path = path
            self.headers = headers
        }
    }

    public init(
        statPrefix: String = "",
        clusters: [WeightedCluster],
        metadataMatch: [String: MetadataValue] = [:],
        idleTimeout: Duration = .seconds(3600),
        connectAttemptsMax: UInt32 = 1,
        connectionDurationMax: Duration? = nil,
        isHashedBySourceIP: Bool = false,
        accessLogs: [AccessLog] = []
    ) {
        self.statPrefix = statPrefix
        self.clusters = clusters
        self.metadataMatch = metadataMatch
        self.idleTimeout = idleTimeout
        self.connectAttemptsMax = connectAttemptsMax
        self.connectionDurationMax = connectionDurationMax
        self.isHashedBySourceIP = isHashedBySourceIP
        self.accessLogs = accessLogs
    }
}
