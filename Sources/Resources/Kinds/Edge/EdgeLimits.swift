/// How much one client, or all of them, may ask for.
///
/// Source of the defaults: an edge profile in the sense of Envoy's "Configuring Envoy as an edge proxy".
public struct EdgeLimits: FieldObject, EdgeSection {
    public var requestHeaderBytes: UInt32?
    public var requestHeaderCount: UInt32?
    public var connections: UInt32?
    public var requestsPerConnection: UInt32?
    public var bufferBytes: UInt32?
    public var minBodyRate: UInt32?
    public init() {}
    public static let fields: [Field<EdgeLimits>] = [
        Field("requestHeaderBytes", \.requestHeaderBytes, "whole KiB; more is answered 431; default 65536"),
        Field("requestHeaderCount", \.requestHeaderCount, "header fields; more is answered 431; default 128"),
        Field("connections", \.connections, "open at the same time per port (with sectionName: per server)"),
        Field("requestsPerConnection", \.requestsPerConnection, "then the connection is asked to go; default no limit"),
        Field("bufferBytes", \.bufferBytes, "held per connection and direction before reading stops; default 32768"),
        Field("minBodyRate", \.minBodyRate, "bytes/s of a request body over 10s, or 408; default 240; 0 is off"),
    ]

    public mutating func fill(from base: EdgeLimits) {
        requestHeaderBytes = requestHeaderBytes ?? base.requestHeaderBytes
        requestHeaderCount = requestHeaderCount ?? base.requestHeaderCount
        connections = connections ?? base.connections
        requestsPerConnection = requestsPerConnection ?? base.requestsPerConnection
        bufferBytes = bufferBytes ?? base.bufferBytes
        minBodyRate = minBodyRate ?? base.minBodyRate
    }
}
