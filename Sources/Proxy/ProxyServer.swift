public import Base
internal import Synchronization
public import Telemetry
internal import Transport
internal import Upstream

/// Who this proxy is, for metric labels and identity checks.
public struct ProxyIdentity: Sendable {
    public var workload: String
    public var namespace: String
    public var trustDomain: String
    /// Sidecars report as source on the way out and as destination on the way in; gateways always as source.
    public var isGateway: Bool

    public init(workload: String, namespace: String, trustDomain: String, isGateway: Bool) {
        self.workload = workload
        self.namespace = namespace
        self.trustDomain = trustDomain
        self.isGateway = isGateway
    }
}

/// How to run the data plane of one proxy process. Fixed for the life of the process.
public struct ProxyOptions: Sendable {
    /// Worker threads; each has its own event loop, listeners and pools.
    public var workers = 1
    /// Where access-log lines go (1 is stdout); nil switches the log off.
    public var accessLogDescriptor: Int32? = 1
    /// Where listening sockets come from when a supervisor holds them; nil: the proxy binds its own.
    public var listenerSource: ListenerSource?
    /// Where `/metrics`, `/ready`, `/stats` and `/config_dump` are served (loopback); port 0 is a free one; nil:
    /// nowhere.
    public var adminAddress: SocketAddress?
    /// Name servers to ask instead of those of `/etc/resolv.conf`.
    public var dnsServers: [SocketAddress] = []
    public var identity: ProxyIdentity
    /// Open downstream connections of all workers together; further ones are closed on accept.
    public var connectionsMax = 100_000
    /// Seed of load balancing and jitter; nil takes one from the clock.
    public var seed: UInt64?

    public init(identity: ProxyIdentity) { self.identity = identity }
}

/// Listening sockets that outlive this process, held by a supervisor.
///
/// Both closures may block for a moment and are called on the thread that calls `ProxyServer.apply`, never on a worker.
public struct ListenerSource: Sendable {
    /// Non-blocking listening sockets for an address, at least one per worker; every one of them is to be accepted
    /// on, so that none of a replaced process's connections is left waiting. The text of a failure goes into the
    /// NACK.
    public var open: @Sendable (_ address: SocketAddress, _ count: Int) throws(ListenerUnavailable) -> [Int32]
    /// The address is no longer wanted; the process closes its own descriptors itself.
    public var release: @Sendable (_ address: SocketAddress) -> Void

    public init(
        open: @escaping @Sendable (SocketAddress, Int) throws(ListenerUnavailable) -> [Int32],
        release: @escaping @Sendable (SocketAddress) -> Void
    ) {
        self.open = open
        self.release = release
    }
}

/// Why a supervisor gives no sockets for an address, for example `PortConflict: …`.
public struct ListenerUnavailable: Error, Equatable, Sendable {
    public var detail: String

    public init(detail: String) { self.detail = detail }
}

/// What became of a configuration.
public enum ApplyOutcome: Sendable, Equatable {
    /// Every worker uses it and every listener is bound. `boundAddresses`: listener name to its real address.
    case applied(boundAddresses: [String: SocketAddress])
    /// Every worker uses it, but these listeners could not be bound: `listener NAME: why`, joined with `; `.
    case partly(boundAddresses: [String: SocketAddress], failures: String)
}

/// The data plane of one process: worker threads, listeners, exchanges.
///
/// All methods may be called from any thread and return at once; completions run on a worker thread, so they should
/// only hand the result over (resume a continuation, send to a stream).
public final class ProxyServer: Sendable {
    /// Why the workers could not start: the machine's fault, retry is pointless.
    public struct StartError: Error, Equatable, Sendable {
        public var detail: String
    }

    private let workers: [Worker]
    private let threads: [WorkerThread]
    private let log: AccessLogWriter?
    private let sockets: Mutex<ListenerSockets>
    private let admin: AdminEndpoint?
    private let monitor: OverloadMonitor
    private let isStopped = Atomic<Bool>(false)

    /// Starts the workers; no listener is open until the first `apply`.
    public init(options: ProxyOptions) throws(StartError) {
        var options = options
        options.workers = max(1, options.workers)
        let seed = options.seed ?? MonotonicTime.now().nanoseconds
        log = options.accessLogDescriptor.map { AccessLogWriter(descriptor: $0, lanes: options.workers) }
        let monitor = OverloadMonitor(connectionsMax: options.connectionsMax, workers: options.workers)
        var workers: [Worker] = []
        var threads: [WorkerThread] = []
        let names = SharedNames()
        do throws(SocketError) {
            for index in 0..<options.workers {
                workers.append(
                    try Worker(
                        index: index,
                        options: options,
                        seed: seed,
                        log: log,
                        quota: monitor.quota,
                        names: names,
                        pressure: monitor.pressure
                    )
                )
            }
        } catch {
            throw StartError(detail: error.description)
        }
        for worker in workers {
            guard let thread = WorkerThread(name: "worker-\(worker.index)", body: { worker.loop.run() }) else {
                throw StartError(detail: "cannot start a thread")
            }
            threads.append(thread)
        }
        self.workers = workers
        self.threads = threads
        self.monitor = monitor
        sockets = Mutex(ListenerSockets(workers: options.workers, source: options.listenerSource))
        do throws(SocketError) {
            admin = try options.adminAddress.map { address throws(SocketError) in
                try AdminEndpoint(address: address, workers: workers, pressure: monitor.pressure)
            }
        } catch {
            throw StartError(detail: "admin endpoint: \(error)")
        }
        monitor.start { [workers = self.workers] in
            for worker in workers { worker.loop.submit { worker.shedIdle() } }
        }
    }

    /// Makes every worker switch to `configuration` between two event batches.
    ///
    /// New listeners are bound first; one that fails is left out and named in the outcome, and the others serve.
    /// Removed listeners stop accepting and drain; unchanged clusters keep their pools; endpoint changes do not touch
    /// pools of endpoints that stay. Calls are handled in order.
    public func apply(
        _ configuration: RuntimeConfiguration,
        completion: @escaping @Sendable (ApplyOutcome) -> Void
    ) {
        monitor.update(configuration.overload)
        // The lock is held while the jobs are submitted, so that two calls reach every worker in the same order.
        sockets.withLock { sockets in
            let (change, failures) = sockets.change(to: configuration.listeners)
            let bound = sockets.boundAddresses
            let outcome: ApplyOutcome =
                failures.isEmpty
                ? .applied(boundAddresses: bound)
                : .partly(boundAddresses: bound, failures: failures.joined(separator: "; "))
            let left = Countdown(workers.count) { completion(outcome) }
            for (worker, mine) in zip(workers, change) {
                worker.loop.submit {
                    worker.adopt(configuration, sockets: mine)
                    left.arrive()
                }
            }
        }
        admin?.configurationChanged(configuration.summary)
    }

    /// Stops accepting, announces the end (`Connection: close`, GOAWAY), and completes when nothing is in flight or the
    /// deadline is over; what is left then is closed.
    public func drain(deadline: Duration, completion: @escaping @Sendable () -> Void) {
        admin?.beginDrain()
        let left = Countdown(workers.count, completion)
        for worker in workers {
            worker.loop.submit { worker.drain(deadline: deadline) { left.arrive() } }
        }
    }

    /// Closes everything at once and ends the threads; blocks until they are gone. Not from a worker's completion.
    public func stop() {
        guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
        admin?.stop()
        monitor.stop()
        for worker in workers {
            worker.loop.submit {
                worker.closeEverything()
                worker.loop.stop()
            }
        }
        for thread in threads { thread.join() }
        log?.stop()
    }

    /// Sums what all workers counted.
    public func collectMetrics(_ completion: @escaping @Sendable (MetricsSnapshot) -> Void) {
        MetricsCollection.start(workers, completion)
    }

    /// Where the admin endpoint listens, when `ProxyOptions.adminAddress` asked for one.
    public var adminAddress: SocketAddress? { admin?.address }
}

/// Runs its action when everybody has arrived.
final class Countdown: Sendable {
    private let left: Atomic<Int>
    private let action: @Sendable () -> Void

    init(_ count: Int, _ action: @escaping @Sendable () -> Void) {
        left = Atomic(count)
        self.action = action
    }

    func arrive() {
        if left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { action() }
    }
}

/// Asks every worker for its numbers, one after the other and each on its own thread: no lock, nothing shared.
enum MetricsCollection {
    static func start(_ workers: [Worker], _ completion: @escaping @Sendable (MetricsSnapshot) -> Void) {
        visit(workers[...], MetricsSnapshot(), completion)
    }

    private static func visit(
        _ rest: ArraySlice<Worker>,
        _ sum: MetricsSnapshot,
        _ completion: @escaping @Sendable (MetricsSnapshot) -> Void
    ) {
        guard let worker = rest.first else {
            completion(sum)
            return
        }
        worker.loop.submit {
            var sum = sum
            worker.addMetrics(to: &sum)
            visit(rest.dropFirst(), sum, completion)
        }
    }
}
