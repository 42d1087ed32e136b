internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport

/// A listener as one worker lives it: its sockets, its open connections, what it counts.
///
///     active ──removed──▶ draining ──last connection closed──▶ gone
final class ListenerRuntime: AcceptHandler {
    /// Held by the worker, which outlives every listener.
    unowned let worker: Worker
    private(set) var plan: ListenerPlan
    /// Grows with every plan; connections compare it to notice that theirs is old.
    private(set) var planNumber = 0
    let statistics: UnsafeMutablePointer<ListenerStatistics>
    private var sockets: [ListeningSocket] = []
    private var admission: ListenerAdmission?
    private var open = DownstreamList()
    private(set) var isDraining = false

    init(plan: ListenerPlan, worker: Worker) {
        self.plan = plan
        self.worker = worker
        statistics = .allocate(capacity: 1)
        statistics.initialize(to: ListenerStatistics())
    }

    deinit { statistics.deallocate() }

    // MARK: configuration

    func adopt(descriptors: [Int32]) {
        let counter =
            admission ?? ListenerAdmission(listener: self, quota: plan.quota, process: worker.processQuota)
        admission = counter
        for descriptor in descriptors {
            SocketSettings.apply(plan.socketOptions, to: descriptor)
            do throws(SocketError) {
                let socket = try ListeningSocket(
                    adopting: descriptor,
                    loop: worker.loop,
                    handler: self,
                    counter: counter
                )
                sockets.append(socket)
            } catch {
                // The socket listens already; only epoll refused it. The other workers serve the address.
                statistics.pointee.connectionsRefused &+= 1
            }
        }
    }

    func update(_ next: ListenerPlan) {
        if next === plan { return }
        if next.socketOptions != plan.socketOptions {
            for socket in sockets { SocketSettings.apply(next.socketOptions, to: socket.descriptor) }
        }
        plan = next
        planNumber &+= 1
        open.forEach { $0.planChanged() }
    }

    /// Stops accepting; open connections end when they are done.
    func drain() {
        guard !isDraining else { return closeSockets() }
        isDraining = true
        for socket in sockets { socket.closeAfterQueue() }
        sockets = []
        open.forEach { $0.drain() }
    }

    func closeSockets() {
        for socket in sockets { socket.close() }
        sockets = []
    }

    func shedIdle() { open.forEach { $0.shedIfIdle() } }

    func closeAll() { open.forEach { $0.closeNow() } }

    var isEmpty: Bool { open.isEmpty }

    func insert(_ downstream: any Downstream) {
        open.insert(downstream)
        statistics.pointee.connectionsActive &+= 1
    }

    func remove(_ downstream: any Downstream) {
        open.remove(downstream)
        downstream.link.quota?.release()
        downstream.link.quota = nil
        statistics.pointee.connectionsActive &-= 1
    }

    // MARK: accepting

    override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
        statistics.pointee.connectionsTotal &+= 1
        connection.highWatermark = plan.bufferBytesMax
        connection.lowWatermark = plan.bufferBytesMax / 4
        if plan.proxyProtocol != .off || plan.looksAtTLS {
            connection.handler = Inspection(listener: self, connection: connection)
        } else {
            serve(connection, hello: nil, source: connection.peerAddress)
        }
    }

    /// Chooses the chain and hands the connection to it. `hello` nil: the client speaks no TLS, or nobody looked.
    func serve(_ connection: Connection, hello: ClientHello?, source: SocketAddress?) {
        let unknown = SocketAddress(IPAddress(ipv4: 0), port: 0)
        let local = destination(of: connection) ?? unknown
        let choice = plan.table.choose(
            FilterChainTable.Connection(
                destination: local,
                serverName: hello?.serverName.map { Array($0.utf8) } ?? [],
                isTLS: hello != nil,
                applicationProtocols: hello?.applicationProtocols.map { Array($0.utf8) } ?? [],
                directSource: connection.peerAddress ?? unknown,
                source: source ?? connection.peerAddress ?? unknown
            )
        )
        guard let chain = plan.chain(for: choice) else {
            refuse(connection, hello: hello, details: "filter_chain_not_found")
            return
        }
        guard chain.quota.take(upTo: chain.connectionsMax) else {
            statistics.pointee.connectionsRefused &+= 1
            connection.handler = Discard()
            connection.close()
            return
        }
        if chain.usesTLS {
            guard let context = chain.tls else {
                chain.quota.release()
                refuse(connection, hello: hello, details: "tls_secret_missing")
                return
            }
            connection.startTLS(context, handshakeTimeout: chain.handshakeTimeout)
        }
        let downstream: any Downstream
        switch chain.terminal {
        case .http(let http):
            downstream = HTTPDownstream(
                connection: connection,
                listener: self,
                chain: chain,
                http: http,
                local: local,
                serverName: hello?.serverName
            )
        case .tcp(let tcp):
            downstream = TCPTunnel(
                connection: connection,
                listener: self,
                chain: chain,
                plan: tcp,
                local: local,
                serverName: hello?.serverName
            )
        }
        downstream.link.quota = chain.quota
    }

    private func destination(of connection: Connection) -> SocketAddress? {
        if plan.usesOriginalDestination, let original = connection.originalDestination { return original }
        return connection.localAddress
    }

    /// No chain takes the connection: a TLS client gets an alert, others are closed; the access log says NR.
    private func refuse(_ connection: Connection, hello: ClientHello?, details: StaticString) {
        statistics.pointee.noFilterChain &+= 1
        worker.logRefusal(connection, serverName: hello?.serverName, details: details)
        connection.handler = Discard()
        if hello != nil {
            connection.refuseTLS(details == "tls_secret_missing" ? .internalError : .unrecognizedName)
        } else {
            connection.finish(lingering: true)
        }
    }
}

extension StaticString {
    static func == (a: StaticString, b: StaticString) -> Bool {
        a.utf8CodeUnitCount == b.utf8CodeUnitCount && (a.utf8Start == b.utf8Start || a.description == b.description)
    }
}

/// Drops what it reads; for connections that are being refused.
final class Discard: ConnectionHandler {}

/// Looks at the first bytes: a PROXY header, a ClientHello. Replaced as soon as the chain is chosen.
final class Inspection: ConnectionHandler {
    private final class Deadline: LoopTimer {
        unowned let inspection: Inspection

        init(inspection: Inspection) { self.inspection = inspection }

        override func fire() { inspection.timedOut() }
    }

    private let listener: ListenerRuntime
    private let connection: Connection
    private var needsHeader: Bool
    private var source: SocketAddress?
    private var deadline: Deadline?

    init(listener: ListenerRuntime, connection: Connection) {
        self.listener = listener
        self.connection = connection
        needsHeader = listener.plan.proxyProtocol != .off
        source = connection.peerAddress
        super.init()
        let deadline = Deadline(inspection: self)
        self.deadline = deadline
        listener.worker.loop.schedule(deadline, after: listener.plan.inspectionTimeout)
    }

    override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
        var used = 0
        if needsHeader {
            switch ProxyProtocolHeader.parse(bytes, count) {
            case .incomplete: return 0
            case .header(let header, let length):
                used = length
                if let from = header.source {
                    source = from
                    connection.peerAddress = from
                }
            case .absent where listener.plan.proxyProtocol == .optional: break
            case .absent, .malformed:
                end()
                connection.close()
                return count
            }
            needsHeader = false
        }
        guard listener.plan.looksAtTLS else {
            serve(nil)
            return used
        }
        guard count > used else { return used }
        switch ClientHello.parse(bytes + used, count - used) {
        case .incomplete: break
        case .notTLS: serve(nil)
        case .malformed:
            end()
            connection.close()
        case .hello(let hello): serve(hello)
        }
        return used
    }

    private func serve(_ hello: ClientHello?) {
        end()
        listener.serve(connection, hello: hello, source: source)
    }

    private func end() {
        deadline?.cancel()
        deadline = nil
    }

    private func timedOut() {
        deadline = nil
        if listener.plan.continuesAfterTimeout, !needsHeader { serve(nil) } else { connection.close() }
    }

    override func onClose(_ connection: Connection, _ reason: CloseReason) { end() }
}
