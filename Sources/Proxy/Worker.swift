internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream

/// One data-plane thread: an event loop and everything that lives on it. Nothing here is shared with other workers but
/// the immutable configuration.
///
/// `@unchecked Sendable`: other threads only submit jobs to `loop`; every other member is touched on the loop's thread
/// alone (before the thread starts: on the creating one).
final class Worker: @unchecked Sendable {
    /// Which clusters the route entries of the current configuration mean, by identity of the entry's choice.
    private struct ChoiceCache {
        private static let size = 256
        private var entries = [(choice: ClusterChoice?, cluster: ClusterRuntime?)](repeating: (nil, nil), count: size)

        private static func slot(_ choice: ClusterChoice) -> Int {
            let bits = UInt(bitPattern: ObjectIdentifier(choice))
            return Int(bitPattern: (bits >> 4 ^ bits >> 12) & UInt(size &- 1))
        }

        func find(_ choice: ClusterChoice) -> ClusterRuntime? {
            let index = Self.slot(choice)
            return entries[index].choice === choice ? entries[index].cluster : nil
        }

        mutating func insert(_ choice: ClusterChoice, _ cluster: ClusterRuntime) {
            entries[Self.slot(choice)] = (choice, cluster)
        }

        mutating func clear() { self = ChoiceCache() }
    }

    private final class BatchEnd: BatchHook {
        unowned let worker: Worker

        init(worker: Worker) { self.worker = worker }

        override func onBatchEnd() { worker.batchEnded() }
    }

    private final class LogClock: LoopTimer {
        unowned let worker: Worker

        init(worker: Worker) { self.worker = worker }

        override func fire() { worker.flushLog(isDue: true) }
    }

    private final class DrainClock: LoopTimer {
        unowned let worker: Worker

        init(worker: Worker) { self.worker = worker }

        override func fire() { worker.checkDrain() }
    }

    let index: Int
    let options: ProxyOptions
    let loop: EventLoop
    /// Downstream connections of the whole process.
    let processQuota: ConnectionQuota
    let pressure: Pressure
    var random: SeededGenerator
    /// Scratch of the header and path rewriting of one request at a time.
    var scratch: [UInt8] = []
    var scratch2: [UInt8] = []
    /// Heads of answers made here.
    let replyHead = MessageHead()
    var activeFaults: UInt32 = 0

    private let resolver: DomainResolver
    private let log: AccessLogWriter?
    private let lane: AccessLogWriter.Lane?
    private let formatter = AccessLogFormatter(bytesMax: AccessLogWriter.backlogBytesMax)
    private var lastFlush = MonotonicTime(nanoseconds: 0)
    private lazy var logClock = LogClock(worker: self)
    private lazy var drainClock = DrainClock(worker: self)
    private(set) var configuration: RuntimeConfiguration?
    private(set) var listeners: [String: ListenerRuntime] = [:]
    private var drainingListeners: [ListenerRuntime] = []
    private(set) var clusters: [String: ClusterRuntime] = [:]
    private var choices = ChoiceCache()
    /// By label text; only routes with a statistics prefix have any.
    private var routeStatistics: [String: RouteStatistics] = [:]
    private var idleExchanges: [Exchange] = []
    /// Exchanges hold this worker; it holds none any more.
    private var isOver = false
    private var drainDeadline: MonotonicTime?
    private var drainCompletion: (@Sendable () -> Void)?
    private var dateSecond: Int64 = -1
    private(set) var dateText = [UInt8](repeating: 0, count: 29)

    init(
        index: Int,
        options: ProxyOptions,
        seed: UInt64,
        log: AccessLogWriter?,
        quota: ConnectionQuota,
        names: SharedNames,
        pressure: Pressure
    ) throws(SocketError) {
        self.index = index
        processQuota = quota
        self.pressure = pressure
        self.options = options
        loop = try EventLoop()
        random = SeededGenerator(seed: seed &+ UInt64(index) &* 0x9E37_79B9_7F4A_7C15)
        resolver = DomainResolver(loop: loop, servers: options.dnsServers, sharing: names)
        self.log = log
        lane = log?.lanes[index]
        loop.addBatchHook(BatchEnd(worker: self))
    }

    // MARK: configuration

    /// Sockets for listeners that are new or have moved, by listener name.
    struct Sockets: Sendable {
        var descriptors: [String: [Int32]] = [:]
        /// Listeners whose old sockets go because their addresses changed.
        var moved: Set<String> = []
    }

    func adopt(_ next: RuntimeConfiguration, sockets: Sockets) {
        configuration = next
        choices.clear()
        adoptClusters(next)
        for (name, runtime) in listeners where next.listeners[name] == nil {
            listeners[name] = nil
            retire(runtime)
        }
        for (name, plan) in next.listeners {
            let runtime: ListenerRuntime
            if let old = listeners[name] {
                runtime = old
                if sockets.moved.contains(name) { runtime.closeSockets() }
                runtime.update(plan)
            } else {
                runtime = ListenerRuntime(plan: plan, worker: self)
                listeners[name] = runtime
            }
            if let descriptors = sockets.descriptors[name] { runtime.adopt(descriptors: descriptors) }
        }
        drainingListeners.removeAll { $0.isEmpty }
    }

    private func adoptClusters(_ next: RuntimeConfiguration) {
        for (name, runtime) in clusters {
            if let plan = next.clusters[name], plan.identity == runtime.plan.identity {
                runtime.adopt(plan)
            } else {
                clusters[name] = nil
                runtime.retire()
            }
        }
        for (name, plan) in next.clusters where clusters[name] == nil {
            let environment = ClusterEnvironment(
                loop: loop,
                resolver: resolver,
                worker: index,
                workers: options.workers,
                seed: random.next()
            )
            clusters[name] = ClusterRuntime(plan: plan, environment: environment)
        }
    }

    private func retire(_ runtime: ListenerRuntime) {
        runtime.drain()
        if !runtime.isEmpty { drainingListeners.append(runtime) }
    }

    func cluster(for choice: ClusterChoice) -> ClusterRuntime? {
        if let found = choices.find(choice), !found.isRetired { return found }
        guard let found = clusters[choice.name] else { return nil }
        choices.insert(choice, found)
        return found
    }

    // MARK: exchanges

    func takeExchange() -> Exchange { idleExchanges.popLast() ?? Exchange(worker: self) }

    func giveBack(_ exchange: Exchange) {
        if idleExchanges.count < 1024, !isOver { idleExchanges.append(exchange) }
    }

    // MARK: draining

    func drain(deadline: Duration, completion: @escaping @Sendable () -> Void) {
        drainDeadline = loop.now.advanced(by: deadline)
        drainCompletion = completion
        for runtime in listeners.values { retire(runtime) }
        checkDrain()
    }

    private func checkDrain() {
        guard let deadline = drainDeadline else { return }
        let isOver = loop.now >= deadline
        if isOver { drainingListeners.forEach { $0.closeAll() } }
        drainingListeners.removeAll { $0.isEmpty }
        if drainingListeners.isEmpty || isOver {
            drainDeadline = nil
            flushLog(isDue: true)
            let completion = drainCompletion
            drainCompletion = nil
            completion?()
            return
        }
        loop.schedule(drainClock, after: .milliseconds(20))
    }

    /// Asks idle connections to go: there is pressure.
    func shedIdle() { for runtime in listeners.values { runtime.shedIdle() } }

    func closeEverything() {
        isOver = true
        idleExchanges = []
        for runtime in listeners.values {
            runtime.closeSockets()
            runtime.closeAll()
        }
        drainingListeners.forEach { $0.closeAll() }
        for cluster in clusters.values { cluster.retire() }
        clusters = [:]
        flushLog(isDue: true)
    }

    // MARK: telemetry

    var isLogging: Bool { lane != nil }

    func append(_ record: borrowing AccessRecord) {
        guard let lane else { return }
        if lane.filling.count == 0, !logClock.isScheduled { loop.schedule(logClock, after: .milliseconds(50)) }
        formatter.append(record, to: lane.filling)
    }

    /// One line for a connection that no filter chain took.
    func logRefusal(_ connection: Connection, serverName: String?, details: StaticString) {
        guard isLogging else { return }
        var record = AccessRecord()
        record.startWallMilliseconds = UInt64(clamping: loop.wallNanoseconds / 1_000_000)
        record.flags = .noRoute
        record.details = details
        record.downstreamLocal = connection.localAddress
        record.downstreamRemote = connection.peerAddress
        var name = serverName ?? ""
        name.withUTF8 { bytes in
            record.serverName = UnsafeRawBufferPointer(bytes)
            append(record)
        }
    }

    private func batchEnded() {
        guard let lane, lane.filling.count >= 32 << 10 else { return }
        flushLog(isDue: true)
    }

    private func flushLog(isDue: Bool) {
        guard let lane, lane.filling.count > 0 else { return }
        if lane.handOver() {
            log?.wake()
        } else if !logClock.isScheduled {
            loop.schedule(logClock, after: .milliseconds(50))
        }
    }

    func count(_ route: RouteEntry, status: Int, microseconds: UInt64) {
        let labels = MetricLabels.text([
            ("envoy_virtual_host", route.virtualHostName), ("envoy_route", route.statPrefix),
        ])
        guard routeStatistics.count < 10_000 || routeStatistics[labels] != nil else { return }
        routeStatistics[labels, default: RouteStatistics()].count(status: status, microseconds: microseconds)
    }

    func addMetrics(to snapshot: inout MetricsSnapshot) {
        for (labels, statistics) in routeStatistics { statistics.add(to: &snapshot, labels: labels) }
        for (name, cluster) in clusters {
            cluster.statistics.pointee.add(
                to: &snapshot,
                labels: MetricLabels.text([("cluster_name", name)])
            )
            let labels = IstioLabels.text(cluster: name, identity: options.identity)
            cluster.series.add(to: &snapshot, labels: labels)
            cluster.tcp.pointee.add(to: &snapshot, labels: labels)
        }
        for (name, listener) in listeners {
            listener.statistics.pointee.add(to: &snapshot, labels: MetricLabels.text([("listener", name)]))
        }
        let dropped = MetricFamily(
            "gatehouse_access_log_dropped_total",
            .counter,
            "Log lines the writer had no room for."
        )
        snapshot.add(dropped, labels: "", Int64(clamping: formatter.droppedLines))
    }

    // MARK: clock

    /// The current second as an HTTP date (RFC 9110 §5.6.7), computed once a second.
    func withDate<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        let second = loop.wallNanoseconds / 1_000_000_000
        if second != dateSecond {
            dateSecond = second
            HTTPDate.write(second, to: &dateText)
        }
        return dateText.withUnsafeBytes(body)
    }
}
