internal import Base
internal import Foundation
internal import Resources
internal import Store
internal import Translation
internal import XDS

/// Writes the condition `Programmed` of every resource that shapes a proxy's configuration.
///
/// A resource is programmed when every connected proxy that uses it has acknowledged a version built from a revision
/// at least as new as the resource, or whose translation did not change. Without such a proxy: `Unknown`, reason
/// `NoProxy`.
actor ProgrammedStatus {
    /// What one proxy is known to serve, over however many streams.
    private struct Proxy {
        var name: String
        var streams = 0
        var acknowledged: UInt64 = 0
        var rejection: String?
        /// `listener NAME: why`, joined with `; `: what is not bound although the rest is in force.
        var impairment: String?
        var uses: Set<ResourceKey> = []
        var problems: [Problem] = []
    }

    /// Acknowledgements of several types and proxies arrive together; one write answers them all.
    private static let settle = Duration.milliseconds(60)
    private static let kinds: Set<ResourceKind> = [
        .gateway, .virtualService, .destinationRule, .serviceEntry, .sidecar, .service, .edgePolicy, .routePolicy,
    ]

    private let store: ResourceStore
    private let admission: Admission
    private var proxies: [String: Proxy] = [:]
    private var revisions: [ResourceKey: UInt64] = [:]
    private var firstRevision: UInt64
    private var pending: Task<Void, Never>?

    init(store: ResourceStore, admission: Admission) {
        self.store = store
        self.admission = admission
        firstRevision = store.current.revision
    }

    func stored(_ keys: [ResourceKey], revision: UInt64) {
        for key in keys { revisions[key] = revision }
        schedule()
    }

    func connected(_ node: Node) {
        proxies[node.id, default: Proxy(name: node.name)].streams += 1
    }

    func disconnected(_ node: Node) {
        guard var proxy = proxies[node.id] else { return }
        proxy.streams -= 1
        proxies[node.id] = proxy.streams > 0 ? proxy : nil
        schedule()
    }

    /// The configuration a proxy is to have now.
    func offered(_ node: Node, _ configuration: NodeConfiguration) {
        guard var proxy = proxies[node.id] else { return }
        proxy.uses = configuration.uses
        proxy.problems = configuration.problems
        proxies[node.id] = proxy
        schedule()
    }

    func acknowledged(_ node: Node, revision: UInt64) {
        guard var proxy = proxies[node.id] else { return }
        proxy.acknowledged = max(proxy.acknowledged, revision)
        proxy.rejection = nil
        proxies[node.id] = proxy
        schedule()
    }

    /// What a proxy could not bind; nil: everything is bound.
    func impaired(_ node: Node, _ reason: String?) {
        guard var proxy = proxies[node.id], proxy.impairment != reason else { return }
        proxy.impairment = reason
        proxies[node.id] = proxy
        schedule()
    }

    /// The failure of a listener that a Gateway's server asked for, among those of a proxy.
    private func unbound(_ key: ResourceKey, _ proxy: Proxy) -> String? {
        guard let impairment = proxy.impairment, case .gateway(let gateway) = store.current[key]?.spec else {
            return nil
        }
        let ports = Set(gateway.servers.compactMap { $0.port?.number }.map { "_\($0)" })
        for failure in impairment.split(separator: "; ") where failure.hasPrefix("listener ") {
            let name = failure.dropFirst("listener ".count).prefix { $0 != " " }.dropLast()
            if ports.contains(where: { name.hasSuffix($0) }) { return "\(proxy.name): \(failure)" }
        }
        return nil
    }

    /// What was stored at the refused revision is not in force, even when part of it had been accepted before.
    func rejected(_ node: Node, revision: UInt64, detail: String) {
        guard var proxy = proxies[node.id] else { return }
        proxy.rejection = detail
        proxy.acknowledged = min(proxy.acknowledged, revision > 0 ? revision - 1 : 0)
        proxies[node.id] = proxy
        schedule()
    }

    /// Waits until every proxy that uses one of the keys serves the revision; false when the time is over first.
    func waitUntilProgrammed(_ keys: [ResourceKey], revision: UInt64, limit: Duration) async -> Bool {
        let deadline = ContinuousClock.now.advanced(by: limit)
        while ContinuousClock.now < deadline {
            let users = proxies.values.filter { !$0.uses.isDisjoint(with: keys) }
            if !users.isEmpty, users.allSatisfy({ $0.acknowledged >= revision }) { return true }
            do { try await Task.sleep(for: .milliseconds(10)) } catch { return false }
        }
        return false
    }

    private func schedule() {
        guard pending == nil else { return }
        pending = Task { [weak self] in
            do { try await Task.sleep(for: Self.settle) } catch { return }
            await self?.write()
        }
    }

    private func write() async {
        pending = nil
        let current = store.current
        var actions: [Change.Action] = []
        for kind in Self.kinds {
            for resource in current.all(kind) {
                let condition = condition(of: resource.key, generation: resource.metadata.generation)
                if let status = Self.status(resource.status, with: condition) {
                    actions.append(.updateStatus(resource.key, status))
                }
            }
        }
        guard !actions.isEmpty else { return }
        let admission = admission
        let change = Change(actions)
        do {
            _ = try await store.commit(WriteContext(user: "system:status", verb: "status")) { current in
                try admission.admit(change, against: current)
            }
        } catch AdmissionError.notFound {
            schedule()  // Deleted meanwhile: look again.
        } catch {
            Log.error("status: \(error)")
        }
    }

    private func condition(of key: ResourceKey, generation: Int64) -> JSONObject {
        let using = proxies.values.filter { $0.uses.contains(key) }
        let wanted = revisions[key] ?? firstRevision
        let done = using.filter { $0.acknowledged >= wanted }
        let problems = using.flatMap(\.problems).filter { $0.resource == key }
        var condition: JSONObject = ["type": "Programmed", "observedGeneration": .int(generation)]
        func set(_ status: String, _ reason: String, _ message: String) {
            condition["status"] = .string(status)
            condition["reason"] = .string(reason)
            condition["message"] = .string(message)
        }
        if using.isEmpty {
            set("Unknown", "NoProxy", "no connected proxy uses this resource")
        } else if let rejected = using.first(where: { $0.rejection != nil && $0.acknowledged < wanted }) {
            let text = rejected.rejection ?? ""
            set("False", text.contains("PortConflict") ? "PortConflict" : "Rejected", "\(rejected.name): \(text)")
        } else if let failure = using.lazy.compactMap({ self.unbound(key, $0) }).first {
            set("False", failure.contains("PortConflict") ? "PortConflict" : "NotBound", failure)
        } else if done.count < using.count {
            set("False", "Pending", "\(done.count)/\(using.count) proxies")
        } else if let problem = problems.filter({ $0.reason != .notEffective }).sorted().first {
            set("False", problem.reason.rawValue, problem.message)
        } else {
            // What has no effect on some proxies, as a client key meant for the egress gateway has none on sidecars, is
            // carried out all the same.
            let note = problems.sorted().first.map { "; \($0.message)" } ?? ""
            set("True", "Programmed", "\(done.count)/\(using.count) proxies\(note)")
        }
        return condition
    }

    /// The status with this condition in it; nil when it says so already.
    private static func status(_ status: JSONValue?, with condition: JSONObject) -> JSONValue? {
        var conditions = status?["conditions"]?.arrayValue ?? []
        let index = conditions.firstIndex { $0["type"]?.stringValue == "Programmed" }
        let previous = index.map { conditions[$0] }
        let compared = ["status", "reason", "message", "observedGeneration"]
        if let previous, compared.allSatisfy({ previous[$0] == condition[$0] }) { return nil }
        var next = condition
        let isTurn = previous?["status"] != condition["status"]
        let now = JSONValue.string(Timestamp(secondsSinceEpoch: Int64(Date.now.timeIntervalSince1970)).description)
        next["lastTransitionTime"] = isTurn ? now : previous?["lastTransitionTime"] ?? now
        if let index { conditions[index] = .object(next) } else { conditions.append(.object(next)) }
        var object = status?.objectValue ?? [:]
        object["conditions"] = .array(conditions)
        return .object(object)
    }
}
