internal import Base

extension KnownField {
    /// The slot of a field name, in any case. The name must hold token characters only.
    ///
    /// A switch on the length leaves one to six candidates, and most of those differ in their first letter.
    static func of(_ p: BytePointer, _ count: Int) -> KnownField {
        if count > 11 { return long(p, count) }
        switch count {
        case 2:
            if equalsLowercased(p, 2, "b3") { return .b3 }
            if equalsLowercased(p, 2, "te") { return .te }
        case 3:
            if equalsLowercased(p, 3, "age") { return .age }
            if equalsLowercased(p, 3, "via") { return .via }
        case 4:
            if equalsLowercased(p, 4, "date") { return .date }
            if equalsLowercased(p, 4, "etag") { return .etag }
            if equalsLowercased(p, 4, "host") { return .host }
            if equalsLowercased(p, 4, "vary") { return .vary }
        case 5:
            if equalsLowercased(p, 5, "allow") { return .allow }
            if equalsLowercased(p, 5, "proxy") { return .proxy }
            if equalsLowercased(p, 5, "range") { return .range }
        case 6:
            if equalsLowercased(p, 6, "accept") { return .accept }
            if equalsLowercased(p, 6, "cookie") { return .cookie }
            if equalsLowercased(p, 6, "expect") { return .expect }
            if equalsLowercased(p, 6, "origin") { return .origin }
            if equalsLowercased(p, 6, "server") { return .server }
        case 7:
            if equalsLowercased(p, 7, "alt-svc") { return .altSvc }
            if equalsLowercased(p, 7, "referer") { return .referer }
            if equalsLowercased(p, 7, "trailer") { return .trailer }
            if equalsLowercased(p, 7, "upgrade") { return .upgrade }
        case 8:
            if equalsLowercased(p, 8, "location") { return .location }
        case 9:
            if equalsLowercased(p, 9, "forwarded") { return .forwarded }
            if equalsLowercased(p, 9, "x-real-ip") { return .xRealIP }
        case 10:
            if equalsLowercased(p, 10, "connection") { return .connection }
            if equalsLowercased(p, 10, "keep-alive") { return .keepAlive }
            if equalsLowercased(p, 10, "set-cookie") { return .setCookie }
            if equalsLowercased(p, 10, "tracestate") { return .tracestate }
            if equalsLowercased(p, 10, "user-agent") { return .userAgent }
        case 11:
            if equalsLowercased(p, 11, "grpc-status") { return .grpcStatus }
            if equalsLowercased(p, 11, "retry-after") { return .retryAfter }
            if equalsLowercased(p, 11, "traceparent") { return .traceparent }
        default: break
        }
        return .other
    }

    private static func long(_ p: BytePointer, _ count: Int) -> KnownField {
        switch count {
        case 12:
            if equalsLowercased(p, 12, "content-type") { return .contentType }
            if equalsLowercased(p, 12, "grpc-message") { return .grpcMessage }
            if equalsLowercased(p, 12, "grpc-timeout") { return .grpcTimeout }
            if equalsLowercased(p, 12, "x-b3-traceid") { return .xB3TraceID }
            if equalsLowercased(p, 12, "x-request-id") { return .xRequestID }
        case 13:
            if equalsLowercased(p, 13, "authorization") { return .authorization }
            if equalsLowercased(p, 13, "cache-control") { return .cacheControl }
            if equalsLowercased(p, 13, "grpc-encoding") { return .grpcEncoding }
            if equalsLowercased(p, 13, "last-modified") { return .lastModified }
        case 14:
            if equalsLowercased(p, 14, "content-length") { return .contentLength }
            if equalsLowercased(p, 14, "http2-settings") { return .http2Settings }
        default: return longer(p, count)
        }
        return .other
    }

    private static func longer(_ p: BytePointer, _ count: Int) -> KnownField {
        switch count {
        case 15:
            if equalsLowercased(p, 15, "accept-encoding") { return .acceptEncoding }
            if equalsLowercased(p, 15, "x-forwarded-for") { return .xForwardedFor }
        case 16:
            if equalsLowercased(p, 16, "content-encoding") { return .contentEncoding }
            if equalsLowercased(p, 16, "proxy-connection") { return .proxyConnection }
            if equalsLowercased(p, 16, "www-authenticate") { return .wwwAuthenticate }
            if equalsLowercased(p, 16, "x-forwarded-host") { return .xForwardedHost }
            if equalsLowercased(p, 16, "x-forwarded-port") { return .xForwardedPort }
        case 17:
            if equalsLowercased(p, 17, "sec-websocket-key") { return .secWebsocketKey }
            if equalsLowercased(p, 17, "transfer-encoding") { return .transferEncoding }
            if equalsLowercased(p, 17, "x-forwarded-proto") { return .xForwardedProto }
        case 19:
            if equalsLowercased(p, 19, "proxy-authorization") { return .proxyAuthorization }
        case 20:
            if equalsLowercased(p, 20, "sec-websocket-accept") { return .secWebsocketAccept }
        case 21:
            if equalsLowercased(p, 21, "sec-websocket-version") { return .secWebsocketVersion }
            if equalsLowercased(p, 21, "x-envoy-attempt-count") { return .xEnvoyAttemptCount }
            if equalsLowercased(p, 21, "x-envoy-original-path") { return .xEnvoyOriginalPath }
        case 23:
            if equalsLowercased(p, 23, "x-forwarded-client-cert") { return .xForwardedClientCert }
        case 27:
            if equalsLowercased(p, 27, "x-envoy-decorator-operation") { return .xEnvoyDecoratorOperation }
        case 29:
            if equalsLowercased(p, 29, "access-control-request-method") { return .accessControlRequestMethod }
            if equalsLowercased(p, 29, "x-envoy-upstream-service-time") { return .xEnvoyUpstreamServiceTime }
        case 30:
            if equalsLowercased(p, 30, "access-control-request-headers") { return .accessControlRequestHeaders }
        default: break
        }
        return .other
    }
}
