internal import Base
internal import XDS

/// What a gateway or sidecar process needs to know, from its command line.
struct ProxySettings: Sendable {
    var node: Node
    var stateDirectory: String
    /// Nil serves a snapshot file for ever.
    var controlPlane: ControlPlaneAddress?
    var authorityFile: String?
    var tokenFile: String?
    var snapshotFile: String?
    var workers: Int
    var adminAddress: SocketAddress?
    var dnsServers: [SocketAddress]
    var drainTimeout: Duration
    var accessLog: Bool
    var isSupervised = false
    var readyFile: String?
    /// The application that a sidecar starts when it is ready.
    var command: [String] = []
}
