import Base
import Crypto
import Testing
import Transport

/// What a server makes of a client's certificate beyond its chain, and what versions it speaks.
@Suite struct VerificationTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var isServed: Bool
        var change: @Sendable (inout TLSConfiguration, Certificate, TestAuthority) throws -> Void
        var testDescription: String { says }
    }

    static let name = "spiffe://mesh.test/ns/default/sa/web"
    static let none = [UInt8](repeating: 0, count: 32)

    static func uri(_ pattern: SANMatcher.Pattern) -> SANMatcher { SANMatcher(kind: .uri, pattern: pattern) }

    static let rows: [Row] = [
        Row(says: "its certificate is pinned", isServed: true) { server, leaf, _ in
            server.certificatePins = [none, leaf.fingerprint]
        },
        Row(says: "its key is pinned", isServed: true) { server, leaf, _ in
            server.publicKeyPins = [none, leaf.publicKeyFingerprint]
        },
        Row(says: "one of both pins fits", isServed: true) { server, leaf, _ in
            server.certificatePins = [none]
            server.publicKeyPins = [leaf.publicKeyFingerprint]
        },
        Row(says: "no pin fits", isServed: false) { server, leaf, _ in
            server.certificatePins = [leaf.publicKeyFingerprint]
            server.publicKeyPins = [leaf.fingerprint]
        },
        Row(says: "a pin fits but no name does", isServed: false) { server, leaf, _ in
            server.certificatePins = [leaf.fingerprint]
            server.subjectAltNames = [uri(.exact(Array("spiffe://mesh.test/other".utf8)))]
        },
        Row(says: "a pinned certificate needs no authority where none is given", isServed: true) { server, leaf, _ in
            server.trustedCertificates = nil
            server.certificatePins = [leaf.fingerprint]
        },
        Row(says: "another pin and no authority", isServed: false) { server, _, _ in
            server.trustedCertificates = nil
            server.certificatePins = [none]
        },
        Row(says: "a pinned certificate of another authority", isServed: false) { server, leaf, _ in
            server.trustedCertificates = try TestAuthority("other").bundle
            server.certificatePins = [leaf.fingerprint]
        },
        Row(says: "a prefix fits", isServed: true) { server, _, _ in
            server.subjectAltNames = [uri(.prefix(Array("spiffe://mesh.test/ns/".utf8)))]
        },
        Row(says: "a suffix fits", isServed: true) { server, _, _ in
            server.subjectAltNames = [uri(.suffix(Array("/sa/web".utf8)))]
        },
        Row(says: "a suffix does not fit", isServed: false) { server, _, _ in
            server.subjectAltNames = [uri(.suffix(Array("/sa/api".utf8)))]
        },
        Row(says: "a part fits", isServed: true) { server, _, _ in
            server.subjectAltNames = [uri(.contains(Array("/default/".utf8)))]
        },
        Row(says: "a test passes", isServed: true) { server, _, _ in
            server.subjectAltNames = [uri(.passing(NameTest(pattern: "long") { $0.count == name.utf8.count }))]
        },
        Row(says: "a test fails", isServed: false) { server, _, _ in
            server.subjectAltNames = [uri(.passing(NameTest(pattern: "short") { $0.count < 5 }))]
        },
        Row(says: "a stranger, where strangers are let in", isServed: true) { server, _, _ in
            server.trustedCertificates = try TestAuthority("other").bundle
            server.acceptsUntrusted = true
        },
        Row(says: "no revocation list of its issuer", isServed: false) { server, _, authority in
            server.revocationLists = Array(Self.emptyList.utf8)
        },
    ]

    /// A list of some other authority, long valid.
    static let emptyList = """
        -----BEGIN X509 CRL-----
        MIGpMFICAQEwCgYIKoZIzj0EAwIwETEPMA0GA1UEAwwGbGlzdGVyFw0yNjExMjQx
        NDUzMzNaGA8yMTI2MTAzMTE0NTMzM1qgDjAMMAoGA1UdFAQDAgEBMAoGCCqGSM49
        BAMCA0cAMEQCIAmuUaxK9DKmHsTkjkQXlW8OubaDEIBiI9hvQlDliq82AiBmN8w3
        5Ap0IokhwZ20EpGQlSZjqioRxHzlkjnoALZhWA==
        -----END X509 CRL-----

        """

    @Test("a client with a certificate", arguments: rows) func verified(_ row: Row) throws {
        let authority = try TestAuthority()
        let identity = try authority.identity(uris: [Self.name])
        let leaf = try #require(try Certificate.chain(pem: identity.certificateChain).first)
        var server = try TLSTests.server(authority)
        server.maximumVersion = .tls12
        server.trustedCertificates = authority.bundle
        server.peerVerification = .required
        try row.change(&server, leaf, authority)
        var client = TLSTests.client(authority)
        client.identities = [identity]
        let meeting = try TLSTests.Meeting(server: server, client: client, name: "a.test")
        #expect((meeting.server.isOpen && meeting.client.isOpen) == row.isServed)
        guard row.isServed else { return }
        let peer = try #require(meeting.serverTLS?.peerCertificate)
        #expect(peer.uriSANs == [Self.name])
        // Who was let in without proof is nobody in particular.
        #expect(peer.isVerified == !server.acceptsUntrusted)
        #expect(peer.principal == (server.acceptsUntrusted ? nil : Self.name))
    }

    @Test("versions below 1.2 are spoken only where they are asked for", arguments: [TLSVersion.tls10, .tls11])
    func oldVersions(_ version: TLSVersion) throws {
        let authority = try TestAuthority()
        var client = TLSTests.client(authority)
        client.minimumVersion = version
        client.maximumVersion = version
        client.cipherSuites = "ECDHE-ECDSA-AES128-SHA"
        var server = try TLSTests.server(authority)
        let refused = try TLSTests.Meeting(server: server, client: client, name: "a.test")
        #expect(!refused.client.isOpen)
        server.minimumVersion = version
        server.cipherSuites = "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256"
        let served = try TLSTests.Meeting(server: server, client: client, name: "a.test")
        #expect(served.client.isOpen && served.server.isOpen)
        #expect(served.connection.tls?.version == (version == .tls10 ? "TLSv1" : "TLSv1.1"))
    }

    @Test func `the server's order of suites and curves decides`() throws {
        let authority = try TestAuthority()
        var server = try TLSTests.server(authority)
        server.maximumVersion = .tls12
        server.cipherSuites = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
        server.curves = "P-384"
        var client = TLSTests.client(authority)
        client.cipherSuites = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384"
        let meeting = try TLSTests.Meeting(server: server, client: client, name: "a.test")
        #expect(meeting.connection.tls?.cipherSuite == "ECDHE-ECDSA-AES256-GCM-SHA384")
        client.curves = "X25519"
        let apart = try TLSTests.Meeting(server: server, client: client, name: "a.test")
        #expect(!apart.client.isOpen, "no curve in common")
    }

    @Test func `a broken staple or revocation list is refused with a reason`() throws {
        let authority = try TestAuthority()
        var server = try TLSTests.server(authority)
        server.identities[0].ocspStaple = Array("nonsense".utf8)
        #expect(throws: TLSConfigurationError("OCSP staple: no successful OCSP response")) { try TLSContext(server) }
        server = try TLSTests.server(authority)
        server.peerVerification = .required
        server.trustedCertificates = authority.bundle
        server.revocationLists = Array("nonsense".utf8)
        #expect(throws: TLSConfigurationError("revocation list: unreadable PEM")) { try TLSContext(server) }
    }
}
