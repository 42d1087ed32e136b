internal import Base
internal import Registry
internal import Resources
internal import XDS

/// The virtual hosts of one route table while it grows: a domain belongs to one host only.
struct VirtualHosts {
    private struct Entry {
        var message: VirtualHostMessage
        var routes: [BuiltRoute]
    }

    private var entries: [String: Entry] = [:]
    private var taken: Set<String> = []

    var isEmpty: Bool { entries.isEmpty }

    func hasDomain(_ domain: String) -> Bool { taken.contains(domain) }

    /// Adds a virtual host with those of `domains` that are free; false when none is.
    @discardableResult
    mutating func add(
        name: String,
        domains: [String],
        routes: [BuiltRoute],
        redirectsToHTTPS: Bool = false
    ) -> Bool {
        let free = domains.filter { !taken.contains($0) }
        guard !free.isEmpty, entries[name] == nil else { return false }
        taken.formUnion(free)
        var message = VirtualHostMessage()
        message.name = name
        message.domains = free
        message.includeRequestAttemptCount = true
        if redirectsToHTTPS { message.requireTls = .all }
        entries[name] = Entry(message: message, routes: routes)
        return true
    }

    /// Virtual hosts in the order of their names; within each, routes that take everything come last, otherwise the
    /// order stays.
    ///
    /// Source: Istio's stable partition of routes that several VirtualServices add to one host.
    func build() -> [VirtualHostMessage] {
        entries.keys.sorted().compactMap { name in
            guard let entry = entries[name] else { return nil }
            var message = entry.message
            let ordered = entry.routes.filter { !$0.isCatchAll } + entry.routes.filter(\.isCatchAll)
            message.routes = ordered.flatMap(\.messages)
            return message
        }
    }
}

/// Routes of the product's own.
enum OwnRoutes {
    static func answer(_ status: UInt32, name: String) -> BuiltRoute {
        var message = RouteMessage()
        message.name = name
        message.match.prefix = "/"
        message.directResponse = RouteActions.direct(status: status)
        return BuiltRoute(messages: [message], isCatchAll: true)
    }

    /// A CONNECT tunnel whose bytes go to a cluster as TCP.
    static func tunnel(to targets: [(cluster: String, weight: Int)], name: String) -> BuiltRoute {
        var message = RouteMessage()
        message.name = name
        message.match.connectMatcher = RouteMatchMessage.ConnectMatcher()
        var action = RouteActionMessage()
        if targets.count == 1, let only = targets.first {
            action.cluster = only.cluster
        } else {
            action.weightedClusters.clusters = targets.map { target in
                var share = WeightedClusterMessage.ClusterWeight()
                share.name = target.cluster
                share.weight = Wire.uint(target.weight)
                return share
            }
        }
        var upgrade = RouteActionMessage.UpgradeConfig()
        upgrade.upgradeType = "CONNECT"
        upgrade.connectConfig = RouteActionMessage.UpgradeConfig.ConnectConfig()
        action.upgradeConfigs = [upgrade]
        action.timeout = Wire.duration(.zero)
        message.route = action
        return BuiltRoute(messages: [message], isCatchAll: false)
    }

    static func refuseTunnel(_ status: UInt32, name: String) -> BuiltRoute {
        var message = RouteMessage()
        message.name = name
        message.match.connectMatcher = RouteMatchMessage.ConnectMatcher()
        message.directResponse = RouteActions.direct(status: status)
        return BuiltRoute(messages: [message], isCatchAll: false)
    }

    static func forward(to cluster: String, name: String) -> BuiltRoute {
        var message = RouteMessage()
        message.name = name
        message.match.prefix = "/"
        message.route.cluster = cluster
        message.route.timeout = Wire.duration(.zero)
        return BuiltRoute(messages: [message], isCatchAll: true)
    }
}
