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

/// Answers whatever comes with fixed bytes and closes.
private final class Scripted: AcceptHandler {
    let bytes: [UInt8]

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
        connection.handler = Handler(bytes)
    }

    private final class Handler: ConnectionHandler {
        let bytes: [UInt8]

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
        }

        override func onRead(_ connection: Connection, _ p: BytePointer, _ count: Int) -> Int {
            bytes.withUnsafeBytes { connection.write($0) }
            connection.finish(lingering: true)
            return count
        }
    }
}
