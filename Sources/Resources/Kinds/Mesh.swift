/// Settings of the proxies of a namespace or of some workloads.
public struct ProxyConfigSpec: FieldObject {
    public struct ProxyImage: FieldObject {
        public var imageType: String?
        public init() {}
        public static let fields: [Field<ProxyImage>] = [
            Field("imageType", \.imageType, "kept for Istio; there is one image here")
        ]
    }

    public var selector: PolicyWorkloadSelector?
    public var concurrency: Int32?
    public var environmentVariables: [String: String] = [:]
    public var image: ProxyImage?
    public init() {}
    public static let fields: [Field<ProxyConfigSpec>] = [
        Field("selector", \.selector, "which workloads; default the namespace"),
        Field("concurrency", \.concurrency, "worker threads; 0 means all cores"),
        Field("environmentVariables", \.environmentVariables, "environment of the proxy"),
        Field("image", \.image, "kept for Istio"),
    ]
}

/// Mesh-wide settings, with the field names of Istio's `MeshConfig`; `defaultLoadBalancer`, `defaultRequestTimeout`,
/// `edgeDefaults` and `overload` are ours.
public struct MeshConfigSpec: FieldObject {
    public enum AccessLogEncoding: String, FieldEnum {
        case text = "TEXT"
        case json = "JSON"
    }

    public enum H2UpgradePolicy: String, FieldEnum {
        case doNotUpgrade = "DO_NOT_UPGRADE"
        case upgrade = "UPGRADE"
    }

    public struct ProxyPathNormalization: FieldObject {
        public enum NormalizationType: String, FieldEnum {
            case `default` = "DEFAULT"
            case none = "NONE"
            case base = "BASE"
            case mergeSlashes = "MERGE_SLASHES"
            case decodeAndMergeSlashes = "DECODE_AND_MERGE_SLASHES"
        }

        public var normalization: NormalizationType?
        public init() {}
        public static let fields: [Field<ProxyPathNormalization>] = [
            Field("normalization", \.normalization, "default BASE")
        ]
    }

    /// `MeshConfig.defaultTrafficPolicy`: sections a DestinationRule replaces.
    public struct DefaultTrafficPolicy: FieldObject {
        public var connectionPool: ConnectionPoolSettings?
        public var outlierDetection: OutlierDetection?
        public init() {}
        public static let fields: [Field<DefaultTrafficPolicy>] = [
            Field("connectionPool", \.connectionPool, "limits towards hosts without their own"),
            Field("outlierDetection", \.outlierDetection, "ejection for hosts without their own"),
        ]
    }

    /// The part of Istio's mesh `ProxyConfig` that has a meaning here.
    public struct ProxyDefaults: FieldObject {
        public struct Topology: FieldObject {
            public enum ForwardClientCertDetails: String, FieldEnum {
                case undefined = "UNDEFINED"
                case sanitize = "SANITIZE"
                case forwardOnly = "FORWARD_ONLY"
                case appendForward = "APPEND_FORWARD"
                case sanitizeSet = "SANITIZE_SET"
                case alwaysForwardOnly = "ALWAYS_FORWARD_ONLY"
            }

            public var numTrustedProxies: UInt32 = 0
            public var forwardClientCertDetails: ForwardClientCertDetails?
            public var proxyProtocol: ProxyProtocolConfiguration?
            public init() {}
            public static let fields: [Field<Topology>] = [
                Field("numTrustedProxies", \.numTrustedProxies, "proxies in front whose X-Forwarded-For counts"),
                Field("forwardClientCertDetails", \.forwardClientCertDetails, "default SANITIZE_SET at gateways"),
                Field("proxyProtocol", \.proxyProtocol, "connections begin with a PROXY header", keepsEmpty: true),
            ]
        }

        public struct Headers: FieldObject {
            public var preserveHttp1HeaderCase: Bool?
            public init() {}
            public static let fields: [Field<Headers>] = [
                Field(
                    "preserveHttp1HeaderCase",
                    \.preserveHttp1HeaderCase,
                    "write Host and Server, not host and server; received names stay as they came; default false"
                )
            ]
        }

        public var concurrency: Int32?
        public var drainDuration: Duration?
        public var terminationDrainDuration: Duration?
        public var gatewayTopology: Topology?
        public var proxyHeaders: Headers?
        public init() {}
        public static let fields: [Field<ProxyDefaults>] = [
            Field("concurrency", \.concurrency, "worker threads; 0 means all cores"),
            Field("drainDuration", \.drainDuration, "for listeners that change; default 45s"),
            Field("terminationDrainDuration", \.terminationDrainDuration, "when the proxy ends; default 5s"),
            Field("gatewayTopology", \.gatewayTopology, "what stands in front of gateways"),
            Field("proxyHeaders", \.proxyHeaders, "headers that proxies write, towards clients and upstreams"),
        ]
    }

    public var connectTimeout: Duration?
    public var accessLogFile: String?
    public var accessLogFormat: String?
    public var accessLogEncoding: AccessLogEncoding?
    public var outboundTrafficPolicy: SidecarSpec.OutboundTrafficPolicy?
    public var enableAutoMtls: Bool?
    public var trustDomain: String?
    public var trustDomainAliases: [String] = []
    public var rootNamespace: String?
    public var localityLbSetting: LocalityLoadBalancerSetting?
    public var zoneAwareLbSetting: ZoneAwareLoadBalancerSetting?
    public var dnsRefreshRate: Duration?
    public var h2UpgradePolicy: H2UpgradePolicy?
    public var defaultServiceExportTo: [String] = []
    public var defaultVirtualServiceExportTo: [String] = []
    public var defaultDestinationRuleExportTo: [String] = []
    public var defaultHttpRetryPolicy: HTTPRetry?
    public var defaultTrafficPolicy: DefaultTrafficPolicy?
    public var pathNormalization: ProxyPathNormalization?
    public var defaultConfig: ProxyDefaults?
    public var meshMTLS: MeshTLSConfig?
    public var tlsDefaults: MeshTLSConfig?
    public var defaultLoadBalancer: LoadBalancerSettings.SimpleLB?
    public var defaultRequestTimeout: Duration?
    public var edgeDefaults: EdgeSettings?
    public var overload: OverloadSettings?
    public init() {}
    public static let fields: [Field<MeshConfigSpec>] = [
        Field("connectTimeout", \.connectTimeout, "to upstream hosts; default 10s"),
        Field("accessLogFile", \.accessLogFile, "/dev/stdout, the default", keepsEmpty: true),
        Field("accessLogFormat", \.accessLogFormat, "default our JSON"),
        Field("accessLogEncoding", \.accessLogEncoding, "default JSON"),
        Field("outboundTrafficPolicy", \.outboundTrafficPolicy, "unknown destinations; default ALLOW_ANY"),
        Field("enableAutoMtls", \.enableAutoMtls, "mutual TLS to workloads of the mesh; default on"),
        Field("trustDomain", \.trustDomain, "default cluster.local"),
        Field("trustDomainAliases", \.trustDomainAliases, "other names of the trust domain"),
        Field("rootNamespace", \.rootNamespace, "default istio-system"),
        Field("localityLbSetting", \.localityLbSetting, "for hosts without their own"),
        Field("zoneAwareLbSetting", \.zoneAwareLbSetting, "for hosts without their own; wins over localityLbSetting"),
        Field("dnsRefreshRate", \.dnsRefreshRate, "after failed look-ups; default 60s"),
        Field("h2UpgradePolicy", \.h2UpgradePolicy, "HTTP/2 towards hosts named http"),
        Field("defaultServiceExportTo", \.defaultServiceExportTo, "for services without exportTo"),
        Field("defaultVirtualServiceExportTo", \.defaultVirtualServiceExportTo, "for VirtualServices without exportTo"),
        Field("defaultDestinationRuleExportTo", \.defaultDestinationRuleExportTo, "for rules without exportTo"),
        Field("defaultHttpRetryPolicy", \.defaultHttpRetryPolicy, "for routes without retries"),
        Field("defaultTrafficPolicy", \.defaultTrafficPolicy, "for hosts without a DestinationRule section"),
        Field("pathNormalization", \.pathNormalization, "before routing"),
        Field("defaultConfig", \.defaultConfig, "of all proxies"),
        Field("meshMTLS", \.meshMTLS, "mutual TLS between workloads"),
        Field("tlsDefaults", \.tlsDefaults, "all other TLS, where nothing else is written"),
        Field("defaultLoadBalancer", \.defaultLoadBalancer, "for hosts without their own; default ROUND_ROBIN"),
        Field("defaultRequestTimeout", \.defaultRequestTimeout, "of HTTP routes without timeout; default 15s"),
        Field("edgeDefaults", \.edgeDefaults, "limits and deadlines of all gateways"),
        Field("overload", \.overload, "when gateways shed work"),
    ]
}
