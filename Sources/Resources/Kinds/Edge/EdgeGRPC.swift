/// gRPC towards clients.
public struct EdgeGRPC: FieldObject, EdgeSection {
    /// Source: Istio turns the translation on for ports of protocol GRPC-WEB, which no HTTPS server can have.
    public var web: Bool?
    public init() {}
    public static let fields: [Field<EdgeGRPC>] = [
        Field("web", \.web, "translate gRPC-Web, binary and text, into gRPC; default on servers of protocol GRPC-WEB")
    ]

    public mutating func fill(from base: EdgeGRPC) { web = web ?? base.web }
}
