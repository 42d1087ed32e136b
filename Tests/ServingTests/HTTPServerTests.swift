import Base
import Crypto
import Foundation
import Serving
import Testing

/// Answers with what it was asked.
private let echo: HTTPServer.Handler = { request in
    do {
        let body = try await request.body.collect(upTo: 1 << 20)
        let query = request.query.map { "?\($0)" } ?? ""
        let text = "\(request.method) \(request.path)\(query) \(String(decoding: body, as: UTF8.self))"
        return HTTPResponse(status: 200, headers: ["x-seen": request.headers["x-sent"] ?? "-"], body: Array(text.utf8))
    } catch {
        return HTTPResponse(status: 413, text: "too large\n")
    }
}

@Suite struct HTTPServerTests {
    @Test("a request reaches the handler and its answer comes back", arguments: [false, true])
    func roundTrip(isHTTP2: Bool) async throws {
        try await withServer(handler: echo) { _, address in
            let client = try client(address, isHTTP2: isHTTP2)
            defer { client.close() }
            try await within {
                let get = try await client.send("GET", "/a%20b?x=1", headers: ["X-Sent": "yes"])
                #expect(get.status == 200)
                #expect(get.headers["x-seen"] == "yes")
                #expect(get.headers["date"] != nil)
                #expect(try await get.text() == "GET /a%20b?x=1 ")
                let post = try await client.send("POST", "/p", body: Array("hello".utf8))
                #expect(try await post.text() == "POST /p hello")
                let head = try await client.send("HEAD", "/h")
                #expect(head.status == 200)
                #expect(head.headers["content-length"] == "8")
                #expect(try await head.text().isEmpty)
            }
        }
    }

    @Test("large bodies go both ways", arguments: [false, true])
    func largeBodies(isHTTP2: Bool) async throws {
        try await withServer(handler: { request in
            do {
                return HTTPResponse(status: 200, body: try await request.body.collect())
            } catch {
                return HTTPResponse(status: 400, text: "\(error)")
            }
        }) { _, address in
            let client = try client(address, isHTTP2: isHTTP2)
            defer { client.close() }
            let sent = SecureRandom.bytes(5 << 20)
            try await within(.seconds(30)) {
                let response = try await client.send("POST", "/", body: sent)
                #expect(try await response.body.collect() == sent)
            }
        }
    }

    @Test("more content than allowed gets 413", arguments: [false, true])
    func tooLarge(isHTTP2: Bool) async throws {
        var options = HTTPServer.Options()
        options.requestBodyBytesMax = 1000
        try await withServer(options, handler: echo) { _, address in
            let client = try client(address, isHTTP2: isHTTP2)
            defer { client.close() }
            try await within {
                let response = try await client.send("POST", "/", body: [UInt8](repeating: 65, count: 1001))
                #expect(response.status == 413)
                let fine = try await client.send("POST", "/", body: [UInt8](repeating: 65, count: 1000))
                #expect(fine.status == 200)
            }
        }
    }

    @Test("a streamed answer arrives piece by piece", arguments: [false, true])
    func streaming(isHTTP2: Bool) async throws {
        let mayGoOn = Signal()
        try await withServer(handler: { _ in
            HTTPResponse(
                status: 200,
                content: .stream { writer in
                    try await writer.write("one\n")
                    await mayGoOn.wait()
                    try await writer.write("two\n")
                }
            )
        }) { _, address in
            let client = try client(address, isHTTP2: isHTTP2)
            defer { client.close() }
            try await within {
                let response = try await client.send("GET", "/")
                var pieces = response.body.makeAsyncIterator()
                // The second piece is not sent before the first was seen here.
                #expect(try await pieces.next() == Array("one\n".utf8))
                await mayGoOn.set()
                var rest: [UInt8] = []
                while let piece = try await pieces.next() { rest += piece }
                #expect(rest == Array("two\n".utf8))
            }
        }
    }

    @Test("a watcher that goes away cancels its task", arguments: [false, true])
    func disconnect(isHTTP2: Bool) async throws {
        let wasCancelled = Signal()
        try await withServer(handler: { _ in
            HTTPResponse(
                status: 200,
                content: .stream { writer in
                    try await writer.write("hello\n")
                    do {
                        try await Task.sleep(for: .seconds(60))
                    } catch {
                        await wasCancelled.set()
                    }
                }
            )
        }) { _, address in
            let client = try client(address, isHTTP2: isHTTP2)
            try await within {
                do {
                    let response = try await client.send("GET", "/")
                    var pieces = response.body.makeAsyncIterator()
                    _ = try await pieces.next()
                }
                client.close()
                await wasCancelled.wait()
            }
        }
    }

    @Test("a client that does not read stops the writer", arguments: [false, true])
    func backpressure(isHTTP2: Bool) async throws {
        let written = Counter()
        try await withServer(handler: { _ in
            HTTPResponse(
                status: 200,
                content: .stream { writer in
                    while true {
                        try await writer.write([UInt8](repeating: 0, count: 64 << 10))
                        await written.add(64 << 10)
                    }
                }
            )
        }) { _, address in
            let client = try client(address, isHTTP2: isHTTP2)
            defer { client.close() }
            try await within(.seconds(20)) {
                let response = try await client.send("GET", "/")
                var last = -1
                while await written.value != last {
                    last = await written.value
                    try await Task.sleep(for: .milliseconds(300))
                }
                // Kernel buffers, two high-water marks and windows; far below what it would write otherwise.
                #expect(last < 32 << 20)
                var pieces = response.body.makeAsyncIterator()
                var taken = 0
                while taken < last + (1 << 20) { taken += try await pieces.next()?.count ?? 0 }
                #expect(await written.value > last)
            }
        }
    }

    @Test func `more requests than allowed at once get 503`() async throws {
        var options = HTTPServer.Options()
        options.concurrentRequestsMax = 1
        let started = Signal()
        let mayEnd = Signal()
        try await withServer(
            options,
            handler: { _ in
                await started.set()
                await mayEnd.wait()
                return HTTPResponse(status: 200)
            }
        ) { _, address in
            let client = try client(address)
            defer { client.close() }
            try await within {
                async let first = client.send("GET", "/")
                await started.wait()
                let second = try await client.send("GET", "/")
                #expect(second.status == 503)
                #expect(second.headers["retry-after"] == "1")
                await mayEnd.set()
                #expect(try await first.status == 200)
            }
        }
    }

    @Test func `draining finishes requests, ends streams and refuses connections`() async throws {
        let started = Signal()
        let mayEnd = Signal()
        try await withServer(handler: { request in
            if request.path == "/watch" {
                return HTTPResponse(
                    status: 200,
                    content: .stream { writer in
                        try await writer.write("x")
                        do { try await Task.sleep(for: .seconds(60)) } catch { return }
                    }
                )
            }
            await started.set()
            await mayEnd.wait()
            return HTTPResponse(status: 200, text: "done")
        }) { server, address in
            let client = try client(address)
            defer { client.close() }
            try await within {
                let watch = try await client.send("GET", "/watch")
                async let slow = client.send("GET", "/slow")
                await started.wait()
                async let drained: Void = server.drain(within: .seconds(5))
                try await Task.sleep(for: .milliseconds(50))
                let late = try HTTPClient(.host("127.0.0.1", port: address.port))
                await #expect(throws: ClientError.self) { try await late.send("GET", "/") }
                await mayEnd.set()
                #expect(try await slow.text() == "done")
                #expect(try await watch.text() == "x")
                await drained
            }
        }
    }

    @Test func `a unix socket shows the peer's process`() async throws {
        let path = NSTemporaryDirectory() + "gatehouse-serving-\(UUID().uuidString.prefix(8)).sock"
        let server = try HTTPServer { request in
            HTTPResponse(status: 200, text: "\(request.peer.processID ?? 0)")
        }
        defer { server.close() }
        try await server.listen(unixPath: path)
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect((attributes[.posixPermissions] as? Int) == 0o600)
        let client = try HTTPClient(.unix(path: path))
        defer { client.close() }
        try await within {
            let response = try await client.send("GET", "/")
            #expect(try await response.text() == "\(ProcessInfo.processInfo.processIdentifier)")
        }
    }

    @Test func `nobody listening is an error that says so`() async throws {
        let client = try HTTPClient(.host("127.0.0.1", port: 1))
        defer { client.close() }
        await #expect(throws: ClientError.notConnected("Connection refused")) { try await client.send("GET", "/") }
        let nameless = try HTTPClient(.host("no-such-name.invalid", port: 1))
        defer { nameless.close() }
        await #expect(throws: ClientError.unresolved("no-such-name.invalid")) { try await nameless.send("GET", "/") }
    }

    @Test func `time that runs out ends a request`() async throws {
        try await withServer(handler: { _ in
            do { try await Task.sleep(for: .seconds(60)) } catch { return HTTPResponse(status: 500) }
            return HTTPResponse(status: 200)
        }) { _, address in
            let client = try client(address)
            defer { client.close() }
            await #expect(throws: ClientError.timedOut) {
                try await client.send("GET", "/", timeout: .milliseconds(50))
            }
        }
    }

    @Test func `a closed client refuses and a closed server frees its port`() async throws {
        let server = try HTTPServer(handler: echo)
        let address = try await server.listen(tcp: loopback)
        let client = try client(address)
        _ = try await client.send("GET", "/")
        client.close()
        await #expect(throws: ClientError.closed) { try await client.send("GET", "/") }
        server.close()
        await #expect(throws: ListenError.self) { try await server.listen(tcp: loopback) }
    }
}

actor Counter {
    private(set) var value = 0
    func add(_ amount: Int) { value += amount }
}
