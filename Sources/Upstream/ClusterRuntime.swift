public import Base
public import Telemetry
public import Transport
internal import XDS

/// What all clusters of a worker share.
public struct ClusterEnvironment {
    public let loop: EventLoop
    public let resolver: DomainResolver
    public let workers: Int
    public let seed: UInt64

    public init(loop: EventLoop, resolver: DomainResolver, workers: Int, seed: UInt64) {
        self.loop = loop
        self.resolver = resolver
        self.workers = workers
        self.seed = seed
    }
}

/// A cluster as one worker lives it: endpoints, balancing, pools, limits, what it has learnt about health.
///
/// Shape: belongs to one worker. Survives configuration changes that leave the cluster as it is; endpoint changes alter
/// membership and leave the pools of endpoints that stay.
public final class ClusterRuntime {
    private final class Sweep: LoopTimer {
        unowned let cluster: ClusterRuntime

        init(cluster: ClusterRuntime) { self.cluster = cluster }

        override func fire() { cluster.sweep() }
    }

    public private(set) var plan: ClusterPlan
    public let statistics: UnsafeMutablePointer<ClusterStatistics>
    public let tcp: UnsafeMutablePointer<TCPStatistics>
    /// Istio's request metrics of this cluster.
    public let series = RequestSeries()
    public let environment: ClusterEnvironment
    public private(set) var isRetired = false

    var breaker: CircuitBreaker
    let outlierPolicy: OutlierPolicy?
    private let balancer: Balancer<UpstreamHost>
    private(set) var hosts: [UpstreamHost] = []
    private var localities: [LocalityEndpoints] = []
    private var lookups: [String: NameLookup] = [:]
    private var isWarming = false
    private var warmingWaiters = WaiterList()
    private var originalHosts: [SocketAddress: UpstreamHost] = [:]
    private var sweepTimer: Sweep?

    public init(plan: ClusterPlan, environment: ClusterEnvironment) {
        self.plan = plan
        self.environment = environment
        statistics = .allocate(capacity: 1)
        statistics.initialize(to: ClusterStatistics())
        tcp = .allocate(capacity: 1)
        tcp.initialize(to: TCPStatistics())
        breaker = CircuitBreaker(limits: plan.breakerLimits.share(of: environment.workers))
        outlierPolicy = plan.outlierPolicy
        balancer = Balancer(policy: plan.balancerPolicy, seed: environment.seed)
        applyAssignment()
        if let policy = outlierPolicy {
            let timer = Sweep(cluster: self)
            sweepTimer = timer
            environment.loop.schedule(timer, after: policy.interval)
        }
    }

    deinit {
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
        sweepTimer?.cancel()
        for lookup in lookups.values { lookup.stop() }
        for host in hosts { remove(host) }
        for host in originalHosts.values { remove(host) }
        lookups = [:]
        hosts = []
        originalHosts = [:]
        rebalance()
        failWarming()
    }

    // MARK: membership

    private func applyAssignment() {
        localities = plan.assignment?.localities ?? []
        switch plan.cluster.discovery {
        case .strictDNS, .logicalDNS: startLookups()
        case .fixed, .eds, .originalDestination, .aggregate: rebuildHosts()
        }
    }

    private func startLookups() {
        var names = Set<String>()
        for endpoint in localities.flatMap(\.endpoints) {
            if case .name(let host, _) = endpoint.address { names.insert(host) }
        }
        for (name, lookup) in lookups where !names.contains(name) {
            lookup.stop()
            lookups[name] = nil
        }
        let settings = plan.cluster.dns
        let family: ResolverFamily =
            switch settings.family {
            case .v4Only: .v4
            case .v6Only: .v6
            case .auto, .v4Preferred, .all: .any
            }
        for name in names.sorted() where lookups[name] == nil {
            let lookup = NameLookup(
                name: name,
                family: family,
                prefersFirstFamily: settings.family != .all,
                refreshRate: settings.refreshRate,
                respectsTTL: settings.respectsTTL,
                cluster: self,
                resolver: environment.resolver,
                loop: environment.loop
            )
            lookups[name] = lookup
            lookup.ask()
        }
        namesChanged()
    }

    func namesChanged() {
        isWarming = lookups.values.contains { $0.addresses == nil }
        rebuildHosts()
        if !isWarming { releaseWarming() }
    }

    func countDNSFailure() { statistics.pointee.dnsFailures &+= 1 }

    /// Makes `hosts` what the assignment and the resolver say; hosts that stay keep their identity and connections.
    private func rebuildHosts() {
        var old: [String: UpstreamHost] = [:]
        for host in hosts { old[host.key] = host }
        var new: [UpstreamHost] = []
        for (index, group) in localities.enumerated() {
            for endpoint in group.endpoints {
                for (address, hostname) in addresses(of: endpoint) {
                    let key = "\(address)"
                    if new.contains(where: { $0.key == key && $0.priority == Int(group.priority) }) { continue }
                    let tls = plan.tls(for: endpoint.metadata)
                    let host = old.removeValue(forKey: key)
                    if let host, host.tls === tls, host.hostname.elementsEqual(hostname.utf8) {
                        host.weight = endpoint.weight
                        host.priority = Int(group.priority)
                        host.locality = index
                        host.reportedHealth = endpoint.health
                        new.append(host)
                        continue
                    }
                    if let host { remove(host) }
                    new.append(
                        UpstreamHost(
                            address: address,
                            hostname: Array(hostname.utf8),
                            key: key,
                            tls: tls,
                            cluster: self,
                            weight: max(1, endpoint.weight),
                            priority: Int(min(group.priority, 128)),
                            locality: index,
                            health: endpoint.health
                        )
                    )
                }
            }
        }
        hosts = new
        for host in old.values { remove(host) }
        rebalance()
    }

    private func addresses(of endpoint: Endpoint) -> [(NetworkAddress, String)] {
        switch endpoint.address {
        case .socket(let address): return [(.ip(address), endpoint.hostname)]
        case .pipe(let path): return [(.unix(path: path), endpoint.hostname)]
        case .name(let name, let port):
            let found = lookups[name]?.addresses ?? []
            let hostname = endpoint.hostname.isEmpty ? name : endpoint.hostname
            if case .logicalDNS = plan.cluster.discovery {
                return found.prefix(1).map { (.ip(SocketAddress($0, port: port)), hostname) }
            }
            return found.map { (.ip(SocketAddress($0, port: port)), hostname) }
        }
    }

    private func remove(_ host: UpstreamHost) {
        host.isRemoved = true
        if host.outlier.isEjected { statistics.pointee.ejectedNow &-= 1 }
        for pool in host.pools { pool.closeIdle() }
        host.pools = []
    }

    private func rebalance() {
        balancer.rebuild(hosts, localityWeights: localities.map { $0.weight ?? 0 })
    }

    // MARK: picking

    /// Why there is no host.
    public enum NoHost: Sendable, Equatable {
        /// Names are being resolved for the first time: ask again through `waitUntilWarm`.
        case warming
        case noneHealthy
        case nameNotFound
    }

    /// - Parameter picks: how often to draw again when a draw gives a host that was tried.
    public func pick(hash: UInt64?, tried: TriedHosts, picks: Int) -> Result<UpstreamHost, NoHostError> {
        guard var host = balancer.pick(hash: hash) else {
            if isWarming { return .failure(NoHostError(reason: .warming)) }
            statistics.pointee.noHealthyHost &+= 1
            let isUnresolved = !lookups.isEmpty && lookups.values.allSatisfy { $0.failure != nil }
            return .failure(NoHostError(reason: isUnresolved ? .nameNotFound : .noneHealthy))
        }
        if !tried.isEmpty {
            var left = picks
            while left > 0, tried.contains(host), let other = balancer.pick(hash: nil) {
                host = other
                left &-= 1
            }
        }
        return .success(host)
    }

    public struct NoHostError: Error {
        public let reason: NoHost
    }

    /// The endpoint for a connection's original destination (`ORIGINAL_DST` clusters).
    public func originalDestination(_ address: SocketAddress) -> UpstreamHost {
        if let host = originalHosts[address] { return host }
        if originalHosts.count >= 4096 {
            for (key, host) in originalHosts where host.activeRequests == 0 {
                remove(host)
                originalHosts[key] = nil
            }
        }
        let host = UpstreamHost(
            address: .ip(address),
            hostname: [],
            key: "\(address)",
            tls: plan.tls,
            cluster: self,
            weight: 1,
            priority: 0,
            locality: 0,
            health: .healthy
        )
        originalHosts[address] = host
        return host
    }

    public var usesOriginalDestination: Bool {
        if case .originalDestination = plan.cluster.discovery { return true }
        return false
    }

    // MARK: warming

    /// Calls `waiter.clusterIsWarm` once names are resolved. False when too many wait already.
    public func waitUntilWarm(_ waiter: StreamWaiter) -> Bool {
        guard isWarming, breaker.mayWait else { return false }
        breaker.pending &+= 1
        waiter.place = .warming(self)
        warmingWaiters.append(waiter)
        return true
    }

    func cancelWarming(_ waiter: StreamWaiter) {
        warmingWaiters.remove(waiter)
        breaker.pending &-= 1
        waiter.place = .none
    }

    private func releaseWarming() {
        while let waiter = warmingWaiters.first {
            cancelWarming(waiter)
            waiter.clusterIsWarm()
        }
    }

    private func failWarming() {
        isWarming = false
        releaseWarming()
    }

    // MARK: outliers

    /// Notes how a request ended; ejects the host when its policy says so.
    public func note(_ outcome: OutlierState.Outcome, on host: UpstreamHost) {
        guard let policy = outlierPolicy else { return }
        if outcome == .success, host.outlier == OutlierState() { return }
        guard host.outlier.note(outcome, policy: policy), !host.isRemoved else { return }
        let ejected = hosts.count { $0.outlier.isEjected }
        let isAllowed = ejected == 0 || (ejected + 1) * 100 <= Int(policy.maxEjectionPercent) * hosts.count
        guard isAllowed else { return }
        host.outlier.eject(at: environment.loop.now, policy: policy)
        statistics.pointee.ejections &+= 1
        statistics.pointee.ejectedNow &+= 1
        rebalance()
    }

    private func sweep() {
        guard let policy = outlierPolicy, let timer = sweepTimer else { return }
        var isChanged = false
        for host in hosts where host.outlier.sweep(at: environment.loop.now) {
            statistics.pointee.ejectedNow &-= 1
            isChanged = true
        }
        if isChanged { rebalance() }
        environment.loop.schedule(timer, after: policy.interval)
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
        breaker.retries &+= 1
        statistics.pointee.requestRetries &+= 1
        return true
    }

    public func endRetry() { breaker.retries &-= 1 }
}
