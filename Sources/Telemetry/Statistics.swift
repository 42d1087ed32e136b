/// What one worker counts for one cluster. Names follow Envoy's `cluster.<name>.*` tree.
///
/// Shape: trivial, behind a pointer owned by the cluster's runtime; touched only on its worker (a scrape runs there).
public struct ClusterStatistics: Sendable {
    public var connectionsTotal: UInt64 = 0
    public var connectionsActive: Int64 = 0
    public var connectFailures: UInt64 = 0
    public var connectTimeouts: UInt64 = 0
    public var connectionOverflow: UInt64 = 0
    public var requestsTotal: UInt64 = 0
    public var requestsActive: Int64 = 0
    public var requestTimeouts: UInt64 = 0
    public var requestResets: UInt64 = 0
    public var requestRetries: UInt64 = 0
    public var retryOverflow: UInt64 = 0
    public var retrySuccess: UInt64 = 0
    public var pendingTotal: UInt64 = 0
    public var pendingActive: Int64 = 0
    public var pendingOverflow: UInt64 = 0
    public var noHealthyHost: UInt64 = 0
    public var responses2xx: UInt64 = 0
    public var responses3xx: UInt64 = 0
    public var responses4xx: UInt64 = 0
    public var responses5xx: UInt64 = 0
    public var ejections: UInt64 = 0
    public var ejectedNow: Int64 = 0
    public var healthChecks: UInt64 = 0
    public var healthCheckFailures: UInt64 = 0
    public var dnsFailures: UInt64 = 0
    public var membersTotal: Int64 = 0
    public var membersHealthy: Int64 = 0
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var requestTime = LatencyHistogram()

    public init() {}

    /// Counts a final response status.
    public mutating func countResponse(status: Int) {
        switch status / 100 {
        case 2: responses2xx &+= 1
        case 3: responses3xx &+= 1
        case 4: responses4xx &+= 1
        case 5: responses5xx &+= 1
        default: break
        }
    }

    public func add(to snapshot: inout MetricsSnapshot, labels: String) {
        for (family, value) in counters { snapshot.add(family, labels: labels, Int64(clamping: value)) }
        for (family, value) in gauges { snapshot.add(family, labels: labels, value) }
        snapshot.add(Family.requestTime, labels: labels, requestTime)
    }

    private enum Family {
        static func counter(_ name: String, _ help: String) -> MetricFamily {
            MetricFamily("envoy_cluster_" + name, .counter, help)
        }
        static func gauge(_ name: String, _ help: String) -> MetricFamily {
            MetricFamily("envoy_cluster_" + name, .gauge, help)
        }
        static let requestTime = MetricFamily(
            "envoy_cluster_upstream_rq_time",
            .histogram,
            "Time until the response was complete, milliseconds."
        )
    }

    private var counters: [(MetricFamily, UInt64)] {
        [
            (Family.counter("upstream_cx_total", "Connections opened."), connectionsTotal),
            (Family.counter("upstream_cx_connect_fail", "Connections that failed to open."), connectFailures),
            (Family.counter("upstream_cx_connect_timeout", "Connections that did not open in time."), connectTimeouts),
            (Family.counter("upstream_cx_overflow", "Times the connection limit was met."), connectionOverflow),
            (Family.counter("upstream_cx_tx_bytes_total", "Bytes sent."), bytesSent),
            (Family.counter("upstream_cx_rx_bytes_total", "Bytes received."), bytesReceived),
            (Family.counter("upstream_rq_total", "Requests sent, retries included."), requestsTotal),
            (Family.counter("upstream_rq_timeout", "Requests that timed out."), requestTimeouts),
            (Family.counter("upstream_rq_rx_reset", "Requests reset by the upstream."), requestResets),
            (Family.counter("upstream_rq_retry", "Retries sent."), requestRetries),
            (Family.counter("upstream_rq_retry_overflow", "Retries refused by the circuit breaker."), retryOverflow),
            (Family.counter("upstream_rq_retry_success", "Retries that succeeded."), retrySuccess),
            (Family.counter("upstream_rq_pending_total", "Requests that waited for a connection."), pendingTotal),
            (Family.counter("upstream_rq_pending_overflow", "Requests refused by the breaker."), pendingOverflow),
            (Family.counter("upstream_cx_none_healthy", "Requests that found no healthy endpoint."), noHealthyHost),
            (Family.counter("upstream_rq_2xx", "Responses 2xx."), responses2xx),
            (Family.counter("upstream_rq_3xx", "Responses 3xx."), responses3xx),
            (Family.counter("upstream_rq_4xx", "Responses 4xx."), responses4xx),
            (Family.counter("upstream_rq_5xx", "Responses 5xx."), responses5xx),
            (Family.counter("outlier_detection_ejections_enforced_total", "Endpoints ejected."), ejections),
            (Family.counter("health_check_attempt", "Active health checks begun."), healthChecks),
            (Family.counter("health_check_failure", "Active health checks that failed."), healthCheckFailures),
            (Family.counter("update_failure", "Name resolutions that failed."), dnsFailures),
        ]
    }

    private var gauges: [(MetricFamily, Int64)] {
        [
            (Family.gauge("upstream_cx_active", "Open connections."), connectionsActive),
            (Family.gauge("upstream_rq_active", "Requests in flight."), requestsActive),
            (Family.gauge("upstream_rq_pending_active", "Requests waiting for a connection."), pendingActive),
            (Family.gauge("outlier_detection_ejections_active", "Endpoints ejected now."), ejectedNow),
            (Family.gauge("membership_total", "Endpoints."), membersTotal),
            (Family.gauge("membership_healthy", "Endpoints that may be used."), membersHealthy),
        ]
    }
}

/// What one worker counts for one listener. Names follow Envoy's `listener.<address>.*` and `http.<prefix>.*` trees.
public struct ListenerStatistics: Sendable {
    public var connectionsTotal: UInt64 = 0
    public var connectionsActive: Int64 = 0
    public var connectionsRefused: UInt64 = 0
    public var handshakes: UInt64 = 0
    public var handshakeFailures: UInt64 = 0
    public var noFilterChain: UInt64 = 0
    public var requestsTotal: UInt64 = 0
    public var requestsActive: Int64 = 0
    public var responses2xx: UInt64 = 0
    public var responses3xx: UInt64 = 0
    public var responses4xx: UInt64 = 0
    public var responses5xx: UInt64 = 0
    public var requestsReset: UInt64 = 0
    public var upgradesTotal: UInt64 = 0
    public var requestsOverload: UInt64 = 0
    public var keepAlivesRefused: UInt64 = 0

    public init() {}

    public mutating func countResponse(status: Int) {
        switch status / 100 {
        case 2: responses2xx &+= 1
        case 3: responses3xx &+= 1
        case 4: responses4xx &+= 1
        case 5: responses5xx &+= 1
        default: break
        }
    }

    public func add(to snapshot: inout MetricsSnapshot, labels: String) {
        let counters: [(String, String, UInt64)] = [
            ("envoy_listener_downstream_cx_total", "Connections accepted.", connectionsTotal),
            ("envoy_listener_downstream_cx_overflow", "Connections refused by a limit.", connectionsRefused),
            ("envoy_listener_ssl_handshake", "TLS handshakes completed.", handshakes),
            ("envoy_listener_ssl_connection_error", "TLS handshakes that failed.", handshakeFailures),
            ("envoy_listener_no_filter_chain_match", "Connections no filter chain wanted.", noFilterChain),
            ("envoy_http_downstream_rq_total", "Requests received.", requestsTotal),
            ("envoy_http_downstream_rq_2xx", "Responses 2xx.", responses2xx),
            ("envoy_http_downstream_rq_3xx", "Responses 3xx.", responses3xx),
            ("envoy_http_downstream_rq_4xx", "Responses 4xx.", responses4xx),
            ("envoy_http_downstream_rq_5xx", "Responses 5xx.", responses5xx),
            ("envoy_http_downstream_rq_rx_reset", "Requests reset by the downstream.", requestsReset),
            ("envoy_http_downstream_rq_overload_close", "Requests refused under pressure.", requestsOverload),
            (
                "envoy_http_downstream_cx_overload_disable_keepalive", "Connections asked to go under pressure.",
                keepAlivesRefused
            ),
            ("envoy_http_downstream_cx_upgrades_total", "Upgrades and CONNECT tunnels.", upgradesTotal),
        ]
        for (name, help, value) in counters {
            snapshot.add(MetricFamily(name, .counter, help), labels: labels, Int64(clamping: value))
        }
        let open = MetricFamily("envoy_listener_downstream_cx_active", .gauge, "Open connections.")
        snapshot.add(open, labels: labels, connectionsActive)
        let active = MetricFamily("envoy_http_downstream_rq_active", .gauge, "Requests in flight.")
        snapshot.add(active, labels: labels, requestsActive)
    }
}
