internal import Foundation
internal import SwiftProtobuf
internal import XDS

/// Requests and responses of ADS as bytes.
///
/// Responses are written by hand: a resource's bytes are copied once into the message, and not through three layers of
/// generated types, for every proxy that gets it.
enum Wire {
    struct WorldRequest {
        var type: ResourceType?
        var names: [String]
        var version: String
        var nonce: String
        var rejection: String?
        var node: Node?
    }

    struct DeltaRequest {
        var type: ResourceType?
        var subscribe: [String]
        var unsubscribe: [String]
        var initialVersions: [String: String]
        var nonce: String
        var rejection: String?
        var node: Node?
    }

    /// - Throws: when the bytes are no such message.
    static func worldRequest(_ bytes: [UInt8]) throws -> WorldRequest {
        let message = try Envoy_Service_Discovery_V3_DiscoveryRequest(serializedBytes: bytes)
        return WorldRequest(
            type: ResourceType(typeURL: message.typeURL),
            names: message.resourceNames,
            version: message.versionInfo,
            nonce: message.responseNonce,
            rejection: message.hasErrorDetail ? message.errorDetail.message : nil,
            node: message.hasNode ? Node(message.node) : nil
        )
    }

    static func deltaRequest(_ bytes: [UInt8]) throws -> DeltaRequest {
        let message = try Envoy_Service_Discovery_V3_DeltaDiscoveryRequest(serializedBytes: bytes)
        return DeltaRequest(
            type: ResourceType(typeURL: message.typeURL),
            subscribe: message.resourceNamesSubscribe,
            unsubscribe: message.resourceNamesUnsubscribe,
            initialVersions: message.initialResourceVersions,
            nonce: message.responseNonce,
            rejection: message.hasErrorDetail ? message.errorDetail.message : nil,
            node: message.hasNode ? Node(message.node) : nil
        )
    }

    /// `DiscoveryResponse`: version_info 1, resources 2 (Any), type_url 4, nonce 5.
    static func world(_ response: StreamSession.Response) -> [UInt8] {
        var out = Writer(capacity: size(response))
        out.string(1, response.version)
        for resource in response.resources { out.block(2, any(response.type, resource)) }
        out.string(4, response.type.typeURL)
        out.string(5, response.nonce)
        return out.bytes
    }

    /// `DeltaDiscoveryResponse`: system_version_info 1, resources 2 (Resource: version 1, resource 2, name 3),
    /// type_url 4, nonce 5, removed_resources 6.
    static func delta(_ response: StreamSession.Response) -> [UInt8] {
        var out = Writer(capacity: size(response))
        out.string(1, response.version)
        for resource in response.resources {
            var item = Writer(capacity: resource.bytes.count + resource.name.utf8.count + 128)
            item.string(1, resource.version)
            item.block(2, any(response.type, resource))
            item.string(3, resource.name)
            out.block(2, item.bytes)
        }
        out.string(4, response.type.typeURL)
        out.string(5, response.nonce)
        for name in response.removed { out.string(6, name) }
        return out.bytes
    }

    /// An Any: type_url 1, value 2.
    private static func any(_ type: ResourceType, _ resource: EncodedResource) -> [UInt8] {
        var out = Writer(capacity: resource.bytes.count + 96)
        out.string(1, type.typeURL)
        out.block(2, resource.bytes)
        return out.bytes
    }

    private static func size(_ response: StreamSession.Response) -> Int {
        response.resources.reduce(256) { $0 + $1.bytes.count + $1.name.utf8.count + 160 }
    }

    /// Length-delimited protobuf fields.
    private struct Writer {
        var bytes: [UInt8] = []

        init(capacity: Int) { bytes.reserveCapacity(capacity) }

        mutating func string(_ field: UInt8, _ text: String) {
            guard !text.isEmpty else { return }
            block(field, Array(text.utf8))
        }

        mutating func block(_ field: UInt8, _ content: [UInt8]) {
            bytes.append(field << 3 | 2)
            var length = UInt64(content.count)
            while length >= 0x80 {
                bytes.append(UInt8(truncatingIfNeeded: length) | 0x80)
                length >>= 7
            }
            bytes.append(UInt8(length))
            bytes += content
        }
    }
}
