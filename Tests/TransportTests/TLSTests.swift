import Base
import Crypto
import Testing
import Transport

@Suite struct TLSTests {
    /// One handshake between a server and a client configuration on one loop.
    struct Meeting {
        let loop: EventLoop
        let server = Recorder()
        let client = Recorder()
        let connection: Connection
        let acceptor: Acceptor
        let listener: ListeningSocket

        init(server configuration: TLSConfiguration, client other: TLSConfiguration, name: String?) throws {
            loop = try EventLoop()
            let context = try TLSContext(configuration)
            let recorder = server
            acceptor = Acceptor {
                $0.handler = recorder
                $0.startTLS(context)
            }
            listener = try ListeningSocket(.anyLoopback, loop: loop, handler: acceptor)
            connection = try Connection.connect(
                to: .ip(try #require(listener.boundAddress)),
                loop: loop,
                tls: (try TLSContext(other), name),
                handler: client
            )
            let (client, server) = (client, server)
            pump(loop, "the handshake did not end") {
                (client.isOpen && server.isOpen) || server.reason != nil || client.reason != nil
            }
        }

        var serverTLS: TLSSession? { acceptor.connections.first?.tls }
    }

    static func server(_ authority: TestAuthority, _ names: [String] = ["a.test"]) throws -> TLSConfiguration {
        var configuration = TLSConfiguration(role: .server)
        configuration.identities = [try authority.identity(dns: names)]
        configuration.applicationProtocols = ["h2", "http/1.1"]
        return configuration
    }

    static func client(_ authority: TestAuthority) -> TLSConfiguration {
        var configuration = TLSConfiguration(role: .client)
        configuration.trustedCertificates = authority.bundle
        return configuration
    }

    @Test func `both sides agree on name, protocol and version, and bytes pass`() throws {
        let authority = try TestAuthority()
        var configuration = TLSTests.client(authority)
        configuration.applicationProtocols = ["http/1.1", "h2"]
        configuration.subjectAltNames = [SANMatcher(exact: "a.test")]
        let meeting = try Meeting(server: try TLSTests.server(authority), client: configuration, name: "a.test")
        #expect(meeting.client.isOpen && meeting.server.isOpen)
        #expect(meeting.serverTLS?.serverName == "a.test")
        #expect(meeting.serverTLS?.isHTTP2 == true && meeting.connection.tls?.applicationProtocol == "h2")
        #expect(meeting.serverTLS?.version == "TLSv1.3")
        #expect(meeting.connection.tls?.peerCertificate?.dnsSANs == ["a.test"])
        let block = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        block.withUnsafeBytes { meeting.connection.write($0) }
        pump(meeting.loop, "bytes are missing") { meeting.server.bytes.count == block.count }
        #expect(meeting.server.bytes == block)
        meeting.connection.finish()
        pump(meeting.loop, "no end") { meeting.server.reason != nil }
        #expect(meeting.server.hasEnded && meeting.server.reason == .finished)
    }

    @Test func `a client with a certificate is known by its names`() throws {
        let authority = try TestAuthority()
        var configuration = try TLSTests.server(authority)
        configuration.trustedCertificates = authority.bundle
        configuration.peerVerification = .required
        configuration.subjectAltNames = [
            SANMatcher(kind: .uri, pattern: .prefix(Array("spiffe://mesh.test/ns/default/".utf8)))
        ]
        var own = TLSTests.client(authority)
        own.identities = [try authority.identity(uris: ["spiffe://mesh.test/ns/default/sa/web"])]
        let meeting = try Meeting(server: configuration, client: own, name: "a.test")
        #expect(meeting.server.isOpen)
        let peer = try #require(meeting.serverTLS?.peerCertificate)
        #expect(peer.principal == "spiffe://mesh.test/ns/default/sa/web")
        #expect(peer.sha256.count == 32 && peer.pem.hasPrefix("-----BEGIN CERTIFICATE-----"))
        #expect(peer.subject == "CN=leaf")
    }

    struct Refusal: CustomTestStringConvertible, Sendable {
        var says: String
        var change: @Sendable (inout TLSConfiguration, inout TLSConfiguration, TestAuthority) throws -> Void
        var serverRefuses = true
        var testDescription: String { says }
    }

    static let refusals: [Refusal] = [
        Refusal(says: "a required client certificate is missing") { server, _, authority in
            server.trustedCertificates = authority.bundle
            server.peerVerification = .required
        },
        Refusal(says: "the client's certificate comes from elsewhere") { server, client, authority in
            server.trustedCertificates = authority.bundle
            server.peerVerification = .optional
            client.identities = [try TestAuthority("other").identity(uris: ["spiffe://mesh.test/ns/default/sa/web"])]
        },
        Refusal(says: "the client's names are not among the accepted ones") { server, client, authority in
            server.trustedCertificates = authority.bundle
            server.peerVerification = .required
            server.subjectAltNames = [SANMatcher(exact: "spiffe://mesh.test/ns/default/sa/api")]
            client.identities = [try authority.identity(uris: ["spiffe://mesh.test/ns/default/sa/web"])]
        },
        Refusal(says: "the server's certificate is not trusted") { _, client, _ in
            client.trustedCertificates = try TestAuthority("other").bundle
        },
        Refusal(says: "the server's names are not the expected ones") { _, client, _ in
            client.subjectAltNames = [SANMatcher(exact: "b.test")]
        },
        Refusal(says: "no version is common") { server, client, _ in
            server.minimumVersion = .tls13
            client.maximumVersion = .tls12
        },
        Refusal(says: "no application protocol is common and the server insists") { server, client, _ in
            server.refusesUnknownProtocols = true
            client.applicationProtocols = ["spdy/3"]
        },
    ]

    @Test("the handshake is refused when", arguments: refusals) func refused(_ row: Refusal) throws {
        let authority = try TestAuthority()
        var server = try TLSTests.server(authority)
        var client = TLSTests.client(authority)
        try row.change(&server, &client, authority)
        let meeting = try Meeting(server: server, client: client, name: "a.test")
        pump(meeting.loop, "nobody was told") { meeting.server.reason != nil || meeting.client.reason != nil }
        #expect(!(meeting.server.isOpen && meeting.client.isOpen) || meeting.client.bytes.isEmpty)
        let failures = [meeting.server.reason, meeting.client.reason].filter {
            $0 == .handshakeFailed || $0 == .tlsFailed
        }
        #expect(!failures.isEmpty)
    }

    @Test func `a server with two chains shows the one the client can use`() throws {
        let authority = try TestAuthority()
        var server = try TLSTests.server(authority)
        server.identities.append(try authority.identity(dns: ["rsa.test"], rsa: true))
        server.maximumVersion = .tls12
        var client = TLSTests.client(authority)
        client.cipherSuites = "ECDHE-RSA-AES128-GCM-SHA256"
        let meeting = try Meeting(server: server, client: client, name: "a.test")
        #expect(meeting.connection.tls?.peerCertificate?.dnsSANs == ["rsa.test"])
    }

    @Test func `a ClientHello can be read before TLS starts, then be refused by name or served`() throws {
        final class Peek: ConnectionHandler {
            let context: TLSContext
            let next: Recorder
            var seen: ClientHello?
            init(_ context: TLSContext, _ next: Recorder) {
                self.context = context
                self.next = next
            }
            override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
                guard case .hello(let hello) = ClientHello.parse(bytes, count) else { return 0 }
                seen = hello
                if hello.serverName != "a.test" {
                    connection.refuseTLS(.unrecognizedName)
                    return count
                }
                connection.handler = next
                connection.startTLS(context)
                return 0
            }
        }
        let authority = try TestAuthority()
        let loop = try EventLoop()
        let context = try TLSContext(try TLSTests.server(authority))
        let server = Recorder()
        var peeks: [Peek] = []
        let listener = try ListeningSocket(
            .anyLoopback,
            loop: loop,
            handler: Acceptor {
                let peek = Peek(context, server)
                peeks.append(peek)
                $0.handler = peek
            }
        )
        let address = NetworkAddress.ip(try #require(listener.boundAddress))
        var configuration = TLSTests.client(authority)
        configuration.applicationProtocols = ["h2"]
        let trusted = try TLSContext(configuration)
        let good = Recorder(), bad = Recorder()
        let known = try Connection.connect(to: address, loop: loop, tls: (trusted, "a.test"), handler: good)
        let unknown = try Connection.connect(to: address, loop: loop, tls: (trusted, "z.test"), handler: bad)
        pump(loop, "no outcome") { good.isOpen && bad.reason != nil }
        #expect(peeks.map(\.seen?.serverName).contains("z.test"))
        #expect(peeks.first?.seen?.applicationProtocols == ["h2"] && peeks.first?.seen?.offersTLS13 == true)
        #expect(known.isEstablished && bad.reason == .handshakeFailed)
        #expect(unknown.tls?.failure == "tlsv1 unrecognized name")
    }

    @Test func `unusable material is refused with a reason`() throws {
        let authority = try TestAuthority()
        var configuration = try TLSTests.server(authority)
        configuration.identities[0].privateKey = Array(PrivateKey.generateP256().pem.utf8)
        #expect(throws: TLSConfigurationError.self) { try TLSContext(configuration) }
        configuration.identities[0].certificateChain = Array("nonsense".utf8)
        #expect(throws: TLSConfigurationError("certificate chain: no certificate in it")) {
            try TLSContext(configuration)
        }
        configuration = TLSConfiguration(role: .server)
        #expect(throws: TLSConfigurationError("a server needs a certificate")) { try TLSContext(configuration) }
        configuration = try TLSTests.server(authority)
        configuration.cipherSuites = "NO-SUCH-SUITE"
        #expect(throws: TLSConfigurationError.self) { try TLSContext(configuration) }
    }
}
