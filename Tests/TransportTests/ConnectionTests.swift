import Base
import Testing
import Transport

@Suite struct ConnectionTests {
    @Test func `bytes are echoed and both sides learn of the end`() throws {
        let loop = try EventLoop()
        let echo = Recorder()
        echo.onBytes = { echo, connection in
            echo.bytes.withUnsafeBytes { connection.write($0) }
            echo.bytes = []
        }
        let listener = try ListeningSocket(.anyLoopback, loop: loop, handler: Acceptor { $0.handler = echo })
        let address = try #require(listener.boundAddress)
        let client = Recorder()
        let connection = try Connection.connect(to: .ip(address), loop: loop, handler: client)
        pump(loop, "no connection") { client.isOpen }
        connection.write(text: "hello")
        connection.flush()
        pump(loop, "no echo") { client.text == "hello" }
        connection.shutdownWrite()
        pump(loop, "no end") { client.reason != nil && echo.reason != nil }
        #expect(client.reason == .finished && echo.reason == .finished && echo.hasEnded)
        #expect(listener.counter.count == 0)
    }

    @Test func `a refused connect is reported from the loop`() throws {
        let loop = try EventLoop()
        let listener = try ListeningSocket(.anyLoopback, loop: loop, handler: Acceptor { _ in })
        let address = try #require(listener.boundAddress)
        listener.close()
        let client = Recorder()
        _ = try Connection.connect(to: .ip(address), loop: loop, handler: client)
        #expect(client.reason == nil)
        pump(loop, "no refusal") { client.reason != nil }
        #expect(client.reason == .failed(code: 111))
        #expect(!client.isOpen)
    }

    @Test func `a slow reader makes the writer unwritable and loses nothing`() throws {
        let loop = try EventLoop()
        let server = Recorder()
        let acceptor = Acceptor { $0.handler = server }
        let listener = try ListeningSocket(.anyLoopback, loop: loop, handler: acceptor)
        let client = Recorder()
        let connection = try Connection.connect(
            to: .ip(try #require(listener.boundAddress)),
            loop: loop,
            handler: client
        )
        connection.pauseReading()
        pump(loop, "not accepted") { !acceptor.connections.isEmpty }
        let sender = acceptor.connections[0]
        var sent = 0
        let block = [UInt8](repeating: 0x61, count: 100_000)
        while sender.isWritable && sent < 100_000_000 {
            block.withUnsafeBytes { sender.write($0) }
            sent += block.count
        }
        #expect(!sender.isWritable && sender.bufferedBytes > 0)
        loop.runOnce(waitingAtMost: .zero)
        #expect(client.bytes.isEmpty)
        connection.resumeReading()
        pump(loop, "bytes are missing") { client.bytes.count == sent }
        #expect(server.writableCount == 1 && sender.isWritable)
    }

    @Test func `a handler that uses nothing sees the bytes again with what came since`() throws {
        final class Whole: ConnectionHandler {
            var calls: [Int] = []
            var line = ""
            override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
                calls.append(count)
                guard bytes[count - 1] == 10 else { return 0 }
                line = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
                return count
            }
        }
        let loop = try EventLoop()
        let whole = Whole()
        let listener = try ListeningSocket(.anyLoopback, loop: loop, handler: Acceptor { $0.handler = whole })
        let client = Recorder()
        let connection = try Connection.connect(
            to: .ip(try #require(listener.boundAddress)),
            loop: loop,
            handler: client
        )
        pump(loop, "not open") { client.isOpen }
        for (index, piece) in ["one ", "two ", "three\n"].enumerated() {
            connection.write(text: piece)
            connection.flush()
            pump(loop, "not delivered") { whole.calls.count == index + 1 }
        }
        #expect(whole.calls == [4, 8, 14] && whole.line == "one two three\n")
    }

    @Test func `lingering lets the peer read the last answer although it keeps sending`() throws {
        let loop = try EventLoop()
        let server = Recorder()
        server.onBytes = { _, connection in
            connection.write(text: "no")
            connection.finish(lingering: true)
        }
        let listener = try ListeningSocket(.anyLoopback, loop: loop, handler: Acceptor { $0.handler = server })
        let client = Recorder()
        let connection = try Connection.connect(
            to: .ip(try #require(listener.boundAddress)),
            loop: loop,
            handler: client
        )
        client.closesOnEnd = false
        pump(loop, "not open") { client.isOpen }
        let block = [UInt8](repeating: 0x61, count: 1 << 20)
        block.withUnsafeBytes { connection.write($0) }
        pump(loop, "no answer") { client.text == "no" && client.hasEnded }
        connection.finish()
        pump(loop, "not closed") { server.reason != nil }
        #expect(server.reason == .finished)
    }

    @Test func `connections beyond the limit are closed at once`() throws {
        let loop = try EventLoop()
        let listener = try ListeningSocket(
            .anyLoopback,
            loop: loop,
            handler: Acceptor { $0.handler = Recorder() },
            connectionsMax: 2
        )
        let address = NetworkAddress.ip(try #require(listener.boundAddress))
        let clients = (0..<3).map { _ in Recorder() }
        for client in clients { _ = try Connection.connect(to: address, loop: loop, handler: client) }
        pump(loop, "nobody was refused") { listener.refusedCount == 1 && clients.contains { $0.reason != nil } }
        #expect(listener.counter.count == 2)
    }

    @Test func `a unix socket tells the peer's process`() throws {
        let loop = try EventLoop()
        let path = "/tmp/gatehouse-test-\(UInt32.random(in: 0...UInt32.max)).sock"
        let acceptor = Acceptor { $0.handler = Recorder() }
        let listener = try ListeningSocket(.unix(path: path), loop: loop, handler: acceptor)
        let client = Recorder()
        _ = try Connection.connect(to: .unix(path: path), loop: loop, handler: client)
        pump(loop, "not accepted") { !acceptor.connections.isEmpty && client.isOpen }
        #expect((acceptor.connections.first?.peerProcess ?? 0) > 1)
        #expect(acceptor.connections.first?.peerAddress == nil)
        listener.close()
    }
}

@Suite struct EventLoopTests {
    @Test func `jobs run in order and wake a sleeping loop`() async throws {
        let loop = try EventLoop()
        let order = Order()
        for i in 0..<100 { loop.submit { order.add(i) } }
        loop.submit { loop.stop() }
        loop.run()
        #expect(order.values == Array(0..<100))
    }

    @Test func `timers fire in the order of their deadlines and never early`() throws {
        final class Tick: LoopTimer {
            let name: Int
            let order: Order
            init(_ name: Int, _ order: Order) {
                self.name = name
                self.order = order
            }
            override func fire() { order.add(name) }
        }
        let loop = try EventLoop()
        let order = Order()
        let start = MonotonicTime.now()
        let ticks = [30, 5, 20, 300].map { Tick($0, order) }
        for tick in ticks { loop.schedule(tick, after: .milliseconds(tick.name)) }
        let cancelled = Tick(-1, order)
        loop.schedule(cancelled, after: .milliseconds(10))
        cancelled.cancel()
        pump(loop, "a timer is missing") { order.values.count == 4 }
        #expect(order.values == [5, 20, 30, 300])
        #expect(MonotonicTime.now().since(start) >= .milliseconds(300))
        #expect(ticks.allSatisfy { !$0.isScheduled } && !cancelled.isScheduled)
    }
}

/// Filled on the loop's thread only, which is the test's own.
final class Order: @unchecked Sendable {
    private(set) var values: [Int] = []
    func add(_ value: Int) { values.append(value) }
}
