import AdminAPI
import Base
import Resources
import Serving
import Store
import Testing

/// The API over real sockets.
@Suite struct ServiceTests {
    let fixture: APIFixture
    let server: HTTPServer
    let client: HTTPClient

    init() async throws {
        fixture = try await APIFixture()
        let service = AdminService(fixture.router, door: .development)
        server = try HTTPServer { await service.handle($0) }
        let address = try await server.listen(tcp: try #require(SocketAddress("127.0.0.1:0")))
        client = try HTTPClient(.host("127.0.0.1", port: address.port))
    }

    func request(
        _ method: String,
        _ path: String,
        body: [UInt8] = [],
        type: String? = nil
    ) async throws -> HTTPClient.Response {
        try await client.send(method, path, headers: type.map { ["content-type": $0] } ?? [:], body: body)
    }

    @Test func `an object is written and read over HTTP`() async throws {
        let created = try await request("POST", virtualServices, body: Array(webYAML.utf8), type: "application/yaml")
        #expect(created.status == 201)
        let read = try await request("GET", virtualServices + "/web")
        #expect(read.status == 200)
        #expect(try JSONValue(parsing: try await read.body.collect()).at("metadata", "name") == "web")
    }

    @Test func `a watch delivers each event when it happens`() async throws {
        let watch = try await request("GET", configMaps + "?watch=1")
        #expect(watch.status == 200)
        var pieces = watch.body.makeAsyncIterator()
        for name in ["a", "b", "c"] {
            await fixture.send("POST", configMaps, AdminAPITests.configMap(name))
            let piece = try await pieces.next() ?? []
            let line = try JSONValue(parsing: Array(piece.drop { $0 == 0x0A }))
            #expect(line["type"] == "ADDED")
            #expect(line.at("object", "metadata", "name")?.stringValue == name)
        }
    }

    @Test func `a body beyond eight megabytes is a 413 in words`() async throws {
        let big = [UInt8](repeating: 0x20, count: AdminRequest.bodyBytesMax + 1)
        let answer = try await request("POST", configMaps, body: big, type: "application/json")
        #expect(answer.status == 413)
        #expect(try JSONValue(parsing: try await answer.body.collect())["reason"] == "RequestEntityTooLarge")
    }
}
