/// What a TLS listener shows and asks for. All text is PEM.
public struct TLSOptions: Sendable, Equatable {
    public enum ClientCertificates: Sendable, Equatable {
        case ignored
        /// Asked for; one that is given must verify.
        case optional
        /// A handshake without one fails.
        case required
    }

    /// The leaf first.
    public var certificateChain: String
    public var privateKey: String
    public var clientCertificates: ClientCertificates
    /// Whom client certificates must come from; unused when they are ignored.
    public var clientTrust: String

    public init(
        certificateChain: String,
        privateKey: String,
        clientCertificates: ClientCertificates = .ignored,
        clientTrust: String = ""
    ) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.clientCertificates = clientCertificates
        self.clientTrust = clientTrust
    }
}

/// How a client makes sure of its server, and shows itself. All text is PEM.
public struct ClientTLSOptions: Sendable, Equatable {
    /// Whom the server's certificate must come from. There is no way to believe everybody.
    public var trust: String
    /// The name to ask for (SNI) and to find in the certificate; nil means the host that is connected to.
    public var serverName: String?
    /// When not empty, one of these URIs must be among the server's names, instead of `serverName`.
    public var expectedURINames: [String]
    /// Our certificate chain and key, for servers that ask.
    public var certificateChain: String?
    public var privateKey: String?

    public init(
        trust: String,
        serverName: String? = nil,
        expectedURINames: [String] = [],
        certificateChain: String? = nil,
        privateKey: String? = nil
    ) {
        self.trust = trust
        self.serverName = serverName
        self.expectedURINames = expectedURINames
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }
}
