public import Crypto

/// Why an answer of the certificate authority, or what a state directory holds, is no identity.
public enum WorkloadIdentityError: Error, Equatable, Sendable {
    case file(FileError)
    case badCertificate(CertificateError)
    /// The leaf is for another key than the one that asked.
    case wrongKey
    /// The chain does not lead to the root that came with it.
    case untrusted(TrustError)
    /// The leaf names no SPIFFE id, or not the expected one.
    case wrongName(String)
}

/// A key that asks to be certified. The key never leaves this process but into the state directory.
public struct IdentityRequest: Sendable {
    public let key: PrivateKey
    /// For `CreateCertificate`.
    public let requestPEM: String

    /// A fresh P-256 key. `identity` is a courtesy: the authority writes what it knows.
    public init(for identity: SPIFFEID) throws(WorkloadIdentityError) {
        key = PrivateKey.generateP256()
        do throws(CertificateError) {
            requestPEM = try SigningRequest.make(key: key, uriNames: [identity.description]).pem
        } catch {
            throw .badCertificate(error)
        }
    }

    /// Checks the authority's answer before it is used: right key, right name, a path to the root.
    /// - Parameter chainPEM: the leaf first, the root last (one text or the parts joined).
    public func complete(
        chainPEM: String,
        expecting identity: SPIFFEID? = nil,
        at unixSeconds: Int64
    ) throws(WorkloadIdentityError) -> WorkloadIdentity {
        var chain: [Certificate]
        do throws(CertificateError) {
            chain = try Certificate.chain(pem: chainPEM)
        } catch {
            throw .badCertificate(error)
        }
        let roots = chain.filter { $0.isCA && $0.isSelfIssued }
        chain.removeAll { $0.isCA && $0.isSelfIssued }
        return try WorkloadIdentity(key: key, chain: chain, roots: roots, expecting: identity, at: unixSeconds)
    }
}

/// What a sidecar or gateway is on the wire: its key, its certificate chain, and whom it believes.
///
/// In a state directory (0700): `key.pem`, `cert-chain.pem`, `root-cert.pem`, all 0600.
public struct WorkloadIdentity: Sendable {
    public let id: SPIFFEID
    public let key: PrivateKey
    /// The leaf first, without roots.
    public let chain: [Certificate]
    public let trust: TrustBundle

    public var leaf: Certificate { chain[0] }
    public var chainPEM: String { Certificate.pem(of: chain) }
    public var trustPEM: String { trust.pem }

    /// - Throws: when the parts do not belong together or are not valid now.
    public init(
        key: PrivateKey,
        chain: [Certificate],
        roots: [Certificate],
        expecting identity: SPIFFEID? = nil,
        at unixSeconds: Int64
    ) throws(WorkloadIdentityError) {
        guard let leaf = chain.first else { throw .badCertificate(.noCertificate) }
        guard leaf.matches(key) else { throw .wrongKey }
        guard leaf.uriNames.count == 1, let id = SPIFFEID(leaf.uriNames[0]) else {
            throw .wrongName(leaf.uriNames.joined(separator: ", "))
        }
        if let identity, identity != id { throw .wrongName(id.description) }
        let trust = TrustBundle(roots: roots)
        do throws(TrustError) {
            try trust.verify(chain, for: .client, at: unixSeconds)
        } catch {
            throw .untrusted(error)
        }
        self.id = id
        self.key = key
        self.chain = chain
        self.trust = trust
    }

    /// When to ask for the next certificate, in Unix seconds: at half of its life, one percent of it earlier or later,
    /// so that workloads started together do not all ask together.
    public func renewalTime(using generator: inout some RandomNumberGenerator) -> Int64 {
        let life = leaf.notAfter - leaf.notBefore
        let jitter = Double.random(in: -0.01...0.01, using: &generator)
        return leaf.notBefore + Int64(Double(life) * (0.5 + jitter))
    }

    public func renewalTime() -> Int64 {
        var generator = SystemRandomNumberGenerator()
        return renewalTime(using: &generator)
    }

    // MARK: State directory

    private static func paths(_ directory: String) -> (key: String, chain: String, root: String) {
        ("\(directory)/key.pem", "\(directory)/cert-chain.pem", "\(directory)/root-cert.pem")
    }

    /// Writes all three files. Key and chain change together: both are written beside the old ones, then renamed, and
    /// `load` finishes a pair of renames that a crash cut in two.
    public func save(in directory: String) throws(FileError) {
        let paths = Self.paths(directory)
        try PrivateFile.makeDirectory(directory)
        try PrivateFile.write(trustPEM, to: paths.root)
        try PrivateFile.write(chainPEM, to: paths.chain + ".next")
        try PrivateFile.write(key.pem, to: paths.key + ".next")
        _ = try PrivateFile.replace(paths.key, with: paths.key + ".next")
        _ = try PrivateFile.replace(paths.chain, with: paths.chain + ".next")
    }

    /// What `directory` holds; nil when it holds nothing, or nothing valid at `unixSeconds`: then a join token is
    /// needed.
    /// - Throws: `.file` when a file is there but cannot be read.
    public static func load(
        from directory: String,
        at unixSeconds: Int64
    ) throws(WorkloadIdentityError) -> WorkloadIdentity? {
        let paths = paths(directory)
        do throws(FileError) {
            guard let keyText = try PrivateFile.readText(paths.key),
                let rootText = try PrivateFile.readText(paths.root),
                let key = try? PrivateKey(pem: keyText), let roots = try? Certificate.chain(pem: rootText)
            else { return nil }
            for path in [paths.chain, paths.chain + ".next"] {
                guard let text = try PrivateFile.readText(path), let chain = try? Certificate.chain(pem: text),
                    let found = try? WorkloadIdentity(key: key, chain: chain, roots: roots, at: unixSeconds)
                else { continue }
                if path != paths.chain { _ = try PrivateFile.replace(paths.chain, with: path) }
                return found
            }
            return nil
        } catch {
            throw .file(error)
        }
    }
}
