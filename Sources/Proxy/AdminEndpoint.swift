internal import Base
internal import HTTP
internal import Synchronization
internal import Telemetry
internal import Transport

/// The proxy's own small HTTP endpoint: `/metrics`, `/stats`, `/ready`, `/config_dump`. Read only, for loopback.
///
/// It lives on a loop and thread of its own, so that a scrape of ten thousand series is no worker's business but for
/// copying its counters.
///
/// `@unchecked Sendable`: `listener` is set before the thread starts and then touched on the loop's thread alone; the
/// rest is immutable or guarded.
final class AdminEndpoint: @unchecked Sendable {
    enum State: Sendable {
        /// No configuration yet.
        case starting
        case ready
        case draining
    }

    private struct Shared {
        var state = State.starting
        var summary: [String] = []
    }

    private final class Accepting: AcceptHandler {
        let endpoint: AdminEndpoint

        init(endpoint: AdminEndpoint) { self.endpoint = endpoint }

        override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
            var options = ServerOptions()
            options.headBytesMax = 8 << 10
            _ = ServerConnection(connection, options: options, delegate: Serving(endpoint: endpoint))
        }
    }

    private final class Serving: ServerConnectionDelegate {
        let endpoint: AdminEndpoint

        init(endpoint: AdminEndpoint) { self.endpoint = endpoint }

        override func onRequest(_ stream: ServerStream, endStream: Bool) {
            let consumer = Answer()
            stream.consumer = consumer
            endpoint.answer(stream)
        }
    }

    private final class Answer: ServerStreamConsumer {}

    /// Carries a stream through a worker and back to the loop it lives on.
    ///
    /// `@unchecked Sendable`: only the admin loop's thread looks inside.
    private final class Carrier: @unchecked Sendable {
        let stream: ServerStream

        init(_ stream: ServerStream) { self.stream = stream }
    }

    let address: SocketAddress?
    private let loop: EventLoop
    private let workers: [Worker]
    private let pressure: Pressure
    private let shared = Mutex(Shared())
    private var listener: ListeningSocket?
    private let thread: Mutex<WorkerThread?>

    init(address: SocketAddress, workers: [Worker], pressure: Pressure) throws(SocketError) {
        let loop = try EventLoop()
        self.loop = loop
        self.workers = workers
        self.pressure = pressure
        let descriptor = try ListeningSocket.open(.ip(address), reusesPort: false)
        thread = Mutex(nil)
        let relay = RelayAccept()
        let socket = try ListeningSocket(adopting: descriptor, loop: loop, handler: relay, connectionsMax: 64)
        self.address = socket.boundAddress
        listener = socket
        relay.target = Accepting(endpoint: self)
        let started = WorkerThread(name: "admin") { loop.run() }
        thread.withLock { $0 = started }
    }

    /// Lets the listener exist before the endpoint is fully initialised.
    private final class RelayAccept: AcceptHandler {
        var target: AcceptHandler?

        override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
            target?.onAccept(connection, from: listener)
        }
    }

    func configurationChanged(_ summary: [String]) {
        shared.withLock { shared in
            if case .starting = shared.state { shared.state = .ready }
            shared.summary = summary
        }
    }

    func beginDrain() { shared.withLock { $0.state = .draining } }

    func stop() {
        loop.stop()
        thread.withLock { $0 }?.join()
    }

    private func answer(_ stream: ServerStream) {
        let path = stream.head.pathText.split(separator: "?").first.map(String.init) ?? "/"
        guard stream.head.method == .get else {
            send(stream, status: 405, type: "text/plain", body: Array("read only\n".utf8))
            return
        }
        switch path {
        case "/metrics", "/stats/prometheus", "/stats":
            let carrier = Carrier(stream)
            let loop = loop
            let pressure = pressure
            MetricsCollection.start(workers) { snapshot in
                var snapshot = snapshot
                pressure.addMetrics(to: &snapshot)
                let text = snapshot.exposition()
                loop.submit { Self.sendMetrics(carrier.stream, text) }
            }
        case "/ready":
            let (status, text) = readiness
            send(stream, status: status, type: "text/plain", body: Array((text + "\n").utf8))
        case "/config_dump":
            let lines = shared.withLock { $0.summary }
            send(stream, status: 200, type: "text/plain", body: Array((lines.joined(separator: "\n") + "\n").utf8))
        default:
            send(stream, status: 404, type: "text/plain", body: Array("no such page\n".utf8))
        }
    }

    private var readiness: (UInt16, String) {
        switch shared.withLock({ $0.state }) {
        case .starting: (503, "PRE_INITIALIZING")
        case .ready: (200, "LIVE")
        case .draining: (503, "DRAINING")
        }
    }

    private static func sendMetrics(_ stream: ServerStream, _ text: [UInt8]) {
        guard !stream.isClosed else { return }
        write(stream, status: 200, type: "text/plain; version=0.0.4", body: text)
    }

    private func send(_ stream: ServerStream, status: UInt16, type: String, body: [UInt8]) {
        Self.write(stream, status: status, type: type, body: body)
    }

    private static func write(_ stream: ServerStream, status: UInt16, type: String, body: [UInt8]) {
        let head = MessageHead.response(
            status: status,
            fields: [("content-type", type), ("content-length", String(body.count))]
        )
        stream.sendHead(head, endStream: body.isEmpty)
        if !body.isEmpty { body.withUnsafeBytes { stream.sendData($0, endStream: true) } }
    }
}
