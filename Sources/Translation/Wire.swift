internal import Base
internal import Foundation
internal import SwiftProtobuf
internal import XDS

/// The small values of the wire format that every builder needs.
enum Wire {
    /// Packs a message with map entries in key order, so that equal configuration is equal bytes.
    static func any(_ message: some Message) -> AnyMessage {
        var packed = AnyMessage()
        packed.typeURL = typeURL(of: message)
        packed.value = Data(bytes(message))
        return packed
    }

    static func typeURL<M: Message>(of message: M) -> String { "type.googleapis.com/\(M.protoMessageName)" }

    /// Deterministic serialisation. Required fields do not exist in proto3, so encoding cannot fail; a message that
    /// somehow does would be left empty and refused by every receiver.
    static func bytes(_ message: some Message) -> [UInt8] {
        var options = BinaryEncodingOptions()
        options.useDeterministicOrdering = true
        let encoded: [UInt8]? = try? message.serializedBytes(options: options)
        return encoded ?? []
    }

    static func uint(_ value: some BinaryInteger) -> Google_Protobuf_UInt32Value {
        Google_Protobuf_UInt32Value(UInt32(clamping: value))
    }

    static func bool(_ value: Bool) -> Google_Protobuf_BoolValue { Google_Protobuf_BoolValue(value) }

    static func duration(_ value: Duration) -> Google_Protobuf_Duration {
        let (seconds, attoseconds) = value.components
        return Google_Protobuf_Duration(seconds: seconds, nanos: Int32(clamping: attoseconds / 1_000_000_000))
    }

    static func percent(_ value: Double) -> Envoy_Type_V3_Percent {
        var percent = Envoy_Type_V3_Percent()
        percent.value = value
        return percent
    }

    /// Percentages are stored per million, as Istio does, so that 0.0001 % is the finest step.
    static func fraction(percent value: Double) -> FractionalPercentMessage {
        var fraction = FractionalPercentMessage()
        fraction.numerator = UInt32(clamping: Int((min(max(value, 0), 100) * 10_000).rounded()))
        fraction.denominator = .million
        return fraction
    }

    static func runtimeFraction(percent value: Double) -> Core.RuntimeFractionalPercent {
        var fraction = Core.RuntimeFractionalPercent()
        fraction.defaultValue = Self.fraction(percent: value)
        return fraction
    }

    /// Configuration comes over the same ADS stream. Both fields are needed: gRPC accepts nothing else.
    static var ads: Core.ConfigSource {
        var source = Core.ConfigSource()
        source.ads = Envoy_Config_Core_V3_AggregatedConfigSource()
        source.resourceApiVersion = .v3
        return source
    }

    static func address(_ address: String, port: some BinaryInteger) -> Core.Address {
        var message = Core.Address()
        if address.hasPrefix("unix://") {
            var pipe = Envoy_Config_Core_V3_Pipe()
            pipe.path = String(address.dropFirst("unix://".count))
            message.pipe = pipe
            return message
        }
        var socket = Envoy_Config_Core_V3_SocketAddress()
        socket.address = address
        socket.portValue = UInt32(clamping: port)
        message.socketAddress = socket
        return message
    }

    static func inline(_ bytes: [UInt8]) -> Core.DataSource {
        var source = Core.DataSource()
        source.inlineBytes = Data(bytes)
        return source
    }

    static func inline(_ text: String) -> Core.DataSource {
        var source = Core.DataSource()
        source.inlineString = text
        return source
    }

    static func file(_ path: String) -> Core.DataSource {
        var source = Core.DataSource()
        source.filename = path
        return source
    }

    static func regex(_ pattern: String) -> RegexMatcherMessage {
        var matcher = RegexMatcherMessage()
        matcher.regex = pattern
        return matcher
    }

    static func exact(_ text: String) -> StringMatcherMessage {
        var matcher = StringMatcherMessage()
        matcher.exact = text
        return matcher
    }

    static func networkFilter(_ name: String, _ configuration: some Message) -> NetworkFilter {
        var filter = NetworkFilter()
        filter.name = name
        filter.typedConfig = any(configuration)
        return filter
    }

    static func transportSocket(_ configuration: some Message) -> Core.TransportSocket {
        var socket = Core.TransportSocket()
        socket.name = "envoy.transport_sockets.tls"
        socket.typedConfig = any(configuration)
        return socket
    }

    /// The metadata key of what Envoy has no field for; our proxies read it, Envoy lets it be.
    static let ownKey = "gatehouse"

    static var rawBuffer: Core.TransportSocket {
        var socket = Core.TransportSocket()
        socket.name = "envoy.transport_sockets.raw_buffer"
        socket.typedConfig = any(Envoy_Extensions_TransportSockets_RawBuffer_V3_RawBuffer())
        return socket
    }

    static func range(_ block: CIDR) -> Envoy_Config_Core_V3_CidrRange {
        var range = Envoy_Config_Core_V3_CidrRange()
        range.addressPrefix = block.network.description
        range.prefixLen = uint(block.prefixLength)
        return range
    }

    static func metadata(_ namespace: String, _ fields: [String: String]) -> Core.Metadata {
        var values = Google_Protobuf_Struct()
        for (key, value) in fields { values.fields[key] = Google_Protobuf_Value(stringValue: value) }
        var metadata = Core.Metadata()
        metadata.filterMetadata[namespace] = values
        return metadata
    }
}
