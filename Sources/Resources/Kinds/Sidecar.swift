/// What the sidecars of a namespace, or of some workloads, listen on and can reach.
public struct SidecarSpec: FieldObject {
    public enum CaptureMode: String, FieldEnum {
        case `default` = "DEFAULT"
        case iptables = "IPTABLES"
        case none = "NONE"
    }

    public struct IstioIngressListener: FieldObject {
        public var port: Port?
        public var bind: String?
        public var captureMode: CaptureMode?
        public var defaultEndpoint: String?
        public var tls: ServerTLSSettings?
        public var connectionPool: ConnectionPoolSettings?
        public init() {}
        public static let fields: [Field<IstioIngressListener>] = [
            Field("port", \.port, "where to listen", required: true),
            Field("bind", \.bind, "listen address"),
            Field("captureMode", \.captureMode, "how traffic gets here"),
            Field("defaultEndpoint", \.defaultEndpoint, "where the app listens, 127.0.0.1:8080"),
            Field("tls", \.tls, "TLS of this listener instead of mesh mutual TLS"),
            Field("connectionPool", \.connectionPool, "limits towards the app"),
        ]
    }

    public struct IstioEgressListener: FieldObject {
        public var port: Port?
        public var bind: String?
        public var captureMode: CaptureMode?
        public var hosts: [String] = []
        public init() {}
        public static let fields: [Field<IstioEgressListener>] = [
            Field("port", \.port, "a listener of its own for these hosts"),
            Field("bind", \.bind, "listen address or unix path"),
            Field("captureMode", \.captureMode, "how traffic gets here"),
            Field("hosts", \.hosts, "namespace/name; `.` own, `*` any, `~` none", required: true),
        ]
    }

    public struct OutboundTrafficPolicy: FieldObject {
        public enum Mode: String, FieldEnum {
            case registryOnly = "REGISTRY_ONLY"
            case allowAny = "ALLOW_ANY"
            case allowAnyDynamicDNS = "ALLOW_ANY_DYNAMIC_DNS"
        }

        public var mode: Mode?
        public var egressProxy: Destination?
        public init() {}
        public static let fields: [Field<OutboundTrafficPolicy>] = [
            Field("mode", \.mode, "what happens to destinations the registry does not know"),
            Field("egressProxy", \.egressProxy, "where unknown traffic is sent"),
        ]
    }

    public var workloadSelector: WorkloadSelector?
    public var ingress: [IstioIngressListener] = []
    public var egress: [IstioEgressListener] = []
    public var inboundConnectionPool: ConnectionPoolSettings?
    public var outboundTrafficPolicy: OutboundTrafficPolicy?
    public init() {}
    public static let fields: [Field<SidecarSpec>] = [
        Field("workloadSelector", \.workloadSelector, "whose sidecars; default all of the namespace"),
        Field("ingress", \.ingress, "listeners for traffic to the workload"),
        Field("egress", \.egress, "listeners for traffic from the workload, and the hosts they know"),
        Field("inboundConnectionPool", \.inboundConnectionPool, "limits towards the app, all ports"),
        Field("outboundTrafficPolicy", \.outboundTrafficPolicy, "destinations nobody declared"),
    ]
}
