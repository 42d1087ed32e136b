/// Who asks for configuration.
///
/// Source: Istio's node id, `type~ip~name.namespace~domain`, and its metadata keys.
public struct Node: Hashable, Sendable {
    public enum Role: String, Hashable, Sendable { case sidecar, router, waypoint, ztunnel }

    /// What the peer's xDS implementation can do.
    public enum Flavor: Hashable, Sendable {
        /// This product.
        case gatehouse
        case envoy
        /// A proxyless gRPC client or server.
        case grpc
    }

    /// As sent.
    public var id: String
    /// Nil for a node id of another form (gRPC clients choose their own).
    public var role: Role?
    public var address: String = ""
    public var name: String = ""
    public var namespace: String = ""
    public var domain: String = ""
    public var cluster: String = ""
    public var flavor: Flavor = .envoy
    public var locality: Locality = Locality()
    /// Metadata key LABELS.
    public var labels: [String: String] = [:]
    public var metadata: [String: MetadataValue] = [:]
    public var userAgent: String = ""
    public var clientFeatures: [String] = []

    public init(
        id: String,
        role: Role?,
        address: String = "",
        name: String = "",
        namespace: String = "",
        domain: String = "",
        cluster: String = "",
        flavor: Flavor = .envoy,
        locality: Locality = Locality(),
        labels: [String: String] = [:],
        metadata: [String: MetadataValue] = [:],
        userAgent: String = "",
        clientFeatures: [String] = []
    ) {
        self.id = id
        self.role = role
        self.address = address
        self.name = name
        self.namespace = namespace
        self.domain = domain
        self.cluster = cluster
        self.flavor = flavor
        self.locality = locality
        self.labels = labels
        self.metadata = metadata
        self.userAgent = userAgent
        self.clientFeatures = clientFeatures
    }
}
