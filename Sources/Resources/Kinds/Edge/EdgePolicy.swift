/// Limits, deadlines and protocol options of one Gateway, or of one of its servers: what Istio's kinds have no field
/// for.
///
/// Shape: an attached policy. A policy with `sectionName` is laid over one without, that over `MeshConfig.edgeDefaults`
/// and that over the built-in edge profile, field by field. Of two policies with one target the older one wins.
public struct EdgePolicySpec: FieldObject {
    /// Source: the policy attachment of the Gateway API (`targetRef`, `sectionName`).
    public struct TargetRef: FieldObject {
        public var group: String?
        public var kind: String = ""
        public var name: String = ""
        public var sectionName: String?
        public init() {}
        public static let fields: [Field<TargetRef>] = [
            Field("group", \.group, "networking.istio.io, the default"),
            Field("kind", \.kind, "Gateway", required: true),
            Field("name", \.name, "of a Gateway in the same namespace", required: true),
            Field("sectionName", \.sectionName, "name of one server, or of its port; default all servers"),
        ]
    }

    public var targetRef = TargetRef()
    public var settings = EdgeSettings()
    public init() {}
    public static let fields: [Field<EdgePolicySpec>] =
        [Field("targetRef", \.targetRef, "what the policy is for", required: true)]
        + EdgeSettings.fields.map { $0.lifted(through: \.settings) }
}

/// What can be set for the edge, as a policy of one Gateway or as `MeshConfig.edgeDefaults` for all of them.
///
/// Each section stands in a file of its own.
public struct EdgeSettings: FieldObject, EdgeSection {
    public var limits: EdgeLimits?
    public var timeouts: EdgeTimeouts?
    public var http1: EdgeHTTP1?
    public var http2: EdgeHTTP2?
    public var clientAddress: EdgeClientAddress?
    public var grpc: EdgeGRPC?
    public var tcpKeepalive: ConnectionPoolSettings.TCPSettings.TcpKeepalive?
    public init() {}
    public static let fields: [Field<EdgeSettings>] = [
        Field("limits", \.limits, "how much a client may ask for"),
        Field("timeouts", \.timeouts, "how long a client may take"),
        Field("http1", \.http1, "HTTP/1 towards clients"),
        Field("http2", \.http2, "HTTP/2 towards clients"),
        Field("clientAddress", \.clientAddress, "who the client is, behind other proxies"),
        Field("grpc", \.grpc, "gRPC towards clients"),
        Field("tcpKeepalive", \.tcpKeepalive, "probes on client connections; default after 45s, 3 times, every 10s"),
    ]

    public mutating func fill(from base: EdgeSettings) {
        limits = filled(limits, from: base.limits)
        timeouts = filled(timeouts, from: base.timeouts)
        http1 = filled(http1, from: base.http1)
        http2 = filled(http2, from: base.http2)
        clientAddress = filled(clientAddress, from: base.clientAddress)
        grpc = filled(grpc, from: base.grpc)
        tcpKeepalive = tcpKeepalive ?? base.tcpKeepalive
    }
}

/// A group of settings that can be laid over another of its kind.
public protocol EdgeSection {
    /// Takes from `base` what is not set here.
    mutating func fill(from base: Self)
}

extension EdgeSection {
    /// One section laid over another; nil when neither was written.
    func filled<Section: EdgeSection>(_ section: Section?, from base: Section?) -> Section? {
        guard var section, let base else { return section ?? base }
        section.fill(from: base)
        return section
    }
}
