public import HTTP
internal import Transport

/// Why no connection could be had.
public struct ConnectFailure {
    public enum Reason: Sendable, Equatable {
        case refused
        case timedOut
        case handshake
        case noTLSMaterial
        /// The cluster left the configuration while the request waited.
        case retired
    }

    public let reason: Reason
    /// For the log: errno, or what TLS said.
    public let detail: [UInt8]

    public init(reason: Reason, detail: [UInt8]) {
        self.reason = reason
        self.detail = detail
    }
}

/// A request that waits for something upstream: names to resolve, or a connection to open.
///
/// Shape: a node of one intrusive list at a time; a waiter is told exactly once, or cancelled.
open class StreamWaiter {
    enum Place {
        case none
        case warming(ClusterRuntime)
        case pool(HostPool)
    }

    final var place = Place.none
    fileprivate final var next: StreamWaiter?
    fileprivate final unowned(unsafe) var previous: StreamWaiter?

    public init() {}

    /// Names are resolved (or the cluster is gone): pick again.
    open func clusterIsWarm() {}

    /// A stream can be opened on `connection` now, from inside this call.
    open func connectionIsReady(_ connection: ClientConnection) {}

    open func connectionFailed(_ failure: ConnectFailure) {}

    public final var isWaiting: Bool {
        if case .none = place { return false }
        return true
    }

    /// Stops waiting; nothing is told any more.
    public final func cancelWait() {
        switch place {
        case .none: return
        case .warming(let cluster): cluster.cancelWarming(self)
        case .pool(let pool): pool.cancel(self)
        }
    }
}

/// First in, first out; removal from the middle is constant time.
struct WaiterList {
    private(set) var first: StreamWaiter?
    private unowned(unsafe) var last: StreamWaiter?
    private(set) var count = 0

    var isEmpty: Bool { first == nil }

    init() {}

    mutating func append(_ waiter: StreamWaiter) {
        waiter.previous = last
        if let last { last.next = waiter } else { first = waiter }
        last = waiter
        count &+= 1
    }

    mutating func remove(_ waiter: StreamWaiter) {
        let next = waiter.next
        let previous = waiter.previous
        waiter.next = nil
        waiter.previous = nil
        count &-= 1
        if let next { next.previous = previous } else { last = previous }
        if let previous { previous.next = next } else { first = next }
    }
}
