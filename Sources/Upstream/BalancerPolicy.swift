/// How a cluster spreads requests over its endpoints.
///
/// Source: Envoy `Cluster.lb_policy` and `common_lb_config`.
public struct BalancerPolicy: Equatable, Sendable {
    public enum Choice: Equatable, Sendable {
        case roundRobin
        /// The least loaded of so many random endpoints, two or more.
        case leastRequest(choices: Int)
        case random
        case ringHash(minimumSize: Int, maximumSize: Int)
        case maglev(tableSize: Int)
    }

    public var choice = Choice.roundRobin
    /// Below this share of healthy endpoints all of them are used. Envoy's default is 50; Istio sets 0 with outlier
    /// detection.
    public var panicThresholdPercent: Double = 50
    /// Whether localities get traffic by their weight instead of by their number of endpoints.
    public var weighsLocalities = false
    /// How many per cent of a priority's endpoints may be lost before the next priority is used: 140 means 28 %.
    public var overprovisioningPercent: UInt32 = 140
    /// Whether requests stay in the caller's zone where it can take them.
    public var prefersOwnZone = false
    /// Of the requests, those to which that applies.
    public var zoneRoutedPercent: Double = 100
    /// Fewer healthy endpoints than this: zones are ignored.
    public var zoneClusterSizeMin = 6
    /// In panic no endpoint is used instead of all of them.
    public var failsOnPanic = false

    public init() {}
}
