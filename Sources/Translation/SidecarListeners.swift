internal import Base
internal import Registry
internal import Resources
internal import XDS

/// Listeners of a sidecar: the app's way out, extra egress ports, and the ways in.
struct SidecarListeners {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let places: SidecarPlaces
    private let routes: SidecarRoutes
    private let managers: ConnectionManagers
    private let serverTLS: ServerTLS

    init(mesh: MeshSnapshot, node: ProxyNode, places: SidecarPlaces) {
        self.mesh = mesh
        self.node = node
        self.places = places
        routes = SidecarRoutes(mesh: mesh, node: node)
        managers = ConnectionManagers(mesh: mesh)
        serverTLS = ServerTLS(material: TLSMaterial(mesh: mesh, node: node))
    }

    func build(ledger: inout Ledger) -> Listeners {
        var built = Listeners()
        if let source = routes.scope.source { ledger.use(source) }
        var addresses: Set<String> = []
        for egress in routes.scope.egress {
            let port = egress.port.map { UInt16(clamping: $0.number) } ?? places.outboundPort
            let address = egress.port == nil ? places.outboundAddress : egress.bind ?? places.outboundAddress
            guard addresses.insert("\(address):\(port)").inserted else { continue }
            outbound(egress, address: address, port: port, built: &built, ledger: &ledger)
        }
        // Without a listener for all ports the app still finds the outbound port, with nothing behind it.
        if addresses.insert("\(places.outboundAddress):\(places.outboundPort)").inserted {
            let nothing = SidecarScope.Egress(port: nil, bind: nil, imports: [])
            outbound(
                nothing,
                address: places.outboundAddress,
                port: places.outboundPort,
                built: &built,
                ledger: &ledger
            )
        }
        inbound(built: &built, ledger: &ledger)
        return built
    }

    // MARK: Out

    private func outbound(
        _ egress: SidecarScope.Egress,
        address: String,
        port: UInt16,
        built: inout Listeners,
        ledger: inout Ledger
    ) {
        let name = "\(address)_\(port)"
        let statPrefix = "outbound_\(name)"
        let only = egress.port.map { Int($0.number) }
        let spoken = egress.port?.protocol.flatMap { PortProtocol(parsing: $0) }
        var chains: [FilterChainMessage] = []
        let services = routes.services(through: egress)
        if let spoken, spoken == .tcp {
            let service = services.first { $0.port(numbered: only ?? 0) != nil }
            guard let service, let target = service.port(numbered: only ?? 0) else { return }
            ledger.use(service.source)
            let targets = routes.tunnels.targets(to: service, port: target, ledger: &ledger)
            let filters = ledger.tcpFilters(targets, statPrefix: statPrefix, settings: mesh.settings)
            chains = [Chains.chain(name: "tcp", filters: filters)]
        } else {
            if spoken == nil || spoken?.isTLS == true {
                chains += secure(services, only: only, statPrefix: statPrefix, ledger: &ledger)
            }
            if spoken == nil || spoken?.isHTTP == true {
                let routeName = String(port)
                built.routes.append(
                    routes.configuration(name: routeName, through: egress, port: only, ledger: &ledger)
                )
                let manager = managers.outbound(routeConfiguration: routeName, statPrefix: statPrefix)
                let transport = chains.isEmpty ? "" : "raw_buffer"
                chains.append(
                    Chains.chain(name: "http", transportProtocol: transport, filter: Chains.http(manager))
                )
            }
        }
        guard !chains.isEmpty else { return }
        built.listeners.append(
            Chains.listener(
                name: name,
                address: address,
                port: port,
                direction: .outbound,
                chains: chains,
                inspectsTLS: chains.count > 1 || spoken?.isTLS == true
            )
        )
    }

    private func secure(
        _ services: [MeshService],
        only: Int?,
        statPrefix: String,
        ledger: inout Ledger
    ) -> [FilterChainMessage] {
        var chains = routes.tunnels.byServerName(services, port: only, ledger: &ledger).filter { !$0.targets.isEmpty }
            .map { tunnel in
                Chains.chain(
                    name: "tls.\(tunnel.serverNames[0])",
                    serverNames: tunnel.serverNames,
                    transportProtocol: "tls",
                    filters: ledger.tcpFilters(tunnel.targets, statPrefix: statPrefix, settings: mesh.settings)
                )
            }
        let rest = routes.isOpen ? routes.openCluster(ledger: &ledger) : ledger.needBlackHole()
        chains.append(
            Chains.chain(
                name: "tls",
                transportProtocol: "tls",
                filters: ledger.tcpFilters([(rest, 1)], statPrefix: statPrefix, settings: mesh.settings)
            )
        )
        return chains
    }

    // MARK: In

    /// Words in a ClientHello's ALPN by which a mesh peer is known. Source: Istio.
    static let meshProtocols = ["istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"]

    /// The app's registered ports, and those that only a Sidecar resource knows.
    private func inbound(built: inout Listeners, ledger: inout Ledger) {
        var ingress: [Int: SidecarSpec.IstioIngressListener] = [:]
        for listener in routes.scope.ingress {
            guard let port = listener.port else { continue }
            ingress[Int(port.number)] = listener
        }
        for port in places.inbound {
            inbound(port, as: ingress.removeValue(forKey: Int(port.appPort)), built: &built, ledger: &ledger)
        }
        for (number, listener) in ingress.sorted(by: { $0.key < $1.key }) {
            let name = listener.port?.name ?? ""
            let port = InboundPort(
                name: name,
                portProtocol: listener.port?.protocol.flatMap { PortProtocol(parsing: $0) }
                    ?? .ofServicePort(name: name, appProtocol: nil, transport: nil),
                appPort: UInt16(clamping: number),
                listenAddress: listener.bind ?? places.inbound.first?.listenAddress ?? "0.0.0.0",
                listenPort: UInt16(clamping: number)
            )
            inbound(port, as: listener, built: &built, ledger: &ledger)
        }
    }

    /// Mesh peers come with mTLS; anything else is let in as it is (PERMISSIVE), TLS of the app's own unopened. Where
    /// the Sidecar resource writes TLS settings, that TLS is ended here and plain text is not let in.
    private func inbound(
        _ port: InboundPort,
        as listener: SidecarSpec.IstioIngressListener?,
        built: inout Listeners,
        ledger: inout Ledger
    ) {
        let cluster = Clusters.inbound(
            port,
            endpoint: listener?.defaultEndpoint,
            pool: listener?.connectionPool ?? routes.scope.inboundConnectionPool,
            settings: mesh.settings
        )
        built.clusters.append(cluster)
        let name = "\(port.listenAddress)_\(port.listenPort)"
        let statPrefix = "inbound_\(name)"
        let tcp = Chains.tcp([(cluster.name, 1)], statPrefix: statPrefix)
        let opensHTTP = port.portProtocol.isHTTP || (port.portProtocol == .https && listener?.tls != nil)
        let filter = opensHTTP ? http(port, cluster: cluster.name, statPrefix: statPrefix) : tcp
        var chains: [FilterChainMessage] = []
        if let tls = try? serverTLS.inbound(isHTTP: opensHTTP, ledger: &ledger) {
            chains.append(
                Chains.chain(
                    name: "mesh",
                    transportProtocol: "tls",
                    applicationProtocols: Self.meshProtocols,
                    tls: tls,
                    filter: filter
                )
            )
        }
        if let settings = listener?.tls, let source = routes.scope.source {
            do {
                let tls = try serverTLS.gateway(settings, isHTTP: opensHTTP, gateway: source, ledger: &ledger)
                chains.append(Chains.chain(name: "own", transportProtocol: "tls", tls: tls, filter: filter))
            } catch {
                ledger.report(source, error.reason, "ingress port \(port.appPort): \(error.message)")
            }
        } else {
            chains.append(Chains.chain(name: "tls", transportProtocol: "tls", filter: tcp))
            chains.append(Chains.chain(name: "plain", transportProtocol: "raw_buffer", filter: filter))
        }
        guard !chains.isEmpty else { return }
        built.listeners.append(
            Chains.listener(
                name: name,
                address: port.listenAddress,
                port: port.listenPort,
                direction: .inbound,
                chains: chains,
                inspectsTLS: true
            )
        )
    }

    private func http(_ port: InboundPort, cluster: String, statPrefix: String) -> NetworkFilter {
        var route = RouteMessage()
        route.name = "default"
        route.match.prefix = "/"
        route.route.cluster = cluster
        route.route.timeout = Wire.duration(.zero)
        // The app may close an idle connection just as it is chosen; a request that was not sent yet is tried again.
        if !port.portProtocol.isGRPC {
            route.route.retryPolicy.retryOn = "reset-before-request"
            route.route.retryPolicy.numRetries = Wire.uint(2)
        }
        var host = VirtualHostMessage()
        host.name = "inbound|http|\(port.appPort)"
        host.domains = ["*"]
        host.routes = [route]
        var table = RouteConfigurationMessage()
        table.name = "inbound|\(port.appPort)||"
        table.virtualHosts = [host]
        table.validateClusters = Wire.bool(false)
        return Chains.http(
            managers.inbound(
                routes: table,
                statPrefix: statPrefix,
                isGRPCWeb: port.portProtocol == .grpcWeb
            )
        )
    }
}
