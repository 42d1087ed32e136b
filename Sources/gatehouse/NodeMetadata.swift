internal import Base
internal import Registry
internal import Translation
internal import XDS

/// The metadata that our proxies send about themselves, and what translation makes of any proxy's.
///
/// Keys LABELS, NAMESPACE, SERVICE_ACCOUNT, WORKLOAD_NAME and AUTO_REGISTER_GROUP are Istio's. Ours are PORT_MAP
/// (declared port to `ADDR:PORT`), BIND_ADDRESS, OUTBOUND_LISTEN, and APP_PORTS (objects with name, protocol, port,
/// listen).
enum NodeMetadata {
    static let userAgent = "gatehouse"

    static func node(
        role: Node.Role,
        address: String,
        name: String,
        namespace: String,
        serviceAccount: String,
        labels: [String: String],
        extra: [String: MetadataValue]
    ) -> Node {
        var metadata = extra
        metadata["NAMESPACE"] = .string(namespace)
        metadata["SERVICE_ACCOUNT"] = .string(serviceAccount)
        metadata["WORKLOAD_NAME"] = .string(name)
        metadata["LABELS"] = .object(labels.mapValues { .string($0) })
        let domain = "\(namespace).svc.cluster.local"
        return Node(
            id: "\(role.rawValue)~\(address)~\(name).\(namespace)~\(domain)",
            role: role,
            address: address,
            name: name,
            namespace: namespace,
            domain: domain,
            cluster: name,
            flavor: .gatehouse,
            labels: labels,
            metadata: metadata,
            userAgent: userAgent
        )
    }

    /// What translation knows of a proxy; nil for a node that is neither a sidecar nor a gateway.
    static func proxyNode(_ node: Node) -> ProxyNode? {
        let role: ProxyNode.Role
        switch node.role {
        case .router: role = .gateway(portMap(node))
        case .sidecar: role = .sidecar(places(node))
        case .waypoint, .ztunnel, nil: return nil
        }
        return ProxyNode(
            name: node.name,
            namespace: node.namespace,
            labels: node.labels,
            serviceAccount: serviceAccount(node),
            locality: locality(node),
            // An Envoy holds no mesh key unless its bootstrap says so; what it cannot have is not asked of it.
            identity: node.flavor == .gatehouse ? .delivered : hasStaticSecrets(node) ? .bootstrap : .none,
            role: role
        )
    }

    /// The WorkloadGroup whose template its WorkloadEntry follows. Source: Istio's AUTO_REGISTER_GROUP.
    static func workloadGroup(_ node: Node) -> String? { text(node.metadata["AUTO_REGISTER_GROUP"]) }

    static func serviceAccount(_ node: Node) -> String { text(node.metadata["SERVICE_ACCOUNT"]) ?? "default" }

    /// A gateway that other workloads may be sent to: only ours, which hold a mesh certificate.
    static func gatewayWorkload(_ node: Node) -> GatewayWorkload? {
        guard node.role == .router, node.flavor == .gatehouse else { return nil }
        return GatewayWorkload(
            name: node.name,
            namespace: node.namespace,
            labels: node.labels,
            serviceAccount: serviceAccount(node),
            address: node.address,
            ports: portMap(node),
            locality: locality(node)
        )
    }

    private static func locality(_ node: Node) -> MeshLocality {
        var place = MeshLocality()
        place.region = node.locality.region
        place.zone = node.locality.zone
        place.subzone = node.locality.subZone
        return place
    }

    private static func hasStaticSecrets(_ node: Node) -> Bool { node.metadata["STATIC_SECRETS"] == .bool(true) }

    private static func portMap(_ node: Node) -> Registry.PortMap {
        var map = Registry.PortMap(defaultAddress: text(node.metadata["BIND_ADDRESS"]) ?? "0.0.0.0")
        guard case .object(let entries)? = node.metadata["PORT_MAP"] else { return map }
        for (declared, bound) in entries {
            guard let port = UInt16(declared), let address = text(bound).flatMap({ SocketAddress($0) }) else {
                continue
            }
            map.bindings[port] = address
        }
        return map
    }

    private static func places(_ node: Node) -> SidecarPlaces {
        var places = SidecarPlaces()
        if let listen = text(node.metadata["OUTBOUND_LISTEN"]).flatMap({ SocketAddress($0) }) {
            places.outboundAddress = listen.address.description
            places.outboundPort = listen.port
        }
        guard case .list(let apps)? = node.metadata["APP_PORTS"] else { return places }
        places.inbound = apps.compactMap(inboundPort)
        return places
    }

    private static func inboundPort(_ value: MetadataValue) -> InboundPort? {
        guard case .object(let app) = value, let name = text(app["name"]),
            case .number(let port)? = app["port"], let listen = text(app["listen"]).flatMap({ SocketAddress($0) }),
            let appPort = UInt16(exactly: port)
        else { return nil }
        return InboundPort(
            name: name,
            portProtocol: PortProtocol(parsing: text(app["protocol"]) ?? "tcp") ?? .tcp,
            appPort: appPort,
            listenAddress: listen.address.description,
            listenPort: listen.port
        )
    }

    private static func text(_ value: MetadataValue?) -> String? {
        if case .string(let text)? = value { return text }
        return nil
    }
}
