internal import SwiftProtobuf

/// What Envoy has no field for: numbers in metadata under our own key, which other proxies carry and do not read.
///
/// Names that this version does not know are refused: they would have no effect.
struct OwnNumbers {
    private static let key = "gatehouse"
    private static let known: Set<String> = [
        "max_connections", "min_body_rate", "send_timeout_ms", "overload_memory_bytes", "overload_keepalive_percent",
        "overload_request_percent", "overload_accept_percent",
    ]

    private let fields: [String: Google_Protobuf_Value]
    private let path: FieldPath

    init(_ metadata: Envoy_Config_Core_V3_Metadata, at path: FieldPath) throws(DecodeError) {
        self.path = path.child("metadata").entry("filter_metadata", Self.key)
        fields = metadata.filterMetadata[Self.key]?.fields ?? [:]
        for name in fields.keys.sorted() where !Self.known.contains(name) {
            throw self.path.child(name).error("not supported")
        }
    }

    /// A whole number that is not negative; nil when it is not there.
    func count(_ name: String) throws(DecodeError) -> UInt64? {
        guard let value = fields[name] else { return nil }
        guard case .numberValue(let number) = value.kind, let count = UInt64(exactly: number) else {
            throw path.child(name).error("not a whole number")
        }
        return count
    }
}

extension OverloadLimits {
    /// Nil when none of its numbers is there.
    init?(_ numbers: OwnNumbers) throws(DecodeError) {
        self.init()
        memoryBytesMax = try numbers.count("overload_memory_bytes")
        var isSet = memoryBytesMax != nil
        func percent(_ name: String, _ place: WritableKeyPath<OverloadLimits, UInt32>) throws(DecodeError) {
            guard let value = try numbers.count(name) else { return }
            self[keyPath: place] = UInt32(clamping: value)
            isSet = true
        }
        try percent("overload_keepalive_percent", \.keepAlivePercent)
        try percent("overload_request_percent", \.requestPercent)
        try percent("overload_accept_percent", \.acceptPercent)
        guard isSet else { return nil }
    }
}

extension SocketOption {
    /// Options that take bytes, and states other than "before bind", are for sockets that we do not make.
    init(_ option: Envoy_Config_Core_V3_SocketOption, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(option)
        guard case .intValue(let value) = option.value else { throw path.child("buf_value").error("not supported") }
        guard let level = Int32(exactly: option.level), let name = Int32(exactly: option.name),
            let value = Int32(exactly: value)
        else { throw path.error("not an option of 32 bits") }
        self.init(level: level, name: name, value: value)
    }
}
