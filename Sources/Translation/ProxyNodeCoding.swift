internal import Base
internal import Registry
public import XDS

/// How a proxy says in its xDS node what translation must know about it.
///
/// Beside Istio's `LABELS`, `NAMESPACE` and `SERVICE_ACCOUNT`:
/// - `GATEHOUSE_BIND`: a gateway's address for ports without an entry below, `0.0.0.0` when absent.
/// - `GATEHOUSE_PORTS`: bound address by declared port, `{"80": "0.0.0.0:8080"}`.
/// - `GATEHOUSE_OUTBOUND`: a sidecar's outbound listener, `127.0.0.1:15001` when absent.
/// - `GATEHOUSE_INBOUND`: the app's ports, `[{"name": "http", "protocol": "HTTP", "app": 9080, "listen": "10.0.0.5:15090"}]`.
/// - `GATEHOUSE_IDENTITY`: `delivered`, `bootstrap` or `none`. Our own proxies hold an identity, others do not unless
///   they say so.
extension ProxyNode {
    /// Nil for nodes that are neither gateway (`router`) nor sidecar.
    public init?(_ node: Node) {
        let metadata = node.metadata
        var locality = MeshLocality()
        locality.region = node.locality.region
        locality.zone = node.locality.zone
        locality.subzone = node.locality.subZone
        let role: Role
        switch node.role {
        case .router: role = .gateway(Self.portMap(metadata))
        case .sidecar: role = .sidecar(Self.places(metadata))
        case .waypoint, .ztunnel, nil: return nil
        }
        self.init(
            name: node.name,
            namespace: node.namespace,
            labels: node.labels,
            serviceAccount: metadata["SERVICE_ACCOUNT"]?.text ?? "default",
            locality: locality,
            identity: Self.identity(metadata["GATEHOUSE_IDENTITY"]?.text, flavor: node.flavor),
            role: role
        )
    }

    /// What a proxy puts into its node's metadata; labels and namespace have their own place there.
    public var metadata: [String: MetadataValue] {
        var metadata: [String: MetadataValue] = ["SERVICE_ACCOUNT": .string(serviceAccount)]
        switch identity {
        case .delivered: metadata["GATEHOUSE_IDENTITY"] = .string("delivered")
        case .bootstrap: metadata["GATEHOUSE_IDENTITY"] = .string("bootstrap")
        case .none: metadata["GATEHOUSE_IDENTITY"] = .string("none")
        }
        switch role {
        case .gateway(let ports):
            metadata["GATEHOUSE_BIND"] = .string(ports.defaultAddress)
            var bindings: [String: MetadataValue] = [:]
            for (port, address) in ports.bindings { bindings[String(port)] = .string(address.description) }
            metadata["GATEHOUSE_PORTS"] = .object(bindings)
        case .sidecar(let places):
            metadata["GATEHOUSE_OUTBOUND"] = .string("\(places.outboundAddress):\(places.outboundPort)")
            metadata["GATEHOUSE_INBOUND"] = .list(
                places.inbound.map { port in
                    .object([
                        "name": .string(port.name), "protocol": .string(port.portProtocol.rawValue),
                        "app": .number(Double(port.appPort)),
                        "listen": .string("\(port.listenAddress):\(port.listenPort)"),
                    ])
                }
            )
        }
        return metadata
    }

    private static func identity(_ text: String?, flavor: Node.Flavor) -> Identity {
        switch text {
        case "delivered": .delivered
        case "bootstrap": .bootstrap
        case "none": .none
        default: flavor == .gatehouse ? .delivered : .none
        }
    }

    private static func portMap(_ metadata: [String: MetadataValue]) -> PortMap {
        var ports = PortMap(defaultAddress: metadata["GATEHOUSE_BIND"]?.text ?? "0.0.0.0")
        guard case .object(let bindings)? = metadata["GATEHOUSE_PORTS"] else { return ports }
        for (port, address) in bindings {
            guard let number = UInt16(port), let text = address.text, let bound = SocketAddress(text) else { continue }
            ports.bindings[number] = bound
        }
        return ports
    }

    private static func places(_ metadata: [String: MetadataValue]) -> SidecarPlaces {
        var places = SidecarPlaces()
        if let text = metadata["GATEHOUSE_OUTBOUND"]?.text, let address = SocketAddress(text) {
            places.outboundAddress = address.address.description
            places.outboundPort = address.port
        }
        guard case .list(let ports)? = metadata["GATEHOUSE_INBOUND"] else { return places }
        for case .object(let port) in ports {
            guard case .number(let app)? = port["app"], let appPort = UInt16(exactly: app),
                let text = port["listen"]?.text, let address = SocketAddress(text)
            else { continue }
            let name = port["name"]?.text ?? ""
            places.inbound.append(
                InboundPort(
                    name: name,
                    portProtocol: port["protocol"]?.text.flatMap { PortProtocol(parsing: $0) }
                        ?? .ofServicePort(name: name, appProtocol: nil, transport: nil),
                    appPort: appPort,
                    listenAddress: address.address.description,
                    listenPort: address.port
                )
            )
        }
        return places
    }
}

extension MetadataValue {
    fileprivate var text: String? { if case .string(let text) = self { text } else { nil } }
}
