import Base
import XDS

/// Asks a snapshot where a call would go, without a socket.
///
/// Independent of the data plane's own lookup on purpose: it reads the decoded resources and follows Envoy's documented
/// order. It knows what the tests need: prefix and exact paths, exact and presence headers, no regular expressions.
struct CallSimulator {
    struct Call {
        var port: UInt16
        var host = ""
        var path = "/"
        var headers: [String: String] = [:]
        var serverName: String?
        var isHTTP = true
    }

    struct Outcome: Equatable {
        var listener: String?
        var routeConfiguration: String?
        var virtualHost: String?
        var route: String?
        var clusters: [String] = []
        var status: UInt32?
        var redirectsToHTTPS = false
        var error: String?
    }

    let snapshot: Snapshot

    func call(_ call: Call) throws -> Outcome {
        var outcome = Outcome()
        guard let listener = try listener(at: call.port) else {
            outcome.error = "no listener"
            return outcome
        }
        outcome.listener = listener.name
        guard let chain = chain(of: listener, call) else {
            outcome.error = "no filter chain"
            return outcome
        }
        switch chain.terminal {
        case .tcp(let proxy):
            outcome.clusters = proxy.clusters.map(\.name)
        case .http(let manager):
            switch manager.routes {
            case .inline(let table): route(table, call, &outcome)
            case .named(let name):
                outcome.routeConfiguration = name
                guard let table = snapshot.resource(.route, name) else {
                    outcome.error = "no route configuration"
                    return outcome
                }
                route(try RouteConfiguration(decoding: table.bytes), call, &outcome)
            }
        }
        return outcome
    }

    private func listener(at port: UInt16) throws -> Listener? {
        for resource in snapshot.all(.listener) {
            let listener = try Listener(decoding: resource.bytes)
            if case .socket(let address) = listener.address, address.port == port { return listener }
        }
        return nil
    }

    /// Most specific server name first; a chain without names takes the rest.
    private func chain(of listener: Listener, _ call: Call) -> FilterChain? {
        let transport = call.serverName == nil ? "raw_buffer" : "tls"
        let fitting = listener.filterChains.filter { chain in
            chain.match.transportProtocol.isEmpty || chain.match.transportProtocol == transport
        }.filter { $0.match.applicationProtocols.isEmpty }
        let name = HostPattern(call.serverName ?? "")
        var best: (pattern: HostPattern, chain: FilterChain)?
        for chain in fitting {
            for pattern in chain.match.serverNames.map({ HostPattern($0) }) where name.isSubset(of: pattern) {
                if best.map({ HostPattern.moreSpecific(pattern, $0.pattern) }) ?? true { best = (pattern, chain) }
            }
        }
        return best?.chain ?? fitting.first { $0.match.serverNames.isEmpty }
    }

    private func route(_ table: RouteConfiguration, _ call: Call, _ outcome: inout Outcome) {
        var host = call.host.lowercased()
        if table.ignoresPortInHost, let colon = host.lastIndex(of: ":") { host = String(host[..<colon]) }
        let name = HostPattern(host)
        var best: (pattern: HostPattern, host: VirtualHost)?
        for candidate in table.virtualHosts {
            for pattern in candidate.domains.map({ HostPattern($0) }) where name.isSubset(of: pattern) {
                if best.map({ HostPattern.moreSpecific(pattern, $0.pattern) }) ?? true { best = (pattern, candidate) }
            }
        }
        guard let chosen = best?.host else {
            outcome.error = "no virtual host"
            return
        }
        outcome.virtualHost = chosen.name
        if chosen.tlsRequirement == .all, call.serverName == nil {
            outcome.redirectsToHTTPS = true
            return
        }
        guard let route = chosen.routes.first(where: { matches($0.match, call) }) else {
            outcome.error = "no route"
            return
        }
        outcome.route = route.name
        switch route.action {
        case .forward(let action):
            switch action.destination {
            case .cluster(let name): outcome.clusters = [name]
            case .weighted(let clusters): outcome.clusters = clusters.map { "\($0.name)*\($0.weight)" }
            case .clusterHeader(let header): outcome.clusters = ["header \(header)"]
            }
        case .direct(let response): outcome.status = response.status
        case .redirect(let redirect): outcome.status = redirect.status
        case .nonForwarding: outcome.error = "not forwarding"
        }
    }

    private func matches(_ match: RouteMatch, _ call: Call) -> Bool {
        if match.isGRPC { return false }
        let isPathRight =
            switch match.path {
            case .prefix(let prefix): call.path.hasPrefix(prefix)
            case .exact(let path): call.path == path
            case .connect: false
            default: false
            }
        return isPathRight
            && match.headers.allSatisfy { header in
                let value = call.headers[header.name]
                switch header.rule {
                case .present(let wanted): return (value != nil) == wanted
                case .text(let matcher):
                    guard case .exact(let text) = matcher.pattern else { return false }
                    return value == text
                case .range: return false
                }
            }
    }
}
