/// Secret material by key.
public struct SecretSpec: FieldObject {
    public var type: String?
    public var data: [String: Base64Data] = [:]
    public var stringData: [String: String] = [:]
    public var immutable: Bool?
    public init() {}
    public static let fields: [Field<SecretSpec>] = [
        Field("type", \.type, "kubernetes.io/tls, Opaque (default) or gatehouse.io/ca"),
        Field("data", \.data, "base64 by key"),
        Field("stringData", \.stringData, "text by key; moved into data on write"),
        Field("immutable", \.immutable, "refuse later changes of data"),
    ]

    /// `data` and `stringData` together; the latter wins, as in Kubernetes.
    public func bytes(_ key: String) -> [UInt8]? { stringData[key].map { Array($0.utf8) } ?? data[key]?.bytes }

    /// The certificate chain: `tls.crt`, or Istio's `cert`.
    public var certificateChain: [UInt8]? { bytes("tls.crt") ?? bytes("cert") }
    /// The private key: `tls.key`, or Istio's `key`.
    public var privateKey: [UInt8]? { bytes("tls.key") ?? bytes("key") }
    /// The CA bundle for the other side: `ca.crt`, or Istio's `cacert`.
    public var caCertificates: [UInt8]? { bytes("ca.crt") ?? bytes("cacert") }
    /// The revocation list: `ca.crl`, or Istio's `crl`.
    public var revocationList: [UInt8]? { bytes("ca.crl") ?? bytes("crl") }
}

/// Plain configuration by key; opaque here.
public struct ConfigMapSpec: FieldObject {
    public var data: [String: String] = [:]
    public var binaryData: [String: Base64Data] = [:]
    public var immutable: Bool?
    public init() {}
    public static let fields: [Field<ConfigMapSpec>] = [
        Field("data", \.data, "text by key"),
        Field("binaryData", \.binaryData, "base64 by key"),
        Field("immutable", \.immutable, "refuse later changes of data"),
    ]
}

public struct NamespaceSpec: FieldObject {
    public var finalizers: [String] = []
    public init() {}
    public static let fields: [Field<NamespaceSpec>] = [Field("finalizers", \.finalizers, "kept for Kubernetes")]
}

/// A service account: an identity that workloads can have.
public struct ServiceAccountSpec: FieldObject {
    public var secrets: [JSONValue] = []
    public var imagePullSecrets: [JSONValue] = []
    public var automountServiceAccountToken: Bool?
    public init() {}
    public static let fields: [Field<ServiceAccountSpec>] = [
        Field("secrets", \.secrets, "kept for Kubernetes"),
        Field("imagePullSecrets", \.imagePullSecrets, "kept for Kubernetes"),
        Field("automountServiceAccountToken", \.automountServiceAccountToken, "kept for Kubernetes"),
    ]
}

/// A core/v1 Service: a name for the workloads that `selector` picks, or for written Endpoints.
public struct ServiceSpec: FieldObject {
    public struct Port: FieldObject, Hashable {
        public var name: String?
        public var `protocol`: String?
        public var appProtocol: String?
        public var port: UInt32 = 0
        public var targetPort: IntOrString?
        public var nodePort: UInt32?
        public init() {}
        public static let fields: [Field<Port>] = [
            Field("name", \.name, "protocol[-suffix], required when there are several"),
            Field("protocol", \.protocol, "TCP (default), UDP or SCTP"),
            Field("appProtocol", \.appProtocol, "http, http2, https, grpc, tcp, tls; wins over the name"),
            Field("port", \.port, "service port", required: true),
            Field("targetPort", \.targetPort, "port of the endpoints, by number or name; default the same"),
            Field("nodePort", \.nodePort, "kept for Kubernetes"),
        ]
    }

    public var selector: [String: String] = [:]
    public var ports: [Port] = []
    public var type: String?
    public var clusterIP: String?
    public var clusterIPs: [String] = []
    public var externalName: String?
    public var externalIPs: [String] = []
    public var externalTrafficPolicy: String?
    public var internalTrafficPolicy: String?
    public var ipFamilies: [String] = []
    public var ipFamilyPolicy: String?
    public var sessionAffinity: String?
    public var sessionAffinityConfig: JSONValue?
    public var publishNotReadyAddresses: Bool?
    public var loadBalancerIP: String?
    public var loadBalancerClass: String?
    public var loadBalancerSourceRanges: [String] = []
    public var allocateLoadBalancerNodePorts: Bool?
    public var healthCheckNodePort: UInt32?
    public var trafficDistribution: String?
    public init() {}
    public static let fields: [Field<ServiceSpec>] = [
        Field("selector", \.selector, "labels of its workloads"),
        Field("ports", \.ports, "service ports"),
        Field("type", \.type, "ClusterIP (default), ExternalName, NodePort, LoadBalancer"),
        Field("clusterIP", \.clusterIP, "virtual address, or None"),
        Field("clusterIPs", \.clusterIPs, "virtual addresses"),
        Field("externalName", \.externalName, "with type ExternalName: the name it stands for"),
        Field("externalIPs", \.externalIPs, "kept for Kubernetes"),
        Field("externalTrafficPolicy", \.externalTrafficPolicy, "kept for Kubernetes"),
        Field("internalTrafficPolicy", \.internalTrafficPolicy, "kept for Kubernetes"),
        Field("ipFamilies", \.ipFamilies, "kept for Kubernetes"),
        Field("ipFamilyPolicy", \.ipFamilyPolicy, "kept for Kubernetes"),
        Field("sessionAffinity", \.sessionAffinity, "kept for Kubernetes"),
        Field("sessionAffinityConfig", \.sessionAffinityConfig, "kept for Kubernetes"),
        Field("publishNotReadyAddresses", \.publishNotReadyAddresses, "kept for Kubernetes"),
        Field("loadBalancerIP", \.loadBalancerIP, "kept for Kubernetes"),
        Field("loadBalancerClass", \.loadBalancerClass, "kept for Kubernetes"),
        Field("loadBalancerSourceRanges", \.loadBalancerSourceRanges, "kept for Kubernetes"),
        Field("allocateLoadBalancerNodePorts", \.allocateLoadBalancerNodePorts, "kept for Kubernetes"),
        Field("healthCheckNodePort", \.healthCheckNodePort, "kept for Kubernetes"),
        Field("trafficDistribution", \.trafficDistribution, "kept for Kubernetes"),
    ]
}
