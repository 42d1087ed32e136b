public import XDS

/// What a route changes about the HTTP filters of its listener, by filter name; the most specific level wins.
///
/// Source: `typed_per_filter_config` of virtual host, route and weighted cluster.
public struct RouteFilters: Sendable {
    public enum Change: Sendable {
        case disabled
        /// Switches on a filter that is off by default, with its own settings.
        case enabled
        case cors(CORSRule)
        case fault(FaultRule)
        /// nil switches RBAC off for the route.
        case roles(RoleFilter?)
        /// nil asks for no token; else the name of a requirement of the filter.
        case jwtRequirement(String?)
        case localRateLimit(LocalRateLimit)
    }

    private let changes: [(name: String, change: Change)]

    public static let none = RouteFilters(changes: [])

    public var isEmpty: Bool { changes.isEmpty }

    private init(changes: [(name: String, change: Change)]) { self.changes = changes }

    /// - Parameter outer: the less specific level, whose changes stay where this one says nothing.
    init(compiling overrides: FilterOverrides, over outer: RouteFilters) throws(CompileError) {
        guard !overrides.isEmpty else {
            self = outer
            return
        }
        var changes = outer.changes.filter { overrides[$0.name] == nil }
        for (name, override) in overrides.sorted(by: { $0.key < $1.key }) {
            changes.append(
                (
                    name,
                    try within("typed_per_filter_config[\(name)]") { () throws(CompileError) in
                        try Change(compiling: override)
                    }
                )
            )
        }
        self.init(changes: changes)
    }

    /// The change for the filter called `name`; nil leaves the listener's settings. Usually there is none at all.
    public func change(for name: String) -> Change? {
        for change in changes where change.name == name { return change.change }
        return nil
    }
}

extension RouteFilters.Change {
    init(compiling override: FilterOverride) throws(CompileError) {
        switch override {
        case .disabled: self = .disabled
        case .enabled: self = .enabled
        case .cors(let policy): self = .cors(try CORSRule(compiling: policy))
        case .fault(let fault): self = .fault(try FaultRule(compiling: fault))
        case .rbac(let filter):
            self = .roles(try filter.map { filter throws(CompileError) in try RoleFilter(compiling: filter) })
        case .jwtRequirement(let name): self = .jwtRequirement(name)
        case .localRateLimit(let limit): self = .localRateLimit(limit)
        }
    }
}
