internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// The endpoints of a cluster, in the form EDS delivers.
enum Endpoints {
    /// Those of a service that have the port, are ready and carry the subset's labels.
    static func chosen(of service: MeshService, port: MeshPort, subset: Subset?) -> [MeshEndpoint] {
        service.endpoints.filter { endpoint in
            endpoint.isReady && !endpoint.address.isEmpty
                && (endpoint.ports[port.name] != nil || endpoint.address.hasPrefix("unix://"))
                && Labels.contains(endpoint.labels, all: subset?.labels ?? [:])
        }
    }

    static func assignment(
        name: String,
        endpoints: [MeshEndpoint],
        port: MeshPort,
        placement: Placement
    ) -> LoadAssignment {
        struct Group: Hashable {
            var priority: Int
            var locality: MeshLocality
        }
        var assignment = LoadAssignment()
        assignment.clusterName = name
        let ranks = placement.failover.map { failover in
            Set(endpoints.map(failover.rank)).sorted { $0.lexicographicallyPrecedes($1) }
        }
        let groups = Dictionary(grouping: endpoints) { endpoint in
            let rank = placement.failover.flatMap { ranks?.firstIndex(of: $0.rank(of: endpoint)) }
            return Group(priority: rank ?? 0, locality: endpoint.locality)
        }
        let weights = placement.shares.map { weigh(groups.mapKeys(\.locality), by: $0) }
        for key in groups.keys.sorted(by: { ($0.priority, $0.locality) < ($1.priority, $1.locality) }) {
            guard let members = groups[key] else { continue }
            var group = LocalityEndpoints()
            if key.locality != MeshLocality() {
                group.locality.region = key.locality.region
                group.locality.zone = key.locality.zone
                group.locality.subZone = key.locality.subzone
            }
            group.priority = UInt32(key.priority)
            var weight = members.reduce(0) { $0 + $1.weight }
            if let weights {
                // A place that is not listed gets nothing.
                guard let share = weights[key.locality] else { continue }
                weight = share
            }
            group.lbEndpoints = members.sorted(by: precedes(port)).map { message($0, port: port) }
            group.loadBalancingWeight = Wire.uint(weight)
            assignment.endpoints.append(group)
        }
        return assignment
    }

    /// Places that one entry covers share its weight by their endpoints' weights.
    private static func weigh(
        _ groups: [MeshLocality: [MeshEndpoint]],
        by shares: [(place: LocalityPattern, weight: UInt32)]
    ) -> [MeshLocality: Int] {
        var weights: [MeshLocality: Int] = [:]
        for share in shares {
            let covered = groups.filter { share.place.matches($0.key) && weights[$0.key] == nil }
            let total = covered.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.weight } }
            for (place, members) in covered where total > 0 {
                let part = members.reduce(0) { $0 + $1.weight }
                weights[place] = max(1, Int(share.weight) * 1000 * part / total)
            }
        }
        return weights
    }

    private static func precedes(_ port: MeshPort) -> (MeshEndpoint, MeshEndpoint) -> Bool {
        { ($0.address, $0.ports[port.name] ?? 0) < ($1.address, $1.ports[port.name] ?? 0) }
    }

    private static func message(_ endpoint: MeshEndpoint, port: MeshPort) -> EndpointMessage {
        var message = EndpointMessage()
        message.endpoint.address = Wire.address(endpoint.address, port: endpoint.ports[port.name] ?? port.number)
        message.loadBalancingWeight = Wire.uint(max(1, endpoint.weight))
        if endpoint.isMesh {
            message.metadata = Wire.metadata("envoy.transport_socket_match", ["tlsMode": "istio"])
        }
        return message
    }
}

extension Dictionary {
    /// The same values under keys of another kind; two that meet are the caller's mistake, the first stays.
    fileprivate func mapKeys<Other: Hashable>(_ transform: (Key) -> Other) -> [Other: Value] {
        Dictionary<Other, Value>(map { (transform($0.key), $0.value) }, uniquingKeysWith: { first, _ in first })
    }
}
