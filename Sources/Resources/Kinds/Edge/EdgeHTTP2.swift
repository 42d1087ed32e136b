/// HTTP/2 towards clients.
public struct EdgeHTTP2: FieldObject, EdgeSection {
    public var maxConcurrentStreams: UInt32?
    public var initialStreamWindowSize: UInt32?
    public var initialConnectionWindowSize: UInt32?
    public init() {}
    public static let fields: [Field<EdgeHTTP2>] = [
        Field("maxConcurrentStreams", \.maxConcurrentStreams, "per connection; default 100"),
        Field("initialStreamWindowSize", \.initialStreamWindowSize, "bytes; default 65536"),
        Field("initialConnectionWindowSize", \.initialConnectionWindowSize, "bytes; default 1048576"),
    ]

    public mutating func fill(from base: EdgeHTTP2) {
        maxConcurrentStreams = maxConcurrentStreams ?? base.maxConcurrentStreams
        initialStreamWindowSize = initialStreamWindowSize ?? base.initialStreamWindowSize
        initialConnectionWindowSize = initialConnectionWindowSize ?? base.initialConnectionWindowSize
    }
}
