internal import Synchronization

/// One cluster's limits and what is in use of them.
///
/// Source: Envoy `circuit_breakers.thresholds`, default priority. The limits are per proxy: where a cluster has any,
/// the workers count together in `SharedUse`; each also knows its own part.
public struct CircuitBreaker: Sendable {
    public struct Limits: Equatable, Sendable {
        public var connections: UInt32 = 1024
        public var pendingRequests: UInt32 = 1024
        public var requests: UInt32 = 1024
        public var retries: UInt32 = 3
        /// When set, retries may be this share of the requests in flight (and at least `retryBudgetMinimum`), and
        /// `retries` does not count.
        public var retryBudgetPercent: Double?
        public var retryBudgetMinimum: UInt32 = 3

        public init() {}

        /// Limits that nobody reaches need no common count.
        var areReachable: Bool {
            let lowest = min(min(connections, pendingRequests), min(requests, retries))
            return lowest < 1 << 30 || retryBudgetPercent != nil
        }
    }

    /// What all workers use together.
    public final class SharedUse: Sendable {
        let connections = Atomic<Int>(0)
        let pending = Atomic<Int>(0)
        let requests = Atomic<Int>(0)
        let retries = Atomic<Int>(0)

        public init() {}
    }

    public enum Resource: Sendable { case connection, pending, request, retry }

    public let limits: Limits
    private let shared: SharedUse?
    private var connections = 0
    private var pending = 0
    private var requests = 0
    private var retries = 0

    /// - Parameter shared: nil when there is one worker only, or no limit.
    public init(limits: Limits, shared: SharedUse? = nil) {
        self.limits = limits
        self.shared = shared
    }

    public var mayConnect: Bool {
        (shared?.connections.load(ordering: .relaxed) ?? connections) < Int(limits.connections)
    }
    public var mayWait: Bool { (shared?.pending.load(ordering: .relaxed) ?? pending) < Int(limits.pendingRequests) }
    public var mayRequest: Bool { (shared?.requests.load(ordering: .relaxed) ?? requests) < Int(limits.requests) }

    public var mayRetry: Bool {
        let retries = shared?.retries.load(ordering: .relaxed) ?? retries
        guard let percent = limits.retryBudgetPercent else { return retries < Int(limits.retries) }
        let active =
            (shared?.requests.load(ordering: .relaxed) ?? requests)
            + (shared?.pending.load(ordering: .relaxed) ?? pending)
        let budget = Int(min(Double(max(0, active)) * percent / 100, 1e9))
        return retries < max(Int(limits.retryBudgetMinimum), budget)
    }

    public mutating func begin(_ resource: Resource) { change(resource, by: 1) }

    public mutating func end(_ resource: Resource) { change(resource, by: -1) }

    @inline(__always)
    private mutating func change(_ resource: Resource, by difference: Int) {
        switch resource {
        case .connection:
            connections &+= difference
            shared?.connections.wrappingAdd(difference, ordering: .relaxed)
        case .pending:
            pending &+= difference
            shared?.pending.wrappingAdd(difference, ordering: .relaxed)
        case .request:
            requests &+= difference
            shared?.requests.wrappingAdd(difference, ordering: .relaxed)
        case .retry:
            retries &+= difference
            shared?.retries.wrappingAdd(difference, ordering: .relaxed)
        }
    }
}
