/// Which endpoint the next request goes to.
public struct LoadBalancerSettings: FieldObject {
    public enum SimpleLB: String, FieldEnum {
        case unspecified = "UNSPECIFIED"
        case leastConn = "LEAST_CONN"
        case random = "RANDOM"
        case passthrough = "PASSTHROUGH"
        case roundRobin = "ROUND_ROBIN"
        case leastRequest = "LEAST_REQUEST"
    }

    public struct WarmupConfiguration: FieldObject {
        public var duration: Duration?
        public var minimumPercent: Double?
        public var aggression: Double?
        public init() {}
        public static let fields: [Field<WarmupConfiguration>] = [
            Field("duration", \.duration, "how long a new endpoint warms up", required: true),
            Field("minimumPercent", \.minimumPercent, "its share at the start; default 10"),
            Field("aggression", \.aggression, "shape of the ramp; default 1.0"),
        ]
    }

    public var simple: SimpleLB?
    public var consistentHash: ConsistentHashLB?
    public var localityLbSetting: LocalityLoadBalancerSetting?
    public var zoneAwareLbSetting: ZoneAwareLoadBalancerSetting?
    public var warmupDurationSecs: Duration?
    public var warmup: WarmupConfiguration?
    public init() {}
    public static let fields: [Field<LoadBalancerSettings>] = [
        Field("simple", \.simple, "by turns, at random, by load"),
        Field("consistentHash", \.consistentHash, "by a property of the request"),
        Field("localityLbSetting", \.localityLbSetting, "by region, zone and subzone"),
        Field("zoneAwareLbSetting", \.zoneAwareLbSetting, "automatic, by zone"),
        Field("warmupDurationSecs", \.warmupDurationSecs, "deprecated, see warmup"),
        Field("warmup", \.warmup, "slow start of new endpoints"),
    ]
}

/// The same key goes to the same endpoint while endpoints stay.
public struct ConsistentHashLB: FieldObject {
    public struct HTTPCookie: FieldObject {
        public struct Attribute: FieldObject {
            public var name = ""
            public var value: String?
            public init() {}
            public static let fields: [Field<Attribute>] = [
                Field("name", \.name, "such as SameSite", required: true),
                Field("value", \.value, "its value"),
            ]
        }

        public var name = ""
        public var path: String?
        public var ttl: Duration?
        public var attributes: [Attribute] = []
        public init() {}
        public static let fields: [Field<HTTPCookie>] = [
            Field("name", \.name, "the cookie", required: true),
            Field("path", \.path, "of a cookie that is made"),
            Field("ttl", \.ttl, "makes a cookie when missing; 0s is a session cookie"),
            Field("attributes", \.attributes, "further attributes of a cookie that is made"),
        ]
    }

    public struct RingHash: FieldObject {
        public var minimumRingSize: UInt32?
        public init() {}
        public static let fields: [Field<RingHash>] = [
            Field("minimumRingSize", \.minimumRingSize, "virtual nodes; default 1024")
        ]
    }

    public struct MagLev: FieldObject {
        public var tableSize: UInt32?
        public init() {}
        public static let fields: [Field<MagLev>] = [
            Field("tableSize", \.tableSize, "a prime below 5000011; default 65537")
        ]
    }

    public var httpHeaderName: String?
    public var httpCookie: HTTPCookie?
    public var useSourceIp: Bool?
    public var httpQueryParameterName: String?
    public var ringHash: RingHash?
    public var maglev: MagLev?
    public var minimumRingSize: UInt32?
    public init() {}
    public static let fields: [Field<ConsistentHashLB>] = [
        Field("httpHeaderName", \.httpHeaderName, "hash this header"),
        Field("httpCookie", \.httpCookie, "hash this cookie"),
        Field("useSourceIp", \.useSourceIp, "hash the caller's address"),
        Field("httpQueryParameterName", \.httpQueryParameterName, "hash this query parameter"),
        Field("ringHash", \.ringHash, "ketama ring"),
        Field("maglev", \.maglev, "Maglev table"),
        Field("minimumRingSize", \.minimumRingSize, "deprecated, see ringHash"),
    ]
}

/// Balancing by region, zone and subzone.
public struct LocalityLoadBalancerSetting: FieldObject {
    public struct Distribute: FieldObject {
        public var from: String?
        public var to: [String: UInt32] = [:]
        public init() {}
        public static let fields: [Field<Distribute>] = [
            Field("from", \.from, "locality of the caller, region/zone/subzone"),
            Field("to", \.to, "locality to percent, together 100"),
        ]
    }

    public struct Failover: FieldObject {
        public var from: String?
        public var to: String?
        public init() {}
        public static let fields: [Field<Failover>] = [
            Field("from", \.from, "region of the caller"),
            Field("to", \.to, "region used when it fails"),
        ]
    }

    public var distribute: [Distribute] = []
    public var failover: [Failover] = []
    public var failoverPriority: [String] = []
    public var enabled: Bool?
    public init() {}
    public static let fields: [Field<LocalityLoadBalancerSetting>] = [
        Field("distribute", \.distribute, "fixed shares"),
        Field("failover", \.failover, "which region takes over"),
        Field("failoverPriority", \.failoverPriority, "labels in order of weight"),
        Field("enabled", \.enabled, "default on"),
    ]
}

/// Automatic balancing by zone.
public struct ZoneAwareLoadBalancerSetting: FieldObject {
    public var enabled: Bool?
    public var minClusterSize: UInt32?
    public var failover: [LocalityLoadBalancerSetting.Failover] = []
    public var failoverPriority: [String] = []
    public init() {}
    public static let fields: [Field<ZoneAwareLoadBalancerSetting>] = [
        Field("enabled", \.enabled, "default off"),
        Field("minClusterSize", \.minClusterSize, "endpoints needed; default 6"),
        Field("failover", \.failover, "which region takes over"),
        Field("failoverPriority", \.failoverPriority, "labels in order of weight"),
    ]
}
