public import Resources

/// A Gateway resource in winning order.
public struct GatewayServers: Sendable {
    public var source: ResourceKey
    public var spec: GatewaySpec
    public var order: CreationOrder

    /// `ns/name`, as VirtualServices refer to it.
    public var reference: String { "\(source.namespace)/\(source.name)" }

    /// True when the Gateway is for proxies with these labels; an empty selector picks every gateway.
    public func selects(_ labels: [String: String]) -> Bool { Labels.contains(labels, all: spec.selector) }
}
