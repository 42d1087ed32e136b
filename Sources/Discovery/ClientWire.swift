internal import Foundation
internal import SwiftProtobuf
internal import XDS

/// The client's side of the wire.
extension Wire {
    static func request(_ request: Subscriber.Request, node: Node?) throws -> [UInt8] {
        var message = Envoy_Service_Discovery_V3_DeltaDiscoveryRequest()
        if let node { message.node = node.message }
        message.typeURL = request.type.typeURL
        message.resourceNamesSubscribe = request.subscribe
        message.resourceNamesUnsubscribe = request.unsubscribe
        message.initialResourceVersions = request.initialVersions
        message.responseNonce = request.nonce
        if let rejection = request.rejection {
            message.errorDetail.code = 3
            message.errorDetail.message = rejection
        }
        return try message.serializedBytes()
    }

    /// Nil for a type that was never asked for.
    static func response(_ bytes: [UInt8]) throws -> Subscriber.Response? {
        let message = try Envoy_Service_Discovery_V3_DeltaDiscoveryResponse(serializedBytes: bytes)
        guard let type = ResourceType(typeURL: message.typeURL) else { return nil }
        return Subscriber.Response(
            type: type,
            version: message.systemVersionInfo,
            nonce: message.nonce,
            resources: message.resources.map { item in
                EncodedResource(name: item.name, bytes: [UInt8](item.resource.value), version: item.version)
            },
            removed: message.removedResources
        )
    }
}
