/// How long one client may take. Zero turns a deadline off where that is allowed.
///
/// Source of the meanings: the timeouts of Envoy's HTTP connection manager, listener and TCP proxy of the same names.
public struct EdgeTimeouts: FieldObject, EdgeSection {
    public var tlsHandshake: Duration?
    public var requestHeaders: Duration?
    public var request: Duration?
    public var connectionIdle: Duration?
    public var connectionDuration: Duration?
    public var streamIdle: Duration?
    public var streamDuration: Duration?
    public var send: Duration?
    public var tcpIdle: Duration?
    public init() {}
    public static let fields: [Field<EdgeTimeouts>] = [
        Field("tlsHandshake", \.tlsHandshake, "from accepting to the end of the handshake's halves; default 10s"),
        Field("requestHeaders", \.requestHeaders, "from the first byte to the end of the head, or 408; default 10s"),
        Field("request", \.request, "until the whole request has arrived, or 408; default 300s; 0s is off"),
        Field("connectionIdle", \.connectionIdle, "between two requests; default 60s"),
        Field("connectionDuration", \.connectionDuration, "then the connection is asked to go; default off"),
        Field("streamIdle", \.streamIdle, "without a byte in either direction; default 300s; 0s is off"),
        Field("streamDuration", \.streamDuration, "of one request and its response; default off"),
        Field("send", \.send, "output that makes no progress; default 30s"),
        Field("tcpIdle", \.tcpIdle, "of TCP and TLS passthrough connections; default 1h; 0s is off"),
    ]

    public mutating func fill(from base: EdgeTimeouts) {
        tlsHandshake = tlsHandshake ?? base.tlsHandshake
        requestHeaders = requestHeaders ?? base.requestHeaders
        request = request ?? base.request
        connectionIdle = connectionIdle ?? base.connectionIdle
        connectionDuration = connectionDuration ?? base.connectionDuration
        streamIdle = streamIdle ?? base.streamIdle
        streamDuration = streamDuration ?? base.streamDuration
        send = send ?? base.send
        tcpIdle = tcpIdle ?? base.tcpIdle
    }
}
