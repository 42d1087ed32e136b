public import Resources

/// A name that traffic can be sent to, with its ports and, where the control plane knows them, its endpoints.
///
/// Made from a core/v1 Service, from one host of a ServiceEntry, or by the control plane for its own gateways.
public struct MeshService: Sendable, Hashable {
    /// How the endpoints of a service are found.
    public enum Resolution: Sendable, Hashable {
        /// Addresses the control plane knows, delivered by EDS.
        case endpoints
        /// Every answer of the resolver is an endpoint.
        case dns
        /// The first answer of the resolver; connections survive a changed answer.
        case dnsRoundRobin
        /// Wherever the caller asked to go: no name or address of the service's own.
        case original
        /// The host that each request names, resolved when it is asked for.
        case dynamic
    }

    /// Where a service was declared; ties between equal host names are decided by it.
    public enum Origin: Int, Sendable, Hashable, Comparable {
        case service, serviceEntry

        public static func < (a: Origin, b: Origin) -> Bool { a.rawValue < b.rawValue }
    }

    public var hostname: String
    public var namespace: String
    public var ports: [MeshPort]
    public var resolution: Resolution
    public var origin: Origin
    /// Outside the mesh: never mesh mTLS unless a DestinationRule asks for it.
    public var isExternal: Bool
    public var exportTo: Visibility
    /// SANs that a server certificate must carry when TLS is originated to this service; empty means no extra demand.
    public var subjectAltNames: [String]
    public var endpoints: [MeshEndpoint]
    /// The name this one stands for (`ExternalName` Services whose target is itself in the registry).
    public var aliasOf: String?
    /// Virtual addresses by which callers may name it: written ones, or those given automatically. No CIDR blocks.
    public var addresses: [String] = []
    /// Callers stay with one endpoint, told apart by their address (`sessionAffinity: ClientIP`).
    public var isSticky = false
    /// The object that declared it.
    public var source: ResourceKey
    public var order: CreationOrder

    public func port(numbered number: Int) -> MeshPort? { ports.first { $0.number == number } }
}

/// One port of a service.
public struct MeshPort: Sendable, Hashable {
    public var number: Int
    public var name: String
    public var portProtocol: PortProtocol
    /// Port on the endpoints; a name refers to the endpoint's own table of ports.
    public var target: Target

    public enum Target: Sendable, Hashable {
        case number(Int)
        case name(String)
    }

    public init(number: Int, name: String, portProtocol: PortProtocol, target: Target? = nil) {
        self.number = number
        self.name = name
        self.portProtocol = portProtocol
        self.target = target ?? .number(number)
    }
}

/// One place where a service answers.
public struct MeshEndpoint: Sendable, Hashable {
    /// An IP address, a DNS name (only under `dns` resolutions), or `unix:///path`.
    public var address: String
    /// Endpoint port by service port name.
    public var ports: [String: Int]
    public var labels: [String: String]
    /// Relative share, at least 1.
    public var weight: Int
    public var locality: MeshLocality
    public var namespace: String
    public var serviceAccount: String
    /// True when a sidecar or gateway of the mesh answers at `address` and wants mesh mTLS.
    public var isMesh: Bool
    public var isReady: Bool

    public init(
        address: String,
        ports: [String: Int],
        labels: [String: String] = [:],
        weight: Int = 1,
        locality: MeshLocality = MeshLocality(),
        namespace: String,
        serviceAccount: String = "",
        isMesh: Bool = false,
        isReady: Bool = true
    ) {
        self.address = address
        self.ports = ports
        self.labels = labels
        self.weight = weight
        self.locality = locality
        self.namespace = namespace
        self.serviceAccount = serviceAccount
        self.isMesh = isMesh
        self.isReady = isReady
    }
}

/// `region/zone/subzone`; empty parts are unknown.
public struct MeshLocality: Sendable, Hashable, Comparable {
    public var region = ""
    public var zone = ""
    public var subzone = ""

    public init() {}

    public init(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        region = parts.first ?? ""
        zone = parts.count > 1 ? parts[1] : ""
        subzone = parts.count > 2 ? parts[2] : ""
    }

    public static func < (a: MeshLocality, b: MeshLocality) -> Bool {
        (a.region, a.zone, a.subzone) < (b.region, b.zone, b.subzone)
    }
}
