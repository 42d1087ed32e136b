internal import Synchronization
internal import Telemetry
internal import Transport

/// How many connections of one listener, one filter chain or one process are open, over all workers.
///
/// The count outlives configurations: a limit that comes later finds the connections that are open already.
final class ConnectionQuota: Sendable {
    private let open = Atomic<Int>(0)

    var count: Int { open.load(ordering: .relaxed) }

    /// False when `limit` connections are open.
    func take(upTo limit: Int) -> Bool {
        if open.add(1, ordering: .relaxed).newValue <= limit { return true }
        release()
        return false
    }

    func release() { open.subtract(1, ordering: .relaxed) }
}

/// Admits connections to one listener on one worker, within the listener's limit and the process's.
final class ListenerAdmission: ConnectionCounter {
    unowned let listener: ListenerRuntime
    private let quota: ConnectionQuota
    private let process: ConnectionQuota

    init(listener: ListenerRuntime, quota: ConnectionQuota, process: ConnectionQuota) {
        self.listener = listener
        self.quota = quota
        self.process = process
    }

    /// New connections wait in the kernel while the process has no room: once some are gone, accepting goes on.
    override var isFull: Bool {
        let worker = listener.worker
        return process.count >= worker.pressure.connectionsMax || worker.pressure.level >= .refusesConnections
    }

    override func admit() -> Bool {
        guard process.take(upTo: listener.worker.pressure.connectionsMax) else { return refuse() }
        guard quota.take(upTo: listener.plan.connectionsMax) else {
            process.release()
            return refuse()
        }
        return true
    }

    override func release() {
        quota.release()
        process.release()
    }

    private func refuse() -> Bool {
        listener.statistics.pointee.connectionsRefused &+= 1
        return false
    }
}
