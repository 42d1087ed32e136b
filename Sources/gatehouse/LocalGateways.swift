internal import Identity
internal import Serving
internal import Synchronization

/// The supervisor's children by pid: who may speak on this host's discovery socket, and as whom.
final class LocalGateways: Sendable {
    private let names = Mutex<[Int32: String]>([:])

    func replace(_ table: [Int32: String]) { names.withLock { $0 = table } }

    /// The gateway behind a unix-socket peer; nil for any other process, and for every other kind of connection.
    func role(of peer: Peer) -> GatewayRole? {
        guard let pid = peer.processID, let name = names.withLock({ $0[pid] }) else { return nil }
        return GatewayRole.all.first { $0.name == name }
    }

    func identity(of peer: Peer, trustDomain: String) -> SPIFFEID? {
        role(of: peer).flatMap {
            SPIFFEID(trustDomain: trustDomain, namespace: $0.namespace, serviceAccount: $0.name)
        }
    }
}
