public import Base
internal import Telemetry
internal import Transport
internal import XDS

// Which endpoints there are.
extension ClusterRuntime {
    func applyAssignment() {
        localities = plan.assignment?.localities ?? []
        switch plan.cluster.discovery {
        case .strictDNS, .logicalDNS: startLookups()
        case .fixed, .eds, .originalDestination, .aggregate, .dynamicForward: rebuildHosts()
        }
    }

    private func startLookups() {
        var names = Set<String>()
        for endpoint in localities.flatMap(\.endpoints) {
            if case .name(let host, _) = endpoint.address { names.insert(host) }
        }
        for (name, lookup) in lookups where !names.contains(name) {
            lookup.stop()
            lookups[name] = nil
        }
        for name in names.sorted() where lookups[name] == nil { startLookup(name) }
        namesChanged()
    }

    func startLookup(_ name: String) {
        let settings = plan.cluster.dns
        let family: ResolverFamily =
            switch settings.family {
            case .v4Only: .v4
            case .v6Only: .v6
            case .auto, .v4Preferred, .all: .any
            }
        let lookup = NameLookup(
            name: name,
            family: family,
            prefersFirstFamily: settings.family != .all,
            refreshRate: settings.refreshRate,
            respectsTTL: settings.respectsTTL,
            cluster: self,
            resolver: environment.resolver,
            loop: environment.loop
        )
        lookups[name] = lookup
        lookup.ask()
    }

    func namesChanged() {
        if keepsForwardHosts {
            releaseWarming()
            return
        }
        isWarming = lookups.values.contains { $0.addresses == nil }
        rebuildHosts()
        if !isWarming { releaseWarming() }
    }

    func countDNSFailure() { statistics.pointee.dnsFailures &+= 1 }

    /// Makes `hosts` what the assignment and the resolver say; hosts that stay keep their identity and connections.
    private func rebuildHosts() {
        var old: [String: UpstreamHost] = [:]
        for host in hosts { old[host.key] = host }
        var new: [UpstreamHost] = []
        var seen = Set<String>()
        for (index, group) in localities.enumerated() {
            for endpoint in group.endpoints {
                for (address, hostname) in addresses(of: endpoint) {
                    let key = "\(address)"
                    guard seen.insert("\(group.priority) \(key)").inserted else { continue }
                    let host = old.removeValue(forKey: key)
                    if let host, host.tls === plan.tls(for: endpoint.metadata),
                        host.hostname.elementsEqual(hostname.utf8)
                    {
                        host.configuredWeight = max(1, endpoint.weight)
                        host.priority = Int(min(group.priority, 128))
                        host.locality = index
                        host.reportedHealth = endpoint.health
                        new.append(host)
                        continue
                    }
                    if let host { remove(host) }
                    new.append(makeHost(endpoint, address, hostname: hostname, key: key, in: group, locality: index))
                }
            }
        }
        hosts = new
        for host in old.values { remove(host) }
        checker?.follow(hosts)
        rebalance()
        watchWarmup()
    }

    private func makeHost(
        _ endpoint: Endpoint,
        _ address: NetworkAddress,
        hostname: String,
        key: String,
        in group: LocalityEndpoints,
        locality: Int
    ) -> UpstreamHost {
        let shared = plan.shared?.join(
            key,
            isChecked: !plan.cluster.healthChecks.isEmpty,
            inheriting: plan.knownChecks[key]
        )
        let host = UpstreamHost(
            address: address,
            hostname: Array(hostname.utf8),
            key: key,
            tls: plan.tls(for: endpoint.metadata),
            cluster: self,
            weight: max(1, endpoint.weight),
            priority: Int(min(group.priority, 128)),
            locality: locality,
            health: endpoint.health,
            shared: shared
        )
        host.checkPort = endpoint.healthCheckPort
        host.checkHostname = endpoint.healthCheckHostname
        host.wasHealthy = host.isHealthy
        return host
    }

    private func addresses(of endpoint: Endpoint) -> [(NetworkAddress, String)] {
        switch endpoint.address {
        case .socket(let address): return [(.ip(address), endpoint.hostname)]
        case .pipe(let path): return [(.unix(path: path), endpoint.hostname)]
        case .name(let name, let port):
            let found = lookups[name]?.addresses ?? []
            let hostname = endpoint.hostname.isEmpty ? name : endpoint.hostname
            if case .logicalDNS = plan.cluster.discovery {
                return found.prefix(1).map { (.ip(SocketAddress($0, port: port)), hostname) }
            }
            return found.map { (.ip(SocketAddress($0, port: port)), hostname) }
        }
    }

    func remove(_ host: UpstreamHost) {
        host.isRemoved = true
        if host.shared != nil { plan.shared?.leave(host.key) }
        for pool in host.pools { pool.closeIdle() }
        host.pools = []
        for pool in host.proxiedPools.values { pool.closeIdle() }
        host.proxiedPools = [:]
    }

    func rebalance() {
        weighHosts()
        balancer.rebuild(hosts, localityWeights: localities.map { $0.weight ?? 0 }, zones: plan.zoneFacts())
        guard isKeeper else { return }
        statistics.pointee.membersTotal = Int64(balancer.totalCount)
        statistics.pointee.membersHealthy = Int64(balancer.healthyCount)
    }

    // MARK: original destinations

    /// The endpoint for a connection's original destination (`ORIGINAL_DST` clusters).
    public func originalDestination(_ address: SocketAddress) -> UpstreamHost {
        if let host = originalHosts[address] { return host }
        if originalHosts.count >= 4096 {
            for (key, host) in originalHosts where host.activeRequests == 0 {
                remove(host)
                originalHosts[key] = nil
            }
        }
        let host = plainHost(address, hostname: [])
        originalHosts[address] = host
        return host
    }

    func plainHost(_ address: SocketAddress, hostname: [UInt8]) -> UpstreamHost {
        UpstreamHost(
            address: .ip(address),
            hostname: hostname,
            key: "\(address)",
            tls: plan.tls,
            cluster: self,
            weight: 1,
            priority: 0,
            locality: 0,
            health: .healthy
        )
    }
}
