internal import Foundation
internal import SwiftProtobuf

/// Where in a resource the decoder stands, in protobuf field names; makes the errors that a NACK shows.
struct FieldPath {
    var text: String

    static let root = FieldPath(text: "")

    func child(_ name: String) -> FieldPath { FieldPath(text: text.isEmpty ? name : "\(text).\(name)") }

    func item(_ name: String, _ index: Int) -> FieldPath { child("\(name)[\(index)]") }

    func entry(_ name: String, _ key: String) -> FieldPath { child("\(name)[\"\(key)\"]") }

    func error(_ reason: String) -> DecodeError { DecodeError(path: text, reason: reason) }

    /// For a field that is set although nothing here can honour it.
    func refuse(_ name: String, if isSet: Bool) throws(DecodeError) {
        if isSet { throw child(name).error("not supported") }
    }

    /// Refuses fields that are not in our messages at all: what they ask for would silently not happen.
    func refuseUnknown(_ message: some Message) throws(DecodeError) {
        guard !message.unknownFields.data.isEmpty else { return }
        throw error("\(Self.firstField(of: message.unknownFields.data)) is not supported")
    }

    private static func firstField(of data: Data) -> String {
        var tag: UInt64 = 0
        var shift: UInt64 = 0
        for byte in data.prefix(10) {
            tag |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
            if shift > 57 { break }
        }
        return "field number \(tag >> 3)"
    }

    /// A message from its bytes; malformed bytes are the sender's fault.
    func parse<M: Message>(_ bytes: some Sequence<UInt8>, as type: M.Type) throws(DecodeError) -> M {
        do {
            return try M(serializedBytes: [UInt8](bytes))
        } catch {
            throw self.error("not a valid \(M.protoMessageName)")
        }
    }

    /// The content of an Any whose type was already looked at.
    func unpack<M: Message>(_ any: Google_Protobuf_Any, as type: M.Type) throws(DecodeError) -> M {
        let message = try parse(any.value, as: type)
        try refuseUnknown(message)
        return message
    }

    /// Each element with its own path.
    func list<T, U>(
        _ items: [T],
        _ name: String,
        _ decode: (T, FieldPath) throws(DecodeError) -> U
    ) throws(DecodeError) -> [U] {
        var result: [U] = []
        result.reserveCapacity(items.count)
        for (index, item) in items.enumerated() { result.append(try decode(item, self.item(name, index))) }
        return result
    }

    /// A protobuf Duration that is not negative.
    func duration(_ value: Google_Protobuf_Duration, _ name: String) throws(DecodeError) -> Duration {
        let isValid = (0...315_576_000_000).contains(value.seconds) && (0..<1_000_000_000).contains(value.nanos)
        guard isValid else { throw child(name).error("not a duration from zero to 10,000 years") }
        return .seconds(value.seconds) + .nanoseconds(Int64(value.nanos))
    }

    /// The value, or the default of a field that is not set.
    func duration(
        _ value: Google_Protobuf_Duration?,
        _ name: String,
        default standard: Duration
    ) throws(DecodeError) -> Duration {
        guard let value else { return standard }
        return try duration(value, name)
    }

    /// Nil for a field that is not set, and for zero, which Envoy's timeouts take as "off".
    func timeout(
        _ value: Google_Protobuf_Duration?,
        _ name: String,
        default standard: Duration? = nil
    ) throws(DecodeError) -> Duration? {
        guard let value else { return standard }
        let length = try duration(value, name)
        return length == .zero ? nil : length
    }

    func port(_ value: UInt32, _ name: String) throws(DecodeError) -> UInt16 {
        guard let port = UInt16(exactly: value) else { throw child(name).error("\(value) is not a port") }
        return port
    }

    func nonEmpty(_ value: String, _ name: String) throws(DecodeError) -> String {
        guard !value.isEmpty else { throw child(name).error("must not be empty") }
        return value
    }

    func percent(_ value: UInt32, _ name: String) throws(DecodeError) -> UInt32 {
        guard value <= 100 else { throw child(name).error("\(value) is more than 100 percent") }
        return value
    }

    /// Only the stream itself may bring further resources. Envoy refuses another API version, so we do too.
    func demandADS(_ source: Envoy_Config_Core_V3_ConfigSource, _ name: String) throws(DecodeError) {
        switch source.configSourceSpecifier {
        case .ads:
            guard source.resourceApiVersion == .v3 else {
                throw child(name).child("resource_api_version").error("must be V3")
            }
        case .self_p: return
        case .pathConfigSource, .apiConfigSource, nil: throw child(name).error("only ads is supported")
        }
    }
}

extension Google_Protobuf_Any {
    /// `envoy.…` of `type.googleapis.com/envoy.…`.
    var messageName: Substring {
        guard let slash = typeURL.lastIndex(of: "/") else { return typeURL[...] }
        return typeURL[typeURL.index(after: slash)...]
    }

    func holds<M: Message>(_ type: M.Type) -> Bool { messageName == M.protoMessageName }
}
