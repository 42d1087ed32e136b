/// HTTP/1 with clients.
public struct EdgeHTTP1: FieldObject, EdgeSection {
    public var acceptHttp10: Bool?
    public var defaultHost: String?
    public var preserveHeaderCase: Bool?
    public init() {}
    public static let fields: [Field<EdgeHTTP1>] = [
        Field("acceptHttp10", \.acceptHttp10, "serve HTTP/1.0; default false, which answers 426"),
        Field("defaultHost", \.defaultHost, "of HTTP/1.0 requests without Host, which are refused by default"),
        Field("preserveHeaderCase", \.preserveHeaderCase, "write Server, not server; received names stay as they came"),
    ]

    public mutating func fill(from base: EdgeHTTP1) {
        acceptHttp10 = acceptHttp10 ?? base.acceptHttp10
        defaultHost = defaultHost ?? base.defaultHost
        preserveHeaderCase = preserveHeaderCase ?? base.preserveHeaderCase
    }
}
