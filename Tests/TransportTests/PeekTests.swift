import Base
import Testing
import Transport

@Suite struct ProxyProtocolTests {
    static func parse(_ text: String) -> ProxyProtocolHeader.Result { parse(Array(text.utf8)) }

    static func parse(_ bytes: [UInt8]) -> ProxyProtocolHeader.Result {
        bytes.withUnsafeBytes { ProxyProtocolHeader.parse($0) }
    }

    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var bytes: String
        var expect: ProxyProtocolHeader.Result
        var testDescription: String { says }
    }

    static let addresses = ProxyProtocolHeader(
        source: SocketAddress("192.0.2.1:56324"),
        destination: SocketAddress("198.51.100.2:443")
    )

    static let rows: [Row] = [
        Row(
            says: "a TCP4 line gives both addresses",
            bytes: "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\nGET /",
            expect: .header(addresses, length: 45)
        ),
        Row(
            says: "UNKNOWN keeps the socket's addresses",
            bytes: "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n",
            expect: .header(ProxyProtocolHeader(source: nil, destination: nil), length: 35)
        ),
        Row(says: "a beginning is waited for", bytes: "PROXY TCP4 192.0.2.1", expect: .incomplete),
        Row(says: "two bytes may still become a header", bytes: "PR", expect: .incomplete),
        Row(says: "a request is no header", bytes: "GET / HTTP/1.1\r\n", expect: .absent),
        Row(says: "a port must fit", bytes: "PROXY TCP4 192.0.2.1 198.51.100.2 1 99999\r\n", expect: .malformed),
        Row(says: "an address must be one", bytes: "PROXY TCP4 192.0.2.300 198.51.100.2 1 2\r\n", expect: .malformed),
        Row(
            says: "a line has at most 107 bytes",
            bytes: "PROXY TCP4 " + String(repeating: "1", count: 120),
            expect: .malformed
        ),
        Row(says: "a bare CR ends nothing", bytes: "PROXY UNKNOWN\rX", expect: .malformed),
    ]

    @Test("version 1", arguments: rows) func text(_ row: Row) {
        #expect(ProxyProtocolTests.parse(row.bytes) == row.expect)
    }

    @Test func `what we send in version 2 is what we read`() throws {
        let v6 = ProxyProtocolHeader(
            source: SocketAddress("[2001:db8::1]:1"),
            destination: SocketAddress("[2001:db8::2]:65535")
        )
        for header in [ProxyProtocolTests.addresses, v6, ProxyProtocolHeader(source: nil, destination: nil)] {
            let bytes = header.version2
            #expect(ProxyProtocolTests.parse(bytes + [1, 2, 3]) == .header(header, length: bytes.count))
            for count in 1..<bytes.count { #expect(ProxyProtocolTests.parse(Array(bytes[..<count])) == .incomplete) }
            #expect(ProxyProtocolTests.parse(header.version1) != .malformed)
        }
    }
}

@Suite struct ClientHelloTests {
    /// Records a real hello of our own client.
    static func hello(name: String, protocols: [String]) throws -> [UInt8] {
        let loop = try EventLoop()
        let server = Recorder()
        let listener = try ListeningSocket(.anyLoopback, loop: loop, handler: Acceptor { $0.handler = server })
        var configuration = TLSConfiguration(role: .client)
        configuration.peerVerification = .none
        configuration.applicationProtocols = protocols
        _ = try Connection.connect(
            to: .ip(try #require(listener.boundAddress)),
            loop: loop,
            tls: (try TLSContext(configuration), name),
            handler: Recorder()
        )
        pump(loop, "no hello") { !server.bytes.isEmpty }
        return server.bytes
    }

    static func parse(_ bytes: [UInt8]) -> ClientHello.Result { bytes.withUnsafeBytes { ClientHello.parse($0) } }

    @Test func `name and protocols are read, and every beginning is incomplete`() throws {
        let bytes = try ClientHelloTests.hello(name: "Shop.Example", protocols: ["h2", "istio"])
        var expected = ClientHello()
        expected.serverName = "shop.example"
        expected.applicationProtocols = ["h2", "istio"]
        expected.offersTLS13 = true
        #expect(ClientHelloTests.parse(bytes) == .hello(expected))
        for count in 0..<bytes.count { #expect(ClientHelloTests.parse(Array(bytes[..<count])) == .incomplete) }
    }

    @Test func `a hello cut into many records is put together`() throws {
        let bytes = try ClientHelloTests.hello(name: "a.test", protocols: [])
        var cut: [UInt8] = []
        for start in stride(from: 5, to: bytes.count, by: 7) {
            let piece = bytes[start..<min(start + 7, bytes.count)]
            cut += [22, 3, 1, 0, UInt8(piece.count)] + piece
        }
        guard case .hello(let hello) = ClientHelloTests.parse(cut) else {
            Issue.record("not understood")
            return
        }
        #expect(hello.serverName == "a.test")
    }

    @Test func `other traffic is told apart and never crashes`() throws {
        #expect(ClientHelloTests.parse(Array("GET / HTTP/1.1\r\n".utf8)) == .notTLS)
        #expect(ClientHelloTests.parse([22, 3, 1, 0, 0, 0]) == .malformed)
        #expect(ClientHelloTests.parse([22, 3, 1, 0, 4, 2, 0, 0, 0]) == .malformed)
        let crumbs = try ClientHelloTests.hello(name: "a.test", protocols: []).dropFirst(5)
        #expect(ClientHelloTests.parse(crumbs.flatMap { [22, 3, 1, 0, 1, $0] }) == .malformed)
        let bytes = try ClientHelloTests.hello(name: "a.test", protocols: ["h2"])
        var random = SeededGenerator(seed: 11)
        for _ in 0..<5000 {
            var broken = bytes
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                broken[Int.random(in: 0..<broken.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            _ = ClientHelloTests.parse(Array(broken.prefix(Int.random(in: 0...broken.count, using: &random))))
        }
    }
}
