import Base
import HTTP
import Testing
import Transport

/// Peers that keep to the syntax and want our memory.
@Suite struct HostilePeerTests {
    @Test func `who pipelines requests and reads nothing fills a bounded buffer`() throws {
        let stage = try Stage()
        let body = [UInt8](repeating: 0x62, count: 64 << 10)
        stage.service.onStream = { stream, _ in
            stream.sendHead(.response(status: 200, fields: [("content-length", "\(body.count)")]), endStream: false)
            body.withUnsafeBytes { stream.sendData($0, endStream: true) }
        }
        let client = try stage.raw()
        client.connection?.pauseReading()
        let count = 1000
        client.send(String(repeating: "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", count: count))
        for _ in 0..<100 { stage.loop.runOnce(waitingAtMost: .milliseconds(2)) }
        let server = try #require(stage.service.connections.first)
        #expect(server.transport.bufferedBytes < 1 << 20)
        #expect(stage.service.seen.count < count)
        client.connection?.resumeReading()
        pump(stage.loop, "an answer is missing") {
            stage.service.seen.count == count && client.bytes.count > count * body.count
        }
    }

    @Test("informational responses come to an end", arguments: [ClientOptions.Version.http1, .http2])
    func informational(_ version: ClientOptions.Version) throws {
        let stage = try Stage()
        stage.service.onStream = { stream, _ in
            for _ in 0..<1000 { stream.sendInformational(.response(status: 103, fields: [("link", "</x>")])) }
        }
        let client = try stage.client(version)
        let answer = Answer()
        try #require(client.open(answer)).sendHead(.request(path: "/", authority: "a.test"), endStream: true)
        pump(stage.loop, "no end") { answer.isOver }
        #expect(answer.failure == .malformed("too many informational responses"))
        #expect(answer.informational.count == 64)
    }
}
