internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream

/// The upstream half of a CONNECT request: a plain connection to an endpoint, whose bytes become the stream's content.
///
/// Source: RFC 9110 §9.3.6; the endpoint is the cluster's, never the address the client names.
final class ConnectTunnel: ConnectionHandler {
    private unowned let exchange: Exchange
    private let cluster: ClusterRuntime
    private let host: UpstreamHost
    private var connection: Connection?
    private var isOpen = false
    private var isOver = false
    private var hasClientEnded = false
    private var hasUpstreamEnded = false

    private init(_ exchange: Exchange, host: UpstreamHost, cluster: ClusterRuntime) {
        self.exchange = exchange
        self.host = host
        self.cluster = cluster
    }

    static func start(_ exchange: Exchange, host: UpstreamHost, cluster: ClusterRuntime) {
        let tunnel = ConnectTunnel(exchange, host: host, cluster: cluster)
        exchange.phase = .waiting
        switch cluster.connectRaw(to: host, origin: exchange.origin, handler: tunnel) {
        case .connecting(let connection):
            tunnel.connection = connection
            exchange.tunnel = tunnel
        case .overflow:
            exchange.connectFailed(ConnectFailure(reason: .refused, detail: Array("overflow".utf8)))
        case .failed(let failure): exchange.connectFailed(failure)
        }
    }

    // MARK: from the client

    func send(_ bytes: UnsafeRawBufferPointer) {
        guard let connection else { return }
        connection.write(bytes)
        if !connection.isWritable { exchange.pauseReading() }
    }

    /// The client sends no more.
    func end() {
        hasClientEnded = true
        connection?.shutdownWrite()
        finishIfDone()
    }

    func resume() { connection?.resumeReading() }

    /// The exchange is over, however it ended.
    func close() {
        guard !isOver else { return }
        isOver = true
        let last = connection
        connection = nil
        cluster.endRaw(host, wasOpen: isOpen)
        last?.finish()
    }

    // MARK: from the upstream

    override func onOpen(_ connection: Connection) {
        if isOver { return }
        isOpen = true
        exchange.tunnelIsOpen()
    }

    override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
        guard !isOver, let stream = exchange.stream else { return count }
        exchange.lastActivity = exchange.worker.loop.now.nanoseconds
        exchange.bytesSent &+= UInt64(count)
        stream.sendData(UnsafeRawBufferPointer(start: bytes, count: count), endStream: false)
        if !stream.isWritable { connection.pauseReading() }
        return count
    }

    override func onWritable(_ connection: Connection) {
        if !isOver { exchange.resumeReading() }
    }

    override func onEnd(_ connection: Connection) {
        if isOver { return }
        hasUpstreamEnded = true
        exchange.stream?.end()
        finishIfDone()
    }

    override func onClose(_ connection: Connection, _ reason: CloseReason) {
        guard !isOver else { return }
        isOver = true
        self.connection = nil
        cluster.endRaw(host, wasOpen: isOpen)
        exchange.tunnel = nil
        if !isOpen {
            exchange.connectFailed(ClusterRuntime.failure(reason, connection))
            return
        }
        if reason != .finished { exchange.flags.insert(.upstreamClosed) }
        if !hasUpstreamEnded { exchange.stream?.end() }
        exchange.finish()
    }

    private func finishIfDone() {
        if hasClientEnded, hasUpstreamEnded { exchange.finish() }
    }
}

extension Exchange {
    /// The upstream is connected: 200 ends the HTTP part.
    func tunnelIsOpen() {
        guard let stream, let downstream else { return }
        clearDeadlines()
        let limit = forward?.idleTimeout?.nanosecondsFromNow ?? http?.streamIdleTimeout ?? 0
        if limit > 0 { idleTimeout = limit }
        armClock()
        attempts += 1
        phase = .tunneling
        status = 200
        details = "via_upstream"
        downstream.listener.statistics.pointee.upgradesTotal &+= 1
        isResponseStarted = true
        worker.replyHead.clear()
        worker.replyHead.status = 200
        stream.sendHead(worker.replyHead, endStream: false)
        // A CONNECT has no content; what follows its head belongs to the tunnel.
        isRequestComplete = stream.isRequestComplete
        if !body.isEmpty {
            tunnel?.send(body.bytes)
            body.release()
        }
        if isRequestComplete { tunnel?.end() }
        resumeReading()
    }
}
