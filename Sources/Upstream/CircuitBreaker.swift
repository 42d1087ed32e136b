/// One cluster's limits and what is in use of them, on one worker.
///
/// Source: Envoy `circuit_breakers.thresholds`, default priority. The limits are per proxy; each worker keeps an equal
/// share, at least one, because workers share no counters.
public struct CircuitBreaker: Equatable, Sendable {
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

        /// This worker's share.
        public func share(of workers: Int) -> Limits {
            guard workers > 1 else { return self }
            func part(_ limit: UInt32) -> UInt32 {
                if limit == 0 || limit >= 1 << 30 { return limit }
                return max(1, (limit &+ UInt32(workers) &- 1) / UInt32(workers))
            }
            var share = self
            share.connections = part(connections)
            share.pendingRequests = part(pendingRequests)
            share.requests = part(requests)
            share.retries = part(retries)
            return share
        }
    }

    public var limits: Limits
    public var connections: UInt32 = 0
    public var pending: UInt32 = 0
    public var requests: UInt32 = 0
    public var retries: UInt32 = 0

    public init(limits: Limits) { self.limits = limits }

    @inline(__always) public var mayConnect: Bool { connections < limits.connections }
    @inline(__always) public var mayWait: Bool { pending < limits.pendingRequests }
    @inline(__always) public var mayRequest: Bool { requests < limits.requests }

    public var mayRetry: Bool {
        guard let percent = limits.retryBudgetPercent else { return retries < limits.retries }
        let budget = Double(requests &+ pending) * percent / 100
        return retries < max(limits.retryBudgetMinimum, UInt32(min(budget, 1e9)))
    }
}
