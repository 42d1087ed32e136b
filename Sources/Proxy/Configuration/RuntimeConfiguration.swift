internal import Routing
internal import Transport
internal import Upstream
public import XDS

/// Why a snapshot cannot be served: the text of a NACK.
///
/// Whose fault: the control plane's. The configuration in force stays in force; the same bytes will fail again.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    public var type: ResourceType
    public var resource: String
    /// Where in the resource and what is wrong, in protobuf field names.
    public var detail: String

    public init(type: ResourceType, resource: String, detail: String) {
        self.type = type
        self.resource = resource
        self.detail = detail
    }

    public var description: String { "\(type.shortName) \(resource): \(detail)" }
}

/// Everything a worker needs to serve, compiled from one xDS snapshot; immutable and shared by all workers.
///
/// Compilation is all or nothing. What a resource refers to may be missing: a chain without its secrets refuses
/// handshakes, a listener without its routes answers 404 NR, a cluster without endpoints 503 UH, so that one tenant's
/// missing certificate does not hold back another's change.
public final class RuntimeConfiguration: Sendable {
    /// The store revision of the snapshot this was compiled from.
    public let version: UInt64

    let listeners: [String: ListenerPlan]
    let clusters: [String: ClusterPlan]
    /// When the process sheds work.
    let overload: OverloadLimits
    private let routeTables: [String: (identity: String, table: RouteTable)]

    /// - Parameters:
    ///   - previous: the configuration in force; what did not change is taken over instead of compiled again.
    ///   - localSecrets: the proxy's own secrets by name (`default`, `ROOTCA`), which never come over ADS.
    public convenience init(
        compiling snapshot: Snapshot,
        previous: RuntimeConfiguration?,
        localSecrets: [String: Secret] = [:]
    ) throws(ConfigurationError) {
        let models = try ResourceModels(decoding: snapshot)
        try self.init(compiling: models, previous: previous, localSecrets: localSecrets)
    }

    init(
        compiling models: ResourceModels,
        previous: RuntimeConfiguration?,
        localSecrets: [String: Secret]
    ) throws(ConfigurationError) {
        version = models.version
        // It is the process's; every listener carries the same.
        overload = models.listeners.lazy.compactMap(\.model.overload).first ?? OverloadLimits()
        let secrets = SecretBook(
            local: localSecrets,
            remote: models.secrets.mapValues { ($0.model, $0.version) }
        )
        let tls = TLSCompiler(secrets: secrets)
        clusters = try Self.compileClusters(models, previous, ClusterCompiler(tls: tls, secrets: secrets))
        let routeTables = try Self.compileRoutes(models, previous)
        self.routeTables = routeTables
        let compiler = ListenerCompiler(
            tls: tls,
            secrets: secrets,
            tables: routeTables,
            previous: previous?.listeners ?? [:]
        )
        var listeners: [String: ListenerPlan] = [:]
        for listener in models.listeners {
            do {
                listeners[listener.model.name] = try compiler.plan(listener.model, version: listener.version)
            } catch {
                throw ConfigurationError(type: .listener, resource: listener.model.name, detail: error.text)
            }
        }
        self.listeners = listeners
    }

    private static func compileClusters(
        _ models: ResourceModels,
        _ previous: RuntimeConfiguration?,
        _ compiler: ClusterCompiler
    ) throws(ConfigurationError) -> [String: ClusterPlan] {
        var plans: [String: ClusterPlan] = [:]
        for cluster in models.clusters {
            let name = cluster.model.name
            let identity = cluster.version + "/" + compiler.secretVersions(of: cluster.model)
            var assignment: ClusterLoadAssignment?
            var assignmentIdentity = ""
            switch cluster.model.discovery {
            case .fixed(let inline), .strictDNS(let inline), .logicalDNS(let inline): assignment = inline
            case .eds(let service):
                let source = models.assignments[service.isEmpty ? name : service]
                assignment = source?.model
                assignmentIdentity = source?.version ?? "-"
            case .originalDestination, .aggregate, .dynamicForward: break
            }
            do {
                plans[name] = try compiler.plan(
                    cluster.model,
                    assignment: assignment,
                    identity: identity,
                    assignmentIdentity: assignmentIdentity,
                    reusing: previous?.clusters[name]
                )
            } catch {
                throw ConfigurationError(type: .cluster, resource: name, detail: error.text)
            }
        }
        return plans
    }

    private static func compileRoutes(
        _ models: ResourceModels,
        _ previous: RuntimeConfiguration?
    ) throws(ConfigurationError) -> [String: (identity: String, table: RouteTable)] {
        var tables: [String: (identity: String, table: RouteTable)] = [:]
        for (name, route) in models.routes {
            if let old = previous?.routeTables[name], old.identity == route.version {
                tables[name] = old
                continue
            }
            if let detail = Self.unsupported(in: route.model) {
                throw ConfigurationError(type: .route, resource: name, detail: detail)
            }
            do throws(CompileError) {
                tables[name] = (route.version, try RouteTable(compiling: route.model))
            } catch {
                throw ConfigurationError(type: .route, resource: name, detail: error.description)
            }
        }
        return tables
    }

    /// What routes may ask for and the proxy does not do.
    static func unsupported(in routes: RouteConfiguration) -> String? {
        for (hostIndex, host) in routes.virtualHosts.enumerated() {
            for (index, route) in host.routes.enumerated() {
                guard case .forward(let action) = route.action, action.internalRedirect != nil else { continue }
                return "virtual_hosts[\(hostIndex)].routes[\(index)].route.internal_redirect_policy: not supported"
            }
        }
        return nil
    }

    /// One line per resource, for `/config_dump`.
    var summary: [String] {
        var lines = ["version \(version)"]
        lines += listeners.values.map { "listener \($0.name) \($0.addresses) chains \($0.chains.count)" }.sorted()
        lines += clusters.values.map { "cluster \($0.cluster.name)" }.sorted()
        lines += routeTables.keys.map { "route \($0)" }.sorted()
        return lines
    }
}
