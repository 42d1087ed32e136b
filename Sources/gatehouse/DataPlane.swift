internal import Discovery
internal import Foundation
internal import Proxy
internal import XDS

/// Applies snapshots to the workers one after the other, and remembers the newest that serves.
actor DataPlane {
    private let proxy: ProxyServer
    private let credential: WorkloadCredential
    private var snapshot: Snapshot?
    private var configuration: RuntimeConfiguration?
    private var isApplying = false
    private var turns: [CheckedContinuation<Void, Never>] = []
    private var waiters: [CheckedContinuation<Void, Never>] = []

    init(proxy: ProxyServer, credential: WorkloadCredential) {
        self.proxy = proxy
        self.credential = credential
    }

    /// - Returns: whether every worker serves it, wholly or in part, or why the old configuration stays.
    func apply(_ next: Snapshot) async -> ApplyResult {
        await takeTurn()
        defer { giveTurn() }
        let result = await install(next)
        switch result {
        case .applied, .partly:
            snapshot = next
            for waiter in waiters { waiter.resume() }
            waiters = []
        case .refused:
            break
        }
        return result
    }

    /// New certificate, same configuration: whatever serves when the turn comes, which may be newer than what served
    /// when the certificate arrived.
    func identityChanged() async {
        await takeTurn()
        defer { giveTurn() }
        guard let snapshot else { return }
        if case .refused(let reason) = await install(snapshot) { Log.error("new certificate: \(reason)") }
    }

    /// Returns once a first configuration serves.
    func untilServing() async {
        guard snapshot == nil else { return }
        await withCheckedContinuation { waiters.append($0) }
    }

    private func install(_ next: Snapshot) async -> ApplyResult {
        let compiled: RuntimeConfiguration
        do throws(ConfigurationError) {
            compiled = try RuntimeConfiguration(
                compiling: next,
                previous: configuration,
                localSecrets: await credential.localSecrets
            )
        } catch {
            return .refused(error.description)
        }
        let proxy = proxy
        let outcome = await withCheckedContinuation { done in
            proxy.apply(compiled) { done.resume(returning: $0) }
        }
        configuration = compiled
        switch outcome {
        case .applied: return .applied
        case .partly(_, let failures): return .partly(failures)
        }
    }

    private func takeTurn() async {
        if isApplying {
            await withCheckedContinuation { turns.append($0) }
        } else {
            isApplying = true
        }
    }

    /// The turn passes to whoever waited longest, without a moment in which a newcomer could take it.
    private func giveTurn() {
        if turns.isEmpty {
            isApplying = false
        } else {
            turns.removeFirst().resume()
        }
    }
}
