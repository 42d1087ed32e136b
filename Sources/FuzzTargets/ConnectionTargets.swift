internal import Base
internal import CSys
internal import HTTP
internal import Synchronization
internal import Transport

/// Whole connections, HTTP/1 and HTTP/2, both sides, over a socket pair: codec, nghttp2's callbacks, timers, closing.
///
/// The first byte of the input chooses how the rest arrives and what the application does. Beside not crashing, the
/// order of the events must be as `ServerStreamConsumer` and `ClientStreamConsumer` promise, content must be as long as
/// its length says, and a closed connection must let go of everything.
enum ConnectionTargets {
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

    static func server(_ input: SlackedInput) throws(FuzzFinding) {
        guard input.count > 1 else { return }
        let choice = input.start[0]
        let found = rig.withLock { rig -> String? in
            guard let rig = rig ?? make(&rig), let wire = Wire(rig.loop) else { return nil }
            let service = Service(choice)
            var options = ServerOptions()
            options.headBytesMax = 8 << 10
            let server = ServerConnection(wire.connection, options: options, delegate: service)
            if choice & 4 != 0 { wire.feed(preface[...], size: preface.count) }
            wire.feed(input.array[1...], size: pieceSize(choice))
            wire.endInput()
            server.close()
            wire.settle()
            if !service.isClosed { service.problem = service.problem ?? "the connection outlives its close" }
            if server.openStreams != 0 { service.problem = service.problem ?? "streams outlive the connection" }
            return service.problem
        }
        if let found { throw FuzzFinding(found) }
    }

    static func client(_ input: SlackedInput) throws(FuzzFinding) {
        guard input.count > 1 else { return }
        let choice = input.start[0]
        let found = rig.withLock { rig -> String? in
            guard let rig = rig ?? make(&rig), let wire = Wire(rig.loop) else { return nil }
            var options = ClientOptions()
            options.version = choice & 4 != 0 ? .http2 : .http1
            options.headBytesMax = 8 << 10
            let pool = Pool()
            let client = ClientConnection(over: wire.connection, options: options, delegate: pool)
            var exchanges: [Exchange] = []
            for number in 0..<(choice & 4 != 0 ? 3 : 1) {
                let exchange = Exchange(choice, number)
                guard let stream = client.open(exchange) else { break }
                exchange.send(on: stream)
                exchanges.append(exchange)
            }
            wire.feed(input.array[1...], size: pieceSize(choice))
            wire.endInput()
            client.close()
            wire.settle()
            if !pool.isClosed { return "the connection outlives its close" }
            return exchanges.compactMap(\.order.problem).first
                ?? exchanges.first { !$0.order.isOver }.map { _ in "an exchange never heard of its end" }
        }
        if let found { throw FuzzFinding(found) }
    }

    private static func pieceSize(_ choice: UInt8) -> Int { [1 << 16, 1, 7, 64][Int(choice & 3)] }

    // One loop for all inputs: making one costs more than most inputs do. The lock orders tests that run in parallel.
    private static let rig = Mutex<Rig?>(nil)

    private static func make(_ slot: inout Rig?) -> Rig? {
        do throws(SocketError) { slot = Rig(loop: try EventLoop()) } catch { slot = nil }
        return slot
    }

    /// Used under the lock only.
    private struct Rig { let loop: EventLoop }
}

/// The connection under test and the bare descriptor that plays its peer.
private final class Wire {
    let connection: Connection
    private let loop: EventLoop
    private let peer: Int32
    private var sink = [UInt8](repeating: 0, count: 64 << 10)

    init?(_ loop: EventLoop) {
        var ends: [Int32] = [-1, -1]
        guard gh_stream_pair(&ends) == 0 else { return nil }
        peer = ends[1]
        self.loop = loop
        do throws(SocketError) {
            connection = try Connection.adopt(descriptor: ends[0], loop: loop, handler: ConnectionHandler())
        } catch {
            gh_close(ends[1])
            return nil
        }
    }

    deinit { gh_close(peer) }

    func feed(_ bytes: ArraySlice<UInt8>, size: Int) {
        var rest = bytes
        while !rest.isEmpty {
            let piece = Array(rest.prefix(size))
            rest = rest.dropFirst(size)
            if gh_send(peer, piece, piece.count) < 0 { break }
            turn()
        }
        turn()
    }

    func endInput() {
        _ = gh_shutdown_write(peer)
        for _ in 0..<4 { turn() }
    }

    func settle() { for _ in 0..<3 { loop.runOnce(waitingAtMost: .zero) } }

    private func turn() {
        loop.runOnce(waitingAtMost: .zero)
        while gh_recv(peer, &sink, sink.count) > 0 {}
    }
}

/// The order of one exchange's events; the first break is kept.
private struct EventOrder {
    private(set) var problem: String?
    private(set) var isOver = false
    private var hasHead = false
    private var hasTrailers = false
    private var received: UInt64 = 0
    var promised: UInt64?

    mutating func note(_ what: String, _ isAllowed: Bool) {
        if !isAllowed || isOver { problem = problem ?? "\(what) out of order" }
    }

    mutating func informed() { note("an informational head", !hasHead) }

    mutating func head(ends: Bool) {
        note("a head", !hasHead)
        hasHead = true
        isOver = ends
    }

    mutating func data(_ count: Int) {
        note("content", hasHead && !hasTrailers)
        received += UInt64(count)
        if let promised, received > promised { problem = problem ?? "more content than promised" }
    }

    mutating func trailers() {
        note("trailers", hasHead && !hasTrailers)
        hasTrailers = true
    }

    mutating func end() {
        note("an end", hasHead)
        isOver = true
        if let promised, received != promised { problem = problem ?? "less content than promised" }
    }

    mutating func reset() {
        note("a reset", true)
        isOver = true
    }
}

private final class Service: ServerConnectionDelegate {
    let choice: UInt8
    var problem: String?
    var isClosed = false

    init(_ choice: UInt8) { self.choice = choice }

    override func onRequest(_ stream: ServerStream, endStream: Bool) {
        let reader = Reader(self, stream)
        stream.consumer = reader
        reader.order.head(ends: false)
        let isUpgrade = stream.head.has(.upgrade) || stream.head.method == .connect
        if !isUpgrade { reader.order.promised = stream.head.contentLength }
        switch choice >> 3 & 3 {
        case 0: reader.answer(stream)
        case 1 where endStream: reader.answer(stream)
        case 2 where isUpgrade:
            let head = MessageHead.response(status: stream.head.method == .connect ? 200 : 101)
            reader.order.promised = nil
            stream.sendHead(head, endStream: false)
        case 2:
            stream.pauseReading()
            stream.sendInformational(.response(status: 103))
            reader.answer(stream)
        default: break
        }
    }

    override func onClose(_ connection: ServerConnection, _ reason: CloseReason) { isClosed = true }
}

private final class Reader: ServerStreamConsumer {
    let service: Service
    var order = EventOrder() { didSet { service.problem = service.problem ?? order.problem } }

    init(_ service: Service, _ stream: ServerStream) { self.service = service }

    func answer(_ stream: ServerStream) {
        stream.sendHead(.response(status: 200, fields: [("x", "y")]), endStream: false)
        if service.choice & 32 != 0 {
            let block = [UInt8](repeating: 0x61, count: 40_000)
            block.withUnsafeBytes { stream.sendData($0, endStream: false) }
        }
        if service.choice & 64 != 0 {
            stream.sendTrailers(.trailers([("a", "b")]))
        } else {
            stream.sendData("answer", endStream: true)
        }
    }

    override func onData(_ stream: ServerStream, _ bytes: UnsafeRawBufferPointer) {
        order.data(bytes.count)
        if service.choice >> 3 & 3 == 2 { stream.sendData(bytes, endStream: false) }
        if service.choice & 128 != 0 { stream.reset(.cancel) }
    }
    override func onTrailers(_ stream: ServerStream, _ trailers: MessageHead) { order.trailers() }
    override func onEnd(_ stream: ServerStream) {
        order.end()
        answer(stream)
    }
    override func onReset(_ stream: ServerStream, _ failure: StreamFailure) {
        // A complete request may still be reset while its response is under way.
        if !order.isOver { order.reset() }
    }
}

private final class Pool: ClientConnectionDelegate {
    var isClosed = false
    override func onClose(_ connection: ClientConnection, _ reason: CloseReason) { isClosed = true }
}

private final class Exchange: ClientStreamConsumer {
    let choice: UInt8
    let number: Int
    var order = EventOrder()

    init(_ choice: UInt8, _ number: Int) {
        self.choice = choice
        self.number = number
    }

    private var method: String { ["GET", "HEAD", "POST", "CONNECT"][Int(choice >> 3 &+ UInt8(number)) & 3] }

    func send(on stream: ClientStream) {
        let isUpgrade = choice & 32 != 0 && method == "GET"
        let head = MessageHead.request(
            method: method,
            path: method == "CONNECT" ? "" : "/",
            authority: "a.test:80",
            fields: isUpgrade ? [("upgrade", "websocket")] : []
        )
        stream.sendHead(head, endStream: method != "POST" && method != "CONNECT" && !isUpgrade)
        if method == "POST" { stream.sendData(UnsafeRawBufferPointer("content"), endStream: choice & 64 == 0) }
        if choice & 128 != 0 { stream.pauseReading() }
    }

    override func onInformational(_ stream: ClientStream, _ head: MessageHead) { order.informed() }
    override func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {
        order.head(ends: endStream)
        let hasNone = method == "HEAD" || head.status == 304 || head.status == 204 || head.status == 101
        if !hasNone && !(method == "CONNECT" && head.status < 300) { order.promised = head.contentLength }
    }
    override func onData(_ stream: ClientStream, _ bytes: UnsafeRawBufferPointer) { order.data(bytes.count) }
    override func onTrailers(_ stream: ClientStream, _ trailers: MessageHead) { order.trailers() }
    override func onEnd(_ stream: ClientStream) { order.end() }
    override func onReset(_ stream: ClientStream, _ failure: StreamFailure) { order.reset() }
}
