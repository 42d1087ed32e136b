/// TLS towards clients.
///
/// Source: Envoy `DownstreamTlsContext`.
public struct DownstreamTLS: Hashable, Sendable {
    public enum Tickets: Hashable, Sendable {
        /// Keys made by the process.
        case automatic
        case disabled
        case inline([DataSource])
        /// The name of a Secret with keys.
        case secret(String)
    }

    public var settings: TLSSettings = TLSSettings()
    public var requiresClientCertificate: Bool = false
    public var requiresSNI: Bool = false
    public var tickets: Tickets = .automatic
    public var sessionTimeout: Duration? = nil
    public var scansAllCertificatesOnSNIMismatch: Bool = false

    public init(
        settings: TLSSettings = TLSSettings(),
        requiresClientCertificate: Bool = false,
        requiresSNI: Bool = false,
        tickets: Tickets = .automatic,
        sessionTimeout: Duration? = nil,
        scansAllCertificatesOnSNIMismatch: Bool = false
    ) {
        self.settings = settings
        self.requiresClientCertificate = requiresClientCertificate
        self.requiresSNI = requiresSNI
        self.tickets = tickets
        self.sessionTimeout = sessionTimeout
        self.scansAllCertificatesOnSNIMismatch = scansAllCertificatesOnSNIMismatch
    }
}

/// TLS towards endpoints.
///
/// Source: Envoy `UpstreamTlsContext`.
public struct UpstreamTLS: Hashable, Sendable {
    public var settings: TLSSettings = TLSSettings()
    /// Empty sends none.
    public var sni: String = ""
    /// SNI from the endpoint's host name.
    public var setsSNIFromEndpoint: Bool = false
    /// Accept only a certificate whose DNS SAN covers the SNI sent.
    public var validatesSANFromSNI: Bool = false
    public var sessionKeysMax: UInt32 = 1

    public init(
        settings: TLSSettings = TLSSettings(),
        sni: String = "",
        setsSNIFromEndpoint: Bool = false,
        validatesSANFromSNI: Bool = false,
        sessionKeysMax: UInt32 = 1
    ) {
        self.settings = settings
        self.sni = sni
        self.setsSNIFromEndpoint = setsSNIFromEndpoint
        self.validatesSANFromSNI = validatesSANFromSNI
        self.sessionKeysMax = sessionKeysMax
    }
}

/// What both directions of TLS have.
public struct TLSSettings: Hashable, Sendable {
    public enum Version: Hashable, Sendable, Comparable { case tls10, tls11, tls12, tls13 }

    public enum Certificates: Hashable, Sendable {
        case none
        case inline([TLSCertificate])
        /// Names of Secrets: from ADS, or the proxy's own (`default` is its workload identity).
        case secrets([String])
    }

    public enum Validation: Hashable, Sendable {
        /// The peer is not verified.
        case none
        case inline(CertificateValidation)
        /// The name of a Secret: from ADS, or the proxy's own (`ROOTCA` is the mesh's trust bundle).
        case secret(String)
        /// The Secret brings the trusted CA, the rest is here.
        case combined(CertificateValidation, secret: String)
    }

    /// Nil is the proxy's default: TLS 1.2.
    public var versionMin: Version? = nil
    /// Nil is the proxy's default: TLS 1.3.
    public var versionMax: Version? = nil
    /// TLS 1.2 names in OpenSSL's spelling; empty: the default list.
    public var cipherSuites: [String] = []
    public var curves: [String] = []
    public var signatureAlgorithms: [String] = []
    public var certificates: Certificates = .none
    public var validation: Validation = .none
    /// In order of preference.
    public var alpn: [String] = []

    public init(
        versionMin: Version? = nil,
        versionMax: Version? = nil,
        cipherSuites: [String] = [],
        curves: [String] = [],
        signatureAlgorithms: [String] = [],
        certificates: Certificates = .none,
        validation: Validation = .none,
        alpn: [String] = []
    ) {
        self.versionMin = versionMin
        self.versionMax = versionMax
        self.cipherSuites = cipherSuites
        self.curves = curves
        self.signatureAlgorithms = signatureAlgorithms
        self.certificates = certificates
        self.validation = validation
        self.alpn = alpn
    }
}

/// A certificate chain with its key.
public struct TLSCertificate: Hashable, Sendable {
    /// PEM, the leaf first.
    public var chain: DataSource
    /// PEM.
    public var privateKey: DataSource
    public var password: DataSource? = nil
    /// DER of an OCSP response.
    public var ocspStaple: DataSource? = nil

    public init(
        chain: DataSource,
        privateKey: DataSource,
        password: DataSource? = nil,
        ocspStaple: DataSource? = nil
    ) {
        self.chain = chain
        self.privateKey = privateKey
        self.password = password
        self.ocspStaple = ocspStaple
    }
}

/// Whom to believe.
public struct CertificateValidation: Hashable, Sendable {
    public struct NameMatcher: Hashable, Sendable {
        public enum Kind: Hashable, Sendable { case email, dns, uri, ipAddress }

        /// Nil: any kind of subject alternative name.
        public var kind: Kind?
        public var matcher: StringMatcher

        public init(
            kind: Kind?,
            matcher: StringMatcher
        ) {
            self.kind = kind
            self.matcher = matcher
        }
    }

    /// PEM bundle; nil where a secret brings it.
    public var trustedCA: DataSource? = nil
    public var usesSystemRoots: Bool = false
    /// One must match when there are any.
    public var subjectNames: [NameMatcher] = []
    /// Lower-case hex SHA-256 of the peer's DER certificate; one must match when there are any.
    public var certificateHashes: [String] = []
    /// Base64 SHA-256 of the peer's public key info.
    public var publicKeyHashes: [String] = []
    public var revocationList: DataSource? = nil
    public var allowsExpired: Bool = false
    /// Accept any chain (the name checks then mean nothing).
    public var acceptsUntrusted: Bool = false

    public init(
        trustedCA: DataSource? = nil,
        usesSystemRoots: Bool = false,
        subjectNames: [NameMatcher] = [],
        certificateHashes: [String] = [],
        publicKeyHashes: [String] = [],
        revocationList: DataSource? = nil,
        allowsExpired: Bool = false,
        acceptsUntrusted: Bool = false
    ) {
        self.trustedCA = trustedCA
        self.usesSystemRoots = usesSystemRoots
        self.subjectNames = subjectNames
        self.certificateHashes = certificateHashes
        self.publicKeyHashes = publicKeyHashes
        self.revocationList = revocationList
        self.allowsExpired = allowsExpired
        self.acceptsUntrusted = acceptsUntrusted
    }
}

/// A named piece of TLS material that comes over ADS.
public struct Secret: Hashable, Sendable {
    public enum Content: Hashable, Sendable {
        case certificate(TLSCertificate)
        case validation(CertificateValidation)
        /// 80 bytes each, the newest first.
        case ticketKeys([DataSource])
        case generic(DataSource)
    }

    public var name: String
    public var content: Content

    public init(
        name: String,
        content: Content
    ) {
        self.name = name
        self.content = content
    }
}
