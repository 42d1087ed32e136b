internal import Base

/// Doubtful combinations of a written object with others that are stored. Warnings only, with Istio's analyzer codes.
struct Conflicts {
    private static let warningsMax = 20
    private let resources: ResourceSet

    /// VirtualServices for sidecars by the full names of their hosts, so that a large batch costs one pass.
    private let meshHosts: [String: [Resource]]

    /// - Parameter asksForHosts: false when no VirtualService will be asked about; spares the pass over all of them.
    init(_ resources: ResourceSet, asksForHosts: Bool = true) {
        self.resources = resources
        var hosts: [String: [Resource]] = [:]
        for resource in resources.unordered(.virtualService) {
            guard asksForHosts else { break }
            guard case .virtualService(let spec) = resource.spec,
                spec.gateways.isEmpty || spec.gateways.contains("mesh")
            else { continue }
            for host in Set(spec.hosts.map { References.fullName($0, resource.metadata.namespace) }) {
                hosts[host, default: []].append(resource)
            }
        }
        meshHosts = hosts
    }

    func warnings(for resource: Resource) -> [Warning] {
        switch resource.spec {
        case .virtualService(let spec):
            Array(
                (uncovered(spec, resource) + sameHost(spec, resource) + ambiguousPorts(spec, resource)).prefix(
                    Self.warningsMax
                )
            )
        case .gateway(let spec):
            Array(overlapping(spec, resource).prefix(Self.warningsMax))
        case .serviceEntry(let spec):
            Array(ServiceEntryConflicts(resources).warnings(spec, resource).prefix(Self.warningsMax))
        default:
            []
        }
    }

    // MARK: VirtualService

    /// IST0132: a host that no gateway named by the VirtualService shows to its namespace.
    private func uncovered(_ spec: VirtualServiceSpec, _ resource: Resource) -> [Warning] {
        let namespace = resource.metadata.namespace
        let named = spec.gateways.filter { $0 != "mesh" }.map { References.gatewayKey($0, namespace, resources) }
        let found = named.compactMap { resources[$0] }
        guard !named.isEmpty, found.count == named.count, !spec.gateways.contains("mesh") else { return [] }
        let shown = found.flatMap { gateway -> [HostPattern] in
            guard case .gateway(let spec) = gateway.spec else { return [] }
            return spec.servers.flatMap(\.hosts).compactMap {
                Self.pattern($0, gateway: gateway.metadata.namespace, visibleIn: namespace)
            }
        }
        return spec.hosts.enumerated().compactMap { index, host in
            let pattern = HostPattern(host)
            guard !shown.contains(where: { $0.matches(pattern) }) else { return nil }
            let names = found.map { "\($0.metadata.namespace)/\($0.metadata.name)" }.joined(separator: ", ")
            return Warning(
                path: (JSONPath() / "spec" / "hosts")[index],
                code: "IST0132",
                message: "no server of \(names) shows the host \(host), so these rules never apply to it"
            )
        }
    }

    /// The host of a server when a namespace may use it: `ns/host`, `./host`, `*/host` or `host`.
    private static func pattern(_ host: String, gateway: String, visibleIn namespace: String) -> HostPattern? {
        guard let slash = host.firstIndex(of: "/") else { return HostPattern(host) }
        let space = host[..<slash]
        let isVisible = space == "*" || space == namespace || (space == "." && gateway == namespace)
        return isVisible ? HostPattern(host[host.index(after: slash)...]) : nil
    }

    /// IST0109: two VirtualServices for sidecars with one host; the older one wins.
    private func sameHost(_ spec: VirtualServiceSpec, _ resource: Resource) -> [Warning] {
        guard spec.gateways.isEmpty || spec.gateways.contains("mesh") else { return [] }
        let own = spec.hosts.map { References.fullName($0, resource.metadata.namespace) }
        var warnings: [Warning] = []
        for (index, host) in own.enumerated() {
            for other in meshHosts[host] ?? [] where other.key != resource.key {
                guard case .virtualService(let theirs) = other.spec,
                    Self.meet(spec.exportTo, resource.metadata.namespace, theirs.exportTo, other.metadata.namespace)
                else { continue }
                warnings.append(
                    Warning(
                        path: (JSONPath() / "spec" / "hosts")[index],
                        code: "IST0109",
                        message: "\(other.key) has the host \(host) for sidecars too; the older one is used alone"
                    )
                )
            }
        }
        return warnings.sorted { $0.description < $1.description }
    }

    /// True when some namespace may see both.
    private static func meet(_ a: [String], _ aHome: String, _ b: [String], _ bHome: String) -> Bool {
        func spaces(_ list: [String], _ home: String) -> Set<String>? {
            list.isEmpty || list.contains("*") ? nil : Set(list.map { $0 == "." ? home : $0 })
        }
        guard let left = spaces(a, aHome), let right = spaces(b, bHome) else { return true }
        return !left.isDisjoint(with: right)
    }

    /// IST0112: a destination with several ports of which none is chosen, where a gateway's port decides nothing.
    private func ambiguousPorts(_ spec: VirtualServiceSpec, _ resource: Resource) -> [Warning] {
        guard spec.gateways.contains(where: { $0 != "mesh" }) else { return [] }
        var warnings: [Warning] = []
        for (index, rule) in spec.http.enumerated() {
            for (item, route) in rule.route.enumerated() where route.destination.port == nil {
                let host = References.fullName(route.destination.host, resource.metadata.namespace)
                let parts = host.split(separator: ".", maxSplits: 2).map(String.init)
                guard parts.count == 3, let service = resources[.service, namespace: parts[1], name: parts[0]],
                    case .service(let found) = service.spec, found.ports.count > 1
                else { continue }
                let path = (((JSONPath() / "spec" / "http")[index] / "route")[item] / "destination") / "port"
                let message = "\(service.key) has \(found.ports.count) ports; name the one that is meant"
                warnings.append(Warning(path: path, code: "IST0112", message: message))
            }
        }
        return warnings
    }

    // MARK: Gateway

    /// IST0145: Gateways on the same workloads and port with hosts in common; the older one wins.
    private func overlapping(_ spec: GatewaySpec, _ resource: Resource) -> [Warning] {
        var warnings: [Warning] = []
        for other in resources.unordered(.gateway) where other.key != resource.key {
            guard case .gateway(let theirs) = other.spec, theirs.selector == spec.selector else { continue }
            for (index, server) in spec.servers.enumerated() {
                let isShared = theirs.servers.contains { candidate in
                    candidate.port?.number == server.port?.number && candidate.bind == server.bind
                        && candidate.hosts.contains { host in
                            let pattern = HostPattern(Self.bare(host))
                            return server.hosts.contains { HostPattern(Self.bare($0)).matches(pattern) }
                        }
                }
                guard isShared else { continue }
                warnings.append(
                    Warning(
                        path: (JSONPath() / "spec" / "servers")[index],
                        code: "IST0145",
                        message: "\(other.key) has the same port and hosts in common for the same gateways"
                    )
                )
            }
        }
        return warnings.sorted { $0.description < $1.description }
    }

    private static func bare(_ host: String) -> Substring {
        host.firstIndex(of: "/").map { host[host.index(after: $0)...] } ?? host[...]
    }
}
