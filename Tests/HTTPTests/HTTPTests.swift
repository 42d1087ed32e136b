import Base
import HTTP
import Testing
import Transport

/// Runs batches until `condition` holds; fails the test after five seconds.
func pump(_ loop: EventLoop, _ what: Comment, until condition: () -> Bool) {
    let limit = MonotonicTime.now().advanced(by: .seconds(5))
    while !condition() {
        if MonotonicTime.now() > limit {
            Issue.record(what)
            return
        }
        loop.runOnce(waitingAtMost: .milliseconds(20))
    }
}

/// A server and raw or HTTP clients on one loop.
final class Stage {
    let loop: EventLoop
    let service = Service()
    private var listener: ListeningSocket?
    var options = ServerOptions()

    init(_ change: (inout ServerOptions) -> Void = { _ in }) throws {
        loop = try EventLoop()
        change(&options)
        listener = try ListeningSocket(
            NetworkAddress(IPAddress(ipv4: 0x7F00_0001), port: 0),
            loop: loop,
            handler: Entrance(service, options)
        )
    }

    var address: NetworkAddress {
        get throws { .ip(try #require(listener?.boundAddress)) }
    }

    func raw() throws -> RawClient {
        let client = RawClient(loop)
        client.connection = try Connection.connect(to: address, loop: loop, handler: client)
        pump(loop, "no connection") { client.isOpen }
        return client
    }

    func client(_ version: ClientOptions.Version) throws -> ClientConnection {
        let caller = Caller()
        var options = ClientOptions()
        options.version = version
        let connection = try ClientConnection(to: address, loop: loop, options: options, delegate: caller)
        pump(loop, "not ready") { caller.isReady }
        return connection
    }
}

final class Entrance: AcceptHandler {
    let service: Service
    let options: ServerOptions

    init(_ service: Service, _ options: ServerOptions) {
        self.service = service
        self.options = options
    }

    override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
        service.connections.append(ServerConnection(connection, options: options, delegate: service))
    }
}

/// Answers with what it got: method, path, authority, body length. Paths ask for more.
final class Service: ServerConnectionDelegate {
    var connections: [ServerConnection] = []
    var rejections: [UInt16] = []
    var closeReasons: [CloseReason] = []
    var seen: [String] = []
    var onStream: ((ServerStream, Bool) -> Void)?

    override func onRequest(_ stream: ServerStream, endStream: Bool) {
        seen.append("\(stream.head.methodText) \(stream.head.pathText) \(stream.head.authorityText)")
        if let onStream {
            onStream(stream, endStream)
            return
        }
        let echo = Echo()
        stream.consumer = echo
        if endStream { echo.onEnd(stream) }
    }

    override func onRejected(_ connection: ServerConnection, status: UInt16, reason: StaticString) {
        rejections.append(status)
    }

    override func onClose(_ connection: ServerConnection, _ reason: CloseReason) { closeReasons.append(reason) }
}

final class Echo: ServerStreamConsumer {
    var bytes: [UInt8] = []
    var trailers: MessageHead?

    override func onData(_ stream: ServerStream, _ bytes: UnsafeRawBufferPointer) { self.bytes += bytes }

    override func onTrailers(_ stream: ServerStream, _ trailers: MessageHead) { self.trailers = trailers }

    override func onEnd(_ stream: ServerStream) {
        let head = MessageHead.response(status: 200, fields: [("x-method", stream.head.methodText)])
        stream.sendHead(head, endStream: bytes.isEmpty && trailers == nil)
        bytes.withUnsafeBytes { stream.sendData($0, endStream: trailers == nil) }
        if let trailers { stream.sendTrailers(trailers) }
    }
}

final class RawClient: ConnectionHandler {
    let loop: EventLoop
    var connection: Connection?
    var bytes: [UInt8] = []
    var isOpen = false
    var isClosed = false

    init(_ loop: EventLoop) {
        self.loop = loop
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }

    override func onOpen(_ connection: Connection) { isOpen = true }

    override func onRead(_ connection: Connection, _ p: BytePointer, _ count: Int) -> Int {
        bytes += UnsafeBufferPointer(start: p, count: count)
        return count
    }

    override func onClose(_ connection: Connection, _ reason: CloseReason) { isClosed = true }

    func send(_ text: String) { send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { connection?.write($0) }
        connection?.flush()
    }

    /// Waits until `count` complete responses without content, or with the given ending, are there.
    func expect(_ what: Comment, _ condition: () -> Bool) { pump(loop, what, until: condition) }
}

final class Caller: ClientConnectionDelegate {
    var isReady = false
    var isRetired = false
    var reason: CloseReason?
    var available = 0

    override func onReady(_ connection: ClientConnection) { isReady = true }
    override func onAvailable(_ connection: ClientConnection) { available += 1 }
    override func onRetired(_ connection: ClientConnection) { isRetired = true }
    override func onClose(_ connection: ClientConnection, _ reason: CloseReason) { self.reason = reason }
}

/// Keeps one response.
final class Answer: ClientStreamConsumer {
    var head: MessageHead?
    var informational: [UInt16] = []
    var bytes: [UInt8] = []
    var trailers: MessageHead?
    var isComplete = false
    var failure: StreamFailure?
    var writable = 0

    override func onInformational(_ stream: ClientStream, _ head: MessageHead) { informational.append(head.status) }

    override func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {
        self.head = head
        if endStream { isComplete = true }
    }

    override func onData(_ stream: ClientStream, _ bytes: UnsafeRawBufferPointer) { self.bytes += bytes }
    override func onTrailers(_ stream: ClientStream, _ trailers: MessageHead) { self.trailers = trailers }
    override func onEnd(_ stream: ClientStream) { isComplete = true }
    override func onReset(_ stream: ClientStream, _ failure: StreamFailure) { self.failure = failure }
    override func onWritable(_ stream: ClientStream) { writable += 1 }

    var isOver: Bool { isComplete || failure != nil }
}
