internal import Base
internal import Foundation
internal import Resources
internal import Store
internal import Translation
internal import XDS

/// Keeps one WorkloadEntry per connected sidecar: made at its first connection, gone some time after its last.
actor Registrations {
    /// How long a workload stays registered after its sidecar's last connection ended.
    static let grace = Duration.seconds(10)

    private let store: ResourceStore
    private let admission: Admission
    private var connections: [ResourceKey: Int] = [:]
    private var removals: [ResourceKey: Task<Void, Never>] = [:]

    init(store: ResourceStore, admission: Admission) {
        self.store = store
        self.admission = admission
    }

    /// After a restart of the control process every entry waits as if its sidecar had just left.
    func resume() {
        for entry in store.current.all(.workloadEntry) where Self.isOurs(entry) {
            if connections[entry.key] == nil { scheduleRemoval(of: entry.key) }
        }
    }

    func connected(_ node: Node) async {
        guard let resource = entry(for: node) else { return }
        let key = resource.key
        connections[key, default: 0] += 1
        removals.removeValue(forKey: key)?.cancel()
        await write([.put(resource)], verb: "register")
    }

    func disconnected(_ node: Node) {
        guard let key = Self.key(for: node), let count = connections[key] else { return }
        connections[key] = count > 1 ? count - 1 : nil
        if count <= 1 { scheduleRemoval(of: key) }
    }

    private func scheduleRemoval(of key: ResourceKey) {
        removals[key] = Task { [weak self] in
            do { try await Task.sleep(for: Self.grace) } catch { return }
            await self?.remove(key)
        }
    }

    private func remove(_ key: ResourceKey) async {
        guard connections[key] == nil else { return }
        removals[key] = nil
        if store.current.contains(key) { await write([.delete(key)], verb: "unregister") }
    }

    private func write(_ actions: [Change.Action], verb: String) async {
        let admission = admission
        do {
            _ = try await store.commit(WriteContext(user: "system:registrations", verb: verb)) { current in
                try admission.admit(Change(actions), against: current)
            }
        } catch {
            Log.error("\(verb): \(error)")
        }
    }

    private static let annotation = "gatehouse.io/registered"

    private static func isOurs(_ entry: Resource) -> Bool { entry.metadata.annotations[annotation] != nil }

    private static func key(for node: Node) -> ResourceKey? {
        guard node.role == .sidecar, node.flavor == .gatehouse else { return nil }
        return ResourceKey(.workloadEntry, namespace: node.namespace, name: node.name)
    }

    /// What the WorkloadGroup that the sidecar names adds; nothing where it names none, nil where it does not exist.
    ///
    /// What the sidecar says of itself counts first. A change of the group is seen at its next connection.
    private static func group(of node: Node, in current: ResourceSet) -> WorkloadGroupSpec? {
        guard let name = NodeMetadata.workloadGroup(node) else { return WorkloadGroupSpec() }
        let key = ResourceKey(.workloadGroup, namespace: node.namespace, name: name)
        guard let stored = current[key], case .workloadGroup(let spec) = stored.spec else { return nil }
        return spec
    }

    private func entry(for node: Node) -> Resource? {
        guard node.role == .sidecar, node.flavor == .gatehouse, let proxy = NodeMetadata.proxyNode(node),
            case .sidecar(let places) = proxy.role
        else { return nil }
        guard let group = Self.group(of: node, in: store.current) else {
            Log.error("registration of \(node.name): there is no WorkloadGroup of the name it was started with")
            return nil
        }
        let template = group.template ?? WorkloadEntrySpec()
        var names = template.labels.merging(group.metadata?.labels ?? [:]) { $1 }
        names.merge(node.labels) { $1 }
        var labels = JSONObject()
        for (key, value) in names.sorted(by: { $0.key < $1.key }) { labels[key] = .string(value) }
        // Istio's mark of a workload that accepts mesh mutual TLS: whoever calls it uses the mesh certificate.
        labels["security.istio.io/tlsMode"] = "istio"
        var ports = JSONObject()
        for (name, port) in template.ports.sorted(by: { $0.key < $1.key }) { ports[name] = .int(Int64(port)) }
        for port in places.inbound { ports[port.name] = .int(Int64(port.listenPort)) }
        let address = places.inbound.first?.listenAddress ?? node.address
        var spec: JSONObject = [
            "address": .string(address == "0.0.0.0" ? node.address : address),
            "ports": .object(ports), "labels": .object(labels), "serviceAccount": .string(proxy.serviceAccount),
        ]
        let place = [node.locality.region, node.locality.zone, node.locality.subZone].filter { !$0.isEmpty }
        let locality = place.isEmpty ? template.locality ?? "" : place.joined(separator: "/")
        if !locality.isEmpty { spec["locality"] = .string(locality) }
        if let weight = template.weight { spec["weight"] = .int(Int64(weight)) }
        var annotations = JSONObject()
        for (key, value) in (group.metadata?.annotations ?? [:]).sorted(by: { $0.key < $1.key }) {
            annotations[key] = .string(value)
        }
        annotations[Self.annotation] = "sidecar"
        let manifest: JSONValue = [
            "apiVersion": "networking.istio.io/v1", "kind": "WorkloadEntry",
            "metadata": [
                "name": .string(node.name), "namespace": .string(node.namespace), "labels": .object(labels),
                "annotations": .object(annotations),
            ],
            "spec": .object(spec),
        ]
        do {
            return try Resource.decode(json: manifest).resource
        } catch {
            Log.error("registration of \(node.name): \(error)")
            return nil
        }
    }
}
