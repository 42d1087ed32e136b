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

    /// - Parameter failover: the caller's place; nearer localities then get a smaller priority number.
    static func assignment(
        name: String,
        endpoints: [MeshEndpoint],
        port: MeshPort,
        failover: MeshLocality?
    ) -> LoadAssignment {
        var assignment = LoadAssignment()
        assignment.clusterName = name
        let groups = Dictionary(grouping: endpoints, by: \.locality)
        let ranks = failover.map { place in
            Set(groups.keys.map { distance($0, from: place) }).sorted()
        }
        for locality in groups.keys.sorted() {
            guard let members = groups[locality] else { continue }
            var group = LocalityEndpoints()
            if locality != MeshLocality() {
                group.locality.region = locality.region
                group.locality.zone = locality.zone
                group.locality.subZone = locality.subzone
            }
            if let failover, let ranks {
                let rank = distance(locality, from: failover)
                group.priority = UInt32(ranks.firstIndex(of: rank) ?? 0)
            }
            group.lbEndpoints = members.sorted(by: precedes(port)).map { message($0, port: port) }
            group.loadBalancingWeight = Wire.uint(members.reduce(0) { $0 + $1.weight })
            assignment.endpoints.append(group)
        }
        return assignment
    }

    /// 0 in the same subzone, 3 in another region.
    private static func distance(_ a: MeshLocality, from b: MeshLocality) -> Int {
        if a.region != b.region { return 3 }
        if a.zone != b.zone { return 2 }
        return a.subzone != b.subzone ? 1 : 0
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
