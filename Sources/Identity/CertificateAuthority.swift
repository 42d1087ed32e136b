public import Crypto

/// Citadel: the authority that gives every workload of a mesh its certificate.
public struct CertificateAuthority: Sendable {
    public let trustDomain: String
    /// How long a workload certificate lives when the request asks for nothing.
    public let leafLife: Duration
    /// The longest a request may ask for.
    public let leafLifeMax: Duration
    private let root: Authority

    /// Opens or creates the root in `directory` (`ca-cert.pem`, `ca-key.pem` with mode 0600).
    public static func open(
        in directory: String,
        trustDomain: String = "cluster.local",
        leafLife: Duration = .seconds(86_400),
        at unixSeconds: Int64
    ) throws(AuthorityError) -> CertificateAuthority {
        let root = try Authority.open(
            in: directory,
            name: "ca",
            commonName: "\(trustDomain) mesh root",
            at: unixSeconds
        )
        return CertificateAuthority(
            trustDomain: trustDomain,
            leafLife: leafLife,
            leafLifeMax: max(leafLife, .seconds(90 * 86_400)),
            root: root
        )
    }

    /// What workloads believe.
    public var trustBundle: TrustBundle { TrustBundle(roots: [root.certificate]) }

    /// The leaf and the root, in this order, as `CreateCertificate` answers.
    ///
    /// - Parameters:
    ///   - request: only its key is used. The name is always `identity`, whatever the request asks for.
    ///   - identity: who the caller proved to be.
    ///   - life: what the caller asks for; nil or zero means the default, more than the maximum means the maximum.
    public func sign(
        _ request: SigningRequest,
        for identity: SPIFFEID,
        life: Duration? = nil,
        at unixSeconds: Int64
    ) throws(AuthorityError) -> [Certificate] {
        let asked = life.map { $0 > .zero ? min($0, leafLifeMax) : leafLife } ?? leafLife
        let validity = Authority.validity(asked, at: unixSeconds)
        var template = CertificateTemplate(
            .leaf(server: true, client: true),
            notBefore: validity.notBefore,
            notAfter: validity.notAfter
        )
        template.uriNames = [identity.description]
        return [try root.sign(template, for: request.publicKey), root.certificate]
    }

    /// A fresh key and certificate for the control plane's own ADS listener: its identity, and the names it is
    /// reached by.
    public func serverCredential(
        _ names: ServerNames,
        identity: SPIFFEID,
        life: Duration = .seconds(90 * 86_400),
        at unixSeconds: Int64
    ) throws(AuthorityError) -> KeyedChain {
        let key = PrivateKey.generateP256()
        let validity = Authority.validity(life, at: unixSeconds)
        var template = CertificateTemplate(
            .leaf(server: true, client: true),
            notBefore: validity.notBefore,
            notAfter: validity.notAfter
        )
        template.uriNames = [identity.description]
        template.dnsNames = names.dnsNames
        template.ipAddresses = names.addresses
        return KeyedChain(key: key, chain: [try root.sign(template, for: key.publicKey), root.certificate])
    }

    /// The identity a verified client certificate proves; nil when it has none of this trust domain, or more than one.
    public func identity(of certificate: Certificate) -> SPIFFEID? {
        guard certificate.uriNames.count == 1, let id = SPIFFEID(certificate.uriNames[0]), id.trustDomain == trustDomain
        else { return nil }
        return id
    }
}
