internal import Base
internal import HTTP
internal import Transport
internal import XDS

/// One way of asking an endpoint whether it lives. Tells its probe exactly once per `begin`, unless given up.
class ProbeAttempt {
    unowned let probe: HostProbe
    fileprivate(set) var isUnderWay = false

    fileprivate init(_ probe: HostProbe) { self.probe = probe }

    static func make(_ probe: HostProbe) -> ProbeAttempt {
        switch probe.check.probe {
        case .tcp(let send, let receive): ConnectAttempt(probe, send: send, receive: receive)
        case .http(let http): RequestAttempt(probe, http: http, grpc: nil)
        case .grpc(let service, let authority): RequestAttempt(probe, http: nil, grpc: (service, authority))
        }
    }

    func begin() { isUnderWay = true }

    /// The time is up: closes what is open.
    func giveUp() { isUnderWay = false }

    /// The endpoint is gone.
    func abandon() { giveUp() }

    fileprivate func end(_ result: HostProbe.Result) {
        guard isUnderWay else { return }
        isUnderWay = false
        probe.ended(result)
    }

    /// TLS as requests to the endpoint use it; nil when it cannot be had.
    fileprivate var tls: (isReady: Bool, settings: (context: TLSContext, serverName: String?)?) {
        let name = probe.host.serverName(requestHost: UnsafeRawBufferPointer(start: nil, count: 0))
        let (settings, missing) = HostPool.tls(of: probe.host, serverName: name)
        return (missing == nil, settings)
    }
}

/// Connects, and where bytes are given sends and compares.
private final class ConnectAttempt: ProbeAttempt {
    private final class Handler: ConnectionHandler {
        unowned(unsafe) var attempt: ConnectAttempt?

        override func onOpen(_ connection: Connection) { attempt?.opened(connection) }

        override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
            attempt?.read(UnsafeRawBufferPointer(start: bytes, count: count))
            return count
        }

        override func onClose(_ connection: Connection, _ reason: CloseReason) { attempt?.closed() }
    }

    private static let answerBytesMax = 64 << 10

    private let bytesToSend: [UInt8]
    private let expected: [[UInt8]]
    private let handler = Handler()
    private var connection: Connection?
    private var isOpen = false
    private var received: [UInt8] = []

    init(_ probe: HostProbe, send: [UInt8], receive: [[UInt8]]) {
        bytesToSend = send
        expected = receive
        super.init(probe)
        handler.attempt = self
    }

    deinit { handler.attempt = nil }

    override func begin() {
        super.begin()
        received = []
        if let connection, isOpen {
            opened(connection)
            return
        }
        let (isReady, settings) = tls
        guard isReady else {
            end(.failed)
            return
        }
        do throws(SocketError) {
            connection = try Connection.connect(
                to: probe.address,
                loop: probe.cluster.environment.loop,
                tls: settings,
                timeout: probe.check.timeout,
                handler: handler
            )
        } catch {
            end(.failed)
        }
    }

    private func opened(_ connection: Connection) {
        isOpen = true
        if !bytesToSend.isEmpty { bytesToSend.withUnsafeBytes { connection.write($0) } }
        if expected.isEmpty { passed() }
    }

    private func passed() {
        // With nothing to compare, a connection kept open would say nothing the next time.
        if expected.isEmpty || !probe.check.reusesConnection { drop() }
        end(.passed)
    }

    private func read(_ bytes: UnsafeRawBufferPointer) {
        guard isUnderWay, received.count + bytes.count <= Self.answerBytesMax else { return }
        received.append(contentsOf: bytes)
        // Each part somewhere behind the one before (Envoy).
        var rest = received[...]
        for part in expected {
            guard let place = rest.firstRange(of: part) else { return }
            rest = rest[place.upperBound...]
        }
        passed()
    }

    private func closed() {
        connection = nil
        isOpen = false
        end(.failed)
    }

    private func drop() {
        let last = connection
        connection = nil
        isOpen = false
        last?.handler = ConnectionHandler()
        last?.close()
    }

    override func giveUp() {
        super.giveUp()
        drop()
    }
}

/// Sends an HTTP request, or a call of `grpc.health.v1.Health/Check`.
private final class RequestAttempt: ProbeAttempt {
    private final class Watch: ClientConnectionDelegate {
        unowned(unsafe) var attempt: RequestAttempt?

        override func onReady(_ connection: ClientConnection) { attempt?.ready(connection) }

        override func onClose(_ connection: ClientConnection, _ reason: CloseReason) { attempt?.closed(connection) }
    }

    private final class Consumer: ClientStreamConsumer {
        unowned(unsafe) var attempt: RequestAttempt?

        override func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {
            attempt?.answered(head, endStream: endStream)
        }
        override func onData(_ stream: ClientStream, _ bytes: UnsafeRawBufferPointer) { attempt?.read(bytes) }
        override func onTrailers(_ stream: ClientStream, _ trailers: MessageHead) { attempt?.trailed(trailers) }
        override func onEnd(_ stream: ClientStream) { attempt?.complete() }
        override func onReset(_ stream: ClientStream, _ failure: StreamFailure) { attempt?.failed() }
    }

    private let http: HealthCheck.HTTPProbe?
    private let grpc: (service: String, authority: String)?
    private let watch = Watch()
    private let consumer = Consumer()
    private var connection: ClientConnection?
    private var stream: ClientStream?
    private var status = 0
    private var grpcStatus: String?
    private var reader = GRPCMessageReader(messageBytesMax: 4096)

    init(_ probe: HostProbe, http: HealthCheck.HTTPProbe?, grpc: (String, String)?) {
        self.http = http
        self.grpc = grpc.map { (service: $0.0, authority: $0.1) }
        super.init(probe)
        watch.attempt = self
        consumer.attempt = self
    }

    deinit {
        watch.attempt = nil
        consumer.attempt = nil
    }

    override func begin() {
        super.begin()
        status = 0
        grpcStatus = nil
        reader = GRPCMessageReader(messageBytesMax: 4096)
        if let connection {
            if connection.canOpenStream {
                send(on: connection)
                return
            }
            drop()
        }
        let (isReady, settings) = tls
        guard isReady else {
            end(.failed)
            return
        }
        var options = ClientOptions()
        options.version = grpc != nil || http?.usesHTTP2 == true ? .http2 : .http1
        options.connectTimeout = probe.check.timeout
        do throws(SocketError) {
            connection = try ClientConnection(
                to: probe.address,
                loop: probe.cluster.environment.loop,
                tls: settings,
                options: options,
                delegate: watch
            )
        } catch {
            end(.failed)
        }
    }

    private func ready(_ connection: ClientConnection) {
        if connection === self.connection, isUnderWay { send(on: connection) }
    }

    private func send(on connection: ClientConnection) {
        guard let stream = connection.open(consumer) else {
            failed()
            return
        }
        self.stream = stream
        let head = MessageHead.request(
            method: grpc != nil ? "POST" : http?.method ?? "GET",
            path: grpc != nil ? "/grpc.health.v1.Health/Check" : http?.path ?? "/",
            authority: authority,
            scheme: probe.host.tls == nil ? .http : .https
        )
        head.set("user-agent", "gatehouse/health-check")
        if let grpc {
            head.set("content-type", "application/grpc")
            head.set("te", "trailers")
            stream.sendHead(head, endStream: false)
            GRPCFraming.frame(Self.request(service: grpc.service)).withUnsafeBytes {
                stream.sendData($0, endStream: true)
            }
            return
        }
        for change in http?.headers ?? [] {
            switch change.action {
            case .appendIfExistsOrAdd: head.append(change.name, change.value)
            case .overwriteIfExistsOrAdd: head.set(change.name, change.value)
            case .addIfAbsent: if head.text(change.name) == nil { head.append(change.name, change.value) }
            case .overwriteIfExists: if head.text(change.name) != nil { head.set(change.name, change.value) }
            }
        }
        stream.sendHead(head, endStream: true)
    }

    /// The written host, else the endpoint's own name, else the cluster's.
    private var authority: String {
        if let written = grpc?.authority ?? http?.host, !written.isEmpty { return written }
        if !probe.host.checkHostname.isEmpty { return probe.host.checkHostname }
        return probe.cluster.name.split(separator: "|").last.map(String.init) ?? probe.cluster.name
    }

    private func answered(_ head: MessageHead, endStream: Bool) {
        status = Int(head.status)
        grpcStatus = head.text("grpc-status")
        if endStream { complete() }
    }

    private func read(_ bytes: UnsafeRawBufferPointer) {
        if grpc != nil, status == 200 { reader.append(UnsafeRawBufferPointer(rebasing: bytes.prefix(4096))) }
    }

    private func trailed(_ trailers: MessageHead) { grpcStatus = trailers.text("grpc-status") ?? grpcStatus }

    private func complete() {
        stream = nil
        if !probe.check.reusesConnection { drop() }
        end(verdict())
    }

    private func verdict() -> HostProbe.Result {
        if grpc != nil { return isServing() ? .passed : .refused }
        guard let http else { return .failed }
        let code = Int64(status)
        let isExpected = http.statuses.isEmpty ? code == 200 : http.statuses.contains { $0.contains(code) }
        if isExpected { return .passed }
        return http.retriableStatuses.contains { $0.contains(code) } ? .failed : .refused
    }

    /// `grpc-status: 0` and a message whose field 1 (status) is 1, SERVING.
    private func isServing() -> Bool {
        guard status == 200, grpcStatus == "0" else { return false }
        do throws(GRPCMessageReader.Failure) {
            guard let message = try reader.next() else { return false }
            return message == [0x08, 0x01]
        } catch {
            return false
        }
    }

    /// HealthCheckRequest: the service's name is field 1.
    private static func request(service: String) -> [UInt8] {
        let name = Array(service.utf8.prefix(127))
        return name.isEmpty ? [] : [0x0A, UInt8(name.count)] + name
    }

    private func failed() {
        stream = nil
        drop()
        end(.failed)
    }

    private func closed(_ gone: ClientConnection) {
        guard gone === connection else { return }
        connection = nil
        stream = nil
        end(.failed)
    }

    private func drop() {
        let last = connection
        connection = nil
        last?.close()
    }

    override func giveUp() {
        super.giveUp()
        stream?.consumer = nil
        stream?.reset(.cancel)
        stream = nil
        drop()
    }
}
