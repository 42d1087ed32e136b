internal import Base
internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// Builds the clusters that routes point at, with their endpoints.
struct Clusters {
    let destinations: Destinations
    let clientTLS: ClientTLS

    private var mesh: MeshSnapshot { destinations.mesh }
    private var node: ProxyNode { destinations.node }

    /// A cluster and, where the control plane knows the endpoints, the assignment EDS delivers for it.
    struct Built {
        var cluster: ClusterMessage
        var assignment: LoadAssignment?
    }

    /// Nil when the service, its port or the subset does not exist, or TLS cannot be done as asked: requests then get
    /// 503 with the flag NC.
    func build(_ reference: ClusterReference, ledger: inout Ledger) -> Built? {
        guard let service = service(reference.host) else { return nil }
        let target = destinations.resolve(
            host: reference.host,
            service: service,
            port: reference.port,
            subset: reference.subset
        )
        guard let port = target.port else { return nil }
        let subset = target.policy?.subset(named: reference.subset)
        if !reference.subset.isEmpty, subset == nil { return nil }
        let endpoints = Endpoints.chosen(of: service, port: port, subset: subset)
        var cluster = ClusterMessage()
        cluster.name = reference.name
        cluster.connectTimeout = Wire.duration(mesh.settings.connectTimeout)
        discover(service, port: port, endpoints: endpoints, target: target, cluster: &cluster)
        ClusterPolicy(mesh: mesh, node: node, target: target, endpoints: endpoints).apply(to: &cluster)
        HealthChecks(mesh: mesh, target: target).apply(to: &cluster, ledger: &ledger)
        if !reference.isPassthrough {
            let source = target.policy?.sources.first ?? service.source
            do {
                let wrapping = try clientTLS.wrapping(
                    target,
                    service: service,
                    endpoints: endpoints,
                    source: source,
                    ledger: &ledger
                )
                wrap(wrapping, target: target, cluster: &cluster)
            } catch {
                ledger.report(source, error.reason, error.message)
                return nil
            }
        }
        guard cluster.type == .eds else { return Built(cluster: cluster, assignment: nil) }
        let assignment = Endpoints.assignment(
            name: reference.name,
            endpoints: endpoints,
            port: port,
            placement: placement(target)
        )
        return Built(cluster: cluster, assignment: assignment)
    }

    // MARK: Clusters without a service

    /// Where requests for unknown hosts go when they may leave: to the host they name, resolved when asked for. Nothing
    /// is captured on its way here, so there is no original destination to keep.
    static func passthrough(_ settings: MeshSettings) -> ClusterMessage {
        var cluster = ClusterMessage()
        cluster.name = Ledger.passthroughCluster
        cluster.connectTimeout = Wire.duration(settings.connectTimeout)
        Forwarding.apply(to: &cluster, settings: settings)
        ClusterPolicy.pool(nil, cluster: &cluster)
        return cluster
    }

    /// Answers nothing, and says so in the log.
    static func blackHole(_ settings: MeshSettings) -> ClusterMessage {
        var cluster = ClusterMessage()
        cluster.name = Ledger.blackHoleCluster
        cluster.type = .static
        cluster.loadAssignment.clusterName = cluster.name
        cluster.connectTimeout = Wire.duration(settings.connectTimeout)
        return cluster
    }

    /// The app behind a sidecar.
    ///
    /// - Parameter endpoint: where it listens when a Sidecar resource says so: `127.0.0.1:9080`, `[::1]:9080`,
    ///   `0.0.0.0:9080` (any address of the host, loopback included) or `unix:///path`.
    static func inbound(
        _ port: InboundPort,
        endpoint written: String?,
        pool: ConnectionPoolSettings?,
        settings: MeshSettings
    ) -> ClusterMessage {
        var cluster = ClusterMessage()
        cluster.name = "inbound|\(port.appPort)||"
        cluster.type = .static
        cluster.connectTimeout = Wire.duration(settings.connectTimeout)
        cluster.loadAssignment.clusterName = cluster.name
        var endpoint = EndpointMessage()
        endpoint.endpoint.address = address(written) ?? Wire.address("127.0.0.1", port: port.appPort)
        var group = LocalityEndpoints()
        group.lbEndpoints = [endpoint]
        cluster.loadAssignment.endpoints = [group]
        ClusterPolicy.pool(pool, cluster: &cluster)
        if port.portProtocol.isHTTP2 {
            var version = UpstreamHTTPOptions()
            version.explicitHTTPConfig.http2ProtocolOptions = Envoy_Config_Core_V3_Http2ProtocolOptions()
            ClusterPolicy.setHTTP(version, cluster: &cluster)
        }
        return cluster
    }

    private static func address(_ endpoint: String?) -> Core.Address? {
        guard let endpoint else { return nil }
        if endpoint.hasPrefix("unix://") { return Wire.address(endpoint, port: 0) }
        guard let address = SocketAddress(endpoint) else { return nil }
        let host = address.address.isUnspecified ? "127.0.0.1" : address.address.description
        return Wire.address(host, port: address.port)
    }

    // MARK: Parts

    private func service(_ host: String) -> MeshService? {
        if let visible = mesh.services.service(named: host, callerNamespace: node.namespace) { return visible }
        // Imported implicitly by a VirtualService of the namespace that sees it.
        return mesh.services.all.first { $0.hostname == host }
    }

    private func discover(
        _ service: MeshService,
        port: MeshPort,
        endpoints: [MeshEndpoint],
        target: Destinations.Resolved,
        cluster: inout ClusterMessage
    ) {
        if target.forwardsByName {
            Forwarding.apply(to: &cluster, settings: mesh.settings)
            return
        }
        switch service.resolution {
        case .endpoints:
            cluster.type = .eds
            cluster.edsClusterConfig.edsConfig = Wire.ads
            cluster.edsClusterConfig.serviceName = cluster.name
        case .dns, .dnsRoundRobin:
            cluster.type = service.resolution == .dns ? .strictDns : .logicalDns
            cluster.dnsLookupFamily = .v4Preferred
            cluster.respectDnsTtl = true
            cluster.dnsRefreshRate = Wire.duration(mesh.settings.dnsRefreshRate)
            cluster.loadAssignment = Endpoints.assignment(
                name: cluster.name,
                endpoints: service.resolution == .dns ? endpoints : Array(endpoints.prefix(1)),
                port: port,
                placement: service.resolution == .dns ? placement(target) : .flat
            )
        case .original, .dynamic: break
        }
    }

    private func wrap(_ wrapping: ClientTLS.Wrapping, target: Destinations.Resolved, cluster: inout ClusterMessage) {
        switch wrapping {
        case .plain:
            break
        case .tls(let socket):
            cluster.transportSocket = socket
        case .byEndpoint(let socket):
            var mesh = ClusterMessage.TransportSocketMatch()
            mesh.name = "tlsMode-istio"
            mesh.match.fields["tlsMode"] = Google_Protobuf_Value(stringValue: "istio")
            mesh.transportSocket = socket
            var plain = ClusterMessage.TransportSocketMatch()
            plain.name = "tlsMode-disabled"
            plain.match = Google_Protobuf_Struct()
            plain.transportSocket = Wire.rawBuffer
            cluster.transportSocketMatches = [mesh, plain]
        }
        announce(target.traffic.proxyProtocol, cluster: &cluster)
    }

    /// A PROXY header goes in front of whatever is spoken, TLS included. Source: Istio's `proxyProtocol`.
    private func announce(_ setting: TrafficPolicy.ProxyProtocol?, cluster: inout ClusterMessage) {
        guard let setting else { return }
        func wrapped(_ inner: Core.TransportSocket) -> Core.TransportSocket {
            var proxy = ProxyProtocolTransport()
            proxy.config.version = setting.version == .v2 ? .v2 : .v1
            proxy.transportSocket = inner
            var socket = Core.TransportSocket()
            socket.name = "envoy.transport_sockets.upstream_proxy_protocol"
            socket.typedConfig = Wire.any(proxy)
            return socket
        }
        for index in cluster.transportSocketMatches.indices {
            cluster.transportSocketMatches[index].transportSocket = wrapped(
                cluster.transportSocketMatches[index].transportSocket
            )
        }
        guard cluster.transportSocketMatches.isEmpty else { return }
        cluster.transportSocket = wrapped(cluster.hasTransportSocket ? cluster.transportSocket : Wire.rawBuffer)
    }

    private func placement(_ target: Destinations.Resolved) -> Placement {
        let defaults = mesh.settings.config.defaultTrafficPolicy
        let isChecked = mesh.healthCheck(for: target.reference.host, subset: target.reference.subset) != nil
        let canFail = (target.traffic.outlierDetection ?? defaults?.outlierDetection) != nil || isChecked
        return Placement(target.traffic, settings: mesh.settings.config, caller: node, canFail: canFail)
    }
}
