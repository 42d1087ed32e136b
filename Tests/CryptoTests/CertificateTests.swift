import Base
import Crypto
import Testing

@Suite struct CertificateTests {
    static let now: Int64 = 1_800_000_000

    struct Chain {
        var root: Certificate
        var rootKey: PrivateKey
        var leaf: Certificate
        var leafKey: PrivateKey
    }

    static func makeChain(server: Bool = true, client: Bool = true) throws -> Chain {
        let rootKey = PrivateKey.generateP256()
        let rootTemplate = CertificateTemplate(.root, commonName: "root", notBefore: now - 10, notAfter: now + 1000)
        let root = try rootTemplate.selfSigned(with: rootKey)
        let leafKey = PrivateKey.generateP256()
        var template = CertificateTemplate(
            .leaf(server: server, client: client),
            commonName: "a.example",
            notBefore: now - 10,
            notAfter: now + 100
        )
        template.organizations = ["one", "two"]
        template.uriNames = ["spiffe://cluster.local/ns/default/sa/web"]
        template.dnsNames = ["a.example", "*.a.example"]
        template.ipAddresses = [IPAddress(ipv4: 0x7F00_0001), IPAddress(ipv6High: 0, low: 1)]
        let leaf = try template.signed(for: leafKey.publicKey, by: root, issuerKey: rootKey)
        return Chain(root: root, rootKey: rootKey, leaf: leaf, leafKey: leafKey)
    }

    @Test func `a signed leaf says what its template said`() throws {
        let chain = try Self.makeChain()
        let leaf = try Certificate(pem: chain.leaf.pem)
        #expect(leaf == chain.leaf)
        #expect(leaf.subject == "CN=a.example,O=two,O=one")
        #expect(leaf.commonName == "a.example")
        #expect(leaf.organizations == ["one", "two"])
        #expect(leaf.issuer == "CN=root")
        #expect(leaf.uriNames == ["spiffe://cluster.local/ns/default/sa/web"])
        #expect(leaf.dnsNames == ["a.example", "*.a.example"])
        #expect(leaf.ipAddresses.map(\.description) == ["127.0.0.1", "::1"])
        #expect(leaf.notBefore == Self.now - 10)
        #expect(leaf.notAfter == Self.now + 100)
        #expect(!leaf.isCA && !leaf.isSelfIssued)
        #expect(chain.root.isCA && chain.root.isSelfIssued)
        #expect(leaf.publicKeyAlgorithm == "ECDSA P-256")
        #expect(leaf.fingerprint == Digest.sha256(leaf.der))
        #expect(leaf.matches(chain.leafKey) && !leaf.matches(chain.rootKey))
        #expect(leaf.serial.count == 32)
        #expect(leaf.isValid(at: Self.now + 100) && !leaf.isValid(at: Self.now + 101))
    }

    @Test func `a chain is trusted for its uses while it is valid`() throws {
        let chain = try Self.makeChain(client: false)
        let trust = TrustBundle(roots: [chain.root])
        try trust.verify([chain.leaf], for: .server, at: Self.now)
        try trust.verify([chain.leaf], for: .any, at: Self.now)
        #expect(throws: TrustError.wrongPurpose) { try trust.verify([chain.leaf], for: .client, at: Self.now) }
        #expect(throws: TrustError.expired) { try trust.verify([chain.leaf], for: .server, at: Self.now + 101) }
        #expect(throws: TrustError.notYetValid) { try trust.verify([chain.leaf], for: .server, at: Self.now - 11) }
    }

    @Test func `a chain of another root is not trusted`() throws {
        let chain = try Self.makeChain()
        let other = try Self.makeChain()
        let trust = TrustBundle(roots: [other.root])
        // Both roots are called "root": the signature decides, not the name.
        #expect(throws: TrustError.self) { try trust.verify([chain.leaf], for: .any, at: Self.now) }
        #expect(throws: TrustError.unknownIssuer) {
            try TrustBundle(roots: []).verify([chain.leaf, chain.root], for: .any, at: Self.now)
        }
        #expect(throws: TrustError.self) { try trust.verify([], for: .any, at: Self.now) }
    }

    @Test func `signing with a key that is not the issuer's is refused`() throws {
        let chain = try Self.makeChain()
        let template = CertificateTemplate(.leaf(server: true, client: false), notBefore: 0, notAfter: 10)
        #expect(throws: CertificateError.self) {
            try template.signed(for: chain.leafKey.publicKey, by: chain.root, issuerKey: chain.leafKey)
        }
    }

    @Test func `a name with a space or a NUL is not written`() throws {
        let key = PrivateKey.generateP256()
        for name in ["a b", "a\0b", "", "ä.example"] {
            var template = CertificateTemplate(.leaf(server: true, client: false), notBefore: 0, notAfter: 10)
            template.dnsNames = [name]
            #expect(throws: CertificateError.self) { try template.selfSigned(with: key) }
        }
    }

    @Test func `a bundle is split into its certificates`() throws {
        let chain = try Self.makeChain()
        let text = "# leaf\n" + chain.leaf.pem + "\nsome text\n" + chain.root.pem
        #expect(try Certificate.chain(pem: text) == [chain.leaf, chain.root])
        #expect(throws: CertificateError.noCertificate) { try Certificate.chain(pem: "hello") }
        #expect(throws: CertificateError.noCertificate) { try Certificate.chain(pem: "") }
        let broken = chain.leaf.pem.replacing("MII", with: "MIX")
        #expect(throws: CertificateError.self) { try Certificate.chain(pem: broken) }
        #expect(throws: CertificateError.self) { try Certificate.chain(pem: chain.root.pem + broken) }
        #expect(throws: CertificateError.self) { try Certificate(der: chain.leaf.der + [0]) }
        #expect(throws: CertificateError.self) { try Certificate(der: Array(chain.leaf.der.dropLast())) }
    }

    @Test func `damaged certificates never crash`() throws {
        let der = try Self.makeChain().leaf.der
        for at in der.indices {
            var damaged = der
            damaged[at] ^= 0x81
            _ = try? Certificate(der: damaged)
        }
    }
}

@Suite struct PrivateKeyTests {
    @Test func `keys survive PEM and keep their kind`() throws {
        let ec = PrivateKey.generateP256()
        let rsa = PrivateKey.generateRSA()
        #expect(ec.algorithm == .ec(curve: "prime256v1"))
        #expect(rsa.algorithm == .rsa(bits: 2048))
        for key in [ec, rsa] {
            let again = try PrivateKey(pem: key.pem)
            #expect(again.publicKey.der == key.publicKey.der)
            let signature = again.sign([1, 2, 3])
            #expect(key.publicKey.verifies(signature, of: [1, 2, 3]))
            #expect(!key.publicKey.verifies(signature, of: [1, 2, 4]))
            #expect(!key.publicKey.verifies([], of: [1, 2, 3]))
        }
    }

    @Test func `what is no key says so`() {
        #expect(throws: KeyError.self) { try PrivateKey(pem: "") }
        #expect(throws: KeyError.self) { try PrivateKey(der: [0x30, 0x00]) }
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIHs\n-----END ENCRYPTED PRIVATE KEY-----\n"
        #expect(throws: KeyError.encrypted) { try PrivateKey(pem: encrypted) }
    }

    @Test func `a signing request proves its key and shows its names`() throws {
        let key = PrivateKey.generateP256()
        let request = try SigningRequest.make(key: key, uriNames: ["spiffe://a/ns/b/sa/c"], dnsNames: ["x.example"])
        let read = try SigningRequest(pem: request.pem)
        #expect(read.uriNames == ["spiffe://a/ns/b/sa/c"])
        #expect(read.dnsNames == ["x.example"])
        #expect(read.publicKey.der == key.publicKey.der)
        var forged = request.der
        forged[forged.count - 1] ^= 1
        #expect(throws: CertificateError.self) { try SigningRequest(der: forged) }
        #expect(throws: CertificateError.self) { try SigningRequest(pem: "no") }
    }
}
