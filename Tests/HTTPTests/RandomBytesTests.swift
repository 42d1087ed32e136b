import Base
import Foundation
import HTTP
import Testing
import Transport

/// Broken input must never crash, hang or be answered with anything but a refusal. A failure prints its seed.
@Suite struct RandomBytesTests {
    static let seeds: [[UInt8]] = [
        Array("GET /a?b=c HTTP/1.1\r\nHost: a.test\r\nX: y\r\n\r\n".utf8),
        Array(
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n".utf8
        ),
        Array("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nConnection: x, close\r\n\r\nhello".utf8),
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]
            + [0, 0, 14, 1, 5, 0, 0, 0, 1, 0x82, 0x84, 0x86, 0x41, 8] + Array("a.test:1".utf8),
    ]

    @Test(arguments: 0..<40) func `mutated messages never crash the server`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let stage = try Stage()
        for _ in 0..<25 {
            var bytes = RandomBytesTests.seeds.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let at = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: at)
                case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
                default: bytes += bytes[at...].prefix(40)
                }
            }
            let client = try stage.raw()
            var start = 0
            while start < bytes.count {
                let count = min(Int.random(in: 1...60, using: &random), bytes.count - start)
                client.send(Array(bytes[start..<(start + count)]))
                start += count
                stage.loop.runOnce(waitingAtMost: .zero)
            }
            client.connection?.shutdownWrite()
            pump(stage.loop, "seed \(seed): the connection hangs") { client.isClosed }
        }
    }

    @Test(arguments: 0..<20) func `mutated responses never crash the client`(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let loop = try EventLoop()
        let base = Array(
            "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
                .utf8
        )
        for _ in 0..<25 {
            var bytes = base
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let listener = try ListeningSocket(
                NetworkAddress(IPAddress(ipv4: 0x7F00_0001), port: 0),
                loop: loop,
                handler: Scripted(bytes)
            )
            let caller = Caller()
            let client = try ClientConnection(
                to: .ip(try #require(listener.boundAddress)),
                loop: loop,
                options: ClientOptions(),
                delegate: caller
            )
            pump(loop, "not ready") { caller.isReady }
            let answer = Answer()
            let stream = try #require(client.open(answer))
            stream.sendHead(.request(path: "/", authority: "a"), endStream: true)
            pump(loop, "seed \(seed): the exchange hangs") { answer.isOver }
            client.close()
            listener.close()
        }
    }
}

@Suite struct PoisonTests {
    /// Takes the next exchange the moment the connection is free, as a pool under load does.
    final class Eager: ClientConnectionDelegate {
        var isReady = false
        var isClosed = false
        let second = Answer()
        override func onReady(_ connection: ClientConnection) { isReady = true }
        override func onAvailable(_ connection: ClientConnection) {
            connection.open(second)?.sendHead(.request(path: "/2", authority: "a"), endStream: true)
        }
        override func onClose(_ connection: ClientConnection, _ reason: CloseReason) { isClosed = true }
    }

    static let rows = [
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 40\r\n\r\n",
    ]

    @Test("bytes behind a response never answer the next request", arguments: rows)
    func poison(_ response: String) throws {
        let loop = try EventLoop()
        let evil = Array((response + "HTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 0\r\n\r\n").utf8)
        let listener = try ListeningSocket(
            NetworkAddress(IPAddress(ipv4: 0x7F00_0001), port: 0),
            loop: loop,
            handler: Scripted(evil, closes: false)
        )
        let eager = Eager()
        let client = try ClientConnection(
            to: .ip(try #require(listener.boundAddress)),
            loop: loop,
            options: ClientOptions(),
            delegate: eager
        )
        pump(loop, "not ready") { eager.isReady }
        let first = Answer()
        try #require(client.open(first)).sendHead(.request(path: "/1", authority: "a"), endStream: true)
        pump(loop, "no answer") { first.isOver && eager.isClosed }
        #expect(first.isComplete && eager.second.head == nil)
    }
}

/// Answers whatever comes with fixed bytes.
private final class Scripted: AcceptHandler {
    let bytes: [UInt8]
    let closes: Bool

    init(_ bytes: [UInt8], closes: Bool = true) {
        self.bytes = bytes
        self.closes = closes
    }

    override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
        connection.handler = Handler(bytes, closes: closes)
    }

    private final class Handler: ConnectionHandler {
        let bytes: [UInt8]
        let closes: Bool

        init(_ bytes: [UInt8], closes: Bool) {
            self.bytes = bytes
            self.closes = closes
        }

        override func onRead(_ connection: Connection, _ p: BytePointer, _ count: Int) -> Int {
            bytes.withUnsafeBytes { connection.write($0) }
            if closes { connection.finish(lingering: true) }
            return count
        }
    }
}
