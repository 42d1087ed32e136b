/// When a proxy sheds work, in percent of what its process may use of a resource (memory, descriptors).
///
/// Source: Envoy's overload manager, whose settings stand in its bootstrap; ours come with the configuration, as
/// metadata `gatehouse` of listeners.
public struct OverloadLimits: Hashable, Sendable {
    /// What the process may use; nil: what its control group and resource limits allow.
    public var memoryBytesMax: UInt64?
    /// From here on connections end with their next response, and idle ones at once.
    public var keepAlivePercent: UInt32
    /// From here on requests are answered 503 with Retry-After.
    public var requestPercent: UInt32
    /// From here on no connection is accepted.
    public var acceptPercent: UInt32

    public init(
        memoryBytesMax: UInt64? = nil,
        keepAlivePercent: UInt32 = 85,
        requestPercent: UInt32 = 90,
        acceptPercent: UInt32 = 95
    ) {
        self.memoryBytesMax = memoryBytesMax
        self.keepAlivePercent = keepAlivePercent
        self.requestPercent = requestPercent
        self.acceptPercent = acceptPercent
    }
}
