internal import Base
internal import HTTP
internal import Routing
internal import XDS

/// How the HTTP connections of a filter chain are served: an HTTP connection manager, compiled.
final class HTTPPlan: Sendable {
    /// One configured filter; its name is the key of per-route changes.
    struct Step<Settings: Sendable>: Sendable {
        let name: String
        let isOff: Bool
        let settings: Settings
    }

    let manager: HTTPConnectionManager
    let routes: RouteTable
    let normalizer: PathNormalizer
    let serverName: [UInt8]
    /// The `server` line of every answer.
    let serverLine: PreparedLines
    /// Of HTTP/1.0 requests that name none; empty refuses them.
    let defaultHost: [UInt8]
    let upgrades: [[UInt8]]
    let allowsConnect: Bool
    let suppressesEnvoyHeaders: Bool

    let cors: Step<Void>?
    let grpcWeb: Step<Void>?
    let fault: Step<FaultRule?>?
    let roles: [Step<RoleFilter>]
    let edits: [Step<(request: HeaderEdits, response: HeaderEdits)>]
    let compressors: [Step<CompressionRule>]
    /// No filter other than the router: nothing to ask per request, unless the route brings something.
    let hasFilters: Bool

    // Timeouts with "off" as nil, so that nobody compares with zero again. Those that every request starts are in
    // nanoseconds: converting a `Duration` is 128-bit arithmetic.
    let streamIdleTimeout: UInt64?
    let requestTimeout: UInt64?
    let requestHeadersTimeout: Duration?
    let connectionIdleTimeout: Duration?
    let streamDurationMax: UInt64?
    let connectionDurationMax: Duration?
    let serverOptions: ServerOptions

    init(_ manager: HTTPConnectionManager, of chain: FilterChain, routes: RouteTable) throws(PlanError) {
        self.manager = manager
        self.routes = routes
        let escaped: PathNormalizer.EscapedSlashes =
            switch manager.escapedSlashes {
            case .keep: .keep
            case .reject: .reject
            case .unescapeAndRedirect: .redirect
            case .unescapeAndForward: .forward
            }
        normalizer = PathNormalizer(
            normalizes: manager.normalizesPath,
            mergesSlashes: manager.mergesSlashes,
            escapedSlashes: escaped
        )
        serverName = Array(manager.serverName.utf8)
        var line = PreparedLines()
        serverName.withUnsafeBytes { _ = line.add(.server, $0) }
        serverLine = line
        defaultHost = Array(manager.http1.defaultHostForHTTP10.utf8)
        let enabled = manager.upgrades.filter(\.isEnabled).map { $0.type.lowercased() }
        upgrades = enabled.filter { $0 != "connect" }.map { Array($0.utf8) }
        allowsConnect = enabled.contains("connect")
        let filters = try Filters(manager.filters)
        suppressesEnvoyHeaders = filters.suppressesEnvoyHeaders
        cors = filters.cors
        grpcWeb = filters.grpcWeb
        fault = filters.fault
        roles = filters.roles
        edits = filters.edits
        compressors = filters.compressors
        hasFilters =
            filters.cors != nil || filters.grpcWeb != nil || filters.fault != nil || !filters.roles.isEmpty
            || !filters.edits.isEmpty
        streamIdleTimeout = Self.on(manager.streamIdleTimeout).map(\.nanosecondsFromNow)
        requestTimeout = Self.on(manager.requestTimeout).map(\.nanosecondsFromNow)
        requestHeadersTimeout = Self.on(manager.requestHeadersTimeout)
        connectionIdleTimeout = Self.on(manager.connectionIdleTimeout)
        streamDurationMax = Self.on(manager.streamDurationMax).map(\.nanosecondsFromNow)
        connectionDurationMax = Self.on(manager.connectionDurationMax)
        serverOptions = Self.serverOptions(manager, chain)
        if manager.localReply != nil { throw PlanError("not supported", at: "local_reply_config") }
    }

    private static func serverOptions(_ manager: HTTPConnectionManager, _ chain: FilterChain) -> ServerOptions {
        var options = ServerOptions()
        options.headBytesMax = Int(min(manager.requestHeadersKilobytesMax, 240)) << 10
        options.fieldsMax = Int(min(manager.requestHeadersCountMax, 1000))
        if let limit = on(manager.requestHeadersTimeout) { options.headTimeout = limit }
        options.idleTimeout = on(manager.connectionIdleTimeout) ?? .seconds(86_400)
        options.requestsMax = Int(manager.requestsPerConnectionMax ?? 0)
        if let streams = manager.http2.concurrentStreamsMax {
            options.concurrentStreamsMax = Int(min(streams, 1 << 20))
        }
        if let window = manager.http2.initialStreamWindowBytes {
            options.streamWindowBytes = Int(min(window, 16 << 20))
        }
        if let window = manager.http2.initialConnectionWindowBytes {
            options.connectionWindowBytes = Int(min(window, 64 << 20))
        }
        if let probe = manager.http2.keepalive, let interval = probe.interval {
            options.pingInterval = interval
            options.pingTimeout = probe.timeout
        }
        switch manager.http1.headerCase {
        case .asReceived: break
        case .preserved: options.headerCase = .preserved
        case .proper: options.headerCase = .proper
        }
        // At the edge a body has to move; inside the mesh the application sets the pace.
        if !manager.usesRemoteAddress { options.bodyRateMin = 0 }
        if let rate = chain.minBodyRate { options.bodyRateMin = Int(rate) }
        if let patience = on(chain.sendTimeout) { options.sendTimeout = patience }
        options.allowsHTTP2PriorKnowledge = manager.codec != .http1
        return options
    }

    private static func on(_ timeout: Duration?) -> Duration? {
        guard let timeout, timeout > .zero else { return nil }
        return timeout
    }

    /// The configured filters sorted into our fixed order: cors, gRPC-Web, rbac, fault, header mutation, router.
    private struct Filters {
        var cors: Step<Void>?
        var grpcWeb: Step<Void>?
        var fault: Step<FaultRule?>?
        var roles: [Step<RoleFilter>] = []
        var edits: [Step<(request: HeaderEdits, response: HeaderEdits)>] = []
        var compressors: [Step<CompressionRule>] = []
        var suppressesEnvoyHeaders = false

        init(_ filters: [HTTPFilter]) throws(PlanError) {
            for (index, filter) in filters.enumerated() {
                try planning("http_filters[\(index)]") { () throws(PlanError) in try add(filter) }
            }
        }

        private mutating func add(_ filter: HTTPFilter) throws(PlanError) {
            let name = filter.name
            let isOff = filter.isDisabled
            do throws(CompileError) {
                switch filter.kind {
                case .cors: cors = Step(name: name, isOff: isOff, settings: ())
                case .grpcWeb: grpcWeb = Step(name: name, isOff: isOff, settings: ())
                case .fault(let fault):
                    let isEmpty = fault.delay == nil && fault.abort == nil
                    self.fault = Step(
                        name: name,
                        isOff: isOff,
                        settings: isEmpty ? nil : try FaultRule(compiling: fault)
                    )
                case .rbac(let rules):
                    roles.append(Step(name: name, isOff: isOff, settings: try RoleFilter(compiling: rules)))
                case .headerMutation(let mutations):
                    edits.append(
                        Step(
                            name: name,
                            isOff: isOff,
                            settings: (
                                try HeaderEdits(requestLevels: [mutations]),
                                try HeaderEdits(responseLevels: [mutations])
                            )
                        )
                    )
                case .dynamicForwardProxy: break
                case .compressor(let settings):
                    compressors.append(Step(name: name, isOff: isOff, settings: CompressionRule(compiling: settings)))
                case .router(let router): suppressesEnvoyHeaders = router.suppressesEnvoyHeaders
                case .jwtAuthentication, .localRateLimit:
                    throw CompileError(path: "typed_config", message: "`\(name)` is not supported")
                }
            } catch {
                throw PlanError(error.message, at: error.path)
            }
        }
    }
}
