internal import Base
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

    /// The last good snapshot first, then whatever the control plane says; until the task is cancelled.
    func run() async {
        let plane = plane
        let settings = settings
        let credential = credential
        var options = DiscoveryClient.Options(node: settings.node)
        // On this host a handful of gateways wait for a control process that the supervisor restarts at once.
        if case .unix = settings.controlPlane { options.retryMax = .seconds(1) }
        let client = DiscoveryClient(
            options: options,
            lastGood: LastGoodSnapshot(directory: settings.stateDirectory),
            connect: {
                // Elsewhere than on the control plane's host the stream is authenticated by the certificate.
                if case .tcp = settings.controlPlane { try await credential.untilAvailable() }
                return try ControlPlaneDialer.client(settings, identity: await credential.identity)
            },
            apply: { snapshot in
                await plane.apply(snapshot)
            },
            events: { event in Self.log(event) }
        )
        await client.run()
    }

    private static func log(_ event: DiscoveryClientEvent) {
        switch event {
        case .connected, .applied: break
        case .disconnected(let reason, let delay):
            Log.warning("control plane: \(reason); trying again in \(delay.wholeMilliseconds) ms")
        case .impaired(let reason): Log.error("configuration in force in part: \(reason)")
        case .refused(let type, let reason): Log.error("configuration refused (\(type.shortName)): \(reason)")
        case .notKept(let reason): Log.warning("last good snapshot: \(reason)")
        }
    }
}
