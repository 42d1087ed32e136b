internal import Base
public import Telemetry
public import Transport
internal import XDS

/// What all clusters of a worker share.
public struct ClusterEnvironment {
    public let loop: EventLoop
    public let resolver: DomainResolver
    /// Which worker this is, of how many.
    public let worker: Int
    public let workers: Int
    public let seed: UInt64

    public init(loop: EventLoop, resolver: DomainResolver, worker: Int = 0, workers: Int, seed: UInt64) {
        self.loop = loop
        self.resolver = resolver
        self.worker = worker
        self.workers = workers
        self.seed = seed
    }
}

/// A cluster as one worker lives it: endpoints, balancing, pools, limits, what it has learnt about health.
///
/// Shape: belongs to one worker. Survives configuration changes that leave the cluster as it is; endpoint changes alter
/// membership and leave the pools of endpoints that stay.
public final class ClusterRuntime {
    public private(set) var plan: ClusterPlan
    public let statistics: UnsafeMutablePointer<ClusterStatistics>
    public let tcp: UnsafeMutablePointer<TCPStatistics>
    /// Istio's request metrics of this cluster.
    public let series = RequestSeries()
    public let environment: ClusterEnvironment
    public private(set) var isRetired = false

    var breaker: CircuitBreaker
    let outlierPolicy: OutlierPolicy?
    let balancer: Balancer<UpstreamHost>
    var random: SeededGenerator
    var hosts: [UpstreamHost] = []
    var localities: [LocalityEndpoints] = []
    var lookups: [String: NameLookup] = [:]
    var isWarming = false
    private var warmingWaiters = WaiterList()
    var originalHosts: [SocketAddress: UpstreamHost] = [:]
    var forwardHosts: [String: ForwardHost] = [:]
    var clocks = Clocks()
    var checker: HealthChecker?
    var seenGeneration: UInt64 = 0
    let keepsForwardHosts: Bool
    public let usesOriginalDestination: Bool

    /// Timers, made when first needed.
    struct Clocks {
        var sweep: ClusterClock?
        var warmup: ClusterClock?
        var checks: ClusterClock?
        var names: ClusterClock?
    }

    public init(plan: ClusterPlan, environment: ClusterEnvironment) {
        self.plan = plan
        self.environment = environment
        statistics = .allocate(capacity: 1)
        statistics.initialize(to: ClusterStatistics())
        tcp = .allocate(capacity: 1)
        tcp.initialize(to: TCPStatistics())
        breaker = CircuitBreaker(
            limits: plan.breakerLimits,
            shared: environment.workers > 1 ? plan.sharedUse : nil
        )
        outlierPolicy = plan.outlierPolicy
        balancer = Balancer(policy: plan.balancerPolicy, seed: environment.seed)
        random = SeededGenerator(seed: environment.seed &+ 1)
        if case .dynamicForward = plan.cluster.discovery { keepsForwardHosts = true } else { keepsForwardHosts = false }
        if case .originalDestination = plan.cluster.discovery {
            usesOriginalDestination = true
        } else {
            usesOriginalDestination = false
        }
        applyAssignment()
        startHealth()
    }

    deinit {
        for clock in [clocks.sweep, clocks.warmup, clocks.checks, clocks.names] { clock?.cancel() }
        statistics.deallocate()
        tcp.deallocate()
    }

    public var name: String { plan.cluster.name }

    /// Takes over a plan of equal identity; only its endpoints may differ.
    public func adopt(_ next: ClusterPlan) {
        let isSame = plan.assignmentIdentity == next.assignmentIdentity
        plan = next
        if !isSame { applyAssignment() }
    }

    /// The cluster left the configuration: idle connections close, what is in flight ends by itself.
    public func retire() {
        isRetired = true
        clocks.sweep?.cancel()
        clocks.warmup?.cancel()
        clocks.checks?.cancel()
        clocks.names?.cancel()
        checker?.stop()
        checker = nil
        for lookup in lookups.values { lookup.stop() }
        for host in hosts { remove(host) }
        for host in originalHosts.values { remove(host) }
        removeForwardHosts()
        lookups = [:]
        hosts = []
        originalHosts = [:]
        rebalance()
        isWarming = false
        releaseWarming()
    }

    // MARK: picking

    /// Why there is no host.
    public enum NoHost: Sendable, Equatable {
        /// Names are being resolved, or endpoints checked, for the first time: ask again through `waitUntilWarm`.
        case warming
        case noneHealthy
        case nameNotFound
        /// No host name in the request, or too many names are in use.
        case noName
    }

    public struct NoHostError: Error {
        public let reason: NoHost
    }

    /// - Parameters:
    ///   - picks: how often to draw again when a draw gives a host that was tried.
    ///   - avoiding: priorities to leave out where others have hosts: bit n for priority n.
    public func pick(
        hash: UInt64?,
        tried: TriedHosts,
        picks: Int,
        avoiding priorities: UInt64 = 0
    ) -> Result<UpstreamHost, NoHostError> {
        if let shared = plan.shared { noteUse(shared) }
        let first = priorities != 0 ? balancer.pick(hash: hash, avoiding: priorities) : balancer.pick(hash: hash)
        guard var host = first else {
            if isWarming { return .failure(NoHostError(reason: .warming)) }
            statistics.pointee.noHealthyHost &+= 1
            let isUnresolved = !lookups.isEmpty && lookups.values.allSatisfy { $0.failure != nil }
            return .failure(NoHostError(reason: isUnresolved ? .nameNotFound : .noneHealthy))
        }
        if !tried.isEmpty {
            var left = picks
            while left > 0, tried.contains(host) {
                let other = priorities != 0 ? balancer.pick(hash: nil, avoiding: priorities) : balancer.pick(hash: nil)
                guard let other else { break }
                host = other
                left &-= 1
            }
        }
        return .success(host)
    }

    // MARK: warming

    /// Calls `waiter.clusterIsWarm` once names are resolved. False when too many wait already.
    public func waitUntilWarm(_ waiter: StreamWaiter) -> Bool {
        guard isWarming || keepsForwardHosts, !isRetired, breaker.mayWait else { return false }
        breaker.begin(.pending)
        waiter.place = .warming(self)
        warmingWaiters.append(waiter)
        return true
    }

    func cancelWarming(_ waiter: StreamWaiter) {
        warmingWaiters.remove(waiter)
        breaker.end(.pending)
        waiter.place = .none
    }

    /// Those who wait now look again; some may have to wait once more.
    func releaseWarming() {
        var left = warmingWaiters.count
        while left > 0, let waiter = warmingWaiters.first {
            cancelWarming(waiter)
            waiter.clusterIsWarm()
            left &-= 1
        }
    }

    // MARK: facts

    public var healthyCount: Int { balancer.healthyCount }
    public var memberCount: Int { balancer.totalCount }

    /// True when one more retry is within the limits; the caller pairs it with `endRetry`.
    public func beginRetry() -> Bool {
        guard breaker.mayRetry else {
            statistics.pointee.retryOverflow &+= 1
            return false
        }
        breaker.begin(.retry)
        statistics.pointee.requestRetries &+= 1
        return true
    }

    public func endRetry() { breaker.end(.retry) }
}

/// A timer of a cluster that calls one of its methods.
final class ClusterClock: LoopTimer {
    private unowned let cluster: ClusterRuntime
    private let action: (ClusterRuntime) -> Void

    init(_ cluster: ClusterRuntime, _ action: @escaping (ClusterRuntime) -> Void) {
        self.cluster = cluster
        self.action = action
    }

    override func fire() { action(cluster) }
}
