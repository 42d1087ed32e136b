public import Registry

/// The proxy a snapshot is made for: everything about it that translation may depend on.
public struct ProxyNode: Sendable, Hashable {
    /// What a proxy is in the mesh, with the listening places only it knows.
    public enum Role: Sendable, Hashable {
        case gateway(PortMap)
        case sidecar(SidecarPlaces)
    }

    /// Where the proxy's own mesh certificate comes from.
    public enum Identity: Sendable, Hashable {
        /// The proxy (or its agent) holds secrets `default` and `ROOTCA` and supplies them itself under the SDS names.
        case delivered
        /// The bootstrap names them as static secrets (an Envoy fed by `gatehouse workload-cert`).
        case bootstrap
        /// None: mesh endpoints are reached in plain text (PERMISSIVE accepts it), ISTIO_MUTUAL does not work.
        case none
    }

    public var name: String
    public var namespace: String
    public var labels: [String: String]
    public var serviceAccount: String
    public var locality: MeshLocality
    public var identity: Identity
    public var role: Role

    public init(
        name: String,
        namespace: String,
        labels: [String: String],
        serviceAccount: String = "default",
        locality: MeshLocality = MeshLocality(),
        identity: Identity = .delivered,
        role: Role
    ) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
        self.serviceAccount = serviceAccount
        self.locality = locality
        self.identity = identity
        self.role = role
    }

    public var isGateway: Bool {
        if case .gateway = role { return true }
        return false
    }
}

/// Where a sidecar listens.
public struct SidecarPlaces: Sendable, Hashable {
    /// The app's way out: HTTP by Host, CONNECT, TLS by SNI.
    public var outboundAddress: String
    public var outboundPort: UInt16
    public var inbound: [InboundPort]

    public init(outboundAddress: String = "127.0.0.1", outboundPort: UInt16 = 15001, inbound: [InboundPort] = []) {
        self.outboundAddress = outboundAddress
        self.outboundPort = outboundPort
        self.inbound = inbound
    }
}

/// One port of the app behind a sidecar.
public struct InboundPort: Sendable, Hashable {
    public var name: String
    public var portProtocol: PortProtocol
    /// Where the app listens on 127.0.0.1.
    public var appPort: UInt16
    /// Where the sidecar listens for it; the registered WorkloadEntry names the same port.
    public var listenAddress: String
    public var listenPort: UInt16

    public init(name: String, portProtocol: PortProtocol, appPort: UInt16, listenAddress: String, listenPort: UInt16) {
        self.name = name
        self.portProtocol = portProtocol
        self.appPort = appPort
        self.listenAddress = listenAddress
        self.listenPort = listenPort
    }
}
