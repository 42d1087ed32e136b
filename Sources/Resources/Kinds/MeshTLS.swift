/// TLS settings of the whole mesh: `MeshConfig.tlsDefaults` and `MeshConfig.meshMTLS`.
public struct MeshTLSConfig: FieldObject {
    public enum TLSProtocol: String, FieldEnum {
        case auto = "TLS_AUTO"
        case v1_2 = "TLSV1_2"
        case v1_3 = "TLSV1_3"
    }

    public var minProtocolVersion: TLSProtocol?
    public var ecdhCurves: [String] = []
    public var cipherSuites: [String] = []
    public init() {}
    public static let fields: [Field<MeshTLSConfig>] = [
        Field("minProtocolVersion", \.minProtocolVersion, "lowest version; default TLS 1.2"),
        Field("ecdhCurves", \.ecdhCurves, "key exchange groups in order: X25519, P-256, P-384, P-521"),
        Field("cipherSuites", \.cipherSuites, "OpenSSL names, for TLS 1.2"),
    ]

    static let curves: Set<String> = ["X25519", "P-256", "P-384", "P-521"]

    func check(_ findings: inout Findings) {
        findings.each("ecdhCurves", ecdhCurves) { name, findings in
            guard !Self.curves.contains(name) else { return }
            let known = Self.curves.sorted().joined(separator: ", ")
            findings.error("mesh.tls.curve", "\"\(name.prefix(60))\" is not one of \(known)")
        }
        if Set(ecdhCurves).count < ecdhCurves.count {
            findings.error(at: "ecdhCurves", "mesh.tls.curve", "a curve is given twice")
        }
        findings.each("cipherSuites", cipherSuites) { name, findings in
            guard !ServerTLSSettings.ciphers.contains(name) || name == "DES-CBC3-SHA" else { return }
            findings.warn("IST0133", "unknown cipher suite \"\(name.prefix(60))\" is ignored")
        }
    }
}

/// `gatewayTopology.proxyProtocol`: its presence says that every connection to a gateway begins with a PROXY header.
public struct ProxyProtocolConfiguration: FieldObject {
    public init() {}
    public static let fields: [Field<ProxyProtocolConfiguration>] = []
}
