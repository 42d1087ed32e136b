public import Base
internal import CSys

/// Who takes accepted connections.
open class AcceptHandler {
    public init() {}

    /// A new connection without a handler; set one before returning, or it is closed. Reading starts afterwards.
    open func onAccept(_ connection: Connection, from listener: ListeningSocket) {}
}

/// A listening TCP or unix-domain socket on one loop.
///
/// Several workers may bind the same address (SO_REUSEPORT): the kernel spreads connections. Up to 16 are accepted per
/// wake-up, so that one busy port does not starve established connections.
public final class ListeningSocket: EventSource {
    private static let acceptsPerTurn = 16
    private static let queueMax = 4096

    public let loop: EventLoop
    public let handler: AcceptHandler
    /// What was really bound; port 0 has become a number. Nil for unix sockets.
    public let boundAddress: SocketAddress?
    /// Open connections that came through this socket.
    public let counter: ConnectionCounter
    /// Above this many open connections new ones are closed right after accepting. Sharing one `counter` between
    /// sockets makes the limit common.
    public var connectionsMax: Int
    /// Accepted and closed at once because of `connectionsMax`.
    public private(set) var refusedCount: UInt64 = 0
    /// Any tag the owner likes.
    public var tag = 0
    private var retry: AcceptRetry?

    /// Binds and listens.
    ///
    /// - Throws: `SocketError`, such as EADDRINUSE or EACCES. A unix path that exists is not removed.
    public convenience init(
        _ address: NetworkAddress,
        loop: EventLoop,
        handler: AcceptHandler,
        reusesPort: Bool = false,
        backlog: Int32 = 4096,
        connectionsMax: Int = .max,
        counter: ConnectionCounter = ConnectionCounter()
    ) throws(SocketError) {
        let descriptor = try ListeningSocket.open(address, reusesPort: reusesPort, backlog: backlog)
        try self.init(
            adopting: descriptor,
            loop: loop,
            handler: handler,
            connectionsMax: connectionsMax,
            counter: counter
        )
    }

    /// Takes over a descriptor that listens already, inherited or opened with `open`. Closes it in the end.
    public init(
        adopting descriptor: Int32,
        loop: EventLoop,
        handler: AcceptHandler,
        connectionsMax: Int = .max,
        counter: ConnectionCounter = ConnectionCounter()
    ) throws(SocketError) {
        self.loop = loop
        self.handler = handler
        self.connectionsMax = connectionsMax
        self.counter = counter
        gh_set_nonblocking(descriptor)
        var raw = gh_address()
        boundAddress = gh_local_address(descriptor, &raw) == 0 ? raw.socketAddress : nil
        super.init(descriptor: descriptor)
        try loop.add(self, events: gh_epoll_in)
    }

    deinit {
        if descriptor >= 0 { gh_close(descriptor) }
    }

    /// A listening descriptor without a loop, for handing to a worker or a child process. Any thread.
    public static func open(
        _ address: NetworkAddress,
        reusesPort: Bool,
        backlog: Int32 = 4096
    ) throws(SocketError) -> Int32 {
        let descriptor = address.withRaw { raw, path in gh_listen(raw, path, reusesPort ? 1 : 0, backlog) }
        guard descriptor >= 0 else { throw .last("listen on \(address)") }
        return descriptor
    }

    /// Accepts what the kernel has queued already, then closes: those clients are connected and may have sent a
    /// request.
    public func closeAfterQueue() {
        var left = ListeningSocket.queueMax
        while left > 0 && descriptor >= 0 {
            left -= 1
            var peer = gh_address()
            let accepted = gh_accept(descriptor, &peer)
            if accepted < 0 { break }
            take(accepted, peer)
        }
        close()
    }

    /// Stops accepting and closes the socket; established connections go on.
    public func close() {
        guard descriptor >= 0 else { return }
        retry?.cancel()
        loop.remove(self)
        gh_close(descriptor)
        descriptor = -1
    }

    // Level triggered on purpose: what one turn leaves waiting is told again, and several workers share the work.
    public override func onEvents(_ events: IOEvents) {
        var turns = 0
        while turns < ListeningSocket.acceptsPerTurn && descriptor >= 0 {
            turns += 1
            if counter.isFull { return rest() }
            var peer = gh_address()
            let accepted = gh_accept(descriptor, &peer)
            if accepted < 0 {
                let code = gh_errno()
                if code == EINTR || code == ECONNABORTED { continue }
                if code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM { rest() }
                return
            }
            take(accepted, peer)
        }
    }

    private func take(_ accepted: Int32, _ peer: gh_address) {
        guard counter.count < connectionsMax, counter.open() else {
            refusedCount &+= 1
            gh_close(accepted)
            return
        }
        let connection = Connection(descriptor: accepted, loop: loop, phase: .open)
        connection.peerAddress = peer.socketAddress
        connection.tag = tag
        do throws(SocketError) {
            try loop.add(connection)
        } catch {
            counter.close()
            return
        }
        connection.counter = counter
        handler.onAccept(connection, from: self)
        if connection.handler == nil { connection.close() }
    }

    // Out of descriptors, or full: the backlog stays readable, so epoll would report it without end. Look again after
    // a pause.
    private func rest() {
        do throws(SocketError) {
            try loop.add(self, events: 0)
        } catch {
            return
        }
        let timer = retry ?? AcceptRetry(self)
        retry = timer
        loop.schedule(timer, after: .milliseconds(100))
    }

    fileprivate func resume() {
        guard descriptor >= 0 else { return }
        do throws(SocketError) {
            try loop.add(self, events: gh_epoll_in)
        } catch {
            rest()
        }
    }
}

private final class AcceptRetry: LoopTimer {
    unowned(unsafe) let listener: ListeningSocket

    init(_ listener: ListeningSocket) {
        self.listener = listener
    }

    override func fire() { listener.resume() }
}
