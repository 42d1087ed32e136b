internal import AdminAPI
internal import CSys
internal import Crypto
internal import Foundation
internal import Identity
internal import Store

/// What `/readyz` asks: each check does what a client or a proxy would need next.
struct Readiness: Sendable {
    let store: ResourceStore
    let authority: CertificateAuthority
    let adminChain: [Certificate]
    /// The socket on which gateways of this host fetch their configuration.
    let discoverySocket: String

    func checks() async -> [AdminConfiguration.ReadinessCheck] {
        let now = Int64(Date.now.timeIntervalSince1970)
        return [
            .init(name: "store", isReady: await store.isWritable()),
            .init(name: "discovery", isReady: accepts(discoverySocket)),
            .init(
                name: "certificates",
                isReady: adminChain.first?.isValid(at: now) == true
                    && authority.trustBundle.roots.contains { $0.isValid(at: now) }
            ),
        ]
    }

    /// True when somebody listens there: the kernel connects to a unix socket at once, or refuses.
    private func accepts(_ path: String) -> Bool {
        var address = gh_address()
        address.family = 1
        var pending: Int32 = 0
        let descriptor = path.withCString { gh_connect(&address, $0, nil, &pending) }
        guard descriptor >= 0 else { return false }
        close(descriptor)
        return true
    }
}
