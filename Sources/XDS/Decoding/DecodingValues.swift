internal import Base
internal import SwiftProtobuf

extension MetadataValue {
    init(_ value: Google_Protobuf_Value) {
        switch value.kind {
        case .numberValue(let number): self = .number(number)
        case .stringValue(let text): self = .string(text)
        case .boolValue(let flag): self = .bool(flag)
        case .structValue(let object): self = .object(Self.object(object))
        case .listValue(let list): self = .list(list.values.map { MetadataValue($0) })
        case .nullValue, nil: self = .null
        }
    }

    static func object(_ value: Google_Protobuf_Struct) -> [String: MetadataValue] {
        value.fields.mapValues { MetadataValue($0) }
    }

    static func metadata(_ value: Envoy_Config_Core_V3_Metadata) -> Metadata {
        value.filterMetadata.mapValues { object($0) }
    }

    /// The keys that select a subset of endpoints.
    static func subset(_ value: Envoy_Config_Core_V3_Metadata) -> [String: MetadataValue] {
        object(value.filterMetadata["envoy.lb"] ?? Google_Protobuf_Struct())
    }
}

extension Fraction {
    init(_ value: Envoy_Type_V3_FractionalPercent, at path: FieldPath) throws(DecodeError) {
        let denominator: UInt64 =
            switch value.denominator {
            case .hundred: 100
            case .tenThousand: 10_000
            case .million: 1_000_000
            case .UNRECOGNIZED: throw path.child("denominator").error("unknown value")
            }
        let share = UInt64(value.numerator) * (1_000_000 / denominator)
        self.init(millionths: UInt32(min(share, 1_000_000)))
    }

    /// Runtime keys are not looked up; the default value always counts.
    init(_ value: Envoy_Config_Core_V3_RuntimeFractionalPercent, at path: FieldPath) throws(DecodeError) {
        try self.init(value.defaultValue, at: path.child("default_value"))
    }

    init(_ value: Envoy_Type_V3_Percent, at path: FieldPath) throws(DecodeError) {
        guard (0...100).contains(value.value) else { throw path.child("value").error("not in 0...100") }
        self.init(millionths: UInt32(value.value * 10_000))
    }
}

extension DataSource {
    init(_ source: Envoy_Config_Core_V3_DataSource, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(source)
        switch source.specifier {
        case .filename(let file): self = .file(path: file)
        case .inlineBytes(let bytes): self = .inline([UInt8](bytes))
        case .inlineString(let text): self = .inline([UInt8](text.utf8))
        case .environmentVariable(let name): self = .environment(variable: name)
        case nil: throw path.error("holds nothing")
        }
    }

    /// For content that must be in the resource itself.
    static func inlineBytes(
        _ source: Envoy_Config_Core_V3_DataSource,
        at path: FieldPath
    ) throws(DecodeError) -> [UInt8] {
        switch try DataSource(source, at: path) {
        case .inline(let bytes): return bytes
        case .file, .environment: throw path.error("only inline_string and inline_bytes are supported here")
        }
    }
}

extension Address {
    /// - Parameter allowsName: whether a host name may stand for an IP address.
    init(_ address: Envoy_Config_Core_V3_Address, allowsName: Bool, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(address)
        switch address.address {
        case .socketAddress(let socket):
            self = try Self.socket(socket, allowsName: allowsName, at: path.child("socket_address"))
        case .pipe(let pipe):
            self = .pipe(path: try path.child("pipe").nonEmpty(pipe.path, "path"))
        case .envoyInternalAddress:
            throw path.child("envoy_internal_address").error("not supported")
        case nil:
            throw path.error("holds nothing")
        }
    }

    static func socket(
        _ socket: Envoy_Config_Core_V3_SocketAddress,
        allowsName: Bool,
        at path: FieldPath
    ) throws(DecodeError) -> Address {
        try path.refuse("protocol", if: socket.protocol != .tcp)
        try path.refuse("resolver_name", if: !socket.resolverName.isEmpty)
        let port: UInt16
        switch socket.portSpecifier {
        case .portValue(let value): port = try path.port(value, "port_value")
        case .namedPort: throw path.child("named_port").error("not supported")
        case nil: port = 0
        }
        if let address = IPAddress(socket.address) { return .socket(SocketAddress(address, port: port)) }
        guard allowsName, !socket.address.isEmpty else {
            throw path.child("address").error("\"\(socket.address)\" is not an IP address")
        }
        return .name(host: socket.address, port: port)
    }
}

extension CIDR {
    init(decoding range: Envoy_Config_Core_V3_CidrRange, at path: FieldPath) throws(DecodeError) {
        // Without a length Envoy takes the block as /0; that is never what a sender means, but it is what it says.
        guard let address = IPAddress(range.addressPrefix),
            let block = CIDR(address, prefixLength: Int(range.prefixLen.value))
        else { throw path.error("\"\(range.addressPrefix)/\(range.prefixLen.value)\" is not an address block") }
        self = block
    }
}

extension Locality {
    init(_ locality: Envoy_Config_Core_V3_Locality) {
        self.init(region: locality.region, zone: locality.zone, subZone: locality.subZone)
    }
}

extension TokenBucket {
    init(_ bucket: Envoy_Type_V3_TokenBucket, at path: FieldPath) throws(DecodeError) {
        guard bucket.maxTokens > 0 else { throw path.child("max_tokens").error("must be at least 1") }
        let interval = try path.duration(bucket.fillInterval, "fill_interval")
        guard interval > .zero else { throw path.child("fill_interval").error("must be longer than zero") }
        self.init(
            tokensMax: bucket.maxTokens,
            tokensPerFill: bucket.hasTokensPerFill ? bucket.tokensPerFill.value : 1,
            fillInterval: interval
        )
    }
}
