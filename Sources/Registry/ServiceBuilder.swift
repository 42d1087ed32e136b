internal import Base
internal import Resources

/// Makes services of core/v1 Services, of ServiceEntries and of the connected gateways.
struct ServiceBuilder {
    let stored: StoredResources
    let settings: MeshSettings
    let inputs: MeshInputs
    let gateways: [GatewayServers]

    func build() -> [MeshService] {
        var services = gatewayServices()
        let owned = Set(services.map { "\($0.namespace)/\($0.source.name)" })
        for item in stored.services where !owned.contains("\(item.source.namespace)/\(item.source.name)") {
            services.append(service(of: item))
        }
        let ports = Dictionary(services.map { ($0.hostname, $0.ports) }, uniquingKeysWith: { first, _ in first })
        for index in services.indices {
            guard let target = services[index].aliasOf else { continue }
            if let inherited = ports[target] {
                if services[index].ports.isEmpty { services[index].ports = inherited }
            } else {
                services[index].aliasOf = nil
            }
        }
        services += stored.serviceEntries.flatMap { entries(of: $0) }
        return services
    }

    // MARK: Services

    private func service(of item: StoredResources.Item<ServiceSpec>) -> MeshService {
        let spec = item.spec
        let namespace = item.source.namespace
        let ports = spec.ports.map { port in
            MeshPort(
                number: Int(port.port),
                name: port.name ?? "",
                portProtocol: .ofServicePort(
                    name: port.name ?? "",
                    appProtocol: port.appProtocol,
                    transport: port.protocol
                ),
                target: Self.target(port.targetPort)
            )
        }
        var result = MeshService(
            hostname: "\(item.source.name).\(namespace).svc.\(settings.domain)",
            namespace: namespace,
            ports: ports,
            resolution: .endpoints,
            origin: .service,
            isExternal: false,
            exportTo: exportTo(of: item),
            subjectAltNames: [],
            endpoints: [],
            aliasOf: nil,
            source: item.source,
            order: item.order
        )
        result.isSticky = spec.sessionAffinity == "ClientIP"
        result.addresses = Set([spec.clusterIP].compactMap { $0 } + spec.clusterIPs).filter { $0 != "None" }.sorted()
        if spec.type == "ExternalName", let target = spec.externalName {
            result.aliasOf = target
            result.resolution = .dns
            result.isExternal = true
            result.endpoints = [
                MeshEndpoint(
                    address: target,
                    ports: Dictionary(ports.map { ($0.name, $0.number) }, uniquingKeysWith: { first, _ in first }),
                    namespace: namespace
                )
            ]
            return result
        }
        result.endpoints = EndpointBuilder(stored: stored).endpoints(
            selector: spec.selector,
            ports: ports,
            namespace: namespace,
            includesWritten: item.source.name
        )
        return result
    }

    private func exportTo(of item: StoredResources.Item<ServiceSpec>) -> Visibility {
        let written = item.annotations["networking.istio.io/exportTo"] ?? ""
        let names = written.split(separator: ",").map { $0.filter { $0 != " " } }.filter { !$0.isEmpty }
        let exportTo = names.isEmpty ? settings.config.defaultServiceExportTo : names
        return Visibility(exportTo: exportTo, ownNamespace: item.source.namespace)
    }

    private static func target(_ value: IntOrString?) -> MeshPort.Target? {
        switch value {
        case .int(let number): .number(Int(number))
        case .string(let text): Int(text).map { .number($0) } ?? .name(text)
        case nil: nil
        }
    }

    // MARK: ServiceEntries

    private func entries(of item: StoredResources.Item<ServiceEntrySpec>) -> [MeshService] {
        let spec = item.spec
        let namespace = item.source.namespace
        let ports = spec.ports.map { port in
            MeshPort(
                number: Int(port.number),
                name: port.name,
                portProtocol: port.protocol.flatMap { PortProtocol(parsing: $0) }
                    ?? .ofServicePort(name: port.name, appProtocol: nil, transport: port.protocol),
                target: port.targetPort.map { .number(Int($0)) }
            )
        }
        let exportTo = spec.exportTo.isEmpty ? settings.config.defaultServiceExportTo : spec.exportTo
        let automatic = stored.automaticAddresses[item.source] ?? [:]
        return spec.hosts.map { host in
            var service = MeshService(
                hostname: HostName.expand(host, namespace: namespace, domain: settings.domain),
                namespace: namespace,
                ports: ports,
                resolution: Self.resolution(spec, host: host),
                origin: .serviceEntry,
                isExternal: spec.effectiveLocation == .meshExternal,
                exportTo: Visibility(exportTo: exportTo, ownNamespace: namespace),
                subjectAltNames: spec.subjectAltNames,
                endpoints: endpoints(of: item, host: host, ports: ports),
                aliasOf: nil,
                source: item.source,
                order: item.order
            )
            service.addresses = spec.addresses.filter { !$0.contains("/") } + (automatic[host] ?? [])
            return service
        }
    }

    private static func resolution(_ spec: ServiceEntrySpec, host: String) -> MeshService.Resolution {
        switch spec.effectiveResolution {
        case .none: .original
        case .dynamicDNS: .dynamic
        case .static: .endpoints
        case .dns: HostPattern(host).isWildcard && spec.endpoints.isEmpty ? .original : .dns
        case .dnsRoundRobin: .dnsRoundRobin
        }
    }

    private func endpoints(
        of item: StoredResources.Item<ServiceEntrySpec>,
        host: String,
        ports: [MeshPort]
    ) -> [MeshEndpoint] {
        let spec = item.spec
        let namespace = item.source.namespace
        let builder = EndpointBuilder(stored: stored)
        if let selector = spec.workloadSelector {
            return builder.endpoints(
                selector: selector.labels,
                ports: ports,
                namespace: namespace,
                includesWritten: nil
            )
        }
        let isDNS = spec.effectiveResolution == .dns || spec.effectiveResolution == .dnsRoundRobin
        if spec.endpoints.isEmpty, isDNS, !HostPattern(host).isWildcard {
            let own = WorkloadEntrySpec()
            var endpoint = builder.endpoint(of: own, labels: [:], ports: ports, namespace: namespace, annotations: [:])
            endpoint.address = host
            return [endpoint]
        }
        return spec.endpoints.map { entry in
            builder.endpoint(of: entry, labels: entry.labels, ports: ports, namespace: namespace, annotations: [:])
        }
    }

    // MARK: Gateways

    /// Services of the gateways themselves: 80, 443 and 15443, and whatever port a Gateway opens on them.
    private func gatewayServices() -> [MeshService] {
        let byName = Dictionary(grouping: inputs.gateways) { "\($0.namespace)/\($0.name)" }
        return byName.keys.sorted().compactMap { key in
            guard let workloads = byName[key], let first = workloads.first else { return nil }
            let ports = gatewayPorts(labels: first.labels)
            let endpoints = workloads.map { workload in
                MeshEndpoint(
                    address: workload.address,
                    ports: Dictionary(
                        ports.map { ($0.name, Int(workload.ports.binding(of: UInt16(clamping: $0.number)).port)) },
                        uniquingKeysWith: { first, _ in first }
                    ),
                    labels: workload.labels,
                    locality: workload.locality,
                    namespace: workload.namespace,
                    serviceAccount: workload.serviceAccount
                )
            }
            return MeshService(
                hostname: "\(first.name).\(first.namespace).svc.\(settings.domain)",
                namespace: first.namespace,
                ports: ports,
                resolution: .endpoints,
                origin: .service,
                isExternal: false,
                exportTo: .everywhere,
                subjectAltNames: [],
                endpoints: endpoints,
                aliasOf: nil,
                source: ResourceKey(.service, namespace: first.namespace, name: first.name),
                order: CreationOrder(name: first.name, namespace: first.namespace)
            )
        }
    }

    private func gatewayPorts(labels: [String: String]) -> [MeshPort] {
        var ports = [
            MeshPort(number: 80, name: "http2", portProtocol: .http2),
            MeshPort(number: 443, name: "https", portProtocol: .https),
            MeshPort(number: 15443, name: "tls", portProtocol: .tls),
        ]
        for gateway in gateways where gateway.selects(labels) {
            for server in gateway.spec.servers {
                guard let port = server.port, !ports.contains(where: { $0.number == Int(port.number) }) else {
                    continue
                }
                let spoken = port.protocol.flatMap { PortProtocol(parsing: $0) } ?? .tcp
                ports.append(MeshPort(number: Int(port.number), name: "gateway-\(port.number)", portProtocol: spoken))
            }
        }
        return ports
    }
}
