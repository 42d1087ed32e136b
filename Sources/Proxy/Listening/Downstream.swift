internal import Transport

/// What a listener knows of an open connection: enough to drain it. Base of HTTP connections and TCP tunnels.
protocol Downstream: AnyObject {
    var link: DownstreamLink { get }
    /// The listener has a new plan.
    func planChanged()
    /// No new work; close when the present work is done.
    func drain()
    func closeNow()
    /// Go if nothing is going on: the process needs the memory.
    func shedIfIdle()
}

/// A place in a listener's list. The list keeps what is linked alive.
final class DownstreamLink {
    /// Where the connection is counted until it is gone.
    var quota: ConnectionQuota?
    fileprivate var owner: (any Downstream)?
    fileprivate var next: DownstreamLink?
    fileprivate unowned(unsafe) var previous: DownstreamLink?

    init() {}
}

/// The open connections of a listener. Touched when a connection opens and closes, and when plans change: never per
/// request.
struct DownstreamList {
    private var first: DownstreamLink?

    var isEmpty: Bool { first == nil }

    init() {}

    mutating func insert(_ downstream: any Downstream) {
        let link = downstream.link
        link.owner = downstream
        link.next = first
        first?.previous = link
        first = link
    }

    mutating func remove(_ downstream: any Downstream) {
        let link = downstream.link
        guard link.owner != nil else { return }
        let next = link.next
        next?.previous = link.previous
        if let previous = link.previous { previous.next = next } else { first = next }
        link.owner = nil
        link.next = nil
        link.previous = nil
    }

    /// `body` may remove the connection it is given.
    func forEach(_ body: (any Downstream) -> Void) {
        var link = first
        while let current = link {
            link = current.next
            if let owner = current.owner { body(owner) }
        }
    }
}
