/// What the registry needs besides resources: passed in, never looked up.
public struct MeshInputs: Sendable {
    /// Suffix of service names.
    public var domain: String
    /// Gateways that are connected (or supervised here), whatever their number.
    public var gateways: [GatewayWorkload]
    /// Contents of the files that resources name, by path as written; only files the operator permits.
    public var files: [String: [UInt8]]
    /// PEM bundle of the mesh's certificate authorities, delivered as secret `ROOTCA`; empty: proxies have it already.
    public var trustBundle: [UInt8]
    /// Keys of gateways' TLS session tickets, 80 bytes each, the newest first; empty: every proxy makes its own.
    public var ticketKeys: [[UInt8]]

    public init(
        domain: String = "cluster.local",
        gateways: [GatewayWorkload] = [],
        files: [String: [UInt8]] = [:],
        trustBundle: [UInt8] = [],
        ticketKeys: [[UInt8]] = []
    ) {
        self.domain = domain
        self.gateways = gateways
        self.files = files
        self.trustBundle = trustBundle
        self.ticketKeys = ticketKeys
    }
}
