/// The kinds of xDS resources, in the order in which a change is sent: what is referred to comes before what refers.
public enum ResourceType: Int, CaseIterable, Hashable, Sendable, Comparable {
    case cluster
    case endpoint
    case listener
    case route
    case secret

    public var typeURL: String { "type.googleapis.com/" + messageName }

    /// The full protobuf name.
    public var messageName: String {
        switch self {
        case .cluster: "envoy.config.cluster.v3.Cluster"
        case .endpoint: "envoy.config.endpoint.v3.ClusterLoadAssignment"
        case .listener: "envoy.config.listener.v3.Listener"
        case .route: "envoy.config.route.v3.RouteConfiguration"
        case .secret: "envoy.extensions.transport_sockets.tls.v3.Secret"
        }
    }

    /// CDS, EDS, LDS, RDS, SDS.
    public var shortName: String {
        switch self {
        case .cluster: "CDS"
        case .endpoint: "EDS"
        case .listener: "LDS"
        case .route: "RDS"
        case .secret: "SDS"
        }
    }

    public init?(typeURL: String) {
        guard let type = Self.allCases.first(where: { $0.typeURL == typeURL }) else { return nil }
        self = type
    }

    /// A state-of-the-world response of this type lists everything: what is absent is deleted.
    public var isComplete: Bool { self == .listener || self == .cluster }

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
