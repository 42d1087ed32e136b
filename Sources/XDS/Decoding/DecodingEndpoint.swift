internal import Base
internal import SwiftProtobuf

extension ClusterLoadAssignment {
    /// Without effect here and therefore ignored: `policy.endpoint_stale_after`, a locality's `proximity`.
    ///
    /// - Throws: when something is wrong or asks for what this proxy does not do. Refuse the resource.
    public init(decoding bytes: [UInt8]) throws(DecodeError) {
        let path = FieldPath.root
        let message = try path.parse(bytes, as: Envoy_Config_Endpoint_V3_ClusterLoadAssignment.self)
        try self.init(message, allowsNames: false, at: path)
    }

    /// - Parameter allowsNames: true for the built-in assignment of a DNS cluster.
    init(
        _ assignment: Envoy_Config_Endpoint_V3_ClusterLoadAssignment,
        allowsNames: Bool,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(assignment)
        let policy = path.child("policy")
        try policy.refuseUnknown(assignment.policy)
        self.init(
            clusterName: try path.nonEmpty(assignment.clusterName, "cluster_name"),
            localities: try path.list(assignment.endpoints, "endpoints") { (locality, path) throws(DecodeError) in
                try LocalityEndpoints(locality, allowsNames: allowsNames, at: path)
            },
            drops: try policy.list(assignment.policy.dropOverloads, "drop_overloads") {
                (drop, path) throws(DecodeError) in
                DropOverload(
                    category: drop.category,
                    share: try Fraction(drop.dropPercentage, at: path.child("drop_percentage"))
                )
            },
            overprovisioningFactor: assignment.policy.hasOverprovisioningFactor
                ? max(1, assignment.policy.overprovisioningFactor.value) : 140,
            usesWeightedPriorityHealth: assignment.policy.weightedPriorityHealth
        )
        try checkPriorities(at: path)
    }

    /// Priorities count from 0 without gaps.
    private func checkPriorities(at path: FieldPath) throws(DecodeError) {
        let used = Set(localities.map(\.priority))
        guard let highest = used.max() else { return }
        guard highest <= 128, used.count == Int(highest) + 1 else {
            throw path.child("endpoints").error("priorities must be 0...n without gaps, n at most 128")
        }
    }
}

extension LocalityEndpoints {
    init(
        _ locality: Envoy_Config_Endpoint_V3_LocalityLbEndpoints,
        allowsNames: Bool,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(locality)
        self.init(
            locality: Locality(locality.locality),
            endpoints: try path.list(locality.lbEndpoints, "lb_endpoints") { (endpoint, path) throws(DecodeError) in
                try Endpoint(endpoint, allowsName: allowsNames, at: path)
            },
            weight: locality.hasLoadBalancingWeight ? locality.loadBalancingWeight.value : nil,
            priority: locality.priority,
            metadata: MetadataValue.metadata(locality.metadata)
        )
    }
}

extension Endpoint {
    init(
        _ endpoint: Envoy_Config_Endpoint_V3_LbEndpoint,
        allowsName: Bool,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(endpoint)
        let inner = path.child("endpoint")
        let host = endpoint.endpoint
        try inner.refuseUnknown(host)
        try inner.refuse("additional_addresses", if: !host.additionalAddresses.isEmpty)
        let check = inner.child("health_check_config")
        try check.refuseUnknown(host.healthCheckConfig)
        let health: Health =
            switch endpoint.healthStatus {
            case .healthy: .healthy
            case .unhealthy: .unhealthy
            case .draining: .draining
            case .timeout: .timeout
            case .degraded: .degraded
            case .unknown, .UNRECOGNIZED: .unknown
            }
        if endpoint.hasLoadBalancingWeight, endpoint.loadBalancingWeight.value == 0 {
            throw path.child("load_balancing_weight").error("must be at least 1")
        }
        let port = host.healthCheckConfig.portValue
        self.init(
            address: try Address(host.address, allowsName: allowsName, at: inner.child("address")),
            hostname: host.hostname,
            health: health,
            weight: endpoint.hasLoadBalancingWeight ? endpoint.loadBalancingWeight.value : 1,
            metadata: MetadataValue.metadata(endpoint.metadata),
            healthCheckPort: port == 0 ? nil : try check.port(port, "port_value"),
            healthCheckHostname: host.healthCheckConfig.hostname
        )
    }
}
