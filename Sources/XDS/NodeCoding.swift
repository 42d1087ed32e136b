internal import SwiftProtobuf

extension Node {
    /// The node of a stream's first request.
    ///
    /// Its id may have any form; only `type~ip~name.namespace~domain` says role, address, name and namespace.
    public init(_ message: Envoy_Config_Core_V3_Node) {
        let metadata = MetadataValue.object(message.metadata)
        self.init(
            id: message.id,
            role: nil,
            cluster: message.cluster,
            locality: Locality(message.locality),
            metadata: metadata,
            userAgent: message.userAgentName,
            clientFeatures: message.clientFeatures
        )
        let parts = message.id.split(separator: "~", omittingEmptySubsequences: false)
        if parts.count == 4 {
            role = Role(rawValue: String(parts[0]))
            address = String(parts[1])
            domain = String(parts[3])
            // The name itself may hold dots; the namespace is a DNS label.
            let workload = parts[2]
            if let dot = workload.lastIndex(of: ".") {
                name = String(workload[..<dot])
                namespace = String(workload[workload.index(after: dot)...])
            } else {
                name = String(workload)
            }
        }
        if namespace.isEmpty, case .string(let text)? = metadata["NAMESPACE"] { namespace = text }
        if case .object(let labels)? = metadata["LABELS"] {
            self.labels = labels.compactMapValues { if case .string(let text) = $0 { text } else { nil } }
        }
        flavor = Self.flavor(message, metadata)
    }

    private static func flavor(_ message: Envoy_Config_Core_V3_Node, _ metadata: [String: MetadataValue]) -> Flavor {
        if message.userAgentName == ownUserAgent { return .gatehouse }
        if metadata["GENERATOR"] == .string("grpc") || message.userAgentName.hasPrefix("gRPC") { return .grpc }
        return .envoy
    }

    /// What our proxies call themselves.
    public static let ownUserAgent = "gatehouse"

    /// `type~ip~name.namespace~domain`.
    public static func id(role: Role, address: String, name: String, namespace: String, domain: String) -> String {
        "\(role.rawValue)~\(address)~\(name).\(namespace)~\(domain)"
    }

    /// For a request; labels and namespace are put where the peer looks for them.
    public var message: Envoy_Config_Core_V3_Node {
        var message = Envoy_Config_Core_V3_Node()
        message.id = id
        message.cluster = cluster
        message.userAgentName = userAgent
        message.clientFeatures = clientFeatures
        message.locality.region = locality.region
        message.locality.zone = locality.zone
        message.locality.subZone = locality.subZone
        var all = metadata
        if !namespace.isEmpty { all["NAMESPACE"] = .string(namespace) }
        if !labels.isEmpty { all["LABELS"] = .object(labels.mapValues { .string($0) }) }
        message.metadata = MetadataValue.structure(all)
        return message
    }
}

extension MetadataValue {
    /// As a protobuf value.
    var message: Google_Protobuf_Value {
        var value = Google_Protobuf_Value()
        switch self {
        case .null: value.kind = .nullValue(.nullValue)
        case .bool(let flag): value.kind = .boolValue(flag)
        case .number(let number): value.kind = .numberValue(number)
        case .string(let text): value.kind = .stringValue(text)
        case .list(let items): value.listValue.values = items.map(\.message)
        case .object(let fields): value.structValue = Self.structure(fields)
        }
        return value
    }

    static func structure(_ fields: [String: MetadataValue]) -> Google_Protobuf_Struct {
        var message = Google_Protobuf_Struct()
        message.fields = fields.mapValues(\.message)
        return message
    }
}
