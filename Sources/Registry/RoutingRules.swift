public import Resources

/// A VirtualService after its names are full and its delegates are merged in: what translation routes by.
public struct RoutingRules: Sendable {
    public var source: ResourceKey
    public var namespace: String
    /// Full host names, in the order written.
    public var hosts: [String]
    /// `mesh` and `ns/name` of gateways.
    public var gateways: [String]
    public var exportTo: Visibility
    public var http: [HTTPRoute]
    public var tls: [TLSRoute]
    public var tcp: [TCPRoute]
    public var order: CreationOrder
    /// The delegates that were merged in.
    public var delegates: [ResourceKey]

    /// Gateways use only what is exported to their namespace.
    public func isVisible(in other: String) -> Bool { exportTo.isVisible(in: other) }
}

/// Makes `RoutingRules` of VirtualServices: expands names, merges delegates.
struct RoutingRulesBuilder {
    /// A VirtualService as stored.
    struct Stored {
        var source: ResourceKey
        var spec: VirtualServiceSpec
        var order: CreationOrder
    }

    let domain: String
    let defaultExportTo: [String]
    /// Delegate problems found while merging, by root VirtualService.
    private(set) var unresolvedDelegates: [(root: ResourceKey, message: String)] = []

    init(domain: String, defaultExportTo: [String]) {
        self.domain = domain
        self.defaultExportTo = defaultExportTo
    }

    /// - Parameter stored: every VirtualService, in winning order.
    mutating func build(_ stored: [Stored]) -> [RoutingRules] {
        var delegates: [String: Stored] = [:]
        for item in stored where item.spec.hosts.isEmpty {
            delegates["\(item.source.namespace)/\(item.source.name)"] = item
        }
        return stored.filter { !$0.spec.hosts.isEmpty }.map { rules(of: $0, delegates: delegates) }
    }

    private mutating func rules(of root: Stored, delegates: [String: Stored]) -> RoutingRules {
        let namespace = root.source.namespace
        let gateways = root.spec.gateways.isEmpty ? ["mesh"] : root.spec.gateways
        var merged: [HTTPRoute] = []
        var used: [ResourceKey] = []
        for rule in root.spec.http {
            let full = expand(rule, namespace: namespace)
            guard let reference = rule.delegate else {
                merged.append(full)
                continue
            }
            let key = "\(reference.namespace ?? namespace)/\(reference.name ?? "")"
            guard let delegate = delegates[key] else {
                unresolvedDelegates.append((root.source, "delegate VirtualService \(key) does not exist"))
                continue
            }
            guard visibility(of: delegate).isVisible(in: namespace) else {
                let message = "delegate VirtualService \(key) is not exported to namespace \(namespace)"
                unresolvedDelegates.append((root.source, message))
                continue
            }
            used.append(delegate.source)
            let rules = delegate.spec.http.map { expand($0, namespace: delegate.source.namespace) }
            merged += DelegateMerge.merge(root: full, delegate: rules)
        }
        return RoutingRules(
            source: root.source,
            namespace: namespace,
            hosts: root.spec.hosts.map { HostName.expand($0, namespace: namespace, domain: domain) },
            gateways: gateways.map { HostName.expandGateway($0, namespace: namespace) },
            exportTo: visibility(of: root),
            http: merged,
            tls: root.spec.tls.map { expand($0, namespace: namespace) },
            tcp: root.spec.tcp.map { expand($0, namespace: namespace) },
            order: root.order,
            delegates: used
        )
    }

    private func visibility(of stored: Stored) -> Visibility {
        let exportTo = stored.spec.exportTo.isEmpty ? defaultExportTo : stored.spec.exportTo
        return Visibility(exportTo: exportTo, ownNamespace: stored.source.namespace)
    }

    private func expand(_ rule: HTTPRoute, namespace: String) -> HTTPRoute {
        var rule = rule
        for index in rule.match.indices {
            rule.match[index].gateways = rule.match[index].gateways.map {
                HostName.expandGateway($0, namespace: namespace)
            }
        }
        for index in rule.route.indices { expand(&rule.route[index].destination, namespace: namespace) }
        for index in rule.mirrors.indices { expand(&rule.mirrors[index].destination, namespace: namespace) }
        if var mirror = rule.mirror {
            expand(&mirror, namespace: namespace)
            rule.mirror = mirror
        }
        return rule
    }

    private func expand(_ rule: TLSRoute, namespace: String) -> TLSRoute {
        var rule = rule
        for index in rule.match.indices {
            rule.match[index].gateways = rule.match[index].gateways.map {
                HostName.expandGateway($0, namespace: namespace)
            }
        }
        for index in rule.route.indices { expand(&rule.route[index].destination, namespace: namespace) }
        return rule
    }

    private func expand(_ rule: TCPRoute, namespace: String) -> TCPRoute {
        var rule = rule
        for index in rule.match.indices {
            rule.match[index].gateways = rule.match[index].gateways.map {
                HostName.expandGateway($0, namespace: namespace)
            }
        }
        for index in rule.route.indices { expand(&rule.route[index].destination, namespace: namespace) }
        return rule
    }

    private func expand(_ destination: inout Destination, namespace: String) {
        destination.host = HostName.expand(destination.host, namespace: namespace, domain: domain)
    }
}
