internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// Load balancing, limits, ejection and HTTP version of a cluster.
struct ClusterPolicy {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let target: Destinations.Resolved
    let endpoints: [MeshEndpoint]

    func apply(to cluster: inout ClusterMessage) {
        let defaults = mesh.settings.config.defaultTrafficPolicy
        let pool = target.traffic.connectionPool ?? defaults?.connectionPool
        if !target.forwardsByName {
            balance(&cluster)
            BalancingByPlace(mesh: mesh, node: node, target: target).apply(to: &cluster)
        }
        Self.pool(pool, cluster: &cluster)
        budget(&cluster)
        eject(target.traffic.outlierDetection ?? defaults?.outlierDetection, cluster: &cluster)
        speak(pool?.http, cluster: &cluster)
    }

    // MARK: Balancing

    private func balance(_ cluster: inout ClusterMessage) {
        let written = target.traffic.loadBalancer
        if let hash = written?.consistentHash {
            if let maglev = hash.maglev {
                cluster.lbPolicy = .maglev
                if let size = maglev.tableSize { cluster.maglevLbConfig.tableSize = .init(UInt64(size)) }
            } else {
                cluster.lbPolicy = .ringHash
                let size = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize ?? 1024
                cluster.ringHashLbConfig.minimumRingSize = .init(UInt64(size))
            }
            return
        }
        var simple = written?.simple ?? .unspecified
        if simple == .unspecified { simple = mesh.settings.loadBalancer }
        switch simple {
        case .roundRobin, .unspecified:
            cluster.lbPolicy = .roundRobin
            if let start = slowStart(written) { cluster.roundRobinLbConfig.slowStartConfig = start }
        case .leastConn, .leastRequest:
            cluster.lbPolicy = .leastRequest
            if let start = slowStart(written) { cluster.leastRequestLbConfig.slowStartConfig = start }
        case .random:
            cluster.lbPolicy = .random
        case .passthrough:
            // `Resolved.forwardsByName`: never asked.
            break
        }
    }

    /// A ramp for new endpoints; only round robin and least request have one.
    private func slowStart(_ written: LoadBalancerSettings?) -> ClusterMessage.SlowStartConfig? {
        let window = written?.warmup?.duration ?? written?.warmupDurationSecs
        guard let window, window > .zero else { return nil }
        var start = ClusterMessage.SlowStartConfig()
        start.slowStartWindow = Wire.duration(window)
        if let aggression = written?.warmup?.aggression {
            start.aggression.defaultValue = aggression
            // Envoy demands a key to look up; nothing sets it.
            start.aggression.runtimeKey = "slow_start.aggression"
        }
        if let least = written?.warmup?.minimumPercent { start.minWeightPercent = Wire.percent(least) }
        return start
    }

    // MARK: Limits

    /// Source: Istio, where every limit that is not set is the largest number, and zero or less means not set.
    static func pool(_ pool: ConnectionPoolSettings?, cluster: inout ClusterMessage) {
        func limit(_ value: Int32?) -> Google_Protobuf_UInt32Value {
            guard let value, value > 0 else { return Wire.uint(UInt32.max) }
            return Wire.uint(value)
        }
        var thresholds = CircuitBreakersMessage.Thresholds()
        thresholds.maxConnections = limit(pool?.tcp?.maxConnections)
        thresholds.maxPendingRequests = limit(pool?.http?.http1MaxPendingRequests)
        thresholds.maxRequests = limit(pool?.http?.http2MaxRequests)
        thresholds.maxRetries = limit(pool?.http?.maxRetries)
        thresholds.trackRemaining = true
        cluster.circuitBreakers.thresholds = [thresholds]
        if let timeout = pool?.tcp?.connectTimeout { cluster.connectTimeout = Wire.duration(timeout) }
        if let keepalive = pool?.tcp?.tcpKeepalive {
            var message = Envoy_Config_Core_V3_TcpKeepalive()
            if let probes = keepalive.probes { message.keepaliveProbes = Wire.uint(probes) }
            if let time = keepalive.time { message.keepaliveTime = Wire.uint(time.components.seconds) }
            if let interval = keepalive.interval { message.keepaliveInterval = Wire.uint(interval.components.seconds) }
            cluster.upstreamConnectionOptions.tcpKeepalive = message
        }
        var options = Envoy_Config_Core_V3_HttpProtocolOptions()
        var isSet = false
        if let idle = pool?.http?.idleTimeout ?? pool?.tcp?.idleTimeout {
            options.idleTimeout = Wire.duration(idle)
            isSet = true
        }
        if let longest = pool?.tcp?.maxConnectionDuration {
            options.maxConnectionDuration = Wire.duration(longest)
            isSet = true
        }
        if let count = pool?.http?.maxRequestsPerConnection, count > 0 {
            options.maxRequestsPerConnection = Wire.uint(count)
            isSet = true
        }
        guard isSet else { return }
        var http = UpstreamHTTPOptions()
        http.commonHTTPProtocolOptions = options
        http.explicitHTTPConfig.httpProtocolOptions = Envoy_Config_Core_V3_Http1ProtocolOptions()
        setHTTP(http, cluster: &cluster)
    }

    /// Source: Envoy retry budgets; Istio's defaults are Envoy's: 20 %, at least 3.
    private func budget(_ cluster: inout ClusterMessage) {
        guard let written = target.traffic.retryBudget, !cluster.circuitBreakers.thresholds.isEmpty else { return }
        var budget = CircuitBreakersMessage.Thresholds.RetryBudget()
        budget.budgetPercent = Wire.percent(written.percent ?? 20)
        budget.minRetryConcurrency = Wire.uint(written.minRetryConcurrency ?? 3)
        cluster.circuitBreakers.thresholds[0].retryBudget = budget
    }

    // MARK: Ejection

    /// Source: Istio: the block's presence turns it on; success-rate ejection stays off; panic is off unless asked for.
    private func eject(_ written: Resources.OutlierDetection?, cluster: inout ClusterMessage) {
        guard let written else { return }
        var message = OutlierMessage()
        message.enforcingSuccessRate = Wire.uint(0)
        if let count = written.consecutive5xxErrors {
            message.consecutive5Xx = Wire.uint(count)
            message.enforcingConsecutive5Xx = Wire.uint(count > 0 ? 100 : 0)
        }
        if let count = written.consecutiveGatewayErrors {
            message.consecutiveGatewayFailure = Wire.uint(count)
            message.enforcingConsecutiveGatewayFailure = Wire.uint(count > 0 ? 100 : 0)
        }
        if let interval = written.interval { message.interval = Wire.duration(interval) }
        if let time = written.baseEjectionTime { message.baseEjectionTime = Wire.duration(time) }
        if written.maxEjectionPercent > 0 { message.maxEjectionPercent = Wire.uint(written.maxEjectionPercent) }
        if written.splitExternalLocalOriginErrors {
            message.splitExternalLocalOriginErrors = true
            if let count = written.consecutiveLocalOriginFailures {
                message.consecutiveLocalOriginFailure = Wire.uint(count)
                message.enforcingConsecutiveLocalOriginFailure = Wire.uint(count > 0 ? 100 : 0)
            }
        }
        // As Istio's users know it: one endpoint may always go, whatever the share.
        message.alwaysEjectOneHost = Wire.bool(true)
        cluster.outlierDetection = message
        if !written.outlierDetectionHttpErrorCodes.isEmpty {
            var options = Self.http(of: cluster) ?? UpstreamHTTPOptions()
            if options.upstreamProtocolOptions == nil {
                options.explicitHTTPConfig.httpProtocolOptions = Envoy_Config_Core_V3_Http1ProtocolOptions()
            }
            options.outlierDetection.errorMatcher = Self.statuses(written.outlierDetectionHttpErrorCodes)
            Self.setHTTP(options, cluster: &cluster)
        }
        cluster.commonLbConfig.healthyPanicThreshold = Wire.percent(Double(max(0, written.minHealthPercent)))
    }

    /// Answers with one of these statuses.
    private static func statuses(_ codes: [UInt32]) -> Envoy_Config_Common_Matcher_V3_MatchPredicate {
        let rules = Set(codes).sorted().map { code in
            var header = HeaderMatcherMessage()
            header.name = ":status"
            header.stringMatch = Wire.exact(String(code))
            var rule = Envoy_Config_Common_Matcher_V3_MatchPredicate()
            rule.httpResponseHeadersMatch.headers = [header]
            return rule
        }
        if rules.count == 1 { return rules[0] }
        var matcher = Envoy_Config_Common_Matcher_V3_MatchPredicate()
        matcher.orMatch.rules = rules
        return matcher
    }

    // MARK: HTTP version

    private func speak(_ written: ConnectionPoolSettings.HTTPSettings?, cluster: inout ClusterMessage) {
        let spoken = target.port?.portProtocol ?? .http
        let upgrades =
            written?.h2UpgradePolicy == .upgrade
            || (written?.h2UpgradePolicy ?? .default == .default && mesh.settings.config.h2UpgradePolicy == .upgrade)
        var options = Self.http(of: cluster) ?? UpstreamHTTPOptions()
        var http1 = Envoy_Config_Core_V3_Http1ProtocolOptions()
        if HeaderCaseOptions.arePreserved(mesh.settings) { http1.headerKeyFormat = HeaderCaseOptions.preserved }
        var http2 = Envoy_Config_Core_V3_Http2ProtocolOptions()
        if let streams = written?.maxConcurrentStreams, streams > 0 { http2.maxConcurrentStreams = Wire.uint(streams) }
        if let keepalive = written?.http2KeepAlive, let interval = keepalive.interval, let timeout = keepalive.timeout {
            http2.connectionKeepalive.interval = Wire.duration(interval)
            http2.connectionKeepalive.timeout = Wire.duration(timeout)
        }
        if written?.useClientProtocol == true {
            options.useDownstreamProtocolConfig.httpProtocolOptions = http1
            options.useDownstreamProtocolConfig.http2ProtocolOptions = http2
        } else if spoken.isHTTP2 || (spoken == .http && upgrades) {
            options.explicitHTTPConfig.http2ProtocolOptions = http2
        } else if Self.http(of: cluster) == nil, !setsSNI, !http1.hasHeaderKeyFormat {
            return
        } else {
            options.explicitHTTPConfig.httpProtocolOptions = http1
        }
        if setsSNI { options.upstreamHTTPProtocolOptions.autoSni = true }
        Self.setHTTP(options, cluster: &cluster)
    }

    /// TLS origination without a written SNI shows the name the request asks for.
    private var setsSNI: Bool {
        guard let tls = target.traffic.tls, tls.sni == nil else { return false }
        return tls.effectiveMode == .simple || tls.effectiveMode == .mutual
    }

    private static let httpOptionsKey = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"

    static func setHTTP(_ options: UpstreamHTTPOptions, cluster: inout ClusterMessage) {
        cluster.typedExtensionProtocolOptions[httpOptionsKey] = Wire.any(options)
    }

    private static func http(of cluster: ClusterMessage) -> UpstreamHTTPOptions? {
        guard let packed = cluster.typedExtensionProtocolOptions[httpOptionsKey] else { return nil }
        return try? UpstreamHTTPOptions(serializedBytes: packed.value)
    }
}
