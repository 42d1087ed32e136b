import Base
import CSys
import Foundation
import Synchronization
import Testing
import Transport
import XDS

@testable import Proxy

/// A proxy on a free port with a configuration made of plain models, and its access log in a pipe.
final class ProxyFixture {
    let server: ProxyServer
    private(set) var addresses: [String: SocketAddress] = [:]
    private var configuration: RuntimeConfiguration?
    private let log: Int32
    private let logEnd: Int32
    private var logText = ""
    private var version: UInt64 = 0

    init(workers: Int = 1) throws {
        var ends: [Int32] = [0, 0]
        _ = pipe(&ends)
        log = ends[0]
        logEnd = ends[1]
        var options = ProxyOptions(
            identity: ProxyIdentity(workload: "w", namespace: "n", trustDomain: "cluster.local", isGateway: true)
        )
        options.workers = workers
        options.accessLogDescriptor = logEnd
        options.adminAddress = SocketAddress("127.0.0.1:0")
        options.seed = 1
        server = try ProxyServer(options: options)
    }

    deinit {
        close(log)
        server.stop()
        close(logEnd)
    }

    /// Blocks the test's thread until all workers have switched.
    @discardableResult
    func apply(
        _ listeners: [Listener],
        clusters: [Cluster] = [],
        routes: [RouteConfiguration] = [],
        endpoints: [ClusterLoadAssignment] = [],
        secrets: [String: Secret] = [:]
    ) throws -> ApplyOutcome {
        version += 1
        var models = ResourceModels(version: version)
        models.listeners = listeners.map { .init(version: "\($0.hashValue)", model: $0) }
        models.clusters = clusters.map { .init(version: "\($0.hashValue)", model: $0) }
        for route in routes { models.routes[route.name] = .init(version: "\(route.hashValue)", model: route) }
        for group in endpoints {
            models.assignments[group.clusterName] = .init(version: "\(group.hashValue)", model: group)
        }
        let next = try RuntimeConfiguration(compiling: models, previous: configuration, localSecrets: secrets)
        let done = DispatchSemaphore(value: 0)
        let result = Mutex<ApplyOutcome?>(nil)
        server.apply(next) { outcome in
            result.withLock { $0 = outcome }
            done.signal()
        }
        done.wait()
        let outcome = try #require(result.withLock { $0 })
        switch outcome {
        case .applied(let bound), .partly(let bound, _): addresses = bound
        }
        configuration = next
        return outcome
    }

    func address(_ listener: String = "main") throws -> SocketAddress { try #require(addresses[listener]) }

    func client(_ listener: String = "main") throws -> RawClient { RawClient(try address(listener)) }

    /// The next line of the access log; waits up to five seconds.
    func logLine() -> [String: Any] {
        while !logText.contains("\n") {
            var poll = pollfd(fd: log, events: 1, revents: 0)
            if CSys.poll(&poll, 1, 5000) <= 0 { return [:] }
            var chunk = [UInt8](repeating: 0, count: 65536)
            let count = read(log, &chunk, chunk.count)
            if count <= 0 { return [:] }
            logText += String(decoding: chunk.prefix(count), as: UTF8.self)
        }
        guard let end = logText.firstIndex(of: "\n") else { return [:] }
        let line = logText[..<end]
        logText = String(logText[logText.index(after: end)...])
        let value = try? JSONSerialization.jsonObject(with: Data(line.utf8))
        return value as? [String: Any] ?? [:]
    }

    func flags() -> String { logLine()["response_flags"] as? String ?? "" }
}

// MARK: short forms of the models

extension Listener {
    static func http(
        _ routes: [Route] = [],
        name: String = "main",
        hosts: [String] = ["*"],
        edit: (inout HTTPConnectionManager) -> Void = { _ in }
    ) -> Listener {
        let host = VirtualHost(name: "host", domains: hosts, routes: routes)
        return http(table: RouteConfiguration(name: "routes", virtualHosts: [host]), name: name, edit: edit)
    }

    static func http(
        table: RouteConfiguration,
        name: String = "main",
        edit: (inout HTTPConnectionManager) -> Void = { _ in }
    ) -> Listener {
        var manager = HTTPConnectionManager(
            routes: .inline(table),
            filters: [HTTPFilter(name: "router", kind: .router(HTTPFilter.Router()))]
        )
        manager.upgrades = [HTTPConnectionManager.Upgrade(type: "websocket")]
        edit(&manager)
        let chain = FilterChain(terminal: .http(manager))
        return Listener(
            name: name,
            address: .socket(SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)),
            filterChains: [chain]
        )
    }

    static func tcp(_ cluster: String, name: String = "main", edit: (inout TCPProxy) -> Void = { _ in }) -> Listener {
        var proxy = TCPProxy(clusters: [TCPProxy.WeightedCluster(name: cluster, weight: 1)])
        edit(&proxy)
        return Listener(
            name: name,
            address: .socket(SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)),
            filterChains: [FilterChain(terminal: .tcp(proxy))]
        )
    }
}

extension Route {
    static func to(
        _ cluster: String,
        prefix: String = "/",
        edit: (inout RouteAction) -> Void = { _ in }
    ) -> Route {
        var action = RouteAction(destination: .cluster(cluster))
        edit(&action)
        return Route(match: RouteMatch(path: .prefix(prefix)), action: .forward(action))
    }
}

extension Cluster {
    static func fixed(_ name: String, _ addresses: [SocketAddress], edit: (inout Cluster) -> Void = { _ in }) -> Cluster
    {
        let endpoints = addresses.map { Endpoint(address: .socket($0)) }
        let group = ClusterLoadAssignment(clusterName: name, localities: [LocalityEndpoints(endpoints: endpoints)])
        var cluster = Cluster(name: name, discovery: .fixed(group))
        edit(&cluster)
        return cluster
    }
}
