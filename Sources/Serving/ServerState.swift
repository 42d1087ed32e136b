internal import Base
internal import Crypto
internal import Glibc
internal import HTTP
internal import Transport

/// What belongs to the server's reactor thread: listeners, connections, running exchanges.
// @unchecked Sendable: after `init` every member is used on the loop's thread only; `ServerCore` calls in through
// `Reactor.run` and `Reactor.submit`, and everything else is called by the loop itself.
final class ServerState: ServerConnectionDelegate, @unchecked Sendable {
    let reactor: Reactor
    private let options: HTTPServer.Options
    private let handler: HTTPServer.Handler
    private let connectionOptions: ServerOptions
    private var listeners: [Listener] = []
    private var connections: [ObjectIdentifier: ServerConnection] = [:]
    private var exchanges: [ObjectIdentifier: ServerExchange] = [:]
    private let counter = ConnectionCounter()
    private var isDraining = false
    private var date: (second: Int64, text: String) = (-1, "")

    /// A listening socket and what it does with connections.
    private final class Listener: AcceptHandler {
        var socket: ListeningSocket?
        var tls: TLSContext?
        var path: String?
        private unowned let state: ServerState

        init(_ state: ServerState) { self.state = state }

        override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
            if let tls { connection.startTLS(tls) }
            state.accepted(connection)
        }
    }

    init(_ reactor: Reactor, _ options: HTTPServer.Options, _ handler: @escaping HTTPServer.Handler) {
        self.reactor = reactor
        self.options = options
        self.handler = handler
        var connection = ServerOptions()
        connection.headTimeout = options.headTimeout
        connection.idleTimeout = options.idleTimeout
        // Streams of the ADS and watches are silent for hours; bodies with an end have a deadline of their own.
        connection.bodyRateMin = 0
        connection.sendTimeout = .seconds(60)
        connection.concurrentStreamsMax = 256
        connection.streamWindowBytes = 256 << 10
        connectionOptions = connection
    }

    // MARK: Listeners

    func listen(_ address: NetworkAddress, tls: TLSContext?, mode: UInt32?) -> Result<
        SocketAddress?, ListenError
    > {
        guard !isDraining else { return .failure(ListenError("the server is draining")) }
        let listener = Listener(self)
        listener.tls = tls
        if case .unix(let path) = address {
            listener.path = path
            removeStaleSocket(path)
        }
        do throws(SocketError) {
            let socket = try ListeningSocket(
                address,
                loop: reactor.loop,
                handler: listener,
                connectionsMax: options.connectionsMax,
                counter: counter
            )
            listener.socket = socket
            if let path = listener.path, let mode, chmod(path, mode) != 0 {
                socket.close()
                return .failure(ListenError("\(path): \(String(cString: strerror(errno)))"))
            }
            listeners.append(listener)
            return .success(socket.boundAddress)
        } catch {
            return .failure(ListenError("\(error)"))
        }
    }

    /// Only a socket is removed, never a file somebody put there.
    private func removeStaleSocket(_ path: String) {
        var facts = stat()
        if lstat(path, &facts) == 0, facts.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
    }

    /// False when no TLS listener has this address.
    func replaceTLS(_ context: TLSContext, on address: SocketAddress) -> Bool {
        let matching = listeners.filter { $0.tls != nil && $0.socket?.boundAddress == address }
        matching.forEach { $0.tls = context }
        return !matching.isEmpty
    }

    private func accepted(_ connection: Connection) {
        let server = ServerConnection(connection, options: connectionOptions, delegate: self)
        connections[ObjectIdentifier(server)] = server
    }

    override func onClose(_ connection: ServerConnection, _ reason: CloseReason) {
        connections[ObjectIdentifier(connection)] = nil
    }

    override func onPeerFinished(_ connection: ServerConnection) {
        for exchange in Array(exchanges.values) { exchange.peerFinished(connection) }
    }

    // MARK: Requests

    override func onRequest(_ stream: ServerStream, endStream: Bool) {
        let head = stream.head
        let type = head.text("content-type") ?? ""
        let isUnbounded = stream.connection.version == .http2 && type.hasPrefix("application/grpc")
        let limit = isUnbounded ? Int.max : options.requestBodyBytesMax
        let exchange = ServerExchange(stream, self, bodyBytesMax: limit)
        stream.consumer = exchange
        exchanges[ObjectIdentifier(exchange)] = exchange
        if exchanges.count > options.concurrentRequestsMax {
            exchange.refuse(503, "too many requests at once\n", headers: ["retry-after": "1"])
            return
        }
        if let length = head.contentLength, length > UInt64(limit) {
            exchange.refuse(413, "the content is larger than \(limit) bytes\n", headers: ["connection": "close"])
            return
        }
        if head.text("expect")?.lowercased() == "100-continue" { stream.sendInformational(.response(status: 100)) }
        let timeout = isUnbounded ? nil : options.bodyTimeout
        exchange.begin(request(stream), hasBody: !endStream, timeout: timeout, handler)
    }

    private func request(_ stream: ServerStream) -> HTTPRequest {
        let head = stream.head
        let target = head.pathText
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first.map(String.init) ?? ""
        return HTTPRequest(
            method: head.methodText,
            path: path.isEmpty ? "/" : path,
            query: parts.count > 1 ? String(parts[1]) : nil,
            authority: head.authorityText,
            headers: Headers(head.fieldList.map { ($0.name, $0.value) }),
            peer: peer(of: stream.connection),
            version: stream.connection.version == .http2 ? .http2 : .http1
        )
    }

    /// Facts of a connection, read once and kept with it.
    private final class KnownPeer {
        let peer: Peer
        init(_ peer: Peer) { self.peer = peer }
    }

    private func peer(of connection: ServerConnection) -> Peer {
        if let known = connection.userState as? KnownPeer { return known.peer }
        let transport = connection.transport
        var peer = Peer(
            address: transport.peerAddress,
            localAddress: transport.localAddress,
            isTLS: transport.tls != nil,
            processID: transport.peerAddress == nil ? transport.peerProcess : nil
        )
        // Listeners that verify nobody ask for no certificate, so one that is here has been verified.
        if let tls = transport.tls, tls.context.configuration.peerVerification != .none, let shown = tls.peerCertificate
        {
            do throws(CertificateError) {
                peer.certificate = try Certificate(pem: shown.pem)
            } catch {
                // A certificate with names that try to deceive proves nothing: the peer stays without one.
                peer.certificate = nil
            }
        }
        connection.userState = KnownPeer(peer)
        return peer
    }

    func exchangeStreams(_ exchange: ServerExchange) {
        if isDraining { exchange.cancelTask() }
    }

    func ended(_ exchange: ServerExchange) { exchanges[ObjectIdentifier(exchange)] = nil }

    /// RFC 9110 §6.6.1; written once a second.
    func dateText(_ wallNanoseconds: Int64) -> String {
        let second = wallNanoseconds / 1_000_000_000
        if date.second != second { date = (second, HTTPDate.text(second)) }
        return date.text
    }

    // MARK: End

    func startDraining() {
        guard !isDraining else { return }
        isDraining = true
        closeListeners()
        for connection in connections.values { connection.drain() }
    }

    /// Requests whose handler has not begun a stream.
    var ordinaryCount: Int { exchanges.values.count { !$0.isStreaming } }
    var exchangeCount: Int { exchanges.count }
    var connectionCount: Int { connections.count }

    func cancelStreams() { for exchange in exchanges.values where exchange.isStreaming { exchange.cancelTask() } }

    func closeAll() {
        isDraining = true
        closeListeners()
        for exchange in Array(exchanges.values) { exchange.abandon() }
        for connection in Array(connections.values) { connection.close() }
    }

    private func closeListeners() {
        for listener in listeners {
            listener.socket?.close()
            // The socket holds its handler: without this, neither is ever freed, nor the loop.
            listener.socket = nil
            if let path = listener.path { unlink(path) }
        }
        listeners.removeAll()
    }
}
