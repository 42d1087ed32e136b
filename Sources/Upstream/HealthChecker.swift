internal import Base
internal import HTTP
internal import Synchronization
internal import Telemetry
internal import Transport
internal import XDS

/// Probes the endpoints of one cluster, on one worker of the process, and tells all workers what it finds.
///
/// Source: Envoy health checking: thresholds, intervals and jitter of `config.core.v3.HealthCheck`.
final class HealthChecker {
    let check: HealthCheck
    private unowned let cluster: ClusterRuntime
    private var probes: [ObjectIdentifier: HostProbe] = [:]

    init(_ cluster: ClusterRuntime, checks: [HealthCheck]) {
        self.cluster = cluster
        check =
            checks.first ?? HealthCheck(probe: .tcp(send: [], receive: []), timeout: .seconds(5), interval: .seconds(5))
    }

    /// The endpoints are these now.
    func follow(_ hosts: [UpstreamHost]) {
        let wanted = Set(hosts.map { ObjectIdentifier($0) })
        for (id, probe) in probes where !wanted.contains(id) {
            probe.stop()
            probes[id] = nil
        }
        for host in hosts where probes[ObjectIdentifier(host)] == nil {
            let probe = HostProbe(host, check: check, cluster: cluster)
            probes[ObjectIdentifier(host)] = probe
            probe.start()
        }
    }

    func stop() {
        probes.values.forEach { $0.stop() }
        probes = [:]
    }
}

/// The checks of one endpoint, one after the other.
///
///     resting ──timer──▶ probing ──answer, failure or timeout──▶ resting
final class HostProbe: LoopTimer {
    enum Result {
        case passed
        /// The endpoint answered, and not as it should: unhealthy at once.
        case refused
        /// No answer, or one that may be repeated: counts towards the threshold.
        case failed
    }

    let host: UpstreamHost
    let check: HealthCheck
    unowned let cluster: ClusterRuntime
    private var attempt: ProbeAttempt?
    private var passed: UInt32 = 0
    private var failed: UInt32 = 0
    private var isFirst: Bool
    private var isStopped = false

    init(_ host: UpstreamHost, check: HealthCheck, cluster: ClusterRuntime) {
        self.host = host
        self.check = check
        self.cluster = cluster
        isFirst = host.shared?.check == .pending
    }

    func start() {
        let wait = check.initialJitter > .zero ? jitter(check.initialJitter) : .zero
        cluster.environment.loop.schedule(self, after: max(wait, .milliseconds(1)))
    }

    func stop() {
        isStopped = true
        cancel()
        attempt?.abandon()
        attempt = nil
    }

    override func fire() {
        if let attempt, attempt.isUnderWay {
            attempt.giveUp()
            ended(.failed)
            return
        }
        cluster.statistics.pointee.healthChecks &+= 1
        let attempt = self.attempt ?? ProbeAttempt.make(self)
        self.attempt = attempt
        cluster.environment.loop.schedule(self, after: check.timeout)
        attempt.begin()
    }

    /// The attempt under way is over.
    func ended(_ result: Result) {
        guard !isStopped, let state = host.shared else { return }
        let wasHealthy = state.check == .healthy
        var isChanged = false
        switch result {
        case .passed:
            failed = 0
            passed &+= 1
            if !wasHealthy, isFirst || passed >= check.healthyThreshold { isChanged = state.set(.healthy) }
        case .refused, .failed:
            cluster.statistics.pointee.healthCheckFailures &+= 1
            passed = 0
            failed &+= 1
            if result == .refused || failed >= check.unhealthyThreshold || isFirst {
                isChanged = state.set(.unhealthy)
            }
            if !check.reusesConnection { attempt = nil }
        }
        isFirst = false
        cluster.environment.loop.schedule(self, after: interval(isChanged: isChanged, state.check == .healthy))
        if isChanged { tell(state) }
    }

    private func tell(_ state: SharedHost) {
        guard let shared = cluster.plan.shared else { return }
        shared.noteChange()
        if state.check == .healthy, cluster.outlierPolicy?.isEndedByHealthCheck == true { shared.pardon(state) }
        cluster.checkChanged()
    }

    private func interval(isChanged: Bool, _ isHealthy: Bool) -> Duration {
        var base: Duration
        if cluster.plan.shared?.hasTraffic.load(ordering: .relaxed) != true {
            base = isHealthy ? check.noTrafficHealthyInterval ?? check.noTrafficInterval : check.noTrafficInterval
        } else if isHealthy {
            base = isChanged ? check.healthyEdgeInterval ?? check.interval : check.interval
        } else {
            let slow = check.unhealthyInterval ?? check.interval
            base = isChanged ? check.unhealthyEdgeInterval ?? slow : slow
        }
        if check.intervalJitterPercent > 0 { base += jitter(base * Int(check.intervalJitterPercent) / 100) }
        if check.intervalJitter > .zero { base += jitter(check.intervalJitter) }
        return max(base, .milliseconds(1))
    }

    private func jitter(_ most: Duration) -> Duration {
        .nanoseconds(Int64(cluster.random.next() % UInt64(max(1, most.wholeNanoseconds))))
    }

    /// Where the check goes.
    var address: NetworkAddress {
        guard let port = check.port ?? host.checkPort, case .ip(let socket) = host.address else { return host.address }
        return .ip(SocketAddress(socket.address, port: port))
    }
}
