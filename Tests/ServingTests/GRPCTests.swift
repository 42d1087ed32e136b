import Base
import Crypto
import Serving
import Testing
import Transport

@testable import Serving

private func calls() -> GRPCServer {
    var calls = GRPCServer()
    calls.unary("/test.S/Echo") { call, message in
        if message == Array("fail".utf8) { throw GRPCStatus(.notFound, "näh % \n", metadata: ["x-why": "because"]) }
        return Array((call.metadata["x-name"] ?? "").utf8) + message
    }
    calls.serverStreaming("/test.S/Count") { _, message, responses in
        for number in 0..<(message.first ?? 0) { try await responses.send([number]) }
    }
    calls.bidirectional("/test.S/Chat") { _, requests, responses in
        for try await message in requests { try await responses.send(message.reversed()) }
    }
    calls.bidirectional("/test.S/Hang") { _, _, responses in
        try await responses.send([1])
        try await Task.sleep(for: .seconds(60))
    }
    return calls
}

private func withCalls(
    _ calls: GRPCServer = calls(),
    _ body: @escaping @Sendable (GRPCClient) async throws -> Void
) async throws {
    try await withServer(handler: calls.handler()) { _, address in
        let client = try GRPCClient(.host("127.0.0.1", port: address.port))
        defer { client.close() }
        try await within(.seconds(20)) { try await body(client) }
    }
}

@Suite struct GRPCTests {
    @Test func `a unary call answers`() async throws {
        try await withCalls { client in
            let answer = try await client.unary("/test.S/Echo", [33], metadata: ["X-Name": "jo"])
            #expect(answer == Array("jo!".utf8))
            #expect(try await client.unary("/test.S/Echo", []) == [])
        }
    }

    @Test func `a status travels with its message and metadata`() async throws {
        try await withCalls { client in
            await #expect(throws: GRPCStatus(.notFound, "näh % \n", metadata: ["x-why": "because"])) {
                try await client.unary("/test.S/Echo", Array("fail".utf8))
            }
            await #expect(throws: GRPCStatus(.unimplemented, "no method /test.S/None")) {
                try await client.unary("/test.S/None", [])
            }
        }
    }

    @Test func `a server stream delivers everything in order`() async throws {
        try await withCalls { client in
            let call = try await client.open("/test.S/Count")
            try await call.send([200])
            call.finish()
            var seen: [UInt8] = []
            while let message = try await call.next() { seen += message }
            #expect(seen == Array(0..<200))
        }
    }

    @Test func `both directions run at once`() async throws {
        try await withCalls { client in
            let call = try await client.open("/test.S/Chat")
            for number in 0..<100 as Range<UInt8> {
                try await call.send([number, 7])
                #expect(try await call.next() == [7, number])
            }
            call.finish()
            #expect(try await call.next() == nil)
        }
    }

    @Test func `messages of many megabytes pass, and those above the limit do not`() async throws {
        var calls = calls()
        calls.messageBytesMax = 4 << 20
        try await withCalls(calls) { client in
            let message = SecureRandom.bytes(4 << 20)
            let answer = try await client.unary("/test.S/Echo", message)
            #expect(answer == message)
            await #expect {
                try await client.unary("/test.S/Echo", message + [1])
            } throws: { error in
                (error as? GRPCStatus)?.code == .resourceExhausted
            }
        }
    }

    @Test func `a deadline ends the call on both sides`() async throws {
        try await withCalls { client in
            let call = try await client.open("/test.S/Hang", timeout: .milliseconds(100))
            // On a slow machine the deadline may pass before the first message.
            await #expect {
                while try await call.next() == [1] {}
            } throws: { error in
                (error as? GRPCStatus)?.code == .deadlineExceeded
            }
        }
    }

    @Test func `a caller that goes away cancels the method`() async throws {
        let wasCancelled = Signal()
        var calls = GRPCServer()
        calls.bidirectional("/test.S/Wait") { _, _, responses in
            try await responses.send([1])
            do { try await Task.sleep(for: .seconds(60)) } catch { await wasCancelled.set() }
        }
        try await withCalls(calls) { client in
            let call = try await client.open("/test.S/Wait")
            #expect(try await call.next() == [1])
            call.cancel()
            await wasCancelled.wait()
        }
    }

    @Test func `a caller that does not read stops the method`() async throws {
        let sent = Counter()
        var calls = GRPCServer()
        calls.bidirectional("/test.S/Flood") { _, _, responses in
            while true {
                try await responses.send([UInt8](repeating: 0, count: 64 << 10))
                await sent.add(64 << 10)
            }
        }
        try await withCalls(calls) { client in
            let call = try await client.open("/test.S/Flood")
            var last = -1
            while await sent.value != last {
                last = await sent.value
                try await Task.sleep(for: .milliseconds(300))
            }
            #expect(last < 16 << 20)
            #expect(try await call.next()?.count == 64 << 10)
        }
    }

    @Test func `many calls share one connection`() async throws {
        try await withCalls { client in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for number in 0..<200 as Range<UInt8> {
                    group.addTask { try await client.unary("/test.S/Echo", [number]) == [number] }
                }
                for try await isRight in group { #expect(isRight) }
            }
        }
    }

    @Test func `closed servers and clients are freed, whatever was under way`() async throws {
        weak var serverLoop: EventLoop?
        weak var clientLoop: EventLoop?
        do {
            let server = try HTTPServer(handler: calls().handler())
            let address = try await server.listen(tcp: loopback)
            let client = try GRPCClient(.host("127.0.0.1", port: address.port))
            let call = try await client.open("/test.S/Hang")
            #expect(try await call.next() == [1])
            serverLoop = server.core.reactor.loop
            clientLoop = client.client.core.reactor.loop
        }
        let limit = ContinuousClock.now + .seconds(10)
        while serverLoop != nil || clientLoop != nil, ContinuousClock.now < limit {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(serverLoop == nil)
        #expect(clientLoop == nil)
    }

    @Test func `a call to nobody is unavailable`() async throws {
        let client = try GRPCClient(.host("127.0.0.1", port: 1))
        defer { client.close() }
        await #expect { try await client.unary("/a/b", []) } throws: { ($0 as? GRPCStatus)?.code == .unavailable }
    }

    @Test func `the client connects again after the server came back`() async throws {
        let first = try HTTPServer(handler: calls().handler())
        let address = try await first.listen(tcp: loopback)
        let client = try GRPCClient(.host("127.0.0.1", port: address.port))
        defer { client.close() }
        #expect(try await client.unary("/test.S/Echo", [1]) == [1])
        let call = try await client.open("/test.S/Hang")
        #expect(try await call.next() == [1])
        first.close()
        await #expect(throws: GRPCStatus.self) { try await within { try await call.next() } }
        let second = try HTTPServer(handler: calls().handler())
        defer { second.close() }
        try await second.listen(tcp: address)
        #expect(try await within { try await client.unary("/test.S/Echo", [2]) } == [2])
    }
}

@Suite struct GRPCFramingTests {
    @Test func `messages are found wherever the pieces are cut`() throws {
        let stream = Deframer.frame([1, 2, 3]) + Deframer.frame([]) + Deframer.frame([9])
        for cut in 0...stream.count {
            var deframer = Deframer(bytesMax: 10)
            var found: [[UInt8]] = []
            for part in [Array(stream[..<cut]), Array(stream[cut...])] {
                deframer.append(part)
                while let message = try deframer.next() { found.append(message) }
            }
            try deframer.finish()
            #expect(found == [[1, 2, 3], [], [9]])
        }
    }

    @Test func `a cut, oversized or compressed message is an error`() throws {
        var deframer = Deframer(bytesMax: 2)
        deframer.append([0, 0, 0])
        #expect(try deframer.next() == nil)
        #expect(throws: GRPCStatus.self) { try deframer.finish() }
        deframer.append([0, 3])
        #expect(throws: GRPCStatus.self) { try deframer.next() }
        var compressed = Deframer(bytesMax: 2)
        compressed.append([1, 0, 0, 0, 0])
        #expect(throws: GRPCStatus.self) { try compressed.next() }
    }

    @Test(
        "timeouts are read and written",
        arguments: [
            ("1H", Duration.seconds(3600)), ("2M", .seconds(120)), ("3S", .seconds(3)), ("4m", .milliseconds(4)),
            ("5u", .microseconds(5)), ("6n", .nanoseconds(6)),
        ]
    )
    func timeouts(_ text: String, _ duration: Duration) {
        #expect(GRPCTimeout.parse(text) == duration)
        #expect(GRPCTimeout.parse(GRPCTimeout.format(duration)) == duration)
    }

    @Test("malformed timeouts are refused", arguments: ["", "S", "1", "-1S", "1x", "123456789S", "1.5S"])
    func badTimeouts(_ text: String) { #expect(GRPCTimeout.parse(text) == nil) }

    @Test func `a status is read from trailers, from the head alone, or from the HTTP status`() {
        let trailers: Headers = ["grpc-status": "5", "grpc-message": "n%C3%A4h", "x-why": "because"]
        let expected = GRPCStatus(.notFound, "näh", metadata: ["x-why": "because"])
        #expect(GRPCStatus.read(trailers, head: [:], httpStatus: 200) == expected)
        #expect(GRPCStatus.read([:], head: trailers, httpStatus: 200) == expected)
        #expect(GRPCStatus.read([:], head: [:], httpStatus: 503).code == .unavailable)
        #expect(GRPCStatus.read(["grpc-status": "99"], head: [:], httpStatus: 200).code == .unknown)
    }

    @Test func `long timeouts round up, never down`() {
        #expect(GRPCTimeout.format(.seconds(1)) == "1000000u")
        #expect(GRPCTimeout.format(.milliseconds(100_000_001)) == "100001S")
    }

    @Test func `dates are those of RFC 9110`() {
        #expect(HTTPDate.text(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT")
        #expect(HTTPDate.text(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(HTTPDate.text(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
    }
}
