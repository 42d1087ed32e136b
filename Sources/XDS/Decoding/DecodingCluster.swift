internal import SwiftProtobuf

private typealias HTTPOptions = Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions
private typealias Aggregate = Envoy_Extensions_Clusters_Aggregate_V3_ClusterConfig
private typealias DynamicForward = Envoy_Extensions_Clusters_DynamicForwardProxy_V3_ClusterConfig

extension Cluster {
    /// Without effect here and therefore ignored: `alt_stat_name`, `track_cluster_stats`, `lrs_server`,
    /// `common_lb_config.override_host_status`, `circuit_breakers…track_remaining`, `upstream_bind_config.freebind`.
    ///
    /// - Throws: when something is wrong or asks for what this proxy does not do. Refuse the resource.
    public init(decoding bytes: [UInt8]) throws(DecodeError) {
        let path = FieldPath.root
        try self.init(path.parse(bytes, as: Envoy_Config_Cluster_V3_Cluster.self), at: path)
    }

    init(_ cluster: Envoy_Config_Cluster_V3_Cluster, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(cluster)
        try path.refuse("filters", if: !cluster.filters.isEmpty)
        self.init(
            name: try path.nonEmpty(cluster.name, "name"),
            discovery: try Discovery(cluster, at: path),
            connectTimeout: try path.duration(
                cluster.hasConnectTimeout ? cluster.connectTimeout : nil,
                "connect_timeout",
                default: .seconds(5)
            ),
            bufferBytesMax: cluster.hasPerConnectionBufferLimitBytes
                ? cluster.perConnectionBufferLimitBytes.value : nil,
            circuitBreakers: try CircuitBreakers(cluster.circuitBreakers, at: path.child("circuit_breakers")),
            outlierDetection: cluster.hasOutlierDetection
                ? try OutlierDetection(cluster.outlierDetection, at: path.child("outlier_detection")) : nil,
            healthChecks: try path.list(cluster.healthChecks, "health_checks") { (check, path) throws(DecodeError) in
                try HealthCheck(check, at: path)
            },
            ignoresHealthOnRemoval: cluster.ignoreHealthOnHostRemoval,
            cleanupInterval: try path.duration(
                cluster.hasCleanupInterval ? cluster.cleanupInterval : nil,
                "cleanup_interval",
                default: .seconds(5)
            ),
            metadata: MetadataValue.metadata(cluster.metadata)
        )
        try applyBalancing(cluster, at: path)
        try applyConnections(cluster, at: path)
    }

    private mutating func applyConnections(
        _ cluster: Envoy_Config_Cluster_V3_Cluster,
        at path: FieldPath
    ) throws(DecodeError) {
        for (key, any) in cluster.typedExtensionProtocolOptions {
            let path = path.entry("typed_extension_protocol_options", key)
            guard any.holds(HTTPOptions.self) else { throw path.error("\(any.messageName) is not supported") }
            http = try UpstreamHTTP(path.unpack(any, as: HTTPOptions.self), at: path)
        }
        if cluster.hasMaxRequestsPerConnection, http.requestsPerConnectionMax == nil {
            http.requestsPerConnectionMax = cluster.maxRequestsPerConnection.value
        }
        if cluster.hasTransportSocket {
            transportSocket = try TransportSocket(cluster.transportSocket, at: path.child("transport_socket"))
        }
        transportSocketMatches = try path.list(cluster.transportSocketMatches, "transport_socket_matches") {
            (match, path) throws(DecodeError) in
            try path.refuseUnknown(match)
            return TransportSocketMatch(
                name: match.name,
                match: MetadataValue.object(match.match),
                socket: try TransportSocket(match.transportSocket, at: path.child("transport_socket"))
            )
        }
        let family: DNSFamily =
            switch cluster.dnsLookupFamily {
            case .auto: .auto
            case .v4Only: .v4Only
            case .v6Only: .v6Only
            case .v4Preferred: .v4Preferred
            case .all: .all
            case .UNRECOGNIZED: throw path.child("dns_lookup_family").error("unknown value")
            }
        let refresh = try path.timeout(cluster.hasDnsRefreshRate ? cluster.dnsRefreshRate : nil, "dns_refresh_rate")
        dns = DNSSettings(refreshRate: refresh ?? .seconds(5), respectsTTL: cluster.respectDnsTtl, family: family)
        if cluster.hasUpstreamBindConfig {
            let path = path.child("upstream_bind_config")
            try path.refuseUnknown(cluster.upstreamBindConfig)
            bindAddress = try Address.socket(
                cluster.upstreamBindConfig.sourceAddress,
                allowsName: false,
                at: path.child("source_address")
            )
        }
        let options = path.child("upstream_connection_options")
        try options.refuseUnknown(cluster.upstreamConnectionOptions)
        if cluster.upstreamConnectionOptions.hasTcpKeepalive {
            let keepalive = cluster.upstreamConnectionOptions.tcpKeepalive
            tcpKeepalive = TCPKeepalive(
                probes: keepalive.hasKeepaliveProbes ? keepalive.keepaliveProbes.value : nil,
                idle: keepalive.hasKeepaliveTime ? .seconds(Int64(keepalive.keepaliveTime.value)) : nil,
                interval: keepalive.hasKeepaliveInterval ? .seconds(Int64(keepalive.keepaliveInterval.value)) : nil
            )
        }
    }
}

extension Cluster.Discovery {
    init(_ cluster: Envoy_Config_Cluster_V3_Cluster, at path: FieldPath) throws(DecodeError) {
        if case .clusterType(let custom) = cluster.clusterDiscoveryType {
            let path = path.child("cluster_type.typed_config")
            if custom.typedConfig.holds(DynamicForward.self) {
                let config = try path.unpack(custom.typedConfig, as: DynamicForward.self)
                self = try Self.dynamicForward(config.dnsCacheConfig, at: path.child("dns_cache_config"))
                return
            }
            guard custom.typedConfig.holds(Aggregate.self) else {
                throw path.error("cluster type \(custom.typedConfig.messageName) is not supported")
            }
            let names = try path.unpack(custom.typedConfig, as: Aggregate.self).clusters
            guard !names.isEmpty else { throw path.child("clusters").error("must not be empty") }
            self = .aggregate(names)
            return
        }
        let assignmentPath = path.child("load_assignment")
        switch cluster.type {
        case .static:
            self = .fixed(try .init(cluster.loadAssignment, allowsNames: false, at: assignmentPath))
        case .strictDns:
            self = .strictDNS(try .init(cluster.loadAssignment, allowsNames: true, at: assignmentPath))
        case .logicalDns:
            let assignment = try ClusterLoadAssignment(cluster.loadAssignment, allowsNames: true, at: assignmentPath)
            guard assignment.localities.reduce(0, { $0 + $1.endpoints.count }) == 1 else {
                throw assignmentPath.error("a LOGICAL_DNS cluster has exactly one endpoint")
            }
            self = .logicalDNS(assignment)
        case .eds:
            try path.refuse("load_assignment", if: cluster.hasLoadAssignment)
            let eds = path.child("eds_cluster_config")
            try eds.refuseUnknown(cluster.edsClusterConfig)
            try eds.demandADS(cluster.edsClusterConfig.edsConfig, "eds_config")
            let name = cluster.edsClusterConfig.serviceName
            self = .eds(serviceName: name.isEmpty ? cluster.name : name)
        case .originalDst:
            try path.refuse("load_assignment", if: cluster.hasLoadAssignment)
            guard case .originalDstLbConfig(let settings) = cluster.lbConfig else {
                self = .originalDestination(header: nil)
                return
            }
            try path.child("original_dst_lb_config").refuseUnknown(settings)
            let header = settings.httpHeaderName.isEmpty ? "x-envoy-original-dst-host" : settings.httpHeaderName
            self = .originalDestination(header: settings.useHTTPHeader ? header.lowercased() : nil)
        case .UNRECOGNIZED:
            throw path.child("type").error("unknown value")
        }
    }

    /// The cache's refresh rate is the cluster's: see `dns`.
    private static func dynamicForward(
        _ cache: Envoy_Extensions_Common_DynamicForwardProxy_V3_DnsCacheConfig,
        at path: FieldPath
    ) throws(DecodeError) -> Self {
        try path.refuseUnknown(cache)
        return .dynamicForward(
            hostsMax: cache.hasMaxHosts ? max(1, cache.maxHosts.value) : 1024,
            hostLifetime: try path.duration(cache.hasHostTtl ? cache.hostTtl : nil, "host_ttl", default: .seconds(300))
        )
    }
}
