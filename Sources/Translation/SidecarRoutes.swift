internal import Base
internal import Registry
internal import Resources
internal import XDS

/// The route table of an outbound listener of a sidecar: a virtual host for every port of every service in scope.
struct SidecarRoutes {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let scope: SidecarScope
    let rules: BoundRouting
    let routes: RouteBuilder
    let tunnels: SidecarTunnels

    init(mesh: MeshSnapshot, node: ProxyNode) {
        self.mesh = mesh
        self.node = node
        scope = mesh.sidecarScope(namespace: node.namespace, labels: node.labels)
        rules = mesh.meshRouting(for: scope, namespace: node.namespace)
        routes = RouteBuilder(mesh: mesh, node: node)
        tunnels = SidecarTunnels(mesh: mesh, node: node, rules: rules)
    }

    /// Services an egress listener imports, in order of name.
    func services(through listener: SidecarScope.Egress) -> [MeshService] {
        mesh.services.visible(from: node.namespace).filter { service in
            let isIn = scope.imports(service.hostname, namespace: service.namespace, through: listener)
            guard let port = listener.port, isIn else { return isIn }
            return service.port(numbered: Int(port.number)) != nil
        }
    }

    /// - Parameter port: the port of a listener that is for one port; nil is the shared outbound port, where the port
    ///   stands in the request's host.
    func configuration(
        name: String,
        through listener: SidecarScope.Egress,
        port: Int?,
        ledger: inout Ledger
    ) -> RouteConfigurationMessage {
        let services = services(through: listener)
        var hosts = VirtualHosts()
        // Full names first: a short form never takes another service's full name away.
        let fullNames = Set(services.map(\.hostname))
        for service in services {
            ledger.use(service.source)
            for servicePort in service.ports where servicePort.portProtocol != .udp {
                if let port, port != servicePort.number { continue }
                hosts.add(
                    name: "\(service.hostname):\(servicePort.number)",
                    domains: domains(of: service, port: servicePort, fullNames: fullNames, isOnlyPort: port != nil),
                    routes: routes(to: service, port: servicePort, ledger: &ledger)
                )
            }
        }
        addForeignHosts(to: &hosts, known: fullNames, port: port, ledger: &ledger)
        addRest(to: &hosts, ledger: &ledger)
        var message = RouteConfigurationMessage()
        message.name = name
        message.virtualHosts = hosts.build()
        message.validateClusters = Wire.bool(false)
        message.maxDirectResponseBodySizeBytes = Wire.uint(1 << 20)
        return message
    }

    // MARK: Services

    private func domains(
        of service: MeshService,
        port: MeshPort,
        fullNames: Set<String>,
        isOnlyPort: Bool
    ) -> [String] {
        let spellings = HostName.spellings(
            of: service.hostname,
            callerNamespace: node.namespace,
            domain: mesh.settings.domain
        ).filter { $0 == service.hostname || !fullNames.contains($0) }
        let addresses = service.addresses.map { $0.contains(":") ? "[\($0)]" : $0 }
        // Without a port the host means port 80, or the only port there is.
        let isImplied = isOnlyPort || port.number == 80 || service.ports.count == 1
        return (spellings + addresses).flatMap { name in
            isImplied ? [name, "\(name):\(port.number)"] : ["\(name):\(port.number)"]
        }
    }

    private func routes(to service: MeshService, port: MeshPort, ledger: inout Ledger) -> [BuiltRoute] {
        let tunnel = OwnRoutes.tunnel(
            to: tunnels.targets(to: service, port: port, ledger: &ledger),
            name: "tunnel"
        )
        guard port.portProtocol.isHTTP || port.portProtocol == .https else { return [tunnel] }
        if let rules = rules.governing(service.hostname), !rules.http.isEmpty {
            let built = routes.routes(of: rules, gateways: ["mesh"], port: port.number, ledger: &ledger)
            return [tunnel] + built
        }
        return [tunnel, routes.defaultRoute(to: service, port: port, ledger: &ledger)]
    }

    // MARK: Other hosts

    /// VirtualServices also route names that no service has.
    private func addForeignHosts(
        to hosts: inout VirtualHosts,
        known: Set<String>,
        port: Int?,
        ledger: inout Ledger
    ) {
        for rules in rules.all where !rules.http.isEmpty {
            for host in rules.hosts where !known.contains(host) {
                let matched = rules.http.flatMap { $0.match.compactMap { $0.port.map(Int.init) } }
                for number in port.map({ [$0] }) ?? Set(matched + [80]).sorted() {
                    let built = routes.routes(of: rules, gateways: ["mesh"], port: number, ledger: &ledger)
                    guard !built.isEmpty else { continue }
                    let isImplied = number == 80 || port != nil
                    hosts.add(
                        name: "\(host):\(number)",
                        domains: host == "*" ? ["*"] : isImplied ? [host, "\(host):\(number)"] : ["\(host):\(number)"],
                        routes: built
                    )
                }
            }
        }
    }

    /// Everything else follows the outbound traffic policy.
    private func addRest(to hosts: inout VirtualHosts, ledger: inout Ledger) {
        guard isOpen else {
            let refusal = [OwnRoutes.refuseTunnel(502, name: "block_all"), OwnRoutes.answer(502, name: "block_all")]
            hosts.add(name: "block_all", domains: ["*"], routes: refusal)
            return
        }
        let cluster = openCluster(ledger: &ledger)
        let pass = [
            OwnRoutes.tunnel(to: [(cluster, 1)], name: "allow_any"), OwnRoutes.forward(to: cluster, name: "allow_any"),
        ]
        hosts.add(name: "allow_any", domains: ["*"], routes: pass)
    }

    /// Unknown destinations may be reached.
    var isOpen: Bool {
        let policy = scope.outboundPolicy ?? mesh.settings.config.outboundTrafficPolicy
        return (policy?.mode ?? .allowAny) != .registryOnly
    }

    /// The cluster for unknown destinations: the written egress proxy, or straight out.
    func openCluster(ledger: inout Ledger) -> String {
        let policy = scope.outboundPolicy ?? mesh.settings.config.outboundTrafficPolicy
        guard var proxy = policy?.egressProxy else { return ledger.needPassthrough() }
        let namespace = scope.source?.namespace ?? node.namespace
        proxy.host = HostName.expand(proxy.host, namespace: namespace, domain: mesh.settings.domain)
        let resolved = routes.destinations.resolve(proxy, listenPort: 80, source: scope.source, ledger: &ledger)
        return resolved.reference.name
    }
}
