/// Adds a service to the registry.
public struct ServiceEntrySpec: FieldObject {
    public enum Location: String, FieldEnum {
        case meshExternal = "MESH_EXTERNAL"
        case meshInternal = "MESH_INTERNAL"
    }

    public enum Resolution: String, FieldEnum {
        case none = "NONE"
        case `static` = "STATIC"
        case dns = "DNS"
        case dnsRoundRobin = "DNS_ROUND_ROBIN"
        case dynamicDNS = "DYNAMIC_DNS"
    }

    public var hosts: [String] = []
    public var addresses: [String] = []
    public var ports: [ServicePort] = []
    public var location: Location?
    public var resolution: Resolution?
    public var endpoints: [WorkloadEntrySpec] = []
    public var workloadSelector: WorkloadSelector?
    public var exportTo: [String] = []
    public var subjectAltNames: [String] = []
    public init() {}

    /// `location`, or MESH_EXTERNAL when none is given (the zero value of Istio's enumeration).
    public var effectiveLocation: Location { location ?? .meshExternal }
    /// `resolution`, or NONE when none is given (the zero value of Istio's enumeration).
    public var effectiveResolution: Resolution { resolution ?? .none }

    public static let fields: [Field<ServiceEntrySpec>] = [
        Field("hosts", \.hosts, "names that clients use", required: true),
        Field("addresses", \.addresses, "virtual addresses or CIDR blocks"),
        Field("ports", \.ports, "service ports"),
        Field("location", \.location, "outside (default) or inside the mesh"),
        Field("resolution", \.resolution, "how endpoints are found"),
        Field("endpoints", \.endpoints, "endpoints written here"),
        Field("workloadSelector", \.workloadSelector, "endpoints from WorkloadEntries of the namespace"),
        Field("exportTo", \.exportTo, "namespaces that see it"),
        Field("subjectAltNames", \.subjectAltNames, "names the server's certificate must carry"),
    ]
}

/// A port of a ServiceEntry.
public struct ServicePort: FieldObject, Hashable {
    public var number: UInt32 = 0
    public var `protocol`: String?
    public var name = ""
    public var targetPort: UInt32?
    public init() {}
    public static let fields: [Field<ServicePort>] = [
        Field("number", \.number, "service port", required: true),
        Field("protocol", \.protocol, "HTTP, HTTPS, GRPC, HTTP2, MONGO, TCP or TLS; default TCP"),
        Field("name", \.name, "DNS label", required: true),
        Field("targetPort", \.targetPort, "port of the endpoints; default the same"),
    ]
}

/// One workload outside of any orchestrator: an address with labels.
public struct WorkloadEntrySpec: FieldObject {
    public var address: String?
    public var ports: [String: UInt32] = [:]
    public var labels: [String: String] = [:]
    public var network: String?
    public var locality: String?
    public var weight: UInt32?
    public var serviceAccount: String?
    public init() {}
    public static let fields: [Field<WorkloadEntrySpec>] = [
        Field("address", \.address, "IP address, name, or unix:///path"),
        Field("ports", \.ports, "service port name to port here"),
        Field("labels", \.labels, "labels of the endpoint"),
        Field("network", \.network, "network it lives in"),
        Field("locality", \.locality, "region/zone/subzone"),
        Field("weight", \.weight, "relative share; default 1"),
        Field("serviceAccount", \.serviceAccount, "identity for mutual TLS"),
    ]
}

/// A template for WorkloadEntries that register themselves.
public struct WorkloadGroupSpec: FieldObject {
    public struct ObjectMeta: FieldObject {
        public var labels: [String: String] = [:]
        public var annotations: [String: String] = [:]
        public init() {}
        public static let fields: [Field<ObjectMeta>] = [
            Field("labels", \.labels, "labels of the entries"),
            Field("annotations", \.annotations, "annotations of the entries"),
        ]
    }

    public var metadata: ObjectMeta?
    public var template: WorkloadEntrySpec?
    public var probe: ReadinessProbe?
    public init() {}
    public static let fields: [Field<WorkloadGroupSpec>] = [
        Field("metadata", \.metadata, "labels and annotations of the entries"),
        Field("template", \.template, "fields of the entries", required: true),
        Field("probe", \.probe, "health check of the entries"),
    ]
}

/// How the health of a workload is asked.
public struct ReadinessProbe: FieldObject {
    public struct HTTPHealthCheckConfig: FieldObject {
        public struct HTTPHeader: FieldObject {
            public var name = ""
            public var value: String?
            public init() {}
            public static let fields: [Field<HTTPHeader>] = [
                Field("name", \.name, "header name"), Field("value", \.value, "header value"),
            ]
        }

        public var path: String?
        public var port: UInt32 = 0
        public var host: String?
        public var scheme: String?
        public var httpHeaders: [HTTPHeader] = []
        public init() {}
        public static let fields: [Field<HTTPHealthCheckConfig>] = [
            Field("path", \.path, "path of the request"),
            Field("port", \.port, "port of the workload", required: true),
            Field("host", \.host, "default the workload"),
            Field("scheme", \.scheme, "HTTP (default) or HTTPS"),
            Field("httpHeaders", \.httpHeaders, "sent with the request"),
        ]
    }

    public struct TCPHealthCheckConfig: FieldObject {
        public var host: String?
        public var port: UInt32 = 0
        public init() {}
        public static let fields: [Field<TCPHealthCheckConfig>] = [
            Field("host", \.host, "default the workload"), Field("port", \.port, "port to connect to", required: true),
        ]
    }

    public struct ExecHealthCheckConfig: FieldObject {
        public var command: [String] = []
        public init() {}
        public static let fields: [Field<ExecHealthCheckConfig>] = [
            Field("command", \.command, "exit 0 means healthy", required: true)
        ]
    }

    public struct GrpcHealthCheckConfig: FieldObject {
        public var port: UInt32?
        public var service: String?
        public init() {}
        public static let fields: [Field<GrpcHealthCheckConfig>] = [
            Field("port", \.port, "port of grpc.health.v1.Health"), Field("service", \.service, "asked about"),
        ]
    }

    public var initialDelaySeconds: Int32 = 0
    public var timeoutSeconds: Int32 = 0
    public var periodSeconds: Int32 = 0
    public var successThreshold: Int32 = 0
    public var failureThreshold: Int32 = 0
    public var httpGet: HTTPHealthCheckConfig?
    public var tcpSocket: TCPHealthCheckConfig?
    public var exec: ExecHealthCheckConfig?
    public var grpc: GrpcHealthCheckConfig?
    public init() {}
    public static let fields: [Field<ReadinessProbe>] = [
        Field("initialDelaySeconds", \.initialDelaySeconds, "before the first probe"),
        Field("timeoutSeconds", \.timeoutSeconds, "default 1"),
        Field("periodSeconds", \.periodSeconds, "default 10"),
        Field("successThreshold", \.successThreshold, "default 1"),
        Field("failureThreshold", \.failureThreshold, "default 3"),
        Field("httpGet", \.httpGet, "200 to 399 is healthy"),
        Field("tcpSocket", \.tcpSocket, "accepting is healthy"),
        Field("exec", \.exec, "exit 0 is healthy"),
        Field("grpc", \.grpc, "SERVING is healthy"),
    ]
}
