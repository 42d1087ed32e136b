import Base
import Crypto
import Testing
import Transport

/// Whether a session made in one context is resumed in another: rows of what may and may not differ.
@Suite struct ResumptionTests {
    /// Says hello as soon as the handshake is over: tickets travel with what is written.
    private final class Greeter: ConnectionHandler {
        override func onOpen(_ connection: Connection) { connection.write("hello") }
    }

    /// Connects once and returns whether the session was resumed; nil when the handshake failed.
    private static func visit(
        _ server: TLSContext,
        _ client: TLSContext,
        _ sessions: TLSResumption,
        loop: EventLoop
    ) throws -> Bool? {
        let acceptor = Acceptor {
            $0.handler = Greeter()
            $0.startTLS(server)
        }
        let listener = try ListeningSocket(.anyLoopback, loop: loop, handler: acceptor)
        defer { listener.close() }
        let recorder = Recorder()
        let connection = try Connection.connect(
            to: .ip(try #require(listener.boundAddress)),
            loop: loop,
            tls: (client, "a.test"),
            resumption: sessions,
            handler: recorder
        )
        pump(loop, "no greeting") { recorder.text == "hello" || recorder.reason != nil }
        guard recorder.text == "hello" else { return nil }
        // Both ends must agree.
        let isResumed = try #require(connection.tls).isResumed
        #expect(acceptor.connections.first?.tls?.isResumed == isResumed)
        connection.finish()
        pump(loop, "no end") { recorder.reason != nil }
        return isResumed
    }

    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var isResumed: Bool
        /// Changes the second server's configuration.
        var change: @Sendable (inout TLSConfiguration, TestAuthority) throws -> Void = { _, _ in }
        var testDescription: String { says }
    }

    static let key = [UInt8](repeating: 7, count: 80)
    static let other = [UInt8](repeating: 9, count: 80)

    static let rows: [Row] = [
        Row(says: "another context made of the same configuration and keys", isResumed: true),
        Row(says: "the key is no longer the newest", isResumed: true) { server, _ in
            server.tickets = .keys([other, key])
        },
        Row(says: "the key is gone", isResumed: false) { server, _ in server.tickets = .keys([other]) },
        Row(says: "the keys are the process's own", isResumed: false) { server, _ in server.tickets = .automatic },
        Row(says: "resumption is off", isResumed: false) { server, _ in server.tickets = .off },
        Row(says: "the certificate is another", isResumed: false) { server, authority in
            server.identities = [try authority.identity(dns: ["a.test"])]
        },
        Row(says: "the clients' authority is another", isResumed: false) { server, authority in
            server.trustedCertificates = try TestAuthority("another").bundle + authority.bundle
        },
        Row(says: "a certificate is now asked for", isResumed: false) { server, authority in
            server.peerVerification = .optional
            server.trustedCertificates = authority.bundle
        },
        Row(says: "the clients' names are now restricted", isResumed: false) { server, _ in
            server.subjectAltNames = [SANMatcher(kind: .uri, pattern: .prefix(Array("spiffe://mesh.test/".utf8)))]
        },
        Row(says: "the clients' keys are now pinned", isResumed: false) { server, authority in
            server.publicKeyPins = [[UInt8](repeating: 0, count: 32), authority.root.publicKeyFingerprint]
            server.peerVerification = .none
        },
    ]

    @Test("a ticket is good where nothing about the client's admission differs", arguments: rows, [false, true])
    func tickets(_ row: Row, isTLS12: Bool) throws {
        let authority = try TestAuthority()
        let loop = try EventLoop()
        var server = try TLSTests.server(authority)
        server.tickets = .keys([Self.key])
        if isTLS12 { server.maximumVersion = .tls12 }
        var client = TLSTests.client(authority)
        client.identities = [try authority.identity(uris: ["spiffe://mesh.test/ns/x/sa/y"])]
        let context = try TLSContext(client)
        let sessions = TLSResumption(capacity: 1)
        let first = try TLSContext(server)
        #expect(try Self.visit(first, context, sessions, loop: loop) == false)
        #expect(try Self.visit(first, context, sessions, loop: loop) == true, "the same context")
        try row.change(&server, authority)
        #expect(try Self.visit(try TLSContext(server), context, sessions, loop: loop) == row.isResumed)
    }

    @Test func `a client that was known by its certificate is still known by it`() throws {
        let authority = try TestAuthority()
        let loop = try EventLoop()
        var server = try TLSTests.server(authority)
        server.trustedCertificates = authority.bundle
        server.peerVerification = .required
        var client = TLSTests.client(authority)
        client.identities = [try authority.identity(uris: ["spiffe://mesh.test/ns/x/sa/y"])]
        let sessions = TLSResumption(capacity: 1)
        let contexts = (try TLSContext(server), try TLSContext(client))
        #expect(try Self.visit(contexts.0, contexts.1, sessions, loop: loop) == false)
        let acceptor = Acceptor {
            $0.handler = Greeter()
            $0.startTLS(contexts.0)
        }
        let listener = try ListeningSocket(.anyLoopback, loop: loop, handler: acceptor)
        let recorder = Recorder()
        let connection = try Connection.connect(
            to: .ip(try #require(listener.boundAddress)),
            loop: loop,
            tls: (contexts.1, "a.test"),
            resumption: sessions,
            handler: recorder
        )
        pump(loop, "no greeting") { recorder.text == "hello" || recorder.reason != nil }
        #expect(connection.tls?.isResumed == true)
        let peer = acceptor.connections.first?.tls?.peerCertificate
        #expect(peer?.principal == "spiffe://mesh.test/ns/x/sa/y" && peer?.isVerified == true)
    }

    @Test func `a TLS 1,3 ticket is used once and no more are kept than asked for`() throws {
        let authority = try TestAuthority()
        let loop = try EventLoop()
        let server = try TLSContext(try TLSTests.server(authority))
        let client = try TLSContext(TLSTests.client(authority))
        let sessions = TLSResumption(capacity: 1)
        for _ in 0..<3 { _ = try Self.visit(server, client, sessions, loop: loop) }
        #expect(sessions.count == 1)
        let none = TLSResumption(capacity: 0)
        for _ in 0..<2 { #expect(try Self.visit(server, client, none, loop: loop) == false) }
        #expect(none.count == 0)
    }
}
