/// Listeners of the gateways that `selector` picks: ports, TLS, and the host names they show.
public struct GatewaySpec: FieldObject {
    public var servers: [Server] = []
    public var selector: [String: String] = [:]
    public init() {}
    public static let fields: [Field<GatewaySpec>] = [
        Field("servers", \.servers, "one port and its hosts each"),
        Field("selector", \.selector, "labels of the gateway workloads; empty means all"),
    ]
}

/// One port of a Gateway.
public struct Server: FieldObject {
    public var port: Port?
    public var bind: String?
    public var hosts: [String] = []
    public var tls: ServerTLSSettings?
    public var defaultEndpoint: String?
    public var name: String?
    public init() {}
    public static let fields: [Field<Server>] = [
        Field("port", \.port, "where to listen", required: true),
        Field("bind", \.bind, "listen address or unix path"),
        Field("hosts", \.hosts, "exposed names, `ns/name` or name; left-most wildcard label", required: true),
        Field("tls", \.tls, "how the server ends or passes TLS"),
        Field("defaultEndpoint", \.defaultEndpoint, "never implemented by Istio"),
        Field("name", \.name, "unique name"),
    ]
}

/// The server side of TLS, of a Gateway server or of a Sidecar ingress listener.
public struct ServerTLSSettings: FieldObject {
    public enum TLSmode: String, FieldEnum {
        case passthrough = "PASSTHROUGH"
        case simple = "SIMPLE"
        case mutual = "MUTUAL"
        case autoPassthrough = "AUTO_PASSTHROUGH"
        case istioMutual = "ISTIO_MUTUAL"
        case optionalMutual = "OPTIONAL_MUTUAL"
    }

    public enum TLSProtocol: String, FieldEnum {
        case auto = "TLS_AUTO"
        case v1_0 = "TLSV1_0"
        case v1_1 = "TLSV1_1"
        case v1_2 = "TLSV1_2"
        case v1_3 = "TLSV1_3"
    }

    public struct TLSCertificate: FieldObject {
        public var serverCertificate: String?
        public var privateKey: String?
        public var caCertificates: String?
        public init() {}
        public static let fields: [Field<TLSCertificate>] = [
            Field("serverCertificate", \.serverCertificate, "path of a PEM chain"),
            Field("privateKey", \.privateKey, "path of a PEM key"),
            Field("caCertificates", \.caCertificates, "path of a PEM bundle"),
        ]
    }

    public var httpsRedirect = false
    public var mode: TLSmode?
    public var serverCertificate: String?
    public var privateKey: String?
    public var caCertificates: String?
    public var caCrl: String?
    public var credentialName: String?
    public var credentialNames: [String] = []
    public var caCertCredentialName: String?
    public var tlsCertificates: [TLSCertificate] = []
    public var subjectAltNames: [String] = []
    public var verifyCertificateSpki: [String] = []
    public var verifyCertificateHash: [String] = []
    public var minProtocolVersion: TLSProtocol?
    public var maxProtocolVersion: TLSProtocol?
    public var cipherSuites: [String] = []
    public var insecureSkipVerify = false
    public init() {}

    /// `mode`, or PASSTHROUGH when none is given (the zero value of Istio's enumeration).
    public var effectiveMode: TLSmode { mode ?? .passthrough }

    public static let fields: [Field<ServerTLSSettings>] = [
        Field("httpsRedirect", \.httpsRedirect, "answer plain HTTP with 301 to https"),
        Field("mode", \.mode, "how TLS is ended"),
        Field("serverCertificate", \.serverCertificate, "path of a PEM chain, below the resource root"),
        Field("privateKey", \.privateKey, "path of a PEM key, below the resource root"),
        Field("caCertificates", \.caCertificates, "path of the PEM bundle that client certificates chain to"),
        Field("caCrl", \.caCrl, "path of a revocation list"),
        Field("credentialName", \.credentialName, "Secret with certificate and key"),
        Field("credentialNames", \.credentialNames, "up to two Secrets, RSA and ECDSA"),
        Field("caCertCredentialName", \.caCertCredentialName, "Secret with the client CA bundle"),
        Field("tlsCertificates", \.tlsCertificates, "up to two pairs of files, RSA and ECDSA"),
        Field("subjectAltNames", \.subjectAltNames, "names a client certificate may carry"),
        Field("verifyCertificateSpki", \.verifyCertificateSpki, "base64 SHA-256 of accepted client keys"),
        Field("verifyCertificateHash", \.verifyCertificateHash, "hex SHA-256 of accepted client certificates"),
        Field("minProtocolVersion", \.minProtocolVersion, "lowest version; default TLS 1.2"),
        Field("maxProtocolVersion", \.maxProtocolVersion, "highest version; default TLS 1.3"),
        Field("cipherSuites", \.cipherSuites, "OpenSSL names, for TLS 1.2 and lower"),
        Field("insecureSkipVerify", \.insecureSkipVerify, "let clients through whose certificate fails"),
    ]
}
