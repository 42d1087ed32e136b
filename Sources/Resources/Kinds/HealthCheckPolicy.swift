/// Active health checks of the endpoints of a host. A kind of our own: Istio has none for it.
public struct HealthCheckPolicySpec: FieldObject {
    public struct HTTPCheck: FieldObject {
        public var path = ""
        public var host: String?
        public var method: String?
        public var headers: [String: String] = [:]
        public var expectedStatuses: [String] = []
        public var retriableStatuses: [String] = []
        public init() {}
        public static let fields: [Field<HTTPCheck>] = [
            Field("path", \.path, "what is asked for", required: true),
            Field("host", \.host, "Host of the request; default the host"),
            Field("method", \.method, "default GET"),
            Field("headers", \.headers, "further headers"),
            Field("expectedStatuses", \.expectedStatuses, "200 (default), or ranges such as 200-299"),
            Field("retriableStatuses", \.retriableStatuses, "counted towards the threshold instead of failing at once"),
        ]
    }

    public struct GRPCCheck: FieldObject {
        public var service: String?
        public var authority: String?
        public init() {}
        public static let fields: [Field<GRPCCheck>] = [
            Field("service", \.service, "asked of grpc.health.v1.Health; default the server as a whole"),
            Field("authority", \.authority, "default the host"),
        ]
    }

    public struct TCPCheck: FieldObject {
        public var send: String?
        public var receive: [String] = []
        public init() {}
        public static let fields: [Field<TCPCheck>] = [
            Field("send", \.send, "sent once connected"),
            Field("receive", \.receive, "must come back, one behind the other; empty: connecting is enough"),
        ]
    }

    public struct Check: FieldObject {
        public var http: HTTPCheck?
        public var grpc: GRPCCheck?
        public var tcp: TCPCheck?
        public var interval: Duration?
        public var timeout: Duration?
        public var unhealthyThreshold: UInt32?
        public var healthyThreshold: UInt32?
        public var intervalJitter: Duration?
        public var intervalJitterPercent: UInt32?
        public var initialJitter: Duration?
        public var noTrafficInterval: Duration?
        public var noTrafficHealthyInterval: Duration?
        public var unhealthyInterval: Duration?
        public var unhealthyEdgeInterval: Duration?
        public var healthyEdgeInterval: Duration?
        public var reuseConnection: Bool?
        public var port: UInt32?
        public init() {}
        public static let fields: [Field<Check>] = [
            Field("http", \.http, "an HTTP request"),
            Field("grpc", \.grpc, "grpc.health.v1.Health/Check"),
            Field("tcp", \.tcp, "a connection, and bytes over it"),
            Field("interval", \.interval, "between checks; default 10s"),
            Field("timeout", \.timeout, "of one check; default 2s"),
            Field("unhealthyThreshold", \.unhealthyThreshold, "failures in a row; default 3"),
            Field("healthyThreshold", \.healthyThreshold, "successes in a row; default 2; the first check needs one"),
            Field("intervalJitter", \.intervalJitter, "added to an interval, at most, at random"),
            Field("intervalJitterPercent", \.intervalJitterPercent, "the same as a share of the interval"),
            Field("initialJitter", \.initialJitter, "before the first check, at most"),
            Field("noTrafficInterval", \.noTrafficInterval, "while no request has come yet; default 60s"),
            Field("noTrafficHealthyInterval", \.noTrafficHealthyInterval, "the same for healthy endpoints"),
            Field("unhealthyInterval", \.unhealthyInterval, "while unhealthy; default interval"),
            Field("unhealthyEdgeInterval", \.unhealthyEdgeInterval, "just turned unhealthy; default unhealthyInterval"),
            Field("healthyEdgeInterval", \.healthyEdgeInterval, "just turned healthy; default interval"),
            Field("reuseConnection", \.reuseConnection, "keep the connection between checks; default true"),
            Field("port", \.port, "default the endpoint's own"),
        ]
    }

    public var host = ""
    public var subset: String?
    public var check: Check?
    public init() {}
    public static let fields: [Field<HealthCheckPolicySpec>] = [
        Field("host", \.host, "registry host; short names as in DestinationRule", required: true),
        Field("subset", \.subset, "only this subset's endpoints; default all"),
        Field("check", \.check, "how, and how often", required: true),
    ]

    /// `200`, or `200-299` with both ends; nil when it is neither.
    public static func statuses(_ text: String) -> (low: Int, high: Int)? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), let low = Int(parts[0]), let high = Int(parts[parts.count - 1]),
            (100...599).contains(low), (100...599).contains(high), low <= high
        else { return nil }
        return (low, high)
    }
}
