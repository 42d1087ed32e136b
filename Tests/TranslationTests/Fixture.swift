import Base
import Foundation
import Registry
import Resources
import SwiftProtobuf
import Translation
import XDS

/// Meshes for tests, written as manifests.
enum Fixture {
    struct Broken: Error, CustomStringConvertible {
        var description: String
    }

    /// Documents in the order in which their objects were created, or ordered as Istio orders them: by written
    /// creation time, name and namespace.
    static func resources(
        _ yaml: String,
        defaultNamespace: String = "default",
        isOrderedByAge: Bool = false
    ) throws -> ResourceSet {
        var all: [Resource] = []
        let documents = try Manifest.documents(Array(yaml.utf8), .yaml)
        for (index, document) in documents.enumerated() {
            do throws(DecodeFailure) {
                var resource = try Resource.decode(json: document.value).resource
                if resource.metadata.namespace.isEmpty, resource.kind.descriptor.isNamespaced {
                    resource.metadata.namespace = defaultNamespace
                }
                all.append(resource)
            } catch {
                throw Broken(description: "document \(index): \(error.violations.map { "\($0.path): \($0.message)" })")
            }
        }
        if isOrderedByAge {
            all.sort { a, b in
                let (first, second) = (a.metadata.creationTimestamp, b.metadata.creationTimestamp)
                return (first?.secondsSinceEpoch ?? 0, a.metadata.name, a.metadata.namespace)
                    < (second?.secondsSinceEpoch ?? 0, b.metadata.name, b.metadata.namespace)
            }
        }
        for index in all.indices { all[index].creationSequence = UInt64(index + 1) }
        return ResourceSet(revision: 7, all)
    }

    static func mesh(_ yaml: String, inputs: MeshInputs = MeshInputs(gateways: gateways)) throws -> MeshSnapshot {
        MeshSnapshot(building: try resources(yaml), inputs: inputs)
    }

    static let ingressLabels = ["istio": "ingressgateway", "app": "istio-ingressgateway"]
    static let egressLabels = ["istio": "egressgateway", "app": "istio-egressgateway"]

    static let gateways: [GatewayWorkload] = [
        GatewayWorkload(
            name: "istio-ingressgateway",
            namespace: "istio-system",
            labels: ingressLabels,
            serviceAccount: "istio-ingressgateway-service-account",
            address: "10.0.0.1",
            ports: PortMap(bindings: [80: .init("0.0.0.0:8080"), 443: .init("0.0.0.0:8443")].compactMapValues { $0 })
        ),
        GatewayWorkload(
            name: "istio-egressgateway",
            namespace: "istio-system",
            labels: egressLabels,
            serviceAccount: "istio-egressgateway-service-account",
            address: "10.0.0.2",
            ports: PortMap(
                defaultAddress: "127.0.0.1",
                bindings: [443: .init("127.0.0.1:9444")].compactMapValues { $0 }
            )
        ),
    ]

    /// Ports as declared, on every address.
    static let plainIngress = ProxyNode(
        name: "istio-ingressgateway",
        namespace: "istio-system",
        labels: ingressLabels,
        serviceAccount: "istio-ingressgateway-service-account",
        role: .gateway(PortMap())
    )

    static var ingress: ProxyNode { gatewayNode(gateways[0]) }
    static var egress: ProxyNode { gatewayNode(gateways[1]) }

    private static func gatewayNode(_ workload: GatewayWorkload) -> ProxyNode {
        ProxyNode(
            name: workload.name,
            namespace: workload.namespace,
            labels: workload.labels,
            serviceAccount: workload.serviceAccount,
            role: .gateway(workload.ports)
        )
    }

    static func sidecar(
        namespace: String = "default",
        labels: [String: String] = ["app": "productpage"],
        inbound: [InboundPort] = []
    ) -> ProxyNode {
        ProxyNode(
            name: "app-1",
            namespace: namespace,
            labels: labels,
            role: .sidecar(SidecarPlaces(inbound: inbound))
        )
    }

    // MARK: Readable form

    /// The snapshot as JSON for people: types in the order they are sent, names sorted, packed messages opened.
    static func text(_ configuration: NodeConfiguration) throws -> String {
        registerTypes()
        var root = JSONObject()
        for type in ResourceType.allCases {
            var items = JSONObject()
            for resource in configuration.snapshot.all(type) {
                items[resource.name] = try json(type, resource.bytes)
            }
            if !items.isEmpty { root[type.shortName] = .object(items) }
        }
        if !configuration.problems.isEmpty {
            root["problems"] = .array(
                configuration.problems.map { .string("\($0.resource) \($0.reason.rawValue): \($0.message)") }
            )
        }
        return JSONValue.object(root).text(pretty: true) + "\n"
    }

    static func json(_ type: ResourceType, _ bytes: [UInt8]) throws -> JSONValue {
        var options = JSONEncodingOptions()
        options.preserveProtoFieldNames = true
        options.useDeterministicOrdering = true
        let message: any Message =
            switch type {
            case .cluster: try Envoy_Config_Cluster_V3_Cluster(serializedBytes: bytes)
            case .endpoint: try Envoy_Config_Endpoint_V3_ClusterLoadAssignment(serializedBytes: bytes)
            case .listener: try Envoy_Config_Listener_V3_Listener(serializedBytes: bytes)
            case .route: try Envoy_Config_Route_V3_RouteConfiguration(serializedBytes: bytes)
            case .secret: try Envoy_Extensions_TransportSockets_Tls_V3_Secret(serializedBytes: bytes)
            }
        let text: [UInt8] = try message.jsonUTF8Bytes(options: options)
        return try JSONValue.parse(text).0
    }

    private static func registerTypes() {
        Google_Protobuf_Any.register(
            messageType: Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager.self
        )
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_Filters_Network_TcpProxy_V3_TcpProxy.self)
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_Filters_Http_Router_V3_Router.self)
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_Filters_Http_Cors_V3_Cors.self)
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_Filters_Http_Cors_V3_CorsPolicy.self)
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_Filters_Http_Fault_V3_HTTPFault.self)
        Google_Protobuf_Any.register(
            messageType: Envoy_Extensions_Filters_Listener_TlsInspector_V3_TlsInspector.self
        )
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext.self)
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_TransportSockets_Tls_V3_DownstreamTlsContext.self)
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_TransportSockets_RawBuffer_V3_RawBuffer.self)
        Google_Protobuf_Any.register(
            messageType: Envoy_Extensions_TransportSockets_ProxyProtocol_V3_ProxyProtocolUpstreamTransport.self
        )
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_Upstreams_Http_V3_HttpProtocolOptions.self)
        Google_Protobuf_Any.register(
            messageType: Envoy_Extensions_Retry_Host_PreviousHosts_V3_PreviousHostsPredicate.self
        )
        Google_Protobuf_Any.register(
            messageType: Envoy_Extensions_Retry_Priority_PreviousPriorities_V3_PreviousPrioritiesConfig.self
        )
        Google_Protobuf_Any.register(messageType: Envoy_Extensions_Clusters_DynamicForwardProxy_V3_ClusterConfig.self)
        Google_Protobuf_Any.register(
            messageType: Envoy_Extensions_Filters_Http_DynamicForwardProxy_V3_FilterConfig.self
        )
        Google_Protobuf_Any.register(
            messageType: Envoy_Extensions_Filters_Network_SniDynamicForwardProxy_V3_FilterConfig.self
        )
    }
}
