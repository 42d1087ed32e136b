/// What one worker counts for the routes with one statistics prefix (`statPrefix` of a match).
///
/// Names follow Envoy's `vhost.<virtual host>.route.<prefix>.upstream_rq_*`.
public struct RouteStatistics: Sendable {
    private var completed: UInt64 = 0
    private var byClass = (one: UInt64(0), two: UInt64(0), three: UInt64(0), four: UInt64(0), five: UInt64(0))
    private var time = LatencyHistogram()

    public init() {}

    public mutating func count(status: Int, microseconds: UInt64) {
        completed &+= 1
        time.record(microseconds: microseconds)
        switch status / 100 {
        case 1: byClass.one &+= 1
        case 2: byClass.two &+= 1
        case 3: byClass.three &+= 1
        case 4: byClass.four &+= 1
        case 5: byClass.five &+= 1
        default: break
        }
    }

    public func add(to snapshot: inout MetricsSnapshot, labels: String) {
        let counters: [(String, String, UInt64)] = [
            ("completed", "Requests of the route that were answered.", completed),
            ("1xx", "Responses 1xx.", byClass.one),
            ("2xx", "Responses 2xx.", byClass.two), ("3xx", "Responses 3xx.", byClass.three),
            ("4xx", "Responses 4xx.", byClass.four), ("5xx", "Responses 5xx.", byClass.five),
        ]
        for (name, help, value) in counters {
            let family = MetricFamily("envoy_vhost_route_upstream_rq_\(name)", .counter, help)
            snapshot.add(family, labels: labels, Int64(clamping: value))
        }
        let family = MetricFamily(
            "envoy_vhost_route_upstream_rq_time",
            .histogram,
            "Time until the response was complete, milliseconds."
        )
        snapshot.add(family, labels: labels, time)
    }
}
