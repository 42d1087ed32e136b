/// HTTP/2 towards clients.
public struct EdgeHTTP2: FieldObject, EdgeSection {
    public var maxConcurrentStreams: UInt32?
    public var initialStreamWindowSize: UInt32?
    public var initialConnectionWindowSize: UInt32?
    public var keepaliveInterval: Duration?
    public var keepaliveTimeout: Duration?
    public init() {}
    public static let fields: [Field<EdgeHTTP2>] = [
        Field("maxConcurrentStreams", \.maxConcurrentStreams, "per connection; default 100"),
        Field("initialStreamWindowSize", \.initialStreamWindowSize, "bytes; default 65536"),
        Field("initialConnectionWindowSize", \.initialConnectionWindowSize, "bytes; default 1048576"),
        Field("keepaliveInterval", \.keepaliveInterval, "PING after so long without a byte; default none, 0s is none"),
        Field("keepaliveTimeout", \.keepaliveTimeout, "closed after so long without an answer; default 20s"),
    ]

    public mutating func fill(from base: EdgeHTTP2) {
        maxConcurrentStreams = maxConcurrentStreams ?? base.maxConcurrentStreams
        initialStreamWindowSize = initialStreamWindowSize ?? base.initialStreamWindowSize
        initialConnectionWindowSize = initialConnectionWindowSize ?? base.initialConnectionWindowSize
        keepaliveInterval = keepaliveInterval ?? base.keepaliveInterval
        keepaliveTimeout = keepaliveTimeout ?? base.keepaliveTimeout
    }
}
