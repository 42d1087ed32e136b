import Base
import Crypto
import Foundation
import Identity
import Testing

let testTime: Int64 = 1_800_000_000

/// A directory of its own, removed afterwards.
func withDirectory(_ body: (String) async throws -> Void) async throws {
    let path = NSTemporaryDirectory() + "gatehouse-identity-\(UUID().uuidString)"
    defer {
        do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record(error) }
    }
    try await body(path)
}

@Suite struct SPIFFEIDTests {
    @Test func `an id in Istio's form is read and written`() {
        let id = SPIFFEID("spiffe://cluster.local/ns/prod/sa/web")
        #expect(id?.namespace == "prod")
        #expect(id?.serviceAccount == "web")
        #expect(id?.description == "spiffe://cluster.local/ns/prod/sa/web")
    }

    @Test(
        "anything else is no id",
        arguments: [
            "", "spiffe://", "http://cluster.local/ns/a/sa/b", "spiffe://cluster.local/ns/a/sa/", "spiffe:///ns/a/sa/b",
            "spiffe://cluster.local/ns/a/sa/b/", "spiffe://cluster.local/ns//sa/b", "spiffe://Cluster.local/ns/a/sa/b",
            "spiffe://cluster.local/ns/a/sa/b?x", "spiffe://cluster.local/ns/a/sa/%62",
            "spiffe://cluster.local/ns/../sa/b",
            "spiffe://cluster.local:80/ns/a/sa/b", "spiffe://cluster.local/sa/a/ns/b",
            "spiffe://cluster.local/ns/a/sa/b c",
        ]
    )
    func refused(_ text: String) { #expect(SPIFFEID(text) == nil) }
}

@Suite struct AuthorityTests {
    static let web = SPIFFEID("spiffe://cluster.local/ns/default/sa/web")

    @Test func `the root is made once, its key is private, and it comes back`() async throws {
        try await withDirectory { directory in
            let first = try CertificateAuthority.open(in: directory, at: testTime)
            let second = try CertificateAuthority.open(in: directory, at: testTime + 60)
            #expect(first.trustBundle.roots == second.trustBundle.roots)
            let attributes = try FileManager.default.attributesOfItem(atPath: directory + "/ca-key.pem")
            #expect((attributes[.posixPermissions] as? Int) == 0o600)
        }
    }

    @Test func `a broken root is never replaced`() async throws {
        try await withDirectory { directory in
            _ = try CertificateAuthority.open(in: directory, at: testTime)
            try FileManager.default.removeItem(atPath: directory + "/ca-key.pem")
            #expect(throws: AuthorityError.self) { try CertificateAuthority.open(in: directory, at: testTime) }
        }
    }

    @Test func `a certificate names the caller, whatever its request asks for`() async throws {
        let web = try #require(Self.web)
        try await withDirectory { directory in
            let authority = try CertificateAuthority.open(in: directory, at: testTime)
            let key = PrivateKey.generateP256()
            let request = try SigningRequest.make(
                key: key,
                uriNames: ["spiffe://cluster.local/ns/istio-system/sa/admin"],
                dnsNames: ["evil.example"]
            )
            let chain = try authority.sign(request, for: web, at: testTime)
            #expect(chain.count == 2)
            #expect(chain[0].uriNames == [web.description])
            #expect(chain[0].dnsNames.isEmpty)
            #expect(chain[0].subject.isEmpty)
            #expect(chain[0].notAfter == testTime + 86_400)
            #expect(chain[0].matches(key))
            #expect(authority.identity(of: chain[0]) == web)
            try authority.trustBundle.verify([chain[0]], for: .client, at: testTime)
            try authority.trustBundle.verify([chain[0]], for: .server, at: testTime)
            let short = try authority.sign(request, for: web, life: .seconds(60), at: testTime)
            #expect(short[0].notAfter == testTime + 60)
            #expect(short[0].notBefore == testTime - 6)
            let long = try authority.sign(request, for: web, life: .seconds(1_000_000_000), at: testTime)
            #expect(long[0].notAfter == testTime + 90 * 86_400)
        }
    }

    @Test func `the admin certificate is kept until a name is missing or it ages`() async throws {
        try await withDirectory { directory in
            let authority = try AdminAuthority.open(in: directory, at: testTime)
            let names = ServerNames(hostName: "box", extra: ["192.0.2.7", "Gate.Example"])
            let first = try authority.serverCredential(in: directory, names: names, at: testTime)
            #expect(first.chain[0].dnsNames == ["localhost", "box", "gate.example"])
            #expect(first.chain[0].ipAddresses.map(\.description) == ["127.0.0.1", "::1", "192.0.2.7"])
            let again = try authority.serverCredential(in: directory, names: names, at: testTime + 1000)
            #expect(again.chain == first.chain)
            let more = ServerNames(hostName: "box", extra: ["other.example"])
            let other = try authority.serverCredential(in: directory, names: more, at: testTime)
            #expect(other.chain != first.chain)
            let late = try authority.serverCredential(in: directory, names: more, at: testTime + 300 * 86_400)
            #expect(late.chain != other.chain)
            let user = try authority.clientCredential(user: "jo", groups: ["ops"], life: .seconds(60), at: testTime)
            #expect(user.chain[0].commonName == "jo")
            #expect(user.chain[0].organizations == ["ops"])
            try authority.trustBundle.verify(user.chain, for: .client, at: testTime)
            #expect(throws: TrustError.wrongPurpose) {
                try authority.trustBundle.verify(user.chain, for: .server, at: testTime)
            }
        }
    }
}

@Suite struct JoinTokenTests {
    let issuer = JoinTokenIssuer(key: [UInt8](repeating: 7, count: 32))

    @Test func `a fresh token says who may join`() throws {
        let web = try #require(AuthorityTests.web)
        let token = issuer.issue(for: web, life: .seconds(600), at: testTime)
        let claims = try issuer.check(token, at: testTime + 599)
        #expect(claims.identity == web)
        #expect(claims.expires == testTime + 600)
        #expect(throws: JoinTokenError.expired) { try issuer.check(token, at: testTime + 600) }
    }

    @Test func `a changed or foreign token is refused`() throws {
        let web = try #require(AuthorityTests.web)
        let token = issuer.issue(for: web, life: .seconds(600), at: testTime)
        let other = JoinTokenIssuer(key: [UInt8](repeating: 8, count: 32))
        #expect(throws: JoinTokenError.badSignature) { try other.check(token, at: testTime) }
        let parts = token.split(separator: ".")
        #expect(throws: JoinTokenError.badSignature) {
            try issuer.check("\(parts[0]).\(parts[0]).\(parts[2])", at: testTime)
        }
        // {"alg":"none","typ":"JWT"}
        #expect(throws: JoinTokenError.self) {
            try issuer.check("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.\(parts[1]).", at: testTime)
        }
        for text in ["", "a.b", "a.b.c.d", "a.b.!"] {
            #expect(throws: JoinTokenError.malformed) { try issuer.check(text, at: testTime) }
        }
    }

    @Test func `a token joins once`() async throws {
        let web = try #require(AuthorityTests.web)
        let claims = try issuer.check(issuer.issue(for: web, life: .seconds(60), at: testTime), at: testTime)
        let ledger = JoinTokenLedger()
        try await ledger.redeem(claims, at: testTime)
        await #expect(throws: JoinTokenError.alreadyUsed) { try await ledger.redeem(claims, at: testTime) }
        let reloaded = JoinTokenLedger(used: [claims.id: claims.expires])
        await #expect(throws: JoinTokenError.alreadyUsed) { try await reloaded.redeem(claims, at: testTime) }
    }

    @Test func `a use that was not recorded does not count`() async throws {
        struct DiskFull: Error {}
        let web = try #require(AuthorityTests.web)
        let claims = try issuer.check(issuer.issue(for: web, life: .seconds(60), at: testTime), at: testTime)
        let ledger = JoinTokenLedger { _, _ in throw DiskFull() }
        for _ in 0..<2 {
            await #expect(throws: JoinTokenError.notRecorded("DiskFull()")) {
                try await ledger.redeem(claims, at: testTime)
            }
        }
    }
}

@Suite struct WorkloadIdentityTests {
    static func obtain(in directory: String, life: Duration = .seconds(3600)) throws -> WorkloadIdentity {
        let web = try #require(AuthorityTests.web)
        let authority = try CertificateAuthority.open(in: directory + "/ca", at: testTime)
        let request = try IdentityRequest(for: web)
        let chain = try authority.sign(SigningRequest(pem: request.requestPEM), for: web, life: life, at: testTime)
        return try request.complete(chainPEM: Certificate.pem(of: chain), expecting: web, at: testTime)
    }

    @Test func `an identity is saved, loaded, and gone once expired`() async throws {
        try await withDirectory { directory in
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let identity = try Self.obtain(in: directory)
            let state = directory + "/state"
            #expect(try WorkloadIdentity.load(from: state, at: testTime) == nil)
            try identity.save(in: state)
            let loaded = try WorkloadIdentity.load(from: state, at: testTime)
            #expect(loaded?.chain == identity.chain)
            #expect(loaded?.id == AuthorityTests.web)
            for name in ["key.pem", "cert-chain.pem", "root-cert.pem"] {
                let attributes = try FileManager.default.attributesOfItem(atPath: "\(state)/\(name)")
                #expect((attributes[.posixPermissions] as? Int) == 0o600)
            }
            #expect(try WorkloadIdentity.load(from: state, at: testTime + 3601) == nil)
        }
    }

    @Test func `a crash between the two renames is finished at the next load`() async throws {
        try await withDirectory { directory in
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let state = directory + "/state"
            let old = try Self.obtain(in: directory)
            try old.save(in: state)
            let new = try Self.obtain(in: directory)
            try PrivateFile.write(new.chainPEM, to: state + "/cert-chain.pem.next")
            try PrivateFile.write(new.key.pem, to: state + "/key.pem")
            #expect(try WorkloadIdentity.load(from: state, at: testTime)?.chain == new.chain)
            #expect(try PrivateFile.readText(state + "/cert-chain.pem") == new.chainPEM)
        }
    }

    @Test func `renewal is due at half of the life, give or take one percent`() async throws {
        try await withDirectory { directory in
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let identity = try Self.obtain(in: directory)
            for _ in 0..<100 {
                let due = identity.renewalTime() - testTime
                #expect((1733...1807).contains(due))
            }
        }
    }

    @Test func `an answer for another key or name is refused`() async throws {
        let web = try #require(AuthorityTests.web)
        let other = try #require(SPIFFEID("spiffe://cluster.local/ns/default/sa/other"))
        try await withDirectory { directory in
            let authority = try CertificateAuthority.open(in: directory, at: testTime)
            let mine = try IdentityRequest(for: web)
            let foreign = try IdentityRequest(for: web)
            let chain = try authority.sign(SigningRequest(pem: mine.requestPEM), for: other, at: testTime)
            let text = Certificate.pem(of: chain)
            #expect(throws: WorkloadIdentityError.wrongName(other.description)) {
                try mine.complete(chainPEM: text, expecting: web, at: testTime)
            }
            #expect(throws: WorkloadIdentityError.wrongKey) { try foreign.complete(chainPEM: text, at: testTime) }
            #expect(throws: WorkloadIdentityError.self) { try mine.complete(chainPEM: chain[0].pem, at: testTime) }
        }
    }
}
