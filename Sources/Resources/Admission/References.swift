internal import Base

/// What a resource names and whether it is there. Nothing of this refuses a write.
struct References {
    /// Host names of ServiceEntries, made once per decision; Services are found by their key.
    private struct Hosts {
        var exact = Set<String>()
        var wildcards: [HostPattern] = []

        func contains(_ host: String) -> Bool {
            if exact.contains(host) { return true }
            let pattern = HostPattern(host)
            return wildcards.contains { pattern.isSubset(of: $0) }
        }
    }

    private static let domain = "cluster.local"
    private let resources: ResourceSet
    private let hosts: Hosts
    /// Subsets by the full name of the host that a DestinationRule is for.
    private let subsets: [String: Set<String>]
    private let rootNamespace: String

    init(_ resources: ResourceSet) {
        self.resources = resources
        rootNamespace = resources.meshConfig.rootNamespace ?? "istio-system"
        var hosts = Hosts()
        for resource in resources.unordered(.serviceEntry) {
            guard case .serviceEntry(let entry) = resource.spec else { continue }
            for host in entry.hosts {
                let name = Self.fullName(host, resource.metadata.namespace)
                hosts.exact.insert(host)
                if host.hasPrefix("*") { hosts.wildcards.append(HostPattern(host)) } else { hosts.exact.insert(name) }
            }
        }
        self.hosts = hosts
        var subsets: [String: Set<String>] = [:]
        for resource in resources.unordered(.destinationRule) {
            guard case .destinationRule(let rule) = resource.spec else { continue }
            let host = Self.fullName(rule.host, resource.metadata.namespace)
            subsets[host, default: []].formUnion(rule.subsets.map(\.name))
        }
        self.subsets = subsets
    }

    /// Kinds whose objects name others.
    static let referringKinds: [ResourceKind] = [
        .gateway, .virtualService, .destinationRule, .edgePolicy, .routePolicy,
    ]

    /// True when a change can make or break references of other objects.
    static func concernsOthers(_ result: AdmittedChange.Result) -> Bool {
        let isNewOrGone = result.outcome == .created || result.outcome == .deleted
        switch (result.resource.spec, result.previous?.spec) {
        case (.gateway(let new), .gateway(let old)?):
            return isNewOrGone || Self.sections(of: new) != Self.sections(of: old)
        case (.gateway, _), (.service, _), (.secret, _): return isNewOrGone
        case (.virtualService(let new), .virtualService(let old)?):
            return isNewOrGone || new.http.map(\.name) != old.http.map(\.name)
        case (.virtualService, _): return isNewOrGone
        case (.serviceEntry(let new), .serviceEntry(let old)?): return isNewOrGone || new.hosts != old.hosts
        case (.destinationRule(let new), .destinationRule(let old)?):
            return isNewOrGone || new.host != old.host || new.subsets.map(\.name) != old.subsets.map(\.name)
        case (.serviceEntry, _), (.destinationRule, _): return isNewOrGone
        case (.meshConfig(let new), .meshConfig(let old)?): return new.rootNamespace != old.rootNamespace
        default: return false
        }
    }

    /// What the condition `ResolvedRefs` says.
    static func summary(_ missing: [Warning]) -> String {
        missing.prefix(5).map { "\($0.field): \($0.message)" }.joined(separator: "; ")
    }

    static func isAlreadyReported(_ missing: [Warning], in status: JSONValue?) -> Bool {
        guard let condition = Conditions.find("ResolvedRefs", in: status) else { return false }
        if missing.isEmpty { return condition["status"]?.stringValue == "True" }
        return condition["status"]?.stringValue == "False" && condition["message"]?.stringValue == summary(missing)
    }

    /// Istio's rule: a name without a dot is a service of the resource's own namespace.
    static func fullName(_ host: String, _ namespace: String) -> String {
        guard !host.contains("."), !host.hasPrefix("*"), IPAddress(host) == nil else {
            return host.hasSuffix(".svc") ? "\(host).\(domain)" : host
        }
        return "\(host).\(namespace).svc.\(domain)"
    }

    /// Empty when everything is there; nil when the kind names nothing.
    func unresolved(_ resource: Resource) -> [Warning]? {
        let namespace = resource.metadata.namespace
        switch resource.spec {
        case .virtualService(let spec): return unresolved(spec, namespace)
        case .gateway(let spec): return unresolved(spec, namespace)
        case .destinationRule(let spec): return unresolved(spec, namespace)
        case .edgePolicy(let spec): return unresolved(spec, namespace)
        case .routePolicy(let spec): return unresolved(spec, namespace)
        default: return nil
        }
    }

    private func missing(_ path: JSONPath, _ what: String) -> Warning {
        Warning(path: path, code: "IST0101", message: "\(what) does not exist (yet)")
    }

    private func unresolved(_ spec: VirtualServiceSpec, _ namespace: String) -> [Warning] {
        let path = JSONPath() / "spec"
        var warnings = gateways(spec.gateways, path / "gateways", namespace)
        for (index, rule) in spec.http.enumerated() {
            let place = (path / "http")[index]
            for (item, match) in rule.match.enumerated() {
                warnings += gateways(match.gateways, (place / "match")[item] / "gateways", namespace)
            }
            for (item, route) in rule.route.enumerated() {
                warnings += destination(route.destination, (place / "route")[item] / "destination", namespace)
            }
            if let mirror = rule.mirror { warnings += destination(mirror, place / "mirror", namespace) }
            for (item, mirror) in rule.mirrors.enumerated() {
                warnings += destination(mirror.destination, (place / "mirrors")[item] / "destination", namespace)
            }
            if let delegate = rule.delegate, let name = delegate.name {
                let space = delegate.namespace ?? namespace
                if resources[.virtualService, namespace: space, name: name] == nil {
                    warnings.append(missing(place / "delegate", "VirtualService \(space)/\(name)"))
                }
            }
        }
        let plain = [("tls", spec.tls.map(\.route)), ("tcp", spec.tcp.map(\.route))]
        for (key, rules) in plain {
            for (index, routes) in rules.enumerated() {
                for (item, route) in routes.enumerated() {
                    let place = ((path / key)[index] / "route")[item] / "destination"
                    warnings += destination(route.destination, place, namespace)
                }
            }
        }
        return warnings
    }

    /// The Gateway that a VirtualService means: `ns/name`, `./name`, `name`, or the old `name.ns[.svc…]`.
    static func gatewayKey(_ name: String, _ namespace: String, _ resources: ResourceSet) -> ResourceKey {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if parts.count == 2 {
            return ResourceKey(.gateway, namespace: parts[0] == "." ? namespace : parts[0], name: parts[1])
        }
        let own = ResourceKey(.gateway, namespace: namespace, name: name)
        guard name.contains("."), !resources.contains(own) else { return own }
        let labels = name.split(separator: ".").map(String.init)
        guard labels.count > 1 else { return own }
        return ResourceKey(.gateway, namespace: labels[1], name: labels[0])
    }

    private func gateways(_ names: [String], _ path: JSONPath, _ namespace: String) -> [Warning] {
        names.enumerated().compactMap { index, name in
            guard name != "mesh" else { return nil }
            let key = Self.gatewayKey(name, namespace, resources)
            if resources.contains(key) { return nil }
            return missing(path[index], "\(key)")
        }
    }

    /// Services that the control plane itself provides for its gateways.
    private static let ownServices: Set<String> = ["istio-ingressgateway", "istio-egressgateway"]

    private func isService(_ host: String) -> Bool {
        let parts = host.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 3, parts[2] == "svc.\(Self.domain)" else { return false }
        if parts[1] == "istio-system", Self.ownServices.contains(parts[0]) { return true }
        return resources[.service, namespace: parts[1], name: parts[0]] != nil
    }

    private func destination(_ destination: Destination, _ path: JSONPath, _ namespace: String) -> [Warning] {
        let host = Self.fullName(destination.host, namespace)
        var warnings: [Warning] = []
        if !isService(host), !hosts.contains(host), IPAddress(host) == nil {
            warnings.append(missing(path / "host", "host \(host)"))
        }
        if let subset = destination.subset {
            let isKnown =
                subsets[host]?.contains(subset) == true
                || subsets.contains {
                    $0.key.hasPrefix("*") && $0.value.contains(subset)
                        && HostPattern(host).isSubset(of: HostPattern($0.key))
                }
            if !isKnown { warnings.append(missing(path / "subset", "subset \(subset) of \(host)")) }
        }
        return warnings
    }

    private func unresolved(_ spec: RoutePolicySpec, _ namespace: String) -> [Warning] {
        let path = JSONPath() / "spec" / "targetRef"
        let key = ResourceKey(.virtualService, namespace: namespace, name: spec.targetRef.name)
        guard case .virtualService(let target) = resources[key]?.spec else { return [missing(path / "name", "\(key)")] }
        guard let section = spec.targetRef.sectionName, !target.http.contains(where: { $0.name == section }) else {
            return []
        }
        return [missing(path / "sectionName", "rule \(section) of \(key)")]
    }

    private func unresolved(_ spec: GatewaySpec, _ namespace: String) -> [Warning] {
        let path = JSONPath() / "spec" / "servers"
        var warnings: [Warning] = []
        for (index, server) in spec.servers.enumerated() {
            guard let tls = server.tls else { continue }
            let place = path[index] / "tls"
            if let name = tls.credentialName { warnings += secret(name, place / "credentialName", namespace) }
            for (item, name) in tls.credentialNames.enumerated() {
                warnings += secret(name, (place / "credentialNames")[item], namespace)
            }
            if let name = tls.caCertCredentialName {
                warnings += secret(name, place / "caCertCredentialName", namespace)
            }
        }
        return warnings
    }

    /// What a policy may name of a Gateway: names of servers and of their ports.
    private static func sections(of spec: GatewaySpec) -> Set<String> {
        Set(spec.servers.flatMap { [$0.name, $0.port?.name].compactMap { $0 } })
    }

    private func unresolved(_ spec: EdgePolicySpec, _ namespace: String) -> [Warning] {
        let path = JSONPath() / "spec" / "targetRef"
        let key = ResourceKey(.gateway, namespace: namespace, name: spec.targetRef.name)
        guard case .gateway(let gateway) = resources[key]?.spec else { return [missing(path / "name", "\(key)")] }
        guard let section = spec.targetRef.sectionName, !Self.sections(of: gateway).contains(section) else { return [] }
        return [missing(path / "sectionName", "server \(section) of \(key)")]
    }

    private func unresolved(_ spec: DestinationRuleSpec, _ namespace: String) -> [Warning] {
        let path = JSONPath() / "spec"
        var warnings: [Warning] = []
        func check(_ policy: TrafficPolicy?, _ place: JSONPath) {
            if let name = policy?.tls?.credentialName {
                warnings += secret(name, place / "tls" / "credentialName", namespace)
            }
            for (index, settings) in (policy?.portLevelSettings ?? []).enumerated() {
                guard let name = settings.tls?.credentialName else { continue }
                let inner = (place / "portLevelSettings")[index] / "tls" / "credentialName"
                warnings += secret(name, inner, namespace)
            }
        }
        check(spec.trafficPolicy, path / "trafficPolicy")
        for (index, subset) in spec.subsets.enumerated() {
            check(subset.trafficPolicy, (path / "subsets")[index] / "trafficPolicy")
        }
        return warnings
    }

    /// Credentials live beside the gateways (root namespace) or beside the resource.
    private func secret(_ written: String, _ path: JSONPath, _ namespace: String) -> [Warning] {
        let scheme = "kubernetes://"
        let name = written.hasPrefix(scheme) ? String(written.dropFirst(scheme.count)) : written
        let spaces = [rootNamespace, namespace]
        if spaces.contains(where: { resources[.secret, namespace: $0, name: name] != nil }) { return [] }
        return [missing(path, "Secret \(name) in namespace \(spaces.joined(separator: " or "))")]
    }
}
