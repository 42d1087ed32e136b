import Base
import SwiftProtobuf
import Testing
import XDS

@Suite struct DecodingTests {
    private func bytes(_ message: some Message) throws -> [UInt8] { try message.serializedBytes() }

    @Test func `a listener keeps its chains, their match and their filters`() throws {
        var message = try Sample.listener()
        message.filterChains[0].filterChainMatch.serverNames = ["A.example", "*.b.example"]
        message.filterChains[0].filterChainMatch.transportProtocol = "tls"
        var range = Envoy_Config_Core_V3_CidrRange()
        range.addressPrefix = "10.1.2.3"
        range.prefixLen.value = 8
        message.filterChains[0].filterChainMatch.prefixRanges = [range]
        let listener = try Listener(decoding: bytes(message))
        #expect(listener.name == "l")
        #expect(listener.address == .socket(try #require(SocketAddress("0.0.0.0:8443"))))
        let chain = try #require(listener.filterChains.first)
        #expect(chain.match.serverNames == ["a.example", "*.b.example"])
        #expect(chain.match.destinationPrefixes == [CIDR("10.0.0.0/8")])
        #expect(chain.tls?.settings.certificates == .secrets(["cert"]))
        guard case .http(let manager) = chain.terminal else {
            Issue.record("not an HTTP chain")
            return
        }
        #expect(manager.routes == .named("r"))
        #expect(manager.streamIdleTimeout == .seconds(300))
        #expect(manager.requestTimeout == nil)
        #expect(manager.filters.count == 1)
    }

    @Test func `a zero timeout is off and an absent one is the default`() throws {
        var message = try Sample.manager()
        message.streamIdleTimeout = .init()
        let listener = try Listener(decoding: bytes(Sample.listener(message)))
        guard case .http(let manager)? = listener.filterChains.first?.terminal else {
            Issue.record("not an HTTP chain")
            return
        }
        #expect(manager.streamIdleTimeout == nil)
        #expect(manager.connectionIdleTimeout == .seconds(3600))
    }

    @Test func `routes keep matches, weights, mutations and retries`() throws {
        let configuration = try RouteConfiguration(decoding: bytes(Sample.routes()))
        let route = try #require(configuration.virtualHosts.first?.routes.first)
        #expect(route.match.path == .prefix("/a"))
        #expect(
            route.match.headers == [
                HeaderMatcher(name: "end-user", rule: .text(StringMatcher(pattern: .exact("jason"))))
            ]
        )
        guard case .forward(let action) = route.action else {
            Issue.record("not a forward")
            return
        }
        #expect(
            action.destination
                == .weighted([WeightedCluster(name: "v1", weight: 75), WeightedCluster(name: "v2", weight: 25)])
        )
        #expect(action.timeout == .milliseconds(1500))
        #expect(action.retryPolicy?.conditions == ["5xx", "connect-failure"])
        #expect(route.headers.requestAdd == [HeaderMutation(name: "x-a", value: "b", action: .overwriteIfExistsOrAdd)])
    }

    @Test func `both SAN fields set means the typed one counts`() throws {
        var context = Envoy_Extensions_TransportSockets_Tls_V3_UpstreamTlsContext()
        var typed = Envoy_Extensions_TransportSockets_Tls_V3_SubjectAltNameMatcher()
        typed.sanType = .uri
        typed.matcher.exact = "spiffe://a"
        var old = Envoy_Type_Matcher_V3_StringMatcher()
        old.exact = "spiffe://b"
        context.commonTlsContext.validationContext.matchTypedSubjectAltNames = [typed]
        context.commonTlsContext.validationContext.matchSubjectAltNames = [old]
        var cluster = Sample.cluster()
        cluster.transportSocket.name = "tls"
        cluster.transportSocket.typedConfig = try Google_Protobuf_Any(message: context)
        guard case .tls(let tls) = try Cluster(decoding: bytes(cluster)).transportSocket,
            case .inline(let validation) = tls.settings.validation
        else {
            Issue.record("no TLS")
            return
        }
        #expect(validation.subjectNames == [.init(kind: .uri, matcher: StringMatcher(pattern: .exact("spiffe://a")))])
    }

    @Test func `references name routes, clusters, endpoints and secrets`() throws {
        let listener = try References(of: .listener, bytes: bytes(Sample.listener()))
        #expect(listener.routes == ["r"])
        #expect(listener.secrets == ["cert"])
        #expect(try References(of: .route, bytes: bytes(Sample.routes())).clusters == ["v1", "v2"])
        #expect(try References(of: .cluster, bytes: bytes(Sample.cluster())).endpoints == ["c"])
    }

    @Test func `damaged bytes are errors and never crash`() throws {
        var generator = SeededGenerator(seed: 42)
        let samples: [(ResourceType, [UInt8])] = [
            (.listener, try bytes(Sample.listener())), (.route, try bytes(Sample.routes())),
            (.cluster, try bytes(Sample.cluster())),
        ]
        for _ in 0..<3_000 {
            for (type, sample) in samples {
                var damaged = sample
                for _ in 0..<Int.random(in: 1...4, using: &generator) {
                    let index = Int.random(in: 0..<damaged.count, using: &generator)
                    damaged[index] = UInt8.random(in: 0...255, using: &generator)
                }
                _ = try? References(of: type, bytes: damaged)
                _ = try? References(of: type, bytes: Array(damaged.prefix(Int(generator.next() % 200))))
            }
        }
    }
}

@Suite struct RefusalTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var path: String
        var make: @Sendable () throws -> (ResourceType, any Message)
        var testDescription: String { says }
    }

    static let rows: [Row] = [
        Row(
            says: "an unknown HTTP filter",
            path: "filter_chains[0].filters[0].typed_config.http_filters[0].typed_config"
        ) {
            var manager = try Sample.manager()
            manager.httpFilters[0].typedConfig.typeURL = "type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"
            return (.listener, try Sample.listener(manager))
        },
        Row(says: "no router", path: "filter_chains[0].filters[0].typed_config.http_filters") {
            var manager = try Sample.manager()
            manager.httpFilters = []
            return (.listener, try Sample.listener(manager))
        },
        Row(says: "HTTP/3", path: "filter_chains[0].filters[0].typed_config.codec_type") {
            var manager = try Sample.manager()
            manager.codecType = .http3
            return (.listener, try Sample.listener(manager))
        },
        Row(says: "routes from elsewhere", path: "filter_chains[0].filters[0].typed_config.rds.config_source") {
            var manager = try Sample.manager()
            manager.rds.configSource.pathConfigSource.path = "/r"
            return (.listener, try Sample.listener(manager))
        },
        Row(says: "a host name as an address", path: "address.socket_address.address") {
            var listener = try Sample.listener()
            listener.address.socketAddress.address = "localhost"
            return (.listener, listener)
        },
        Row(says: "a domain twice", path: "virtual_hosts[1].domains") {
            var routes = Sample.routes()
            var second = routes.virtualHosts[0]
            second.name = "other"
            routes.virtualHosts.append(second)
            return (.route, routes)
        },
        Row(says: "no weight at all", path: "virtual_hosts[0].routes[0].route.weighted_clusters") {
            var routes = Sample.routes()
            for index in 0..<2 {
                routes.virtualHosts[0].routes[0].route.weightedClusters.clusters[index].weight.value = 0
            }
            return (.route, routes)
        },
        Row(says: "a negative timeout", path: "virtual_hosts[0].routes[0].route.timeout") {
            var routes = Sample.routes()
            routes.virtualHosts[0].routes[0].route.timeout.seconds = -1
            return (.route, routes)
        },
        Row(
            says: "a header value with a line break",
            path: "virtual_hosts[0].routes[0].request_headers_to_add[0].header"
        ) {
            var routes = Sample.routes()
            routes.virtualHosts[0].routes[0].requestHeadersToAdd[0].header.value = "a\r\nb: c"
            return (.route, routes)
        },
        Row(says: "another API version", path: "eds_cluster_config.eds_config.resource_api_version") {
            var cluster = Sample.cluster()
            cluster.edsClusterConfig.edsConfig.resourceApiVersion = .auto
            return (.cluster, cluster)
        },
        Row(says: "a gap between priorities", path: "endpoints") {
            var assignment = Envoy_Config_Endpoint_V3_ClusterLoadAssignment()
            assignment.clusterName = "c"
            var locality = Envoy_Config_Endpoint_V3_LocalityLbEndpoints()
            locality.priority = 1
            assignment.endpoints = [locality]
            return (.endpoint, assignment)
        },
    ]

    @Test("refused with its path", arguments: rows) func refusal(_ row: Row) throws {
        let (type, message) = try row.make()
        let bytes: [UInt8] = try message.serializedBytes()
        let error = #expect(throws: DecodeError.self) { try References(of: type, bytes: bytes) }
        #expect(error?.path == row.path)
    }

    @Test func `a field that our messages lack is refused, not ignored`() throws {
        // Cluster field 46 (an Any in Envoy's API), empty.
        let cluster: [UInt8] = try Sample.cluster().serializedBytes()
        let error = #expect(throws: DecodeError.self) { try Cluster(decoding: cluster + [0xF2, 0x02, 0x00]) }
        #expect(error?.reason == "field number 46 is not supported")
    }
}
