import Base
import SwiftProtobuf
import XDS

@testable import Discovery

/// Small resources by name; `content` only makes versions differ.
enum Fixture {
    static func cluster(_ name: String, content: UInt32 = 1) -> EncodedResource {
        var message = Envoy_Config_Cluster_V3_Cluster()
        message.name = name
        message.type = .eds
        message.edsClusterConfig.edsConfig.ads = .init()
        message.edsClusterConfig.edsConfig.resourceApiVersion = .v3
        message.connectTimeout.seconds = Int64(content)
        return encode(name, message)
    }

    static func endpoints(_ name: String, port: UInt32 = 80) -> EncodedResource {
        var endpoint = Envoy_Config_Endpoint_V3_LbEndpoint()
        endpoint.endpoint.address.socketAddress.address = "127.0.0.1"
        endpoint.endpoint.address.socketAddress.portValue = port
        var locality = Envoy_Config_Endpoint_V3_LocalityLbEndpoints()
        locality.lbEndpoints = [endpoint]
        locality.loadBalancingWeight.value = 1
        var message = Envoy_Config_Endpoint_V3_ClusterLoadAssignment()
        message.clusterName = name
        message.endpoints = [locality]
        return encode(name, message)
    }

    static func routes(_ name: String, to cluster: String) -> EncodedResource {
        var route = Envoy_Config_Route_V3_Route()
        route.match.prefix = "/"
        route.route.cluster = cluster
        var host = Envoy_Config_Route_V3_VirtualHost()
        host.name = "all"
        host.domains = ["*"]
        host.routes = [route]
        var message = Envoy_Config_Route_V3_RouteConfiguration()
        message.name = name
        message.virtualHosts = [host]
        return encode(name, message)
    }

    static func listener(_ name: String, port: UInt32 = 8080, routes: String) -> EncodedResource {
        typealias Manager = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpConnectionManager
        var manager = Manager()
        manager.statPrefix = "x"
        manager.rds.routeConfigName = routes
        manager.rds.configSource.ads = .init()
        manager.rds.configSource.resourceApiVersion = .v3
        var router = Envoy_Extensions_Filters_Network_HttpConnectionManager_V3_HttpFilter()
        router.name = "envoy.filters.http.router"
        router.typedConfig = any(Envoy_Extensions_Filters_Http_Router_V3_Router())
        manager.httpFilters = [router]
        var filter = Envoy_Config_Listener_V3_Filter()
        filter.name = "envoy.filters.network.http_connection_manager"
        filter.typedConfig = any(manager)
        var chain = Envoy_Config_Listener_V3_FilterChain()
        chain.filters = [filter]
        var message = Envoy_Config_Listener_V3_Listener()
        message.name = name
        message.address.socketAddress.address = "127.0.0.1"
        message.address.socketAddress.portValue = port
        message.filterChains = [chain]
        return encode(name, message)
    }

    static func any(_ message: some Message) -> Google_Protobuf_Any {
        guard let any = try? Google_Protobuf_Any(message: message) else { return Google_Protobuf_Any() }
        return any
    }

    static func encode(_ name: String, _ message: some Message) -> EncodedResource {
        let bytes: [UInt8] = (try? message.serializedBytes()) ?? []
        return EncodedResource(name: name, bytes: bytes)
    }

    /// A listener `l`, its routes `r` to `cluster`, and the given clusters with endpoints.
    static func snapshot(_ version: UInt64, clusters: [String], routeTo: String, content: UInt32 = 1) -> Snapshot {
        var snapshot = Snapshot(version: version)
        for name in clusters {
            snapshot.insert(cluster(name, content: content), as: .cluster)
            snapshot.insert(endpoints(name), as: .endpoint)
        }
        snapshot.insert(listener("l", routes: "r"), as: .listener)
        snapshot.insert(routes("r", to: routeTo), as: .route)
        return snapshot
    }
}

/// A peer that talks to a session and remembers what it must answer with.
struct Conversation {
    var session: StreamSession
    var now = MonotonicTime(nanoseconds: 1_000_000_000)
    /// Type → what the peer holds.
    var held: [ResourceType: Set<String>] = [:]
    var reports: [StreamReport] = []
    var names: [ResourceType: [String]] = [:]
    var accepted: [ResourceType: String] = [:]

    init(_ variant: StreamSession.Variant, _ snapshot: Snapshot) {
        session = StreamSession(variant: variant, noncePrefix: "t")
        _ = session.update(snapshot, now: now)
    }

    mutating func record(_ outputs: [StreamSession.Output]) -> [StreamSession.Response] {
        var responses: [StreamSession.Response] = []
        for output in outputs {
            switch output {
            case .send(let response): responses.append(response)
            case .report(let report): reports.append(report)
            }
        }
        for response in responses {
            if session.variant == .stateOfTheWorld, response.type.isComplete { held[response.type] = [] }
            held[response.type, default: []].formUnion(response.resources.map(\.name))
            held[response.type, default: []].subtract(response.removed)
        }
        return responses
    }

    mutating func update(_ snapshot: Snapshot) -> [StreamSession.Response] {
        record(session.update(snapshot, now: now))
    }

    mutating func wait(_ duration: Duration) -> [StreamSession.Response] {
        now = now.advanced(by: duration)
        return record(session.advance(to: now))
    }

    /// The first request of a type, or a change of names.
    mutating func ask(_ type: ResourceType, _ wanted: [String] = [], nonce: String? = nil) -> [StreamSession.Response] {
        let old = names[type] ?? []
        names[type] = wanted
        switch session.variant {
        case .stateOfTheWorld:
            return record(
                session.receive(
                    type,
                    names: wanted,
                    version: accepted[type] ?? "",
                    nonce: nonce ?? session[type].lastNonce,
                    rejection: nil,
                    now: now
                )
            )
        case .delta:
            return record(
                session.receive(
                    type,
                    subscribe: wanted.filter { !old.contains($0) },
                    unsubscribe: old.filter { !wanted.contains($0) },
                    initialVersions: [:],
                    nonce: "",
                    rejection: nil,
                    now: now
                )
            )
        }
    }

    /// Accepts, or refuses with a reason.
    mutating func answer(_ response: StreamSession.Response, refusing reason: String? = nil) -> [StreamSession.Response]
    {
        if reason == nil { accepted[response.type] = response.version }
        switch session.variant {
        case .stateOfTheWorld:
            return record(
                session.receive(
                    response.type,
                    names: names[response.type] ?? [],
                    version: accepted[response.type] ?? "",
                    nonce: response.nonce,
                    rejection: reason,
                    now: now
                )
            )
        case .delta:
            return record(
                session.receive(
                    response.type,
                    subscribe: [],
                    unsubscribe: [],
                    initialVersions: [:],
                    nonce: response.nonce,
                    rejection: reason,
                    now: now
                )
            )
        }
    }

    /// Accepts everything there is to accept; returns the types in the order they came.
    mutating func settle(_ responses: [StreamSession.Response]) -> [ResourceType] {
        var open = responses
        var order: [ResourceType] = []
        while !open.isEmpty {
            let response = open.removeFirst()
            order.append(response.type)
            open += answer(response)
        }
        return order
    }

    /// As Envoy starts: clusters, their endpoints, listeners, their routes.
    mutating func start(endpoints: [String]) {
        _ = settle(ask(.cluster))
        _ = settle(ask(.endpoint, endpoints))
        _ = settle(ask(.listener))
        _ = settle(ask(.route, ["r"]))
    }
}
