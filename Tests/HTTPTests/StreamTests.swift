import Base
import HTTP
import Testing
import Transport

/// What must hold for a client and a server, whatever the protocol between them.
@Suite struct StreamTests {
    static let versions: [ClientOptions.Version] = [.http1, .http2]

    @Test("a body comes back as it went", arguments: versions) func echo(_ version: ClientOptions.Version) throws {
        let stage = try Stage()
        let client = try stage.client(version)
        for size in [0, 1, 16_384, 1_000_000] {
            let body = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) }
            let answer = Answer()
            let stream = try #require(client.open(answer))
            stream.sendHead(.request(method: "POST", path: "/echo", authority: "a.test"), endStream: false)
            body.withUnsafeBytes { stream.sendData($0, endStream: true) }
            pump(stage.loop, "no answer") { answer.isOver }
            #expect(answer.head?.status == 200 && answer.bytes == body && answer.head?.text("x-method") == "POST")
            pump(stage.loop, "not free") { client.canOpenStream && client.openStreams == 0 }
        }
        #expect(stage.service.seen.allSatisfy { $0 == "POST /echo a.test" })
        #expect(stage.service.connections.count == 1)
    }

    @Test("trailers travel both ways", arguments: versions) func trailers(_ version: ClientOptions.Version) throws {
        let stage = try Stage()
        let client = try stage.client(version)
        let answer = Answer()
        let stream = try #require(client.open(answer))
        stream.sendHead(.request(method: "POST", path: "/", authority: "a.test"), endStream: false)
        stream.sendTrailers(.trailers([("x-sum", "42")]))
        pump(stage.loop, "no answer") { answer.isOver }
        #expect(answer.trailers?.text("x-sum") == "42" && answer.isComplete)
    }

    @Test("informational responses come before the final one", arguments: versions)
    func informational(_ version: ClientOptions.Version) throws {
        let stage = try Stage()
        stage.service.onStream = { stream, _ in
            stream.sendInformational(.response(status: 103, fields: [("link", "</x>")]))
            stream.sendHead(.response(status: 204), endStream: true)
        }
        let client = try stage.client(version)
        let answer = Answer()
        try #require(client.open(answer)).sendHead(.request(path: "/", authority: "a.test"), endStream: true)
        pump(stage.loop, "no answer") { answer.isOver }
        #expect(answer.informational == [103] && answer.head?.status == 204)
    }

    @Test("a head without content keeps its length", arguments: versions)
    func head(_ version: ClientOptions.Version) throws {
        let stage = try Stage()
        stage.service.onStream = { stream, _ in
            stream.sendHead(.response(status: 200, fields: [("content-length", "1000")]), endStream: true)
        }
        let client = try stage.client(version)
        let answer = Answer()
        try #require(client.open(answer))
            .sendHead(.request(method: "HEAD", path: "/", authority: "a.test"), endStream: true)
        pump(stage.loop, "no answer") { answer.isOver }
        #expect(answer.isComplete && answer.head?.contentLength == 1000 && answer.bytes.isEmpty)
    }

    @Test("a paused reader stops the sender and loses nothing", arguments: versions)
    func backpressure(_ version: ClientOptions.Version) throws {
        final class Source: ServerStreamConsumer {
            var left = 200
            var isStuck = false
            func pour(_ stream: ServerStream) {
                isStuck = false
                let block = [UInt8](repeating: 0x62, count: 100_000)
                while left > 0 && stream.isWritable {
                    left -= 1
                    block.withUnsafeBytes { stream.sendData($0, endStream: left == 0) }
                }
                isStuck = left > 0
            }
            override func onWritable(_ stream: ServerStream) { pour(stream) }
        }
        let stage = try Stage()
        let source = Source()
        stage.service.onStream = { stream, _ in
            stream.consumer = source
            stream.sendHead(.response(status: 200), endStream: false)
            source.pour(stream)
        }
        let client = try stage.client(version)
        let answer = Answer()
        let stream = try #require(client.open(answer))
        stream.sendHead(.request(path: "/", authority: "a.test"), endStream: true)
        pump(stage.loop, "no head") { answer.head != nil }
        stream.pauseReading()
        for _ in 0..<20 { stage.loop.runOnce(waitingAtMost: .milliseconds(5)) }
        #expect(source.isStuck && source.left > 0)
        stream.resumeReading()
        pump(stage.loop, "bytes are missing") { answer.isOver }
        #expect(answer.bytes.count == 20_000_000)
    }

    @Test("a reset is seen by the other side", arguments: versions) func reset(_ version: ClientOptions.Version) throws
    {
        final class Watcher: ServerStreamConsumer {
            var failure: StreamFailure?
            override func onReset(_ stream: ServerStream, _ failure: StreamFailure) { self.failure = failure }
        }
        let stage = try Stage()
        let watcher = Watcher()
        var streams: [ServerStream] = []
        stage.service.onStream = { stream, _ in
            stream.consumer = watcher
            streams.append(stream)
        }
        let client = try stage.client(version)
        let stream = try #require(client.open(Answer()))
        stream.sendHead(.request(path: "/", authority: "a.test"), endStream: true)
        pump(stage.loop, "no request") { streams.count == 1 }
        stream.reset(.cancel)
        if version == .http2 {
            pump(stage.loop, "nobody told the server") { watcher.failure != nil }
            #expect(watcher.failure == .reset(.cancel) && client.canOpenStream)
            let answer = Answer()
            try #require(client.open(answer)).sendHead(.request(path: "/", authority: "a.test"), endStream: true)
            pump(stage.loop, "no second request") { streams.count == 2 }
            streams[1].reset(.internalError)
            pump(stage.loop, "nobody told the client") { answer.failure != nil }
            #expect(answer.failure == .reset(.internalError))
        } else {
            streams[0].sendHead(.response(status: 200), endStream: true)
            pump(stage.loop, "the connection stays") { !stage.service.closeReasons.isEmpty }
        }
    }

    @Test("an upgrade makes both directions raw", arguments: versions)
    func upgrade(_ version: ClientOptions.Version) throws {
        final class Raw: ServerStreamConsumer {
            override func onData(_ stream: ServerStream, _ bytes: UnsafeRawBufferPointer) {
                stream.sendData(bytes, endStream: false)
            }
            override func onEnd(_ stream: ServerStream) { stream.end() }
        }
        let stage = try Stage()
        stage.service.onStream = { stream, _ in
            #expect(stream.head.text(.upgrade) == "websocket" && stream.head.method == .get)
            stream.consumer = Raw()
            stream.sendHead(.response(status: 101, fields: [("upgrade", "websocket")]), endStream: false)
        }
        let client = try stage.client(version)
        // The server's SETTINGS must have arrived before an extended CONNECT may be sent.
        for _ in 0..<5 { stage.loop.runOnce(waitingAtMost: .milliseconds(5)) }
        let answer = Answer()
        let stream = try #require(client.open(answer))
        stream.sendHead(
            .request(path: "/chat", authority: "a.test", fields: [("upgrade", "websocket")]),
            endStream: true
        )
        pump(stage.loop, "no upgrade") { answer.head?.status == 101 }
        "ping".utf8.withContiguousStorageIfAvailable { stream.sendData(UnsafeRawBufferPointer($0), endStream: false) }
        pump(stage.loop, "no echo") { answer.bytes == Array("ping".utf8) }
        stream.end()
        pump(stage.loop, "no end") { answer.isOver }
    }

    @Test func `many HTTP/2 streams share a connection within the server's limit`() throws {
        let stage = try Stage { $0.concurrentStreamsMax = 3 }
        var waiting: [ServerStream] = []
        stage.service.onStream = { stream, _ in waiting.append(stream) }
        let client = try stage.client(.http2)
        for _ in 0..<5 { stage.loop.runOnce(waitingAtMost: .milliseconds(5)) }
        let answers = (0..<3).map { _ in Answer() }
        for answer in answers {
            try #require(client.open(answer)).sendHead(.request(path: "/", authority: "a.test"), endStream: true)
        }
        #expect(!client.canOpenStream && client.open(Answer()) == nil)
        pump(stage.loop, "requests are missing") { waiting.count == 3 }
        for stream in waiting { stream.sendHead(.response(status: 200), endStream: true) }
        pump(stage.loop, "answers are missing") { answers.allSatisfy(\.isComplete) && client.canOpenStream }
    }

    @Test func `draining an HTTP/2 server finishes what was begun and retires the connection`() throws {
        let stage = try Stage()
        var waiting: [ServerStream] = []
        stage.service.onStream = { stream, _ in waiting.append(stream) }
        let client = try stage.client(.http2)
        let answer = Answer()
        try #require(client.open(answer)).sendHead(.request(path: "/", authority: "a.test"), endStream: true)
        pump(stage.loop, "no request") { waiting.count == 1 }
        stage.service.connections[0].drain()
        pump(stage.loop, "not retired") { client.isRetired }
        waiting[0].sendHead(.response(status: 200), endStream: true)
        pump(stage.loop, "not finished") { answer.isComplete && !client.isReady }
    }

    @Test func `a connection that dies tells its streams`() throws {
        for version in StreamTests.versions {
            let stage = try Stage()
            var waiting: [ServerStream] = []
            stage.service.onStream = { stream, _ in waiting.append(stream) }
            let client = try stage.client(version)
            let answer = Answer()
            try #require(client.open(answer)).sendHead(.request(path: "/", authority: "a.test"), endStream: true)
            pump(stage.loop, "no request") { waiting.count == 1 }
            stage.service.connections[0].close()
            pump(stage.loop, "nobody was told") { answer.isOver }
            guard case .connectionClosed = answer.failure else {
                Issue.record("\(String(describing: answer.failure))")
                continue
            }
        }
    }
}
