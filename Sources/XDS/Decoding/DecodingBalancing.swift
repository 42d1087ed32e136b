internal import SwiftProtobuf

private typealias RoundRobin = Envoy_Extensions_LoadBalancingPolicies_RoundRobin_V3_RoundRobin
private typealias LeastRequest = Envoy_Extensions_LoadBalancingPolicies_LeastRequest_V3_LeastRequest
private typealias Random = Envoy_Extensions_LoadBalancingPolicies_Random_V3_Random
private typealias RingHash = Envoy_Extensions_LoadBalancingPolicies_RingHash_V3_RingHash
private typealias Maglev = Envoy_Extensions_LoadBalancingPolicies_Maglev_V3_Maglev
private typealias WRRLocality = Envoy_Extensions_LoadBalancingPolicies_WrrLocality_V3_WrrLocality

/// Envoy's limits of a hash ring.
private let ringSizeStandard: (min: UInt64, max: UInt64) = (1024, 8_388_608)
private let maglevTableStandard: UInt64 = 65_537

extension Cluster {
    mutating func applyBalancing(
        _ cluster: Envoy_Config_Cluster_V3_Cluster,
        at path: FieldPath
    ) throws(DecodeError) {
        try applyCommon(cluster.commonLbConfig, at: path.child("common_lb_config"))
        if cluster.hasLbSubsetConfig {
            subsets = try SubsetSettings(cluster.lbSubsetConfig, at: path.child("lb_subset_config"))
        }
        // The typed list, where it is set, replaces lb_policy.
        if cluster.hasLoadBalancingPolicy {
            let path = path.child("load_balancing_policy")
            let (typed, isLocalityWeighted) = try Self.typed(cluster.loadBalancingPolicy, mayNest: true, at: path)
            policy = typed
            if isLocalityWeighted { localityPolicy = .weighted }
        } else {
            try applyPolicy(cluster, at: path)
        }
        let isOriginal =
            switch discovery {
            case .originalDestination, .dynamicForward: true
            case .fixed, .strictDNS, .logicalDNS, .eds, .aggregate: false
            }
        guard isOriginal == (policy == .clusterProvided) || policy == .clusterProvided else {
            throw path.child("lb_policy").error("a cluster of this type needs CLUSTER_PROVIDED")
        }
    }

    private mutating func applyPolicy(
        _ cluster: Envoy_Config_Cluster_V3_Cluster,
        at path: FieldPath
    ) throws(DecodeError) {
        switch cluster.lbPolicy {
        case .roundRobin:
            policy = .roundRobin
            if case .roundRobinLbConfig(let settings) = cluster.lbConfig, settings.hasSlowStartConfig {
                slowStart = try SlowStart(settings.slowStartConfig, at: path.child("round_robin_lb_config"))
            }
        case .leastRequest:
            let settings = cluster.leastRequestLbConfig
            let path = path.child("least_request_lb_config")
            try path.refuseUnknown(settings)
            policy = .leastRequest(choices: settings.hasChoiceCount ? max(2, settings.choiceCount.value) : 2)
            if settings.hasSlowStartConfig { slowStart = try SlowStart(settings.slowStartConfig, at: path) }
        case .random:
            policy = .random
        case .ringHash:
            let settings = cluster.ringHashLbConfig
            let path = path.child("ring_hash_lb_config")
            try path.refuse("hash_function", if: settings.hashFunction != .xxHash)
            policy = try Self.ring(
                min: settings.hasMinimumRingSize ? settings.minimumRingSize.value : ringSizeStandard.min,
                max: settings.hasMaximumRingSize ? settings.maximumRingSize.value : ringSizeStandard.max,
                at: path
            )
        case .maglev:
            let size = cluster.maglevLbConfig.tableSize.value
            policy = try Self.maglev(size, at: path.child("maglev_lb_config"))
        case .clusterProvided:
            policy = .clusterProvided
        case .loadBalancingPolicyConfig:
            throw path.child("load_balancing_policy").error("must not be empty")
        case .UNRECOGNIZED:
            throw path.child("lb_policy").error("unknown value")
        }
    }

    private static func ring(min: UInt64, max: UInt64, at path: FieldPath) throws(DecodeError) -> BalancingPolicy {
        guard min <= max, max <= ringSizeStandard.max else {
            throw path.error("ring sizes must satisfy minimum <= maximum <= 8388608")
        }
        return .ringHash(ringSizeMin: min, ringSizeMax: max)
    }

    private static func maglev(_ size: UInt64, at path: FieldPath) throws(DecodeError) -> BalancingPolicy {
        let size = size == 0 ? maglevTableStandard : size
        guard size <= 5_000_011 else { throw path.child("table_size").error("more than 5000011") }
        return .maglev(tableSize: size)
    }

    /// The first entry that is known here, and whether localities are weighted.
    private static func typed(
        _ list: Envoy_Config_Cluster_V3_LoadBalancingPolicy,
        mayNest: Bool,
        at path: FieldPath
    ) throws(DecodeError) -> (BalancingPolicy, Bool) {
        for (index, entry) in list.policies.enumerated() {
            let path = path.item("policies", index).child("typed_extension_config.typed_config")
            let any = entry.typedExtensionConfig.typedConfig
            if any.holds(RoundRobin.self) {
                _ = try path.unpack(any, as: RoundRobin.self)
                return (.roundRobin, false)
            }
            if any.holds(Random.self) { return (.random, false) }
            if any.holds(LeastRequest.self) {
                let settings = try path.unpack(any, as: LeastRequest.self)
                return (.leastRequest(choices: settings.hasChoiceCount ? max(2, settings.choiceCount.value) : 2), false)
            }
            if any.holds(RingHash.self) {
                let settings = try path.unpack(any, as: RingHash.self)
                try path.refuse("hash_function", if: settings.hashFunction == .murmurHash2)
                let policy = try ring(
                    min: settings.hasMinimumRingSize ? settings.minimumRingSize.value : ringSizeStandard.min,
                    max: settings.hasMaximumRingSize ? settings.maximumRingSize.value : ringSizeStandard.max,
                    at: path
                )
                return (policy, false)
            }
            if any.holds(Maglev.self) {
                return (try maglev(path.unpack(any, as: Maglev.self).tableSize.value, at: path), false)
            }
            if any.holds(WRRLocality.self), mayNest {
                let inner = try path.unpack(any, as: WRRLocality.self).endpointPickingPolicy
                let path = path.child("endpoint_picking_policy")
                return (try typed(inner, mayNest: false, at: path).0, true)
            }
        }
        throw path.error("none of the policies is supported")
    }

    private mutating func applyCommon(
        _ common: Envoy_Config_Cluster_V3_Cluster.CommonLbConfig,
        at path: FieldPath
    ) throws(DecodeError) {
        try path.refuseUnknown(common)
        if common.hasHealthyPanicThreshold {
            guard (0...100).contains(common.healthyPanicThreshold.value) else {
                throw path.child("healthy_panic_threshold").error("not in 0...100")
            }
            panicThresholdPercent = common.healthyPanicThreshold.value
        }
        switch common.localityConfigSpecifier {
        case .localityWeightedLbConfig: localityPolicy = .weighted
        case .zoneAwareLbConfig(let zone):
            try path.child("zone_aware_lb_config").refuseUnknown(zone)
            localityPolicy = .zoneAware(
                routingEnabledPercent: zone.hasRoutingEnabled ? zone.routingEnabled.value : 100,
                clusterSizeMin: zone.hasMinClusterSize ? zone.minClusterSize.value : 6,
                failsOnPanic: zone.failTrafficOnPanic
            )
        case nil: localityPolicy = .none
        }
    }
}

extension Cluster.SlowStart {
    init(_ config: Envoy_Config_Cluster_V3_Cluster.SlowStartConfig, at path: FieldPath) throws(DecodeError) {
        let path = path.child("slow_start_config")
        try path.refuseUnknown(config)
        self.init(
            window: try path.duration(config.slowStartWindow, "slow_start_window"),
            aggression: config.hasAggression ? config.aggression.defaultValue : 1,
            weightMinPercent: config.hasMinWeightPercent ? config.minWeightPercent.value : 10
        )
    }
}

extension Cluster.SubsetSettings {
    init(_ config: Envoy_Config_Cluster_V3_Cluster.LbSubsetConfig, at path: FieldPath) throws(DecodeError) {
        try path.refuseUnknown(config)
        let fallback: Fallback =
            switch config.fallbackPolicy {
            case .noFallback: .none
            case .anyEndpoint: .anyEndpoint
            case .defaultSubset: .defaultSubset
            case .UNRECOGNIZED: throw path.child("fallback_policy").error("unknown value")
            }
        self.init(
            fallback: fallback,
            defaultSubset: MetadataValue.object(config.defaultSubset),
            selectors: try path.list(config.subsetSelectors, "subset_selectors") {
                (selector, path) throws(DecodeError) in
                try path.refuseUnknown(selector)
                let own: Fallback? =
                    switch selector.fallbackPolicy {
                    case .notDefined: nil
                    case .noFallback: Fallback.none
                    case .anyEndpoint: .anyEndpoint
                    case .defaultSubset: .defaultSubset
                    case .keysSubset, .UNRECOGNIZED: throw path.child("fallback_policy").error("not supported")
                    }
                return Selector(keys: selector.keys, fallback: own)
            }
        )
    }
}
