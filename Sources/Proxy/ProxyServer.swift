public import Base
public import Telemetry

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
    /// Listening sockets inherited from a supervisor, by `address:port`; several per address, one or more per worker.
    /// Every one of them is accepted on, so none of a replaced process's connections is left waiting.
    public var adoptedListeners: [String: [Int32]] = [:]
    /// Where `/metrics`, `/ready`, `/stats`, `/config_dump` are served (loopback); port 0 means a free one; nil: nowhere.
    public var adminAddress: SocketAddress?
    /// Name servers to ask instead of those of `/etc/resolv.conf`.
    public var dnsServers: [SocketAddress] = []
    public var identity: ProxyIdentity
    /// Open downstream connections per worker; further ones are closed on accept.
    public var connectionsMax = 100_000
    /// Seed of load balancing and jitter; nil takes one from the clock.
    public var seed: UInt64?

    public init(identity: ProxyIdentity) { self.identity = identity }
}

/// What became of a configuration.
public enum ApplyOutcome: Sendable, Equatable {
    /// Every worker uses it and every listener is bound. `boundAddresses`: listener name to its real address.
    case applied(boundAddresses: [String: SocketAddress])
    /// The old configuration still serves. The text says which listener failed and why; it goes into the NACK.
    case refused(String)
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

    /// Starts the workers; no listener is open until the first `apply`.
    public init(options: ProxyOptions) throws(StartError) {}

    /// Makes every worker switch to `configuration` between two event batches.
    ///
    /// New listeners are bound first: when one fails nothing changes and the outcome is `.refused`. Removed listeners
    /// stop accepting and drain; unchanged clusters keep their pools; endpoint changes do not touch pools of endpoints
    /// that stay. Calls are handled in order.
    public func apply(
        _ configuration: RuntimeConfiguration,
        completion: @escaping @Sendable (ApplyOutcome) -> Void
    ) {}

    /// Stops accepting, announces the end (`Connection: close`, GOAWAY), and completes when nothing is in flight or the
    /// deadline is over; what is left then is closed.
    public func drain(deadline: Duration, completion: @escaping @Sendable () -> Void) {}

    /// Closes everything at once and ends the threads.
    public func stop() {}

    /// Sums what all workers counted.
    public func collectMetrics(_ completion: @escaping @Sendable (MetricsSnapshot) -> Void) {}

    /// Where the admin endpoint listens, when `ProxyOptions.adminAddress` asked for one.
    public var adminAddress: SocketAddress? { nil }
}
