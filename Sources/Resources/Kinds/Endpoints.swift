/// core/v1 Endpoints: the addresses behind the Service of the same name.
public struct EndpointsSpec: FieldObject {
    public struct Subset: FieldObject {
        public struct Address: FieldObject, Hashable {
            public var ip = ""
            public var hostname: String?
            public var nodeName: String?
            public var targetRef: JSONValue?
            public init() {}
            public static let fields: [Field<Address>] = [
                Field("ip", \.ip, "IP address", required: true),
                Field("hostname", \.hostname, "name of this endpoint"),
                Field("nodeName", \.nodeName, "machine it runs on"),
                Field("targetRef", \.targetRef, "object it came from"),
            ]
        }

        public struct Port: FieldObject, Hashable {
            public var name: String?
            public var port: UInt32 = 0
            public var `protocol`: String?
            public var appProtocol: String?
            public init() {}
            public static let fields: [Field<Port>] = [
                Field("name", \.name, "name of the service port"),
                Field("port", \.port, "port number", required: true),
                Field("protocol", \.protocol, "TCP (default)"),
                Field("appProtocol", \.appProtocol, "application protocol"),
            ]
        }

        public var addresses: [Address] = []
        public var notReadyAddresses: [Address] = []
        public var ports: [Port] = []
        public init() {}
        public static let fields: [Field<Subset>] = [
            Field("addresses", \.addresses, "ready"),
            Field("notReadyAddresses", \.notReadyAddresses, "known but not ready"),
            Field("ports", \.ports, "ports of all of them"),
        ]
    }

    public var subsets: [Subset] = []
    public init() {}
    public static let fields: [Field<EndpointsSpec>] = [Field("subsets", \.subsets, "addresses with their ports")]
}

/// discovery.k8s.io/v1 EndpointSlice; the label `kubernetes.io/service-name` names its Service.
public struct EndpointSliceSpec: FieldObject {
    public struct Endpoint: FieldObject {
        public struct Conditions: FieldObject, Hashable {
            public var ready: Bool?
            public var serving: Bool?
            public var terminating: Bool?
            public init() {}
            public static let fields: [Field<Conditions>] = [
                Field("ready", \.ready, "takes traffic; default true"),
                Field("serving", \.serving, "answers"),
                Field("terminating", \.terminating, "ends soon"),
            ]
        }

        public var addresses: [String] = []
        public var conditions: Conditions?
        public var hostname: String?
        public var nodeName: String?
        public var zone: String?
        public var targetRef: JSONValue?
        public var deprecatedTopology: [String: String] = [:]
        public var hints: JSONValue?
        public init() {}
        public static let fields: [Field<Endpoint>] = [
            Field("addresses", \.addresses, "one endpoint's addresses", required: true),
            Field("conditions", \.conditions, "its state"),
            Field("hostname", \.hostname, "its name"),
            Field("nodeName", \.nodeName, "machine it runs on"),
            Field("zone", \.zone, "zone it runs in"),
            Field("targetRef", \.targetRef, "object it came from"),
            Field("deprecatedTopology", \.deprecatedTopology, "kept for Kubernetes"),
            Field("hints", \.hints, "kept for Kubernetes"),
        ]
    }

    public var addressType: String = ""
    public var endpoints: [Endpoint] = []
    public var ports: [EndpointsSpec.Subset.Port] = []
    public init() {}
    public static let fields: [Field<EndpointSliceSpec>] = [
        Field("addressType", \.addressType, "IPv4, IPv6 or FQDN", required: true),
        Field("endpoints", \.endpoints, "the endpoints"),
        Field("ports", \.ports, "ports of all of them"),
    ]
}

/// core/v1 Event and other bodies that are stored as they come.
public struct OpaqueSpec: FieldObject {
    public var json = JSONObject()
    public init() {}
    public static let fields: [Field<OpaqueSpec>] = []
    public static var schema: SchemaNode { .any }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> OpaqueSpec? {
        var result = OpaqueSpec()
        result.json = json.objectValue ?? [:]
        return result
    }
}
