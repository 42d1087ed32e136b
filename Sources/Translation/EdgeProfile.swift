internal import Base
internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// The limits and deadlines of one server of a Gateway, and how they are written in xDS.
///
/// Shape: what policies set, over the built-in edge profile. Everything that Envoy has a field for goes into that
/// field; the rest stands in metadata under `gatehouse`, which Envoy carries and does not read.
struct EdgeProfile {
    /// Key of metadata that only our proxies read.
    static let metadataKey = "gatehouse"

    let settings: EdgeSettings
    /// The policies that the settings come from.
    let sources: [ResourceKey]
    private let bridgesGRPCWeb: Bool

    /// Notes the policies that shape the server, and those that an older one displaces.
    init(_ member: GatewayPorts.Member, mesh: MeshSnapshot, ledger: inout Ledger) {
        let found = mesh.edgePolicies.effective(for: member.source, server: member.server)
        settings = found.settings
        sources = found.sources
        bridgesGRPCWeb = settings.grpc?.web ?? (member.portProtocol == .grpcWeb)
        ledger.use(found.sources)
        for (loser, winner) in mesh.edgePolicies.displaced(at: member.source) {
            ledger.use(loser)
            ledger.report(loser, .policyConflict, "\(winner) is older and has the same target")
        }
    }

    /// Plain servers of a port share one filter chain, in which the oldest one's policy holds.
    static func ofShared(
        _ members: [GatewayPorts.Member],
        mesh: MeshSnapshot,
        ledger: inout Ledger
    ) -> EdgeProfile {
        let first = EdgeProfile(members[0], mesh: mesh, ledger: &ledger)
        for member in members.dropFirst() {
            let other = EdgeProfile(member, mesh: mesh, ledger: &ledger)
            for source in other.sources where !first.sources.contains(source) && other.settings != first.settings {
                let message = "port \(member.number): the policy of \(members[0].source), which is older, holds here"
                ledger.report(source, .policyConflict, message)
            }
        }
        return first
    }

    var handshakeTimeout: Duration { settings.timeouts?.tlsHandshake ?? .seconds(10) }
    private var sendTimeout: Duration { settings.timeouts?.send ?? .seconds(30) }

    // MARK: HTTP

    func apply(to manager: inout ConnectionManager) {
        let limits = settings.limits
        let timeouts = settings.timeouts
        manager.maxRequestHeadersKb = Wire.uint((limits?.requestHeaderBytes ?? 65_536) / 1024)
        manager.requestHeadersTimeout = Wire.duration(timeouts?.requestHeaders ?? .seconds(10))
        manager.requestTimeout = Wire.duration(timeouts?.request ?? .seconds(300))
        manager.streamIdleTimeout = Wire.duration(timeouts?.streamIdle ?? .seconds(300))
        manager.commonHTTPProtocolOptions.maxHeadersCount = Wire.uint(limits?.requestHeaderCount ?? 128)
        manager.commonHTTPProtocolOptions.idleTimeout = Wire.duration(timeouts?.connectionIdle ?? .seconds(60))
        if let longest = timeouts?.connectionDuration, longest > .zero {
            manager.commonHTTPProtocolOptions.maxConnectionDuration = Wire.duration(longest)
        }
        if let longest = timeouts?.streamDuration, longest > .zero {
            manager.commonHTTPProtocolOptions.maxStreamDuration = Wire.duration(longest)
        }
        if let count = limits?.requestsPerConnection, count > 0 {
            manager.commonHTTPProtocolOptions.maxRequestsPerConnection = Wire.uint(count)
        }
        if bridgesGRPCWeb { ConnectionManagers.addGRPCWeb(to: &manager) }
        let http2 = settings.http2
        manager.http2ProtocolOptions.maxConcurrentStreams = Wire.uint(http2?.maxConcurrentStreams ?? 100)
        manager.http2ProtocolOptions.initialStreamWindowSize = Wire.uint(http2?.initialStreamWindowSize ?? 65_536)
        manager.http2ProtocolOptions.initialConnectionWindowSize = Wire.uint(
            http2?.initialConnectionWindowSize ?? 1_048_576
        )
        if let interval = http2?.keepaliveInterval, interval > .zero {
            manager.http2ProtocolOptions.connectionKeepalive.interval = Wire.duration(interval)
            manager.http2ProtocolOptions.connectionKeepalive.timeout = Wire.duration(
                http2?.keepaliveTimeout ?? .seconds(20)
            )
        }
    }

    // MARK: Connections

    /// `nil`: as long as a TCP connection may be silent by default.
    var tunnelIdleTimeout: Duration? { settings.timeouts?.tcpIdle }

    var tunnelDurationMax: Duration? {
        guard let longest = settings.timeouts?.connectionDuration, longest > .zero else { return nil }
        return longest
    }

    func apply(to chain: inout FilterChainMessage) {
        if chain.hasTransportSocket { chain.transportSocketConnectTimeout = Wire.duration(handshakeTimeout) }
        if let count = settings.limits?.connections {
            var limit = ConnectionLimitMessage()
            limit.statPrefix = chain.name
            limit.maxConnections = Google_Protobuf_UInt64Value(UInt64(count))
            chain.filters.insert(Wire.networkFilter("envoy.filters.network.connection_limit", limit), at: 0)
        }
        var own: [String: Double] = [:]
        if let rate = settings.limits?.minBodyRate { own["min_body_rate"] = Double(rate) }
        if let patience = settings.timeouts?.send { own["send_timeout_ms"] = Double(patience.wholeMilliseconds) }
        if !own.isEmpty { chain.metadata = Wire.metadata(Self.metadataKey, numbers: own) }
    }

    /// What only a whole listener can have: the Gateways that share it are asked in winning order.
    static func apply(
        _ profiles: [(gateway: ResourceKey, profile: EdgeProfile)],
        to listener: inout ListenerMessage,
        mesh: MeshSnapshot
    ) {
        guard let first = profiles.first?.profile else { return }
        let longest = profiles.map(\.profile.handshakeTimeout).max() ?? first.handshakeTimeout
        if !listener.listenerFilters.isEmpty { listener.listenerFiltersTimeout = Wire.duration(longest) }
        let buffers = profiles.map { $0.profile.settings.limits?.bufferBytes ?? 32_768 }
        listener.perConnectionBufferLimitBytes = Wire.uint(buffers.max() ?? 32_768)
        let patience = profiles.map(\.profile.sendTimeout).max() ?? first.sendTimeout
        listener.socketOptions = keepalive(first.settings.tcpKeepalive, unlessStalledFor: patience)
        var own = overload(mesh.settings.config.overload)
        if let most = connectionsMax(profiles.map(\.gateway), mesh) { own["max_connections"] = Double(most) }
        if !own.isEmpty { listener.metadata = Wire.metadata(metadataKey, numbers: own) }
    }

    /// A limit for the whole port exists when each Gateway on it has one; it is checked before anything is read.
    private static func connectionsMax(_ gateways: [ResourceKey], _ mesh: MeshSnapshot) -> UInt64? {
        var total: UInt64 = 0
        for gateway in Set(gateways) {
            let whole = mesh.edgePolicies.policy(for: gateway)?.settings.limits?.connections
            guard let count = whole ?? mesh.settings.config.edgeDefaults?.limits?.connections else { return nil }
            total += UInt64(count)
        }
        return total
    }

    private static func overload(_ written: OverloadSettings?) -> [String: Double] {
        var numbers: [String: Double] = [:]
        if let bytes = written?.memoryBytes { numbers["overload_memory_bytes"] = Double(bytes) }
        if let percent = written?.disableKeepAlivePercent { numbers["overload_keepalive_percent"] = Double(percent) }
        if let percent = written?.refuseRequestsPercent { numbers["overload_request_percent"] = Double(percent) }
        if let percent = written?.refuseConnectionsPercent { numbers["overload_accept_percent"] = Double(percent) }
        return numbers
    }

    /// Linux socket options, which accepted connections inherit: a vanished peer is found even when nothing is owed to
    /// it. The default finds it in 75 s; TCP_USER_TIMEOUT does the same for unacknowledged output.
    private static func keepalive(
        _ written: ConnectionPoolSettings.TCPSettings.TcpKeepalive?,
        unlessStalledFor patience: Duration
    ) -> [Core.SocketOption] {
        let time = written?.time?.components.seconds ?? 45
        let interval = written?.interval?.components.seconds ?? 10
        let probes = Int64(written?.probes ?? 3)
        let userTimeout = max(time + interval * probes, patience.components.seconds + 1) * 1000
        let tcp: Int64 = 6
        return [
            Wire.socketOption("SO_KEEPALIVE", level: 1, name: 9, value: 1),
            Wire.socketOption("TCP_KEEPIDLE", level: tcp, name: 4, value: time),
            Wire.socketOption("TCP_KEEPINTVL", level: tcp, name: 5, value: interval),
            Wire.socketOption("TCP_KEEPCNT", level: tcp, name: 6, value: probes),
            Wire.socketOption("TCP_USER_TIMEOUT", level: tcp, name: 18, value: userTimeout),
        ]
    }
}

extension Wire {
    static func socketOption(_ text: String, level: Int64, name: Int64, value: Int64) -> Core.SocketOption {
        var option = Core.SocketOption()
        option.description_p = text
        option.level = level
        option.name = name
        option.intValue = value
        option.state = .statePrebind
        return option
    }

    static func metadata(_ namespace: String, numbers: [String: Double]) -> Core.Metadata {
        var values = Google_Protobuf_Struct()
        for (key, value) in numbers { values.fields[key] = Google_Protobuf_Value(numberValue: value) }
        var metadata = Core.Metadata()
        metadata.filterMetadata[namespace] = values
        return metadata
    }
}
