internal import Routing
internal import Transport
internal import XDS

/// Turns an xDS listener into a plan, or says which field it cannot honour.
struct ListenerCompiler {
    let tls: TLSCompiler
    let secrets: SecretBook
    let tables: [String: (identity: String, table: RouteTable)]
    let previous: [String: ListenerPlan]

    func plan(_ listener: Listener, version: String) throws(PlanError) -> ListenerPlan {
        let all = listener.filterChains + (listener.defaultFilterChain.map { [$0] } ?? [])
        let identity = version + "/" + all.map { dependencies(of: $0) }.joined(separator: ";")
        if let old = previous[listener.name], old.identity == identity { return old }
        guard listener.bindsToPort else {
            throw PlanError("listeners without a port are not supported", at: "bind_to_port")
        }
        guard !listener.isTransparent else { throw PlanError("not supported", at: "transparent") }
        var addresses: [NetworkAddress] = []
        for (index, address) in ([listener.address] + listener.additionalAddresses).enumerated() {
            switch address {
            case .socket(let address): addresses.append(.ip(address))
            case .pipe(let path): addresses.append(.unix(path: path))
            case .name:
                throw PlanError(
                    "a host name is no listening address",
                    at: index == 0 ? "address" : "additional_addresses[\(index - 1)]"
                )
            }
        }
        let table: FilterChainTable
        do throws(CompileError) {
            table = try FilterChainTable(compiling: listener)
        } catch {
            throw PlanError(error.message, at: error.path)
        }
        var chains: [ChainPlan] = []
        for (index, chain) in listener.filterChains.enumerated() {
            chains.append(
                try planning("filter_chains[\(index)]") { () throws(PlanError) in
                    try self.chain(chain, of: listener)
                }
            )
        }
        var defaultChain: ChainPlan?
        if let chain = listener.defaultFilterChain {
            defaultChain = try planning("default_filter_chain") { () throws(PlanError) in
                try self.chain(chain, of: listener)
            }
        }
        return ListenerPlan(
            listener: listener,
            addresses: addresses,
            table: table,
            chains: chains,
            defaultChain: defaultChain,
            quota: previous[listener.name]?.quota ?? ConnectionQuota(),
            identity: identity
        )
    }

    /// Versions of what a chain refers to: secrets and routes.
    private func dependencies(of chain: FilterChain) -> String {
        var parts = Self.secretNames(of: chain).map { secrets.version(of: $0) }
        if case .http(let manager) = chain.terminal, case .named(let name) = manager.routes {
            parts.append(tables[name]?.identity ?? "-")
        }
        return parts.joined(separator: ",")
    }

    private static func secretNames(of chain: FilterChain) -> [String] {
        guard let tls = chain.tls else { return [] }
        var names = ClusterCompiler.secretNames(of: tls.settings)
        if case .secret(let name) = tls.tickets { names.append(name) }
        return names
    }

    private func chain(_ chain: FilterChain, of listener: Listener) throws(PlanError) -> ChainPlan {
        let lineage = Self.lineage(of: chain)
        let versions = Self.secretNames(of: chain).map { secrets.version(of: $0) }.joined(separator: ",")
        let identity = lineage + "/" + versions
        let compiled = try chain.tls.map { settings throws(PlanError) in
            try planning("transport_socket.typed_config") { () throws(PlanError) in
                try compiledTLS(settings, chain: chain, identity: identity, listener: listener.name)
            }
        }
        var roles: [RoleFilter] = []
        var usesServerName = false
        var serverNamePort: UInt16?
        for (index, filter) in chain.networkFilters.enumerated() {
            switch filter {
            case .rbac(let rules):
                do throws(CompileError) {
                    roles.append(try RoleFilter(compiling: rules))
                } catch {
                    throw PlanError(error.message, at: "filters[\(index)].\(error.path)")
                }
            case .sniCluster: usesServerName = true
            case .connectionLimit: break
            case .sniDynamicForward(let port): serverNamePort = port
            case .localRateLimit: throw PlanError("local rate limits are not supported", at: "filters[\(index)]")
            }
        }
        let terminal: ChainPlan.Terminal
        switch chain.terminal {
        case .tcp(let proxy):
            terminal = .tcp(
                try TCPPlan(proxy, usesServerNameAsCluster: usesServerName, serverNamePort: serverNamePort)
            )
        case .http(let manager): terminal = .http(try HTTPPlan(manager, of: chain, routes: try routes(of: manager)))
        }
        return ChainPlan(
            chain: chain,
            tls: compiled,
            roles: roles,
            quota: quota(of: chain, listener: listener.name),
            terminal: terminal,
            identity: identity,
            lineage: lineage
        )
    }

    /// The count goes on while the chain keeps its name.
    private func quota(of chain: FilterChain, listener: String) -> ConnectionQuota {
        guard let old = previous[listener] else { return ConnectionQuota() }
        let known = old.chains + (old.defaultChain.map { [$0] } ?? [])
        return known.first { $0.name == chain.name }?.quota ?? ConnectionQuota()
    }

    /// An unchanged chain keeps its context, and with it the session tickets it has given out.
    private func compiledTLS(
        _ settings: DownstreamTLS,
        chain: FilterChain,
        identity: String,
        listener: String
    ) throws(PlanError) -> CompiledTLS {
        let old = previous[listener]?.chains.first { $0.identity == identity && $0.tlsPolicy == settings }
        if let old, let context = old.tls {
            return CompiledTLS(
                context: context,
                configuration: context.configuration,
                ownURI: old.ownURI,
                ownNames: old.ownNames
            )
        }
        // Whoever speaks HTTP here and asks for other protocols only would be misunderstood; TCP is not asked about.
        var isHTTP = false
        if case .http = chain.terminal { isHTTP = true }
        return try tls.downstream(settings, refusesUnknownProtocols: isHTTP)
    }

    /// Everything of the chain that open connections depend on: all but the routes and the secrets' contents.
    private static func lineage(of chain: FilterChain) -> String {
        var fixed = chain
        if case .http(var manager) = chain.terminal {
            if case .inline = manager.routes { manager.routes = .named("inline") }
            fixed.terminal = .http(manager)
        }
        return "\(fixed.hashValue)"
    }

    private func routes(of manager: HTTPConnectionManager) throws(PlanError) -> RouteTable {
        do throws(CompileError) {
            switch manager.routes {
            case .inline(let configuration):
                if let detail = RuntimeConfiguration.unsupported(in: configuration) {
                    throw CompileError(path: "", message: detail)
                }
                return try RouteTable(compiling: configuration)
            case .named(let name):
                if let found = tables[name] { return found.table }
                return try RouteTable(compiling: RouteConfiguration(name: name))
            }
        } catch {
            throw PlanError(error.message, at: "route_config.\(error.path)")
        }
    }
}
