internal import Base
internal import Synchronization

/// What the workers of a process share about one cluster: its limits, and which endpoints are ejected or fail their
/// health checks.
///
/// Shape: made with the plan, so all workers find the same one. Requests touch it with relaxed atomics only, and only
/// where the cluster has limits, outlier detection or health checks; the lock is for membership and ejections.
/// Source: Envoy's limits, ejections and health checks are per process as well.
final class SharedCluster: Sendable {
    private struct Members {
        var hosts: [String: SharedHost] = [:]
        var ejected = 0
    }

    private let members = Mutex(Members())
    /// Rises with every change of an endpoint's state; a worker that has seen less rebuilds its balancer.
    let generation = Atomic<UInt64>(0)
    /// Some request has been sent to the cluster.
    let hasTraffic = Atomic<Bool>(false)

    init() {}

    /// The state of the endpoint at `key`, for one more worker. Paired with `leave`.
    func join(_ key: String, isChecked: Bool, inheriting old: SharedHost.Check?) -> SharedHost {
        members.withLock { members in
            if let host = members.hosts[key] {
                host.users.wrappingAdd(1, ordering: .relaxed)
                return host
            }
            let host = SharedHost(check: isChecked ? old ?? .pending : .none)
            members.hosts[key] = host
            return host
        }
    }

    func leave(_ key: String) {
        members.withLock { members in
            guard let host = members.hosts[key] else { return }
            guard host.users.wrappingSubtract(1, ordering: .relaxed).newValue == 0 else { return }
            if host.isEjected { members.ejected -= 1 }
            members.hosts[key] = nil
        }
    }

    /// What active checks know of each endpoint, for a cluster that takes this one's place.
    func checks() -> [String: SharedHost.Check] {
        members.withLock { members in members.hosts.mapValues(\.check) }
    }

    func noteChange() { generation.wrappingAdd(1, ordering: .releasing) }

    // MARK: ejection

    /// Takes an endpoint out unless too many are out already. True when it is out now because of this call.
    func eject(_ host: SharedHost, policy: OutlierPolicy, now: MonotonicTime, jitter: Duration) -> Bool {
        let isDone = members.withLock { members in
            guard !host.isEjected else { return false }
            let share = (members.ejected + 1) * 100
            let isWithin = share <= Int(policy.maxEjectionPercent) * members.hosts.count
            guard isWithin || (policy.alwaysEjectsOne && members.ejected == 0) else { return false }
            members.ejected += 1
            host.eject(at: now, policy: policy, jitter: jitter)
            return true
        }
        if isDone { noteChange() }
        return isDone
    }

    /// The periodic look at all endpoints, by one worker. Returns how many were ejected.
    func sweep(policy: OutlierPolicy, now: MonotonicTime, random: inout SeededGenerator) -> Int {
        var unejected = false
        let suspects: [SharedHost] = members.withLock { members in
            for host in members.hosts.values where host.sweep(at: now) {
                members.ejected -= 1
                unejected = true
            }
            return policy.usesRates ? policy.suspects(Array(members.hosts.values), random: &random) : []
        }
        if unejected { noteChange() }
        var ejections = 0
        for host in suspects {
            let jitter = policy.jitter(&random)
            if eject(host, policy: policy, now: now, jitter: jitter) { ejections += 1 }
        }
        return ejections
    }

    /// A passed health check ends an ejection.
    func pardon(_ host: SharedHost) {
        let isDone = members.withLock { members in
            guard host.isEjected else { return false }
            host.pardon()
            members.ejected -= 1
            return true
        }
        if isDone { noteChange() }
    }

    var ejectedCount: Int { members.withLock { $0.ejected } }
}

/// One endpoint as all workers see it.
final class SharedHost: Sendable {
    /// What active health checks say.
    enum Check: UInt8, Sendable {
        /// There are none.
        case none
        /// The first one has not ended yet.
        case pending
        case healthy
        case unhealthy
    }

    /// Written under the cluster's lock.
    private struct Ejection {
        var until: MonotonicTime?
        var multiplier: UInt32 = 0
    }

    let users = Atomic<Int>(1)
    private let ejected = Atomic<Bool>(false)
    private let checkState: Atomic<UInt8>
    private let ejection = Mutex(Ejection())

    let consecutive5xx = Atomic<UInt32>(0)
    let consecutiveGateway = Atomic<UInt32>(0)
    let consecutiveLocal = Atomic<UInt32>(0)
    /// Of the interval under way; counted only when a policy asks for rates.
    let answers = Rate()
    let localEvents = Rate()

    final class Rate: Sendable {
        let total = Atomic<UInt64>(0)
        let good = Atomic<UInt64>(0)

        func count(isGood: Bool) {
            total.wrappingAdd(1, ordering: .relaxed)
            if isGood { good.wrappingAdd(1, ordering: .relaxed) }
        }

        /// Starts over; the percentage of good ones, nil below `volume`.
        func take(volume: UInt32) -> Double? {
            let total = total.exchange(0, ordering: .relaxed)
            let good = good.exchange(0, ordering: .relaxed)
            guard total >= UInt64(volume), total > 0 else { return nil }
            return Double(min(good, total)) * 100 / Double(total)
        }
    }

    init(check: Check) { checkState = Atomic(check.rawValue) }

    var isEjected: Bool { ejected.load(ordering: .relaxed) }

    var check: Check { Check(rawValue: checkState.load(ordering: .relaxed)) ?? .none }

    /// True when this changes the state.
    func set(_ check: Check) -> Bool {
        checkState.exchange(check.rawValue, ordering: .relaxed) != check.rawValue
    }

    func eject(at now: MonotonicTime, policy: OutlierPolicy, jitter: Duration) {
        ejection.withLock { ejection in
            ejection.multiplier &+= 1
            ejection.until = now.advanced(by: policy.ejectionTime(times: ejection.multiplier) + jitter)
        }
        ejected.store(true, ordering: .relaxed)
        consecutive5xx.store(0, ordering: .relaxed)
        consecutiveGateway.store(0, ordering: .relaxed)
        consecutiveLocal.store(0, ordering: .relaxed)
    }

    func pardon() {
        ejection.withLock { $0.until = nil }
        ejected.store(false, ordering: .relaxed)
    }

    /// True when the endpoint comes back now; a sweep that finds it in use forgives one ejection.
    func sweep(at now: MonotonicTime) -> Bool {
        let isBack = ejection.withLock { ejection -> Bool in
            guard let until = ejection.until else {
                if ejection.multiplier > 0 { ejection.multiplier &-= 1 }
                return false
            }
            if now < until { return false }
            ejection.until = nil
            return true
        }
        if isBack { ejected.store(false, ordering: .relaxed) }
        return isBack
    }
}
