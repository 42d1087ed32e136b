/// When the proxies of gateways shed work, in percent of what their process may use of memory and of descriptors.
///
/// Source: the actions of Envoy's overload manager; there they stand in a file, here they can be changed at run time.
public struct OverloadSettings: FieldObject {
    public var memoryBytes: Int64?
    public var disableKeepAlivePercent: UInt32?
    public var refuseRequestsPercent: UInt32?
    public var refuseConnectionsPercent: UInt32?
    public init() {}
    public static let fields: [Field<OverloadSettings>] = [
        Field("memoryBytes", \.memoryBytes, "resident memory of one process; default what cgroup and ulimit allow"),
        Field("disableKeepAlivePercent", \.disableKeepAlivePercent, "connections end with their response; default 85"),
        Field("refuseRequestsPercent", \.refuseRequestsPercent, "503 with Retry-After; default 90"),
        Field("refuseConnectionsPercent", \.refuseConnectionsPercent, "nothing is accepted; default 95"),
    ]
}
