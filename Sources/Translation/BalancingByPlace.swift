internal import Registry
internal import Resources
internal import SwiftProtobuf
internal import XDS

/// Fixed shares of places, and preference for the caller's own zone.
struct BalancingByPlace {
    let mesh: MeshSnapshot
    let node: ProxyNode
    let target: Destinations.Resolved

    private var config: MeshConfigSpec { mesh.settings.config }

    func apply(to cluster: inout ClusterMessage) {
        let own = target.traffic.loadBalancer
        let zone = own?.zoneAwareLbSetting ?? (own?.localityLbSetting == nil ? config.zoneAwareLbSetting : nil)
        if let zone, zone.enabled == true {
            preferOwnZone(zone, &cluster)
        } else if Placement(target.traffic, settings: config, caller: node, canFail: false).shares != nil {
            cluster.commonLbConfig.localityWeightedLbConfig = .init()
        }
    }

    /// Envoy counts the caller's peers in its local cluster; our proxies read them from the cluster's metadata.
    private func preferOwnZone(_ zone: ZoneAwareLoadBalancerSetting, _ cluster: inout ClusterMessage) {
        var settings = ClusterMessage.CommonLbConfig.ZoneAwareLbConfig()
        if let least = zone.minClusterSize { settings.minClusterSize = .init(UInt64(least)) }
        cluster.commonLbConfig.zoneAwareLbConfig = settings
        var counts = Google_Protobuf_Struct()
        for (place, count) in peers() { counts.fields[place] = Google_Protobuf_Value(numberValue: Double(count)) }
        guard !counts.fields.isEmpty else { return }
        var facts = Google_Protobuf_Struct()
        facts.fields["own"] = Google_Protobuf_Value(stringValue: Self.text(node.locality))
        facts.fields["peers"] = Google_Protobuf_Value(structValue: counts)
        cluster.metadata.filterMetadata[Wire.ownKey, default: .init()].fields["zone"] = Google_Protobuf_Value(
            structValue: facts
        )
    }

    private static func text(_ place: MeshLocality) -> String { "\(place.region)/\(place.zone)/\(place.subzone)" }

    /// Instances of the same workload, by place: those behind the service that the caller is an endpoint of, or the
    /// processes of the same gateway.
    private func peers() -> [String: Int] {
        let places: [MeshLocality]
        if node.isGateway {
            places = mesh.inputs.gateways.filter { $0.name == node.name && $0.namespace == node.namespace }
                .map(\.locality)
        } else {
            let home = mesh.services.all.first { service in
                service.namespace == node.namespace
                    && service.endpoints.contains { Labels.contains(node.labels, all: $0.labels) && !$0.labels.isEmpty }
            }
            places = (home?.endpoints ?? []).map(\.locality)
        }
        var counts: [String: Int] = [:]
        for place in places { counts[Self.text(place), default: 0] += 1 }
        return counts
    }
}
