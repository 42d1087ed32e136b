internal import Discovery
internal import Foundation
internal import Identity
internal import Serving
internal import XDS

/// Keeps one ADS stream to the control plane, for as long as the process lives.
struct ProxyFeed: Sendable {
    var settings: ProxySettings
    var plane: DataPlane
    var credential: WorkloadCredential

    func run() async throws {
        let plane = plane
        let settings = settings
        let credential = credential
        let client = DiscoveryClient(
            node: settings.node,
            connect: { try ControlPlaneDialer.client(settings, identity: await credential.identity) },
            apply: { snapshot in await plane.apply(snapshot) }
        )
        await client.run()
    }
}
