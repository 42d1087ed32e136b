import Base
import Foundation
import Synchronization
import Transport

/// A real HTTP/1 server on 127.0.0.1 whose answers are bytes a test writes, on a thread of its own.
final class ScriptedUpstream: Sendable {
    struct Request: Sendable {
        /// Counted over all connections, from 0.
        var index: Int
        /// Counted over the life of the server, from 0.
        var connection: Int
        var head: String
        var body: String
    }

    enum Reply: Sendable {
        case send(String)
        case sendAndClose(String)
        /// Close without a byte.
        case close
        /// Say nothing.
        case silence
        /// Answer 101 and echo what comes then.
        case switchProtocols
    }

    typealias Script = @Sendable (Request) -> Reply

    private final class Session: ConnectionHandler {
        let upstream: ScriptedUpstream
        let number: Int
        var isEchoing = false

        init(_ upstream: ScriptedUpstream, number: Int) {
            self.upstream = upstream
            self.number = number
        }

        override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
            if isEchoing {
                connection.write(bytes, count)
                return count
            }
            let text = String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
            guard let end = text.range(of: "\r\n\r\n") else { return 0 }
            let head = String(text[..<end.lowerBound])
            var length = 0
            for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix("content-length:") {
                length = Int(line.split(separator: ":")[1].trimmingCharacters(in: .whitespaces)) ?? 0
            }
            let rest = text[end.upperBound...]
            var used = text[..<end.upperBound].utf8.count
            var body = String(rest.prefix(length))
            if head.lowercased().contains("transfer-encoding: chunked") {
                guard let last = rest.range(of: "0\r\n\r\n") else { return 0 }
                body = String(rest[..<last.upperBound])
                used += body.utf8.count
            } else {
                if rest.utf8.count < length { return 0 }
                used += length
            }
            reply(connection, head, body)
            return used
        }

        private func reply(_ connection: Connection, _ head: String, _ body: String) {
            let request = Request(index: upstream.take(head, body), connection: number, head: head, body: body)
            switch upstream.script(request) {
            case .send(let text): Array(text.utf8).withUnsafeBytes { connection.write($0) }
            case .sendAndClose(let text):
                Array(text.utf8).withUnsafeBytes { connection.write($0) }
                connection.finish()
            case .close: connection.close()
            case .silence: break
            case .switchProtocols:
                let text = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
                Array(text.utf8).withUnsafeBytes { connection.write($0) }
                isEchoing = true
            }
        }
    }

    private final class Accepting: AcceptHandler {
        unowned let upstream: ScriptedUpstream
        var count = 0

        init(_ upstream: ScriptedUpstream) { self.upstream = upstream }

        override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
            connection.handler = Session(upstream, number: count)
            count += 1
            upstream.state.withLock { $0.connections += 1 }
        }
    }

    private struct State {
        var requests: [(head: String, body: String)] = []
        var connections = 0
    }

    let address: SocketAddress
    private let loop: EventLoop
    private let script: Script
    private let state = Mutex(State())

    init(_ script: @escaping Script) throws {
        self.script = script
        let loop = try EventLoop()
        self.loop = loop
        let any = NetworkAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)
        let descriptor = try ListeningSocket.open(any, reusesPort: false)
        let relay = Relay()
        let socket = try ListeningSocket(adopting: descriptor, loop: loop, handler: relay)
        address = socket.boundAddress ?? SocketAddress(IPAddress(ipv4: 0), port: 0)
        relay.target = Accepting(self)
        let thread = Thread { loop.run() }
        thread.start()
        Self.keep(socket, on: loop)
    }

    /// Answers everything with 200 and this body.
    convenience init(body: String) throws {
        try self.init { _ in .send("HTTP/1.1 200 OK\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)") }
    }

    private final class Relay: AcceptHandler {
        var target: AcceptHandler?
        override func onAccept(_ connection: Connection, from listener: ListeningSocket) {
            target?.onAccept(connection, from: listener)
        }
    }

    /// The loop holds its sources; nothing else has to.
    private static func keep(_ socket: ListeningSocket, on loop: EventLoop) {}

    deinit { loop.stop() }

    private func take(_ head: String, _ body: String) -> Int {
        state.withLock {
            $0.requests.append((head, body))
            return $0.requests.count - 1
        }
    }

    var requestCount: Int { state.withLock { $0.requests.count } }
    var connectionCount: Int { state.withLock { $0.connections } }
    var lastHead: String { state.withLock { $0.requests.last?.head ?? "" } }
    var lastBody: String { state.withLock { $0.requests.last?.body ?? "" } }
}
