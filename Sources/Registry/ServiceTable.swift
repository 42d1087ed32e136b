/// Every service by name, with the rule for names that exist in several namespaces.
public struct ServiceTable: Sendable {
    private var byHostname: [String: [MeshService]] = [:]
    /// In order of host name, then of precedence.
    public private(set) var all: [MeshService] = []

    init(_ services: [MeshService]) {
        var merged: [String: [MeshService]] = [:]
        for service in services {
            Self.add(service, to: &merged[service.hostname, default: []])
        }
        byHostname = merged.mapValues { $0.sorted(by: Self.precedes) }
        all = byHostname.keys.sorted().flatMap { byHostname[$0] ?? [] }
    }

    /// The service a caller in `namespace` reaches by `hostname`: its own namespace's, else a Service before a
    /// ServiceEntry, else the first namespace in alphabetical order. Nil when none is visible there.
    public func service(named hostname: String, callerNamespace: String) -> MeshService? {
        guard let candidates = byHostname[hostname] else { return nil }
        let visible = candidates.filter { $0.exportTo.isVisible(in: callerNamespace) }
        return visible.first { $0.namespace == callerNamespace } ?? visible.first
    }

    /// True when any service of that name exists, visible or not.
    public func contains(_ hostname: String) -> Bool { byHostname[hostname] != nil }

    /// The services a caller in `namespace` can reach, one a name, in order of name.
    public func visible(from namespace: String) -> [MeshService] {
        byHostname.keys.sorted().compactMap { service(named: $0, callerNamespace: namespace) }
    }

    private static func precedes(_ a: MeshService, _ b: MeshService) -> Bool {
        a.origin != b.origin ? a.origin < b.origin : a.namespace < b.namespace
    }

    /// Several ServiceEntries of one namespace may name one host: their ports add up, the oldest wins the rest.
    private static func add(_ service: MeshService, to services: inout [MeshService]) {
        let same = services.firstIndex { $0.namespace == service.namespace && $0.origin == service.origin }
        guard let same else {
            services.append(service)
            return
        }
        let (older, newer) =
            services[same].order < service.order ? (services[same], service) : (service, services[same])
        var merged = older
        let known = Set(older.ports.map(\.number))
        merged.ports += newer.ports.filter { !known.contains($0.number) }
        if newer.resolution == older.resolution {
            merged.endpoints += newer.endpoints.filter { !older.endpoints.contains($0) }
        }
        services[same] = merged
    }
}
