import Base
import Registry
import Resources
import Testing
import Translation
import XDS

/// One row per field of a DestinationRule: what of it arrives in the cluster.
@Suite struct DestinationFieldTests {
    static let name = "outbound|80||web.default.svc.cluster.local"

    /// Endpoints in two regions and three zones; the caller is in `eu/a/1`.
    static let web = """
        apiVersion: v1
        kind: Service
        metadata: {name: web}
        spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
        ---

        """
        + [
            ("1", "eu/a/1", "v1"), ("2", "eu/a/2", "v1"), ("3", "eu/b/1", "v2"), ("4", "us/c/1", "v2"),
            ("5", "asia/d/1", "v1"),
        ].map { number, place, version in
            """
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: web-\(number), labels: {app: web, version: \(version)}}
            spec: {address: 10.0.0.\(number), locality: \(place), labels: {app: web, version: \(version)}}
            ---

            """
        }.joined()

    static var node: ProxyNode {
        var node = Fixture.sidecar(labels: ["app": "caller", "version": "v2"])
        node.locality = MeshLocality("eu/a/1")
        return node
    }

    static func rule(_ policy: String, subsets: String = "") -> String {
        """
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: web}
        spec:
          host: web
          trafficPolicy: \(policy)
          \(subsets)
        ---

        """
    }

    static func translated(_ yaml: String, for node: ProxyNode = node) throws -> NodeConfiguration {
        translate(try Fixture.mesh(web + yaml), for: node)
    }

    static func cluster(_ yaml: String, named name: String = name) throws -> Cluster {
        let bytes = try #require(try translated(yaml).snapshot.resource(.cluster, name)).bytes
        return try Cluster(decoding: bytes)
    }

    /// Address to (priority, weight of its locality).
    static func places(_ yaml: String) throws -> [String: (priority: UInt32, weight: UInt32)] {
        let bytes = try #require(try translated(yaml).snapshot.resource(.endpoint, name)).bytes
        var places: [String: (priority: UInt32, weight: UInt32)] = [:]
        for group in try ClusterLoadAssignment(decoding: bytes).localities {
            for endpoint in group.endpoints {
                guard case .socket(let address) = endpoint.address else { continue }
                places[address.address.description] = (group.priority, group.weight ?? 0)
            }
        }
        return places
    }

    // MARK: balancing

    @Test func `the simple policies`() throws {
        #expect(try Self.cluster(Self.rule("{loadBalancer: {simple: ROUND_ROBIN}}")).policy == .roundRobin)
        #expect(
            try Self.cluster(Self.rule("{loadBalancer: {simple: LEAST_REQUEST}}")).policy == .leastRequest(choices: 2)
        )
        #expect(try Self.cluster(Self.rule("{loadBalancer: {simple: RANDOM}}")).policy == .random)
        let passthrough = try Self.cluster(Self.rule("{loadBalancer: {simple: PASSTHROUGH}}"))
        guard case .dynamicForward = passthrough.discovery else {
            Issue.record("PASSTHROUGH is \(passthrough.discovery)")
            return
        }
    }

    @Test func `ring hash and Maglev with their sizes`() throws {
        let ring = "{loadBalancer: {consistentHash: {httpHeaderName: x, ringHash: {minimumRingSize: 4096}}}}"
        #expect(try Self.cluster(Self.rule(ring)).policy == .ringHash(ringSizeMin: 4096, ringSizeMax: 8_388_608))
        let old = "{loadBalancer: {consistentHash: {httpHeaderName: x, minimumRingSize: 2048}}}"
        #expect(try Self.cluster(Self.rule(old)).policy == .ringHash(ringSizeMin: 2048, ringSizeMax: 8_388_608))
        let maglev = "{loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 251}}}}"
        #expect(try Self.cluster(Self.rule(maglev)).policy == .maglev(tableSize: 251))
    }

    @Test func `a warm-up becomes slow start`() throws {
        let warmup = "{simple: LEAST_REQUEST, warmup: {duration: 60s, minimumPercent: 20, aggression: 2}}"
        let cluster = try Self.cluster(Self.rule("{loadBalancer: \(warmup)}"))
        #expect(
            cluster.slowStart == Cluster.SlowStart(window: .seconds(60), aggression: 2, weightMinPercent: 20)
        )
        let old = try Self.cluster(Self.rule("{loadBalancer: {simple: ROUND_ROBIN, warmupDurationSecs: 30s}}"))
        #expect(old.slowStart?.window == .seconds(30))
        #expect(
            try Self.cluster(Self.rule("{loadBalancer: {simple: RANDOM, warmupDurationSecs: 30s}}")).slowStart == nil
        )
    }

    @Test func `a Service's client affinity hashes the caller's address`() throws {
        let yaml = """
            apiVersion: v1
            kind: Service
            metadata: {name: sticky}
            spec: {sessionAffinity: ClientIP, selector: {app: web}, ports: [{name: http, port: 80}]}
            ---

            """
        let name = "outbound|80||sticky.default.svc.cluster.local"
        guard case .ringHash = try Self.cluster(yaml, named: name).policy else {
            Issue.record("not hashed")
            return
        }
    }

    // MARK: places

    static let ejection = "outlierDetection: {consecutive5xxErrors: 3}"

    @Test func `without outlier detection places make no difference`() throws {
        let places = try Self.places("")
        #expect(Set(places.values.map(\.priority)) == [0])
    }

    @Test func `the nearest places come first`() throws {
        let places = try Self.places(Self.rule("{\(Self.ejection)}"))
        #expect(
            places.mapValues(\.priority)
                == ["10.0.0.1": 0, "10.0.0.2": 1, "10.0.0.3": 2, "10.0.0.4": 3, "10.0.0.5": 3]
        )
    }

    @Test func `failover names the region that takes over`() throws {
        let setting = "localityLbSetting: {failover: [{from: eu, to: us}]}"
        let own = try Self.places(Self.rule("{\(Self.ejection), loadBalancer: {\(setting)}}"))
        #expect(own["10.0.0.4"]?.priority == 3)
        #expect(own["10.0.0.5"]?.priority == 4)
        let mesh = """
            apiVersion: gatehouse.io/v1
            kind: MeshConfig
            metadata: {name: default}
            spec: {\(setting)}
            ---

            """
        let everywhere = try Self.places(mesh + Self.rule("{\(Self.ejection)}"))
        #expect(everywhere["10.0.0.5"]?.priority == 4)
        let off = try Self.places(
            mesh + Self.rule("{\(Self.ejection), loadBalancer: {localityLbSetting: {enabled: false}}}")
        )
        #expect(Set(off.values.map(\.priority)) == [0])
    }

    @Test func `failoverPriority ranks by the labels shared from the first on`() throws {
        let labels = "failoverPriority: [\"topology.kubernetes.io/region\", version]"
        let places = try Self.places(
            Self.rule("{\(Self.ejection), loadBalancer: {localityLbSetting: {\(labels)}}}")
        )
        // Region and version shared; region only; neither (version does not count without the region).
        #expect(
            places.mapValues(\.priority)
                == ["10.0.0.3": 0, "10.0.0.1": 1, "10.0.0.2": 1, "10.0.0.4": 2, "10.0.0.5": 2]
        )
        let value = "failoverPriority: [\"version=v1\"]"
        let written = try Self.places(Self.rule("{\(Self.ejection), loadBalancer: {localityLbSetting: {\(value)}}}"))
        #expect(written["10.0.0.1"]?.priority == 0)
        #expect(written["10.0.0.3"]?.priority == 1)
    }

    @Test func `distribute gives fixed shares and nothing to places that are not listed`() throws {
        let setting = "{distribute: [{from: eu/a/*, to: {\"eu/a/*\": 80, \"us/*\": 20}}]}"
        let rule = Self.rule("{loadBalancer: {localityLbSetting: \(setting)}}")
        let places = try Self.places(rule)
        #expect(Set(places.keys) == ["10.0.0.1", "10.0.0.2", "10.0.0.4"])
        #expect(places["10.0.0.1"]?.weight == 40_000)
        #expect(places["10.0.0.4"]?.weight == 20_000)
        #expect(try Self.cluster(rule).localityPolicy == .weighted)
        let elsewhere = "{distribute: [{from: us/*, to: {\"us/*\": 100}}]}"
        let other = try Self.places(Self.rule("{loadBalancer: {localityLbSetting: \(elsewhere)}}"))
        #expect(other.count == 5)
    }

    @Test func `zone-aware balancing carries the caller's place and its peers`() throws {
        let callers = ["eu/a/1", "eu/a/1", "eu/b/1"].enumerated().map { index, place in
            """
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: caller-\(index), labels: {app: caller}}
            spec: {address: 10.0.1.\(index), locality: \(place), labels: {app: caller}}
            ---

            """
        }.joined()
        let service = """
            apiVersion: v1
            kind: Service
            metadata: {name: caller}
            spec: {selector: {app: caller}, ports: [{name: http, port: 80}]}
            ---

            """
        let rule = Self.rule("{loadBalancer: {zoneAwareLbSetting: {enabled: true, minClusterSize: 2}}}")
        let cluster = try Self.cluster(callers + service + rule)
        #expect(
            cluster.localityPolicy == .zoneAware(routingEnabledPercent: 100, clusterSizeMin: 2, failsOnPanic: false)
        )
        let zone = cluster.metadata["gatehouse"]?["zone"]
        #expect(
            zone
                == .object([
                    "own": .string("eu/a/1"),
                    "peers": .object(["eu/a/1": .number(2), "eu/b/1": .number(1)]),
                ])
        )
    }

    // MARK: limits

    @Test func `every limit of a connection pool`() throws {
        let pool = """
            {tcp: {maxConnections: 11, connectTimeout: 3s}, \
            http: {http1MaxPendingRequests: 12, http2MaxRequests: 13, maxRetries: 14, maxRequestsPerConnection: 15, \
            idleTimeout: 7s}}
            """
        let cluster = try Self.cluster(Self.rule("{connectionPool: \(pool)}"))
        let limits = cluster.circuitBreakers.normal
        #expect(limits.connectionsMax == 11)
        #expect(limits.pendingRequestsMax == 12)
        #expect(limits.requestsMax == 13)
        #expect(limits.retriesMax == 14)
        #expect(cluster.http.requestsPerConnectionMax == 15)
        #expect(cluster.http.idleTimeout == .seconds(7))
        #expect(cluster.connectTimeout == .seconds(3))
    }

    @Test func `times and protocol of connections`() throws {
        let pool = """
            {tcp: {maxConnectionDuration: 9s, idleTimeout: 8s, tcpKeepalive: {probes: 2, time: 10s, interval: 5s}}, \
            http: {h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 20, http2KeepAlive: {interval: 30s, timeout: 4s}}}
            """
        let cluster = try Self.cluster(Self.rule("{connectionPool: \(pool)}"))
        #expect(cluster.http.connectionDurationMax == .seconds(9))
        #expect(cluster.http.idleTimeout == .seconds(8))
        #expect(
            cluster.tcpKeepalive == Cluster.TCPKeepalive(probes: 2, idle: .seconds(10), interval: .seconds(5))
        )
        #expect(cluster.http.version == .http2)
        #expect(cluster.http.http2.concurrentStreamsMax == 20)
        let same = try Self.cluster(Self.rule("{connectionPool: {http: {useClientProtocol: true}}}"))
        #expect(same.http.version == .sameAsDownstream)
    }

    @Test func `a retry budget`() throws {
        let cluster = try Self.cluster(Self.rule("{retryBudget: {percent: 25, minRetryConcurrency: 7}}"))
        #expect(
            cluster.circuitBreakers.normal.retryBudget
                == CircuitBreakers.RetryBudget(percent: 25, concurrencyMin: 7)
        )
    }

    @Test func `every field of outlier detection`() throws {
        let written = """
            {consecutive5xxErrors: 3, consecutiveGatewayErrors: 2, splitExternalLocalOriginErrors: true, \
            consecutiveLocalOriginFailures: 4, interval: 6s, baseEjectionTime: 9s, maxEjectionPercent: 40, \
            minHealthPercent: 30, outlierDetectionHttpErrorCodes: [429, 503]}
            """
        let cluster = try Self.cluster(Self.rule("{outlierDetection: \(written)}"))
        let found = try #require(cluster.outlierDetection)
        #expect(found.consecutive5xx == 3)
        #expect(found.consecutiveGatewayFailure == 2 && found.enforcingConsecutiveGatewayFailure == 100)
        #expect(found.splitsLocalOriginErrors && found.consecutiveLocalOriginFailure == 4)
        #expect(found.interval == .seconds(6))
        #expect(found.baseEjectionTime == .seconds(9))
        #expect(found.ejectionPercentMax == 40 && found.alwaysEjectsOne)
        #expect(found.enforcingSuccessRate == 0)
        #expect(cluster.panicThresholdPercent == 30)
        #expect(cluster.http.errorStatuses == [429, 503])
    }

    // MARK: inheritance

    @Test func `an entry for the port replaces all four sections, a subset replaces those it has`() throws {
        let policy = """
            {connectionPool: {tcp: {maxConnections: 5}}, loadBalancer: {simple: RANDOM}, retryBudget: {percent: 50}, \
            portLevelSettings: [{port: {number: 80}, outlierDetection: {consecutive5xxErrors: 9}}]}
            """
        let whole = try Self.cluster(Self.rule(policy))
        #expect(whole.policy == .roundRobin)
        #expect(whole.circuitBreakers.normal.connectionsMax == .max)
        #expect(whole.outlierDetection?.consecutive5xx == 9)
        #expect(whole.circuitBreakers.normal.retryBudget?.percent == 50)
        let subset = """
            subsets:
              - name: v1
                labels: {version: v1}
                trafficPolicy: {loadBalancer: {simple: LEAST_REQUEST}}
            """
        let route = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: web}
            spec: {hosts: [web], http: [{route: [{destination: {host: web, subset: v1}}]}]}
            ---

            """
        let outer = "{connectionPool: {tcp: {maxConnections: 5}}, loadBalancer: {simple: RANDOM}}"
        let own = try Self.cluster(
            route + Self.rule(outer, subsets: subset),
            named: "outbound|80|v1|web.default.svc.cluster.local"
        )
        #expect(own.policy == .leastRequest(choices: 2))
        #expect(own.circuitBreakers.normal.connectionsMax == 5)
    }

    @Test func `identities of aliases of the trust domain are accepted`() throws {
        let yaml = """
            apiVersion: gatehouse.io/v1
            kind: MeshConfig
            metadata: {name: default}
            spec: {trustDomainAliases: [old.example]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: safe}
            spec: {selector: {app: safe}, ports: [{name: http, port: 80}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: safe, labels: {app: safe, security.istio.io/tlsMode: istio}}
            spec: {address: 10.0.9.1, serviceAccount: web}
            ---

            """
        let cluster = try Self.cluster(yaml, named: "outbound|80||safe.default.svc.cluster.local")
        let sockets = [cluster.transportSocket] + cluster.transportSocketMatches.map(\.socket)
        let names = sockets.flatMap { socket -> [StringMatcher.Pattern] in
            guard case .tls(let tls) = socket, case .combined(let validation, _) = tls.settings.validation else {
                return []
            }
            return validation.subjectNames.map(\.matcher.pattern)
        }
        #expect(names.contains(.exact("spiffe://old.example/ns/default/sa/web")))
        #expect(names.contains(.exact("spiffe://cluster.local/ns/default/sa/web")))
    }
}
