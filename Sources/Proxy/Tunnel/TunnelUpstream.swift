internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream
internal import XDS

/// The far side of a TCP tunnel. Tells its tunnel `connected`, `upstreamSent`, `ended`, and once `upstreamFailed` or
/// `upstreamClosed`; nothing after `close`.
class TunnelUpstream {
    enum Start {
        case started
        case overflow
        case failed(ConnectFailure)
    }

    let tunnel: TCPTunnel
    let host: UpstreamHost
    let cluster: ClusterRuntime
    fileprivate var isOpen = false
    fileprivate var isOver = false

    init(_ tunnel: TCPTunnel, host: UpstreamHost, cluster: ClusterRuntime) {
        self.tunnel = tunnel
        self.host = host
        self.cluster = cluster
    }

    func start() -> Start { .overflow }
    func write(_ bytes: BytePointer, _ count: Int) {}
    func pauseReading() {}
    func resumeReading() {}
    func shutdownWrite() {}
    func close() {}
    var isWritable: Bool { true }
    var lastActive: MonotonicTime { MonotonicTime(nanoseconds: 0) }
    var localAddress: SocketAddress? { nil }
}

/// A connection of its own.
final class RawUpstream: TunnelUpstream {
    private final class End: ConnectionHandler {
        let upstream: RawUpstream

        init(_ upstream: RawUpstream) { self.upstream = upstream }

        override func onOpen(_ connection: Connection) { upstream.opened() }

        override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
            if !upstream.isOver { upstream.tunnel.upstreamSent(bytes, count) }
            return count
        }

        override func onWritable(_ connection: Connection) { upstream.tunnel.client?.resumeReading() }

        override func onEnd(_ connection: Connection) {
            if !upstream.isOver { upstream.tunnel.ended(fromClient: false) }
        }

        override func onClose(_ connection: Connection, _ reason: CloseReason) { upstream.closed(connection, reason) }
    }

    private var connection: Connection?

    override func start() -> Start {
        switch cluster.connectRaw(to: host, origin: tunnel.origin, handler: End(self)) {
        case .connecting(let connection):
            self.connection = connection
            return .started
        case .overflow: return .overflow
        case .failed(let failure): return .failed(failure)
        }
    }

    private func opened() {
        isOpen = true
        if !isOver { tunnel.connected() }
    }

    private func closed(_ last: Connection, _ reason: CloseReason) {
        guard !isOver else { return }
        isOver = true
        connection = nil
        cluster.endRaw(host, wasOpen: isOpen)
        if isOpen {
            tunnel.upstreamClosed(self, isClean: reason == .finished)
        } else {
            tunnel.upstreamFailed(self, ClusterRuntime.failure(reason, last))
        }
    }

    override func write(_ bytes: BytePointer, _ count: Int) { connection?.write(bytes, count) }
    override func pauseReading() { connection?.pauseReading() }
    override func resumeReading() { connection?.resumeReading() }
    override func shutdownWrite() { connection?.shutdownWrite() }
    override var isWritable: Bool { connection?.isWritable ?? true }
    override var lastActive: MonotonicTime { connection?.lastActive ?? super.lastActive }
    override var localAddress: SocketAddress? { connection?.localAddress }

    override func close() {
        guard !isOver else { return }
        isOver = true
        let last = connection
        connection = nil
        cluster.endRaw(host, wasOpen: isOpen)
        last?.finish()
    }
}

/// The body of a CONNECT or POST request to the endpoint, over HTTP/1.1 or HTTP/2 as the cluster speaks.
///
/// Source: Envoy `TcpProxy.TunnelingConfig`.
final class RequestUpstream: TunnelUpstream {
    private final class Waiter: StreamWaiter {
        unowned(unsafe) var upstream: RequestUpstream?

        override func connectionIsReady(_ connection: ClientConnection) { upstream?.send(on: connection) }

        override func connectionFailed(_ failure: ConnectFailure) { upstream?.failed(failure) }
    }

    private final class Consumer: ClientStreamConsumer {
        let upstream: RequestUpstream

        init(_ upstream: RequestUpstream) { self.upstream = upstream }

        override func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {
            upstream.answered(head, endStream: endStream)
        }

        override func onData(_ stream: ClientStream, _ bytes: UnsafeRawBufferPointer) { upstream.received(bytes) }

        override func onEnd(_ stream: ClientStream) { upstream.ended() }

        override func onReset(_ stream: ClientStream, _ failure: StreamFailure) { upstream.wasReset() }

        override func onWritable(_ stream: ClientStream) { upstream.tunnel.client?.resumeReading() }
    }

    private let request: TCPProxy.Tunneling
    private let waiter = Waiter()
    private var stream: ClientStream?
    private var active: MonotonicTime

    init(_ tunnel: TCPTunnel, host: UpstreamHost, cluster: ClusterRuntime, request: TCPProxy.Tunneling) {
        self.request = request
        active = cluster.environment.loop.now
        super.init(tunnel, host: host, cluster: cluster)
        waiter.upstream = self
    }

    deinit { waiter.upstream = nil }

    override func start() -> Start {
        guard cluster.beginRequest(on: host) else { return .overflow }
        var name = request.hostname
        let origin = cluster.announcesClient ? tunnel.origin : nil
        let pool = name.withUTF8 {
            cluster.pool(of: host, requestHost: UnsafeRawBufferPointer($0), isHTTP2: false, origin: origin)
        }
        switch pool.lease(waiter) {
        case .connection(let connection): send(on: connection)
        case .waiting: break
        case .overflow:
            release()
            return .overflow
        case .failed(let failure):
            release()
            return .failed(failure)
        }
        return .started
    }

    private func send(on connection: ClientConnection) {
        guard !isOver, let stream = connection.open(Consumer(self)) else {
            failed(ConnectFailure(reason: .refused, detail: []))
            return
        }
        self.stream = stream
        let head = MessageHead.request(
            method: request.usesPOST ? "POST" : "CONNECT",
            path: request.usesPOST ? request.path : "",
            authority: request.hostname,
            scheme: host.usesTLS ? .https : .http
        )
        for change in request.headers { head.append(change.name, change.value) }
        stream.sendHead(head, endStream: false)
    }

    private func answered(_ head: MessageHead, endStream: Bool) {
        guard !isOver else { return }
        cluster.statistics.pointee.countResponse(status: Int(head.status))
        cluster.note(.answered(status: Int(head.status)), on: host)
        guard head.status >= 200, head.status < 300, !endStream else {
            failed(ConnectFailure(reason: .refused, detail: Array("the tunnel was answered \(head.status)".utf8)))
            return
        }
        isOpen = true
        active = cluster.environment.loop.now
        tunnel.connected()
    }

    private func received(_ bytes: UnsafeRawBufferPointer) {
        guard isOpen, !isOver, let start = bytes.baseAddress else { return }
        active = cluster.environment.loop.now
        tunnel.upstreamSent(start.assumingMemoryBound(to: UInt8.self), bytes.count)
    }

    private func ended() {
        guard !isOver else { return }
        if isOpen { tunnel.ended(fromClient: false) } else { wasReset() }
    }

    private func wasReset() {
        guard !isOver else { return }
        stream = nil
        if isOpen {
            release()
            tunnel.upstreamClosed(self, isClean: false)
        } else {
            failed(ConnectFailure(reason: .refused, detail: Array("the tunnel was reset".utf8)))
        }
    }

    private func failed(_ failure: ConnectFailure) {
        guard !isOver else { return }
        release()
        tunnel.upstreamFailed(self, failure)
    }

    /// Nothing of this is used any more.
    private func release() {
        guard !isOver else { return }
        isOver = true
        waiter.cancelWait()
        cluster.endRequest(on: host)
        let last = stream
        stream = nil
        last?.consumer = nil
        if let last, !last.isClosed { last.reset(.cancel) }
    }

    override func write(_ bytes: BytePointer, _ count: Int) {
        active = cluster.environment.loop.now
        stream?.sendData(UnsafeRawBufferPointer(start: bytes, count: count), endStream: false)
    }
    override func pauseReading() { stream?.pauseReading() }
    override func resumeReading() { stream?.resumeReading() }
    override func shutdownWrite() { stream?.end() }
    override var isWritable: Bool { stream?.isWritable ?? true }
    override var lastActive: MonotonicTime { active }
    override var localAddress: SocketAddress? { stream?.connection.transport.localAddress }
    override func close() { release() }
}
