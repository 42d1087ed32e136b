/// Who the client is when proxies stand in front of the gateway.
public struct EdgeClientAddress: FieldObject, EdgeSection {
    public var trustedProxies: [String] = []
    public var numTrustedProxies: UInt32?
    public var appendForwardedPort: Bool?
    public init() {}
    public static let fields: [Field<EdgeClientAddress>] = [
        Field("trustedProxies", \.trustedProxies, "CIDR blocks of proxies whose X-Forwarded-For is believed"),
        Field(
            "numTrustedProxies",
            \.numTrustedProxies,
            "how many of them there are, where their addresses are unknown"
        ),
        Field("appendForwardedPort", \.appendForwardedPort, "send X-Forwarded-Port, the port of the listener"),
    ]

    public mutating func fill(from base: EdgeClientAddress) {
        // The two ways to tell exclude each other: whoever writes one has decided.
        if trustedProxies.isEmpty, numTrustedProxies == nil {
            trustedProxies = base.trustedProxies
            numTrustedProxies = base.numTrustedProxies
        }
        appendForwardedPort = appendForwardedPort ?? base.appendForwardedPort
    }
}
