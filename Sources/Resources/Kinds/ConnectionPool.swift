/// Limits and times of the connections to a host, per proxy and cluster.
public struct ConnectionPoolSettings: FieldObject {
    public struct TCPSettings: FieldObject {
        public struct TcpKeepalive: FieldObject {
            public var probes: UInt32?
            public var time: Duration?
            public var interval: Duration?
            public init() {}
            public static let fields: [Field<TcpKeepalive>] = [
                Field("probes", \.probes, "before the connection counts as dead"),
                Field("time", \.time, "idle before the first"),
                Field("interval", \.interval, "between probes"),
            ]
        }

        public var maxConnections: Int32?
        public var connectTimeout: Duration?
        public var tcpKeepalive: TcpKeepalive?
        public var maxConnectionDuration: Duration?
        public var idleTimeout: Duration?
        public init() {}
        public static let fields: [Field<TCPSettings>] = [
            Field("maxConnections", \.maxConnections, "default no limit"),
            Field("connectTimeout", \.connectTimeout, "TCP and TLS; default 10s"),
            Field("tcpKeepalive", \.tcpKeepalive, "SO_KEEPALIVE"),
            Field("maxConnectionDuration", \.maxConnectionDuration, "lifetime of a connection"),
            Field("idleTimeout", \.idleTimeout, "default 1h; 0s is off"),
        ]
    }

    public struct HTTPSettings: FieldObject {
        public enum H2UpgradePolicy: String, FieldEnum {
            case `default` = "DEFAULT"
            case doNotUpgrade = "DO_NOT_UPGRADE"
            case upgrade = "UPGRADE"
        }

        public struct HTTP2KeepAlive: FieldObject {
            public var interval: Duration?
            public var timeout: Duration?
            public init() {}
            public static let fields: [Field<HTTP2KeepAlive>] = [
                Field("interval", \.interval, "between PINGs"),
                Field("timeout", \.timeout, "for the answer"),
            ]
        }

        public var http1MaxPendingRequests: Int32?
        public var http2MaxRequests: Int32?
        public var maxRequestsPerConnection: Int32?
        public var maxRetries: Int32?
        public var idleTimeout: Duration?
        public var h2UpgradePolicy: H2UpgradePolicy?
        public var useClientProtocol = false
        public var maxConcurrentStreams: Int32?
        public var http2KeepAlive: HTTP2KeepAlive?
        public init() {}
        public static let fields: [Field<HTTPSettings>] = [
            Field("http1MaxPendingRequests", \.http1MaxPendingRequests, "waiting for a connection"),
            Field("http2MaxRequests", \.http2MaxRequests, "at the same time"),
            Field("maxRequestsPerConnection", \.maxRequestsPerConnection, "1 turns keep-alive off"),
            Field("maxRetries", \.maxRetries, "at the same time"),
            Field("idleTimeout", \.idleTimeout, "default 1h"),
            Field("h2UpgradePolicy", \.h2UpgradePolicy, "HTTP/2 towards hosts named http"),
            Field("useClientProtocol", \.useClientProtocol, "same version as the caller"),
            Field("maxConcurrentStreams", \.maxConcurrentStreams, "per HTTP/2 connection"),
            Field("http2KeepAlive", \.http2KeepAlive, "PINGs on HTTP/2 connections"),
        ]
    }

    public var tcp: TCPSettings?
    public var http: HTTPSettings?
    public init() {}
    public static let fields: [Field<ConnectionPoolSettings>] = [
        Field("tcp", \.tcp, "all connections"),
        Field("http", \.http, "HTTP/1.1 and HTTP/2"),
    ]
}
