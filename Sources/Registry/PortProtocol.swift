/// What a service port speaks, as far as routing cares.
///
/// Source: Istio's protocol selection: `appProtocol` first, then the part of the port's name before the first `-`,
/// then the declared `protocol` of a ServiceEntry or Gateway port. A port that says nothing is taken for HTTP,
/// because without transparent capture nothing else can reach it by name.
public enum PortProtocol: String, Hashable, Sendable {
    case http = "HTTP"
    case http2 = "HTTP2"
    case grpc = "GRPC"
    case grpcWeb = "GRPC-WEB"
    case https = "HTTPS"
    case tls = "TLS"
    case tcp = "TCP"
    case udp = "UDP"

    /// Routed by request: host, path, headers.
    public var isHTTP: Bool {
        switch self {
        case .http, .http2, .grpc, .grpcWeb: true
        case .https, .tls, .tcp, .udp: false
        }
    }

    /// Routed by the server name of the ClientHello, never opened.
    public var isTLS: Bool { self == .https || self == .tls }

    /// The upstream connection must be HTTP/2.
    public var isHTTP2: Bool { self == .http2 || self == .grpc || self == .grpcWeb }

    public var isGRPC: Bool { self == .grpc || self == .grpcWeb }

    /// Case does not matter; opaque database protocols are TCP. Nil for a word that names no protocol.
    public init?(parsing text: String) {
        switch text.lowercased() {
        case "http": self = .http
        case "http2", "h2c", "kubernetes.io/h2c": self = .http2
        case "grpc": self = .grpc
        case "grpc-web": self = .grpcWeb
        case "https": self = .https
        case "tls": self = .tls
        case "tcp", "mongo", "redis", "mysql": self = .tcp
        case "udp": self = .udp
        default: return nil
        }
    }

    /// - Parameters:
    ///   - transport: the Kubernetes `protocol` (`TCP`, `UDP`), which only matters for UDP.
    public static func ofServicePort(name: String, appProtocol: String?, transport: String?) -> PortProtocol {
        if transport?.uppercased() == "UDP" { return .udp }
        if let appProtocol, let known = PortProtocol(parsing: appProtocol) { return known }
        if name.lowercased().hasPrefix("grpc-web") { return .grpcWeb }
        let prefix =
            name.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init) ?? name
        return PortProtocol(parsing: prefix) ?? .http
    }
}
