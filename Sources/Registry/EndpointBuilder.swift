internal import Resources

/// Finds the endpoints of a service and the port each of them uses.
///
/// Source: Istio. The endpoint's own port of the service port's name wins, then the service's target port.
/// A WorkloadEntry that a sidecar registered maps app ports to the ports its sidecar listens on: the annotation
/// `gatehouse.io/app-ports` (`9080=15090,9090=15091`) carries them, so that `targetPort: 9080` finds the sidecar.
struct EndpointBuilder {
    static let appPortsAnnotation = "gatehouse.io/app-ports"
    /// Istio's label for workloads whose sidecar takes mesh mTLS.
    static let tlsModeLabel = "security.istio.io/tlsMode"

    let stored: StoredResources

    /// - Parameter includesWritten: the Service's name, under which Endpoints and EndpointSlices are looked up.
    func endpoints(
        selector: [String: String],
        ports: [MeshPort],
        namespace: String,
        includesWritten service: String?
    ) -> [MeshEndpoint] {
        var found: [MeshEndpoint] = []
        for item in stored.workloadEntries(in: namespace, selector: selector) {
            found.append(
                endpoint(
                    of: item.spec,
                    labels: item.labels,
                    ports: ports,
                    namespace: namespace,
                    annotations: item.annotations
                )
            )
        }
        if let service {
            found += written(service, ports: ports, namespace: namespace)
            found += sliced(service, ports: ports, namespace: namespace)
        }
        return found
    }

    func endpoint(
        of entry: WorkloadEntrySpec,
        labels: [String: String],
        ports: [MeshPort],
        namespace: String,
        annotations: [String: String]
    ) -> MeshEndpoint {
        let appPorts = Self.appPorts(annotations[Self.appPortsAnnotation])
        var table: [String: Int] = [:]
        for port in ports {
            table[port.name] = Self.port(for: port, entry: entry, appPorts: appPorts, isOnly: ports.count == 1)
        }
        return MeshEndpoint(
            address: entry.address ?? "",
            ports: table,
            labels: labels,
            weight: max(1, Int(entry.weight ?? 1)),
            locality: MeshLocality(entry.locality ?? ""),
            namespace: namespace,
            serviceAccount: entry.serviceAccount ?? "",
            isMesh: labels[Self.tlsModeLabel] == "istio"
        )
    }

    private static func port(
        for port: MeshPort,
        entry: WorkloadEntrySpec,
        appPorts: [Int: Int],
        isOnly: Bool
    ) -> Int {
        if let own = entry.ports[port.name] { return Int(own) }
        switch port.target {
        case .name(let name):
            if let own = entry.ports[name] { return Int(own) }
        case .number(let number):
            if let own = appPorts[number] { return own }
        }
        if isOnly, entry.ports.count == 1, let own = entry.ports.first { return Int(own.value) }
        if case .number(let number) = port.target { return number }
        return port.number
    }

    private static func appPorts(_ text: String?) -> [Int: Int] {
        var table: [Int: Int] = [:]
        for pair in (text ?? "").split(separator: ",") {
            let sides = pair.split(separator: "=")
            guard sides.count == 2, let app = Int(sides[0]), let listening = Int(sides[1]) else { continue }
            table[app] = listening
        }
        return table
    }

    private func written(_ service: String, ports: [MeshPort], namespace: String) -> [MeshEndpoint] {
        guard let spec = stored.endpoints["\(namespace)/\(service)"] else { return [] }
        return spec.subsets.flatMap { subset in
            subset.addresses.map { address in
                MeshEndpoint(
                    address: address.ip,
                    ports: Self.table(subset.ports, for: ports),
                    namespace: namespace
                )
            }
        }
    }

    private func sliced(_ service: String, ports: [MeshPort], namespace: String) -> [MeshEndpoint] {
        let slices = stored.endpointSlices["\(namespace)/\(service)"] ?? []
        return slices.flatMap { slice in
            slice.endpoints.filter { $0.conditions?.ready ?? true }.flatMap { endpoint in
                endpoint.addresses.prefix(1).map { address in
                    var locality = MeshLocality()
                    locality.zone = endpoint.zone ?? ""
                    return MeshEndpoint(
                        address: address,
                        ports: Self.table(slice.ports, for: ports),
                        locality: locality,
                        namespace: namespace
                    )
                }
            }
        }
    }

    private static func table(_ written: [EndpointsSpec.Subset.Port], for ports: [MeshPort]) -> [String: Int] {
        var table: [String: Int] = [:]
        for port in ports {
            let named = written.first { ($0.name ?? "") == port.name }
            let only = written.count == 1 && ports.count == 1 ? written.first : nil
            if let chosen = named ?? only { table[port.name] = Int(chosen.port) }
        }
        return table
    }
}
