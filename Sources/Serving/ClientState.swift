internal import Base
internal import CSys
internal import Glibc
internal import HTTP
internal import Transport

/// What belongs to a client's reactor thread: its connections, and exchanges that wait for one.
// @unchecked Sendable: after `init` every member is used on the loop's thread only, reached through `Reactor.submit`.
final class ClientState: ClientConnectionDelegate, @unchecked Sendable {
    private static let connectionsMax = 16

    private let target: ClientTarget
    private let options: HTTPClient.Options
    private var tls: TLSContext?
    private let reactor: Reactor
    private var connections: [ClientConnection] = []
    /// Connections that are not ready yet, by identity, with the addresses left to try after them.
    private var attempts: [ObjectIdentifier: ArraySlice<NetworkAddress>] = [:]
    private var resolving = 0
    private var queue: [ClientExchange] = []
    private var running: [ObjectIdentifier: ClientExchange] = [:]
    private var isClosed = false

    init(_ target: ClientTarget, _ options: HTTPClient.Options, tls: TLSContext?, _ reactor: Reactor) {
        self.target = target
        self.options = options
        self.tls = tls
        self.reactor = reactor
    }

    // MARK: Exchanges

    func start(_ exchange: ClientExchange, _ continuation: CheckedContinuation<Result<Void, ClientError>, Never>) {
        exchange.begin(continuation)
        guard !exchange.isOver else { return }
        exchange.owner = self
        running[ObjectIdentifier(exchange)] = exchange
        if isClosed { exchange.end(.closed) } else { enqueue(exchange) }
    }

    func enqueue(_ exchange: ClientExchange) {
        queue.append(exchange)
        serve()
    }

    func ended(_ exchange: ClientExchange) {
        running[ObjectIdentifier(exchange)] = nil
        queue.removeAll { $0 === exchange }
    }

    private func serve() {
        while let exchange = queue.first, let connection = connections.first(where: { $0.canOpenStream }),
            let stream = connection.open(exchange)
        {
            queue.removeFirst()
            exchange.send(on: stream, authority: authority, scheme: tls == nil ? .http : .https)
        }
        connectAsNeeded()
    }

    private var authority: String {
        switch target {
        case .unix: "localhost"
        case .host(let host, let port):
            host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    // MARK: Connections

    /// HTTP/2 shares one connection, and waits when that one has no stream free; HTTP/1 gets a connection for each
    /// waiting request, up to a limit.
    private func connectAsNeeded() {
        let underWay = attempts.count + resolving
        let hasShared = connections.contains { $0.isReady && $0.version == .http2 && !$0.isRetired }
        let wanted =
            hasShared
            ? 0 : min(queue.count, options.isHTTP2 ? 1 : Self.connectionsMax - connections.count + attempts.count)
        guard wanted > underWay else { return }
        for _ in underWay..<wanted { connect() }
    }

    private func connect() {
        switch target {
        case .unix(let path): attempt([.unix(path: path)])
        case .host(let host, let port):
            if let address = IPAddress(host) {
                attempt([NetworkAddress(address, port: port)])
                return
            }
            resolving += 1
            Resolver.addresses(of: host) { [reactor] addresses in
                reactor.submit { self.resolved(host, addresses.map { NetworkAddress($0, port: port) }) }
            }
        }
    }

    private func resolved(_ host: String, _ addresses: [NetworkAddress]) {
        resolving -= 1
        if isClosed { return }
        if addresses.isEmpty { failQueue(.unresolved(host)) } else { attempt(addresses[...]) }
    }

    private func attempt(_ addresses: ArraySlice<NetworkAddress>) {
        var rest = addresses
        var reason = "no address"
        while let address = rest.popFirst() {
            do throws(SocketError) {
                let connection = try open(address)
                connections.append(connection)
                attempts[ObjectIdentifier(connection)] = rest
                return
            } catch {
                reason = "\(address): \(error)"
            }
        }
        failQueue(.notConnected(reason))
    }

    private func open(_ address: NetworkAddress) throws(SocketError) -> ClientConnection {
        var settings = ClientOptions()
        settings.version = options.isHTTP2 ? .http2 : tls == nil ? .http1 : .negotiated
        settings.connectTimeout = options.connectTimeout
        settings.streamWindowBytes = 256 << 10
        let secure = tls.map { (context: $0, serverName: serverName) }
        let connection = try ClientConnection(
            to: address,
            loop: reactor.loop,
            tls: secure,
            options: settings,
            delegate: self
        )
        if let interval = options.keepaliveInterval { probe(connection.transport.descriptor, every: interval) }
        return connection
    }

    private var serverName: String? {
        if let name = options.tls?.serverName { return name }
        if case .host(let host, _) = target { return host }
        return nil
    }

    private func probe(_ descriptor: Int32, every interval: Duration) {
        let seconds = Int32(clamping: max(interval.components.seconds, 1))
        let settings: [(Int32, Int32, Int32)] = [
            (SOL_SOCKET, SO_KEEPALIVE, 1),
            (Int32(IPPROTO_TCP), TCP_KEEPIDLE, seconds),
            (Int32(IPPROTO_TCP), TCP_KEEPINTVL, seconds),
            (Int32(IPPROTO_TCP), TCP_KEEPCNT, 3),
        ]
        for (level, name, value) in settings {
            var value = value
            setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
        }
    }

    /// What is under way finishes on its connection; everything later gets a new one.
    func replaceTLS(_ context: TLSContext) {
        tls = context
        for connection in connections where attempts[ObjectIdentifier(connection)] == nil { connection.drain() }
        serve()
    }

    private func failQueue(_ error: ClientError) {
        let failed = queue
        queue.removeAll()
        for exchange in failed { exchange.end(error) }
    }

    func close() {
        isClosed = true
        for exchange in Array(running.values) { exchange.end(.closed) }
        for connection in connections { connection.close() }
    }

    // MARK: Connection events

    override func onReady(_ connection: ClientConnection) {
        attempts[ObjectIdentifier(connection)] = nil
        serve()
    }

    override func onAvailable(_ connection: ClientConnection) { serve() }

    override func onRetired(_ connection: ClientConnection) { serve() }

    override func onClose(_ connection: ClientConnection, _ reason: CloseReason) {
        connections.removeAll { $0 === connection }
        let rest = attempts.removeValue(forKey: ObjectIdentifier(connection))
        if isClosed { return }
        guard let rest else {
            serve()
            return
        }
        if rest.isEmpty {
            failQueue(.notConnected(Self.words(connection, reason)))
        } else {
            attempt(rest)
        }
    }

    private static func words(_ connection: ClientConnection, _ reason: CloseReason) -> String {
        switch reason {
        case .failed(let code): String(cString: strerror(code))
        case .handshakeFailed, .tlsFailed: "TLS: \(connection.transport.tls?.failure ?? "handshake failed")"
        case .connectTimedOut: "connecting took too long"
        case .handshakeTimedOut: "the TLS handshake took too long"
        case .finished: "the server closed the connection"
        case .sendTimedOut: "the server stopped reading"
        }
    }
}
