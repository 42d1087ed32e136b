internal import Base
internal import CSys
internal import Routing
internal import Synchronization
internal import Telemetry
internal import Transport
internal import XDS

// Which endpoints may be used, and how much.
extension ClusterRuntime {
    /// One worker of the process sweeps and checks; the others read what it finds.
    var isKeeper: Bool {
        environment.workers < 2
            || Int(plan.nameBytes.withUnsafeBytes { XXHash64.hash($0) } % UInt64(environment.workers))
                == environment.worker
    }

    func startHealth() {
        if let policy = outlierPolicy, isKeeper {
            let clock = ClusterClock(self) { $0.sweep() }
            clocks.sweep = clock
            environment.loop.schedule(clock, after: policy.interval)
        }
        guard !plan.cluster.healthChecks.isEmpty else { return }
        if isKeeper {
            let checker = HealthChecker(self, checks: plan.cluster.healthChecks)
            self.checker = checker
            checker.follow(hosts)
        }
        awaitFirstChecks()
    }

    /// While no endpoint is known to be healthy and some have not been looked at yet, requests wait.
    private func awaitFirstChecks() {
        guard hosts.contains(where: { $0.shared?.check == .pending }), !hosts.contains(where: \.isHealthy) else {
            if isWarming, lookups.values.allSatisfy({ $0.addresses != nil }) {
                isWarming = false
                releaseWarming()
            }
            return
        }
        isWarming = true
        let clock = clocks.checks ?? ClusterClock(self) { $0.checksMayHaveEnded() }
        clocks.checks = clock
        environment.loop.schedule(clock, after: .milliseconds(10))
    }

    private func checksMayHaveEnded() {
        if let shared = plan.shared { follow(shared) }
        awaitFirstChecks()
    }

    /// A request is about to be sent; also the moment to hear of what other workers found.
    @inline(__always)
    func noteUse(_ shared: SharedCluster) {
        if shared.generation.load(ordering: .relaxed) != seenGeneration { follow(shared) }
        if !shared.hasTraffic.load(ordering: .relaxed) { shared.hasTraffic.store(true, ordering: .relaxed) }
    }

    private func follow(_ shared: SharedCluster) {
        let generation = shared.generation.load(ordering: .acquiring)
        guard generation != seenGeneration else { return }
        seenGeneration = generation
        stateChanged()
    }

    /// A check that runs on this worker has changed an endpoint's state.
    func checkChanged() {
        if let shared = plan.shared { follow(shared) }
        awaitFirstChecks()
    }

    /// Something about the health of endpoints is different.
    func stateChanged() {
        let now = environment.loop.now
        for host in hosts {
            let isHealthy = host.isHealthy
            // With active checks an endpoint warms up again each time it comes back (Envoy).
            if isHealthy, !host.wasHealthy, host.shared?.check == .healthy, !host.isEjected { host.usedSince = now }
            host.wasHealthy = isHealthy
        }
        if isKeeper, let shared = plan.shared {
            statistics.pointee.ejectedNow = Int64(shared.ejectedCount)
        }
        rebalance()
        watchWarmup()
    }

    // MARK: outliers

    /// Notes how a request ended; ejects the host when its policy says so.
    public func note(_ outcome: Outcome, on host: UpstreamHost) {
        guard let policy = outlierPolicy, let state = host.shared, let shared = plan.shared else { return }
        guard let chance = state.note(outcome, policy: policy), !host.isRemoved else { return }
        guard chance >= 100 || random.below(100) < chance else { return }
        let jitter = policy.jitter(&random)
        guard shared.eject(state, policy: policy, now: environment.loop.now, jitter: jitter) else { return }
        statistics.pointee.ejections &+= 1
        follow(shared)
    }

    private func sweep() {
        guard let policy = outlierPolicy, let shared = plan.shared, let clock = clocks.sweep else { return }
        let ejections = shared.sweep(policy: policy, now: environment.loop.now, random: &random)
        statistics.pointee.ejections &+= UInt64(ejections)
        follow(shared)
        environment.loop.schedule(clock, after: policy.interval)
    }

    // MARK: slow start

    /// Gives every host the weight it has at this moment.
    ///
    /// Source: Envoy slow start: weight × max(minimum, (time in use ÷ window) ^ (1 ÷ aggression)).
    func weighHosts() {
        guard let start = plan.cluster.slowStart, start.window > .zero else {
            for host in hosts { host.weight = host.configuredWeight }
            return
        }
        let now = environment.loop.now
        let window = Double(start.window.wholeNanoseconds)
        for host in hosts {
            let used = Double(max(1_000_000, now.since(host.usedSince).wholeNanoseconds))
            var factor = 1.0
            if used < window {
                let ramp = gh_power(used / window, 1 / max(0.01, start.aggression))
                factor = min(1, max(start.weightMinPercent / 100, ramp))
            }
            let scaled = Double(min(host.configuredWeight, 1 << 20)) * 1000 * factor
            host.weight = UInt32(max(1, scaled))
        }
    }

    /// Weights are looked at again and again while some host warms up.
    func watchWarmup() {
        guard let start = plan.cluster.slowStart, start.window > .zero, !isRetired else { return }
        let now = environment.loop.now
        guard hosts.contains(where: { now.since($0.usedSince) < start.window }) else { return }
        let clock =
            clocks.warmup
            ?? ClusterClock(self) { cluster in
                cluster.rebalance()
                cluster.watchWarmup()
            }
        clocks.warmup = clock
        let step = min(max(start.window / 100, .milliseconds(20)), .seconds(1))
        if !clock.isScheduled { environment.loop.schedule(clock, after: step) }
    }
}
