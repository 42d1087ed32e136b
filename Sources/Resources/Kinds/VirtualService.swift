/// Ordered routing rules for the requests and connections to some hosts.
public struct VirtualServiceSpec: FieldObject {
    public var hosts: [String] = []
    public var gateways: [String] = []
    public var http: [HTTPRoute] = []
    public var tls: [TLSRoute] = []
    public var tcp: [TCPRoute] = []
    public var exportTo: [String] = []
    public init() {}
    public static let fields: [Field<VirtualServiceSpec>] = [
        Field("hosts", \.hosts, "names that clients use; empty for a delegate"),
        Field("gateways", \.gateways, "gateways the rules apply to; `mesh` means all sidecars, and is the default"),
        Field("http", \.http, "rules for HTTP; the first that matches wins"),
        Field("tls", \.tls, "rules for TLS that is passed through, by SNI"),
        Field("tcp", \.tcp, "rules for opaque TCP"),
        Field("exportTo", \.exportTo, "namespaces that see it"),
    ]
}

/// One HTTP rule.
public struct HTTPRoute: FieldObject {
    public var name: String?
    public var match: [HTTPMatchRequest] = []
    public var route: [HTTPRouteDestination] = []
    public var redirect: HTTPRedirect?
    public var directResponse: HTTPDirectResponse?
    public var delegate: Delegate?
    public var rewrite: HTTPRewrite?
    public var timeout: Duration?
    public var retries: HTTPRetry?
    public var fault: HTTPFaultInjection?
    public var mirror: Destination?
    public var mirrors: [HTTPMirrorPolicy] = []
    public var mirrorPercent: UInt32?
    public var mirrorPercentage: Percent?
    public var corsPolicy: CorsPolicy?
    public var headers: Headers?
    public init() {}
    public static let fields: [Field<HTTPRoute>] = [
        Field("name", \.name, "appears in access logs"),
        Field("match", \.match, "any of these; empty matches all"),
        Field("route", \.route, "weighted destinations"),
        Field("redirect", \.redirect, "answer with a redirect"),
        Field("directResponse", \.directResponse, "answer with a fixed response"),
        Field("delegate", \.delegate, "go on in another VirtualService"),
        Field("rewrite", \.rewrite, "change path or authority before forwarding"),
        Field("timeout", \.timeout, "whole request with retries; 0s turns it off, default 15s"),
        Field("retries", \.retries, "when to try again"),
        Field("fault", \.fault, "injected delay and abort"),
        Field("mirror", \.mirror, "send a copy there"),
        Field("mirrors", \.mirrors, "send copies to several"),
        Field("mirrorPercent", \.mirrorPercent, "deprecated whole percent", aliases: ["mirror_percent"]),
        Field("mirrorPercentage", \.mirrorPercentage, "share of requests that are mirrored; default all"),
        Field("corsPolicy", \.corsPolicy, "answers to cross-origin browsers"),
        Field("headers", \.headers, "header changes for all destinations"),
    ]
}

/// A destination of an HTTP rule with its share.
public struct HTTPRouteDestination: FieldObject {
    public var destination = Destination()
    public var weight: Int32 = 0
    public var headers: Headers?
    public init() {}
    public static let fields: [Field<HTTPRouteDestination>] = [
        Field("destination", \.destination, "where to", required: true),
        Field("weight", \.weight, "relative share; a single destination gets all"),
        Field("headers", \.headers, "header changes for this destination"),
    ]
}

/// A destination of a TCP or TLS rule with its share.
public struct RouteDestination: FieldObject {
    public var destination = Destination()
    public var weight: Int32 = 0
    public init() {}
    public static let fields: [Field<RouteDestination>] = [
        Field("destination", \.destination, "where to", required: true),
        Field("weight", \.weight, "relative share; a single destination gets all"),
    ]
}

/// Another VirtualService that decides.
public struct Delegate: FieldObject {
    public var name: String?
    public var namespace: String?
    public init() {}
    public static let fields: [Field<Delegate>] = [
        Field("name", \.name, "its name"),
        Field("namespace", \.namespace, "its namespace; default that of the root"),
    ]
}

/// A copy of requests.
public struct HTTPMirrorPolicy: FieldObject {
    public var destination = Destination()
    public var percentage: Percent?
    public init() {}
    public static let fields: [Field<HTTPMirrorPolicy>] = [
        Field("destination", \.destination, "where the copies go", required: true),
        Field("percentage", \.percentage, "share of requests; default all"),
    ]
}

/// Which requests a rule is for; what is set must all match.
public struct HTTPMatchRequest: FieldObject {
    public var name: String?
    public var uri: StringMatch?
    public var scheme: StringMatch?
    public var method: StringMatch?
    public var authority: StringMatch?
    public var headers: [String: StringMatch] = [:]
    public var withoutHeaders: [String: StringMatch] = [:]
    public var queryParams: [String: StringMatch] = [:]
    public var port: UInt32?
    public var sourceLabels: [String: String] = [:]
    public var sourceNamespace: String?
    public var gateways: [String] = []
    public var ignoreUriCase = false
    public var statPrefix: String?
    public init() {}
    public static let fields: [Field<HTTPMatchRequest>] = [
        Field("name", \.name, "appended to the rule's name"),
        Field("uri", \.uri, "path without query"),
        Field("scheme", \.scheme, "http or https"),
        Field("method", \.method, "request method, case matters"),
        Field("authority", \.authority, "host[:port] as sent"),
        Field("headers", \.headers, "by name; {} means present"),
        Field("withoutHeaders", \.withoutHeaders, "must not match"),
        Field("queryParams", \.queryParams, "by name; {} means present"),
        Field("port", \.port, "listener port"),
        Field("sourceLabels", \.sourceLabels, "labels of the calling workload; sidecars only"),
        Field("sourceNamespace", \.sourceNamespace, "namespace of the calling workload"),
        Field("gateways", \.gateways, "instead of the VirtualService's gateways"),
        Field("ignoreUriCase", \.ignoreUriCase, "for exact and prefix"),
        Field("statPrefix", \.statPrefix, "counts this rule's requests apart"),
    ]
}

/// A rule for TLS that is not ended here.
public struct TLSRoute: FieldObject {
    public var match: [TLSMatchAttributes] = []
    public var route: [RouteDestination] = []
    public init() {}
    public static let fields: [Field<TLSRoute>] = [
        Field("match", \.match, "any of these", required: true),
        Field("route", \.route, "weighted destinations, chosen per connection"),
    ]
}

/// Which TLS connections a rule is for.
public struct TLSMatchAttributes: FieldObject {
    public var sniHosts: [String] = []
    public var destinationSubnets: [String] = []
    public var port: UInt32?
    public var sourceLabels: [String: String] = [:]
    public var gateways: [String] = []
    public var sourceNamespace: String?
    public init() {}
    public static let fields: [Field<TLSMatchAttributes>] = [
        Field("sniHosts", \.sniHosts, "exact or left-wildcard server names", required: true),
        Field("destinationSubnets", \.destinationSubnets, "original destination, addresses or CIDR blocks"),
        Field("port", \.port, "listener port"),
        Field("sourceLabels", \.sourceLabels, "labels of the calling workload"),
        Field("gateways", \.gateways, "instead of the VirtualService's gateways"),
        Field("sourceNamespace", \.sourceNamespace, "namespace of the calling workload"),
    ]
}

/// A rule for opaque TCP.
public struct TCPRoute: FieldObject {
    public var match: [L4MatchAttributes] = []
    public var route: [RouteDestination] = []
    public init() {}
    public static let fields: [Field<TCPRoute>] = [
        Field("match", \.match, "any of these; empty matches all"),
        Field("route", \.route, "weighted destinations, chosen per connection"),
    ]
}

/// Which TCP connections a rule is for.
public struct L4MatchAttributes: FieldObject {
    public var destinationSubnets: [String] = []
    public var port: UInt32?
    public var sourceSubnet: String?
    public var sourceLabels: [String: String] = [:]
    public var gateways: [String] = []
    public var sourceNamespace: String?
    public init() {}
    public static let fields: [Field<L4MatchAttributes>] = [
        Field("destinationSubnets", \.destinationSubnets, "original destination, addresses or CIDR blocks"),
        Field("port", \.port, "listener port"),
        Field("sourceSubnet", \.sourceSubnet, "address or CIDR block of the caller"),
        Field("sourceLabels", \.sourceLabels, "labels of the calling workload"),
        Field("gateways", \.gateways, "instead of the VirtualService's gateways"),
        Field("sourceNamespace", \.sourceNamespace, "namespace of the calling workload"),
    ]
}
