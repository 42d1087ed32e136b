internal import Registry
internal import Resources
internal import XDS

/// How the endpoints of a cluster are grouped by place and priority, for one caller.
///
/// Source: Istio locality load balancing. Fixed shares (`distribute`) win over priorities; priorities need outlier
/// detection, because without it no endpoint ever counts as failed.
struct Placement {
    /// Shares of localities, for a caller whose place matches; nil: by the number of endpoints.
    var shares: [(place: LocalityPattern, weight: UInt32)]?
    /// Nil: every endpoint has priority 0.
    var failover: Failover?

    /// What decides the priority of an endpoint.
    struct Failover {
        var caller: MeshLocality
        var callerLabels: [String: String]
        /// Region to the region that takes over.
        var regions: [String: String]
        /// Labels, or `label=value`: an endpoint ranks by how many it shares from the first on.
        var labels: [String]
        /// Zones of the caller's region are alike: the balancer tells them apart.
        var isByRegionOnly = false
    }

    /// Localities as they are.
    static let flat = Placement(shares: nil, failover: nil)

    init(shares: [(place: LocalityPattern, weight: UInt32)]?, failover: Failover?) {
        self.shares = shares
        self.failover = failover
    }

    /// - Parameter canFail: outlier detection or health checks may take endpoints out.
    init(_ traffic: TrafficSections, settings: MeshConfigSpec, caller: ProxyNode, canFail: Bool) {
        shares = nil
        failover = nil
        let own = traffic.loadBalancer
        let zone = own?.zoneAwareLbSetting ?? (own?.localityLbSetting == nil ? settings.zoneAwareLbSetting : nil)
        if let zone, zone.enabled == true {
            guard canFail, !zone.failover.isEmpty || !zone.failoverPriority.isEmpty else { return }
            failover = Failover(
                caller: caller.locality,
                callerLabels: caller.labels,
                regions: Self.regions(zone.failover),
                labels: zone.failoverPriority,
                isByRegionOnly: true
            )
            return
        }
        let setting = own?.localityLbSetting ?? settings.localityLbSetting
        guard setting?.enabled != false else { return }
        let written = setting?.distribute.first { item in
            item.from.map { LocalityPattern($0).matches(caller.locality) } ?? true
        }
        if let written {
            shares = written.to.sorted { $0.key < $1.key }.map { (LocalityPattern($0.key), $0.value) }
            return
        }
        let labels = setting?.failoverPriority ?? []
        guard canFail, caller.locality != MeshLocality() || !labels.isEmpty else { return }
        failover = Failover(
            caller: caller.locality,
            callerLabels: caller.labels,
            regions: Self.regions(setting?.failover ?? []),
            labels: labels
        )
    }

    private static func regions(_ list: [LocalityLoadBalancerSetting.Failover]) -> [String: String] {
        Dictionary(list.map { ($0.from ?? "", $0.to ?? "") }, uniquingKeysWith: { first, _ in first })
    }
}

extension Placement.Failover {
    /// Smaller is used first.
    func rank(of endpoint: MeshEndpoint) -> [Int] {
        var rank: [Int] = []
        if !labels.isEmpty {
            let shared = labels.prefix { isShared($0, endpoint) }.count
            rank.append(labels.count - shared)
        }
        if labels.isEmpty || !regions.isEmpty { rank.append(distance(of: endpoint.locality)) }
        return rank
    }

    /// 0 in the caller's subzone, 1 in its zone, 2 in its region, 3 in another one; with a written successor of the
    /// region, 3 there and 4 elsewhere.
    private func distance(of place: MeshLocality) -> Int {
        if place.region == caller.region {
            if isByRegionOnly { return 0 }
            if place.zone != caller.zone { return 2 }
            return place.subzone == caller.subzone ? 0 : 1
        }
        guard let successor = regions[caller.region] else { return 3 }
        return place.region == successor ? 3 : 4
    }

    private func isShared(_ label: String, _ endpoint: MeshEndpoint) -> Bool {
        if let equals = label.firstIndex(of: "=") {
            let key = String(label[..<equals])
            return Self.value(key, endpoint.labels, endpoint.locality) == String(label[label.index(after: equals)...])
        }
        return Self.value(label, endpoint.labels, endpoint.locality) == Self.value(label, callerLabels, caller)
    }

    private static func value(_ key: String, _ labels: [String: String], _ place: MeshLocality) -> String {
        switch key {
        case "topology.kubernetes.io/region": place.region
        case "topology.kubernetes.io/zone": place.zone
        case "topology.istio.io/subzone": place.subzone
        default: labels[key] ?? ""
        }
    }
}

/// `region/zone/subzone`, shorter, or ending in `*`.
struct LocalityPattern: Hashable {
    private let parts: [String]

    init(_ text: String) { parts = text.split(separator: "/", maxSplits: 2).map(String.init) }

    func matches(_ place: MeshLocality) -> Bool {
        for (part, actual) in zip(parts, [place.region, place.zone, place.subzone]) {
            if part == "*" { return true }
            if part != actual { return false }
        }
        return true
    }
}
