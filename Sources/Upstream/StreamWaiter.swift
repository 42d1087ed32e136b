/// A request that waits for something upstream: names to resolve, or a connection to open.
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

    /// Ask the cluster again.
    open func clusterIsWarm() {}
}

struct WaiterList {
    private(set) var first: StreamWaiter?
    private unowned(unsafe) var last: StreamWaiter?
    init() {}
    mutating func append(_ w: StreamWaiter) {
        w.previous = last
        if let last { last.next = w } else { first = w }
        last = w
    }
    mutating func remove(_ w: StreamWaiter) {
        let next = w.next
        if let next { next.previous = w.previous } else { last = w.previous }
        if let previous = w.previous { previous.next = next } else { first = next }
        w.next = nil
        w.previous = nil
    }
    var isEmpty: Bool { first == nil }
}

final class HostPool {
    func closeIdle() {}
}
