internal import Base

/// Field names that have a slot in every head, so that looking one up costs no comparison.
///
/// `other` stands for every name without a slot. Source: the names that codec, routing, filters and logs ask for.
public enum KnownField: UInt8, CaseIterable, Sendable {
    case other = 0
    case accept
    case acceptEncoding
    case accessControlRequestHeaders
    case accessControlRequestMethod
    case age
    case allow
    case altSvc
    case authorization
    case b3
    case cacheControl
    case connection
    case contentEncoding
    case contentLength
    case contentType
    case cookie
    case date
    case etag
    case expect
    case forwarded
    case grpcEncoding
    case grpcMessage
    case grpcStatus
    case grpcTimeout
    case host
    case http2Settings
    case keepAlive
    case lastModified
    case location
    case origin
    case proxy
    case proxyAuthorization
    case proxyConnection
    case range
    case referer
    case retryAfter
    case secWebsocketAccept
    case secWebsocketKey
    case secWebsocketVersion
    case server
    case setCookie
    case te
    case traceparent
    case tracestate
    case trailer
    case transferEncoding
    case upgrade
    case userAgent
    case vary
    case via
    case wwwAuthenticate
    case xB3TraceID
    case xEnvoyAttemptCount
    case xEnvoyDecoratorOperation
    case xEnvoyOriginalPath
    case xEnvoyUpstreamServiceTime
    case xForwardedClientCert
    case xForwardedFor
    case xForwardedHost
    case xForwardedPort
    case xForwardedProto
    case xRealIP
    case xRequestID

    /// See `MessageHead.removeNonTrailers`.
    static let forbiddenInTrailers: [KnownField] = [
        .acceptEncoding, .age, .authorization, .cacheControl, .connection, .contentEncoding, .contentLength,
        .contentType, .cookie, .date, .expect, .forwarded, .host, .http2Settings, .keepAlive, .location, .proxy,
        .proxyAuthorization, .proxyConnection, .range, .retryAfter, .setCookie, .te, .trailer, .transferEncoding,
        .upgrade, .vary, .wwwAuthenticate, .xEnvoyAttemptCount, .xEnvoyOriginalPath, .xForwardedClientCert,
        .xForwardedFor, .xForwardedHost, .xForwardedPort, .xForwardedProto, .xRealIP, .xRequestID,
    ]

    /// Slots in a head's lookup table.
    static let slots = 64

    /// The lower-case wire name; empty for `other`.
    public var name: StaticString {
        switch self {
        case .other: ""
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .accessControlRequestHeaders: "access-control-request-headers"
        case .accessControlRequestMethod: "access-control-request-method"
        case .age: "age"
        case .allow: "allow"
        case .altSvc: "alt-svc"
        case .authorization: "authorization"
        case .b3: "b3"
        case .cacheControl: "cache-control"
        case .connection: "connection"
        case .contentEncoding: "content-encoding"
        case .contentLength: "content-length"
        case .contentType: "content-type"
        case .cookie: "cookie"
        case .date: "date"
        case .etag: "etag"
        case .expect: "expect"
        case .forwarded: "forwarded"
        case .grpcEncoding: "grpc-encoding"
        case .grpcMessage: "grpc-message"
        case .grpcStatus: "grpc-status"
        case .grpcTimeout: "grpc-timeout"
        case .host: "host"
        case .http2Settings: "http2-settings"
        case .keepAlive: "keep-alive"
        case .lastModified: "last-modified"
        case .location: "location"
        case .origin: "origin"
        case .proxy: "proxy"
        case .proxyAuthorization: "proxy-authorization"
        case .proxyConnection: "proxy-connection"
        case .range: "range"
        case .referer: "referer"
        case .retryAfter: "retry-after"
        case .secWebsocketAccept: "sec-websocket-accept"
        case .secWebsocketKey: "sec-websocket-key"
        case .secWebsocketVersion: "sec-websocket-version"
        case .server: "server"
        case .setCookie: "set-cookie"
        case .te: "te"
        case .traceparent: "traceparent"
        case .tracestate: "tracestate"
        case .trailer: "trailer"
        case .transferEncoding: "transfer-encoding"
        case .upgrade: "upgrade"
        case .userAgent: "user-agent"
        case .vary: "vary"
        case .via: "via"
        case .wwwAuthenticate: "www-authenticate"
        case .xB3TraceID: "x-b3-traceid"
        case .xEnvoyAttemptCount: "x-envoy-attempt-count"
        case .xEnvoyDecoratorOperation: "x-envoy-decorator-operation"
        case .xEnvoyOriginalPath: "x-envoy-original-path"
        case .xEnvoyUpstreamServiceTime: "x-envoy-upstream-service-time"
        case .xForwardedClientCert: "x-forwarded-client-cert"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedPort: "x-forwarded-port"
        case .xForwardedProto: "x-forwarded-proto"
        case .xRealIP: "x-real-ip"
        case .xRequestID: "x-request-id"
        }
    }
}
