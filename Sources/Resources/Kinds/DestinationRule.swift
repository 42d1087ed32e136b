/// How callers treat a host once a route has chosen it.
public struct DestinationRuleSpec: FieldObject {
    public var host = ""
    public var trafficPolicy: TrafficPolicy?
    public var subsets: [Subset] = []
    public var exportTo: [String] = []
    public var workloadSelector: PolicyWorkloadSelector?
    public init() {}
    public static let fields: [Field<DestinationRuleSpec>] = [
        Field("host", \.host, "registry host or left wildcard", required: true),
        Field("trafficPolicy", \.trafficPolicy, "policy for all ports"),
        Field("subsets", \.subsets, "named groups of endpoints"),
        Field("exportTo", \.exportTo, "namespaces that see it"),
        Field("workloadSelector", \.workloadSelector, "only for these callers of the same namespace"),
    ]
}

/// A named group of endpoints.
public struct Subset: FieldObject {
    public var name = ""
    public var labels: [String: String] = [:]
    public var trafficPolicy: TrafficPolicy?
    public init() {}
    public static let fields: [Field<Subset>] = [
        Field("name", \.name, "what routes call it", required: true),
        Field("labels", \.labels, "labels of its endpoints; empty means all"),
        Field("trafficPolicy", \.trafficPolicy, "sections that replace the rule's own"),
    ]
}

/// Load balancing, connection limits, ejection and TLS towards a host.
public struct TrafficPolicy: FieldObject {
    public struct PortTrafficPolicy: FieldObject {
        public var port: PortSelector?
        public var loadBalancer: LoadBalancerSettings?
        public var connectionPool: ConnectionPoolSettings?
        public var outlierDetection: OutlierDetection?
        public var tls: ClientTLSSettings?
        public init() {}
        public static let fields: [Field<PortTrafficPolicy>] = [
            Field("port", \.port, "service port it is for"),
            Field("loadBalancer", \.loadBalancer, "replaces that of the rule"),
            Field("connectionPool", \.connectionPool, "replaces that of the rule"),
            Field("outlierDetection", \.outlierDetection, "replaces that of the rule"),
            Field("tls", \.tls, "replaces that of the rule"),
        ]
    }

    public struct TunnelSettings: FieldObject {
        public var `protocol`: String?
        public var targetHost = ""
        public var targetPort: UInt32 = 0
        public init() {}
        public static let fields: [Field<TunnelSettings>] = [
            Field("protocol", \.protocol, "CONNECT (default) or POST"),
            Field("targetHost", \.targetHost, "host of the request", required: true),
            Field("targetPort", \.targetPort, "port of the request", required: true),
        ]
    }

    public struct ProxyProtocol: FieldObject {
        public enum Version: String, FieldEnum {
            case v1 = "V1"
            case v2 = "V2"
        }

        public var version: Version?
        public init() {}
        public static let fields: [Field<ProxyProtocol>] = [Field("version", \.version, "V1 (default) or V2")]
    }

    public struct RetryBudget: FieldObject {
        public var percent: Double?
        public var minRetryConcurrency: UInt32?
        public var budgetInterval: Duration?
        public init() {}
        public static let fields: [Field<RetryBudget>] = [
            Field("percent", \.percent, "share of active requests that may be retries; default 20"),
            Field("minRetryConcurrency", \.minRetryConcurrency, "always allowed; default 3"),
            Field("budgetInterval", \.budgetInterval, "window; default only active requests"),
        ]
    }

    public var loadBalancer: LoadBalancerSettings?
    public var connectionPool: ConnectionPoolSettings?
    public var outlierDetection: OutlierDetection?
    public var tls: ClientTLSSettings?
    public var portLevelSettings: [PortTrafficPolicy] = []
    public var tunnel: TunnelSettings?
    public var proxyProtocol: ProxyProtocol?
    public var retryBudget: RetryBudget?
    public init() {}
    public static let fields: [Field<TrafficPolicy>] = [
        Field("loadBalancer", \.loadBalancer, "which endpoint next"),
        Field("connectionPool", \.connectionPool, "limits and times of connections"),
        Field("outlierDetection", \.outlierDetection, "ejects failing endpoints"),
        Field("tls", \.tls, "TLS towards the host"),
        Field("portLevelSettings", \.portLevelSettings, "per port, replacing the four sections above"),
        Field("tunnel", \.tunnel, "TCP inside HTTP CONNECT"),
        Field("proxyProtocol", \.proxyProtocol, "PROXY header towards the host"),
        Field("retryBudget", \.retryBudget, "cap on concurrent retries"),
    ]
}

/// The caller's side of TLS.
public struct ClientTLSSettings: FieldObject {
    public enum TLSmode: String, FieldEnum {
        case disable = "DISABLE"
        case simple = "SIMPLE"
        case mutual = "MUTUAL"
        case istioMutual = "ISTIO_MUTUAL"
    }

    public var mode: TLSmode?
    public var clientCertificate: String?
    public var privateKey: String?
    public var caCertificates: String?
    public var caCrl: String?
    public var credentialName: String?
    public var subjectAltNames: [String] = []
    public var sni: String?
    public var insecureSkipVerify: Bool?
    public init() {}

    /// `mode`, or DISABLE when none is given (the zero value of Istio's enumeration).
    public var effectiveMode: TLSmode { mode ?? .disable }

    public static let fields: [Field<ClientTLSSettings>] = [
        Field("mode", \.mode, "whether and how"),
        Field("clientCertificate", \.clientCertificate, "path of a PEM chain, below the resource root"),
        Field("privateKey", \.privateKey, "path of a PEM key, below the resource root"),
        Field("caCertificates", \.caCertificates, "path of a PEM bundle; default the system's"),
        Field("caCrl", \.caCrl, "path of a revocation list"),
        Field("credentialName", \.credentialName, "Secret with certificate, key and CA"),
        Field("subjectAltNames", \.subjectAltNames, "names the server's certificate may carry"),
        Field("sni", \.sni, "server name sent; default the request's host"),
        Field("insecureSkipVerify", \.insecureSkipVerify, "accept any certificate"),
    ]
}

/// When an endpoint is taken out of rotation.
public struct OutlierDetection: FieldObject {
    public var consecutiveErrors: Int32 = 0
    public var splitExternalLocalOriginErrors = false
    public var consecutiveLocalOriginFailures: UInt32?
    public var consecutiveGatewayErrors: UInt32?
    public var consecutive5xxErrors: UInt32?
    public var interval: Duration?
    public var baseEjectionTime: Duration?
    public var maxEjectionPercent: Int32 = 0
    public var minHealthPercent: Int32 = 0
    public var outlierDetectionHttpErrorCodes: [UInt32] = []
    public init() {}
    public static let fields: [Field<OutlierDetection>] = [
        Field("consecutiveErrors", \.consecutiveErrors, "deprecated and without effect"),
        Field("splitExternalLocalOriginErrors", \.splitExternalLocalOriginErrors, "count connect failures apart"),
        Field("consecutiveLocalOriginFailures", \.consecutiveLocalOriginFailures, "with the split only; default 5"),
        Field("consecutiveGatewayErrors", \.consecutiveGatewayErrors, "502, 503, 504; default off"),
        Field("consecutive5xxErrors", \.consecutive5xxErrors, "any 5xx; default 5, 0 is off"),
        Field("interval", \.interval, "between sweeps; default 10s"),
        Field("baseEjectionTime", \.baseEjectionTime, "times the number of ejections; default 30s"),
        Field("maxEjectionPercent", \.maxEjectionPercent, "at most this share; default 10"),
        Field("minHealthPercent", \.minHealthPercent, "below it all are used; default 0"),
        Field("outlierDetectionHttpErrorCodes", \.outlierDetectionHttpErrorCodes, "codes that count; default 5xx"),
    ]
}
