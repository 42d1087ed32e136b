public import Base

/// A gateway process of the mesh, as the control plane sees it: who it is and where its ports really are.
///
/// Input of `MeshSnapshot`: the endpoints of the Services `istio-ingressgateway` and `istio-egressgateway` are these.
public struct GatewayWorkload: Sendable, Hashable {
    public var name: String
    public var namespace: String
    public var labels: [String: String]
    public var serviceAccount: String
    /// Where other workloads reach it.
    public var address: String
    public var ports: PortMap
    public var locality: MeshLocality

    public init(
        name: String,
        namespace: String,
        labels: [String: String],
        serviceAccount: String,
        address: String,
        ports: PortMap,
        locality: MeshLocality = MeshLocality()
    ) {
        self.name = name
        self.namespace = namespace
        self.labels = labels
        self.serviceAccount = serviceAccount
        self.address = address
        self.ports = ports
        self.locality = locality
    }
}

/// Where the declared ports of a gateway are bound (`--port-map`).
///
/// Names, redirects and route tests speak of declared ports; only listeners' addresses and endpoints carry mapped ones.
public struct PortMap: Sendable, Hashable {
    /// Address for ports without an entry: `0.0.0.0` for an ingress gateway, loopback for an egress gateway.
    public var defaultAddress: String
    /// Bound address by declared port.
    public var bindings: [UInt16: SocketAddress]

    public init(defaultAddress: String = "0.0.0.0", bindings: [UInt16: SocketAddress] = [:]) {
        self.defaultAddress = defaultAddress
        self.bindings = bindings
    }

    /// Where a declared port is bound: its entry, or the port itself on the default address.
    public func binding(of port: UInt16) -> (address: String, port: UInt16) {
        if let bound = bindings[port] { return (bound.address.description, bound.port) }
        return (defaultAddress, port)
    }
}
