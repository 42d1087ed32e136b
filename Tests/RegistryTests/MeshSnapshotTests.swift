import Base
import Registry
import Resources
import Testing

/// Meshes written as manifests, objects in the order in which they were created.
func mesh(_ yaml: String, gateways: [GatewayWorkload] = []) throws -> MeshSnapshot {
    var all: [Resource] = []
    for document in try Manifest.documents(Array(yaml.utf8), .yaml) {
        var resource = try Resource.decode(json: document.value).resource
        if resource.metadata.namespace.isEmpty, resource.kind.descriptor.isNamespaced {
            resource.metadata.namespace = "default"
        }
        resource.creationSequence = UInt64(all.count + 1)
        all.append(resource)
    }
    return MeshSnapshot(building: ResourceSet(revision: 3, all), inputs: MeshInputs(gateways: gateways))
}

@Suite struct ServiceTests {
    @Test func `a Service finds WorkloadEntries of its namespace by all its labels`() throws {
        let mesh = try mesh(
            """
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {selector: {app: web, tier: front}, ports: [{name: http, port: 80, targetPort: 8080}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: both}
            spec: {address: 10.0.0.1, labels: {app: web, tier: front}}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: half}
            spec: {address: 10.0.0.2, labels: {app: web}}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: elsewhere, namespace: other}
            spec: {address: 10.0.0.3, labels: {app: web, tier: front}}
            """
        )
        let service = mesh.services.service(named: "web.default.svc.cluster.local", callerNamespace: "default")
        #expect(service?.endpoints.map(\.address) == ["10.0.0.1"])
        #expect(service?.endpoints.first?.ports == ["http": 8080])
    }

    struct PortRow: Sendable, CustomTestStringConvertible {
        var says: String
        var entry: String
        var annotation = ""
        var port: Int
        var testDescription: String { says }
    }

    @Test(arguments: [
        PortRow(says: "the entry's own port of that name wins", entry: "{http: 15090, other: 1}", port: 15090),
        PortRow(
            says: "an app port is where its sidecar listens",
            entry: "{x: 1, y: 2}",
            annotation: "8080=15091",
            port: 15091
        ),
        PortRow(says: "the only port of an entry serves the only port of a service", entry: "{x: 15092}", port: 15092),
        PortRow(says: "without a table the target port is used", entry: "{}", port: 8080),
    ])
    func `an endpoint's port`(_ row: PortRow) throws {
        let mesh = try mesh(
            """
            apiVersion: v1
            kind: Service
            metadata: {name: web}
            spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: WorkloadEntry
            metadata: {name: one, annotations: {gatehouse.io/app-ports: "\(row.annotation)"}}
            spec: {address: 10.0.0.1, labels: {app: web}, ports: \(row.entry)}
            """
        )
        let service = mesh.services.service(named: "web.default.svc.cluster.local", callerNamespace: "default")
        #expect(service?.endpoints.first?.ports["http"] == row.port)
    }

    @Test func `written Endpoints serve a Service without selector`() throws {
        let mesh = try mesh(
            """
            apiVersion: v1
            kind: Service
            metadata: {name: db}
            spec: {ports: [{name: tcp, port: 5432}]}
            ---
            apiVersion: v1
            kind: Endpoints
            metadata: {name: db}
            subsets:
            - addresses: [{ip: 10.1.0.1}]
              notReadyAddresses: [{ip: 10.1.0.2}]
              ports: [{name: tcp, port: 6432}]
            """
        )
        let service = mesh.services.service(named: "db.default.svc.cluster.local", callerNamespace: "default")
        #expect(service?.endpoints.map(\.address) == ["10.1.0.1"])
        #expect(service?.endpoints.first?.ports == ["tcp": 6432])
    }

    @Test func `ServiceEntries of one namespace and host add up their ports`() throws {
        let mesh = try mesh(
            """
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: a}
            spec: {hosts: [x.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}
            ---
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: b}
            spec: {hosts: [x.example], ports: [{number: 443, name: https, protocol: HTTPS}], resolution: DNS}
            """
        )
        let service = mesh.services.service(named: "x.example", callerNamespace: "default")
        #expect(service?.ports.map(\.number) == [80, 443])
        #expect(service?.resolution == .dns)
    }

    @Test func `a name of several namespaces is the caller's own first`() throws {
        let mesh = try mesh(
            """
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: a, namespace: alpha}
            spec: {hosts: [x.example], ports: [{number: 80, name: http}], resolution: DNS}
            ---
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: b, namespace: beta}
            spec: {hosts: [x.example], exportTo: ["."], ports: [{number: 80, name: http}], resolution: DNS}
            """
        )
        #expect(mesh.services.service(named: "x.example", callerNamespace: "beta")?.namespace == "beta")
        #expect(mesh.services.service(named: "x.example", callerNamespace: "gamma")?.namespace == "alpha")
    }

    @Test func `a gateway's Service has the mapped ports of every instance`() throws {
        let workload = GatewayWorkload(
            name: "istio-ingressgateway",
            namespace: "istio-system",
            labels: ["istio": "ingressgateway"],
            serviceAccount: "sa",
            address: "192.0.2.1",
            ports: PortMap(bindings: [80: SocketAddress(IPAddress(ipv4: 0), port: 8080)])
        )
        var second = workload
        second.address = "192.0.2.2"
        let mesh = try mesh("", gateways: [workload, second])
        let name = "istio-ingressgateway.istio-system.svc.cluster.local"
        let service = mesh.services.service(named: name, callerNamespace: "default")
        #expect(service?.ports.map(\.number) == [80, 443, 15443])
        #expect(service?.endpoints.map(\.address) == ["192.0.2.1", "192.0.2.2"])
        #expect(service?.endpoints.first?.ports == ["http2": 8080, "https": 443, "tls": 15443])
    }
}

@Suite struct PolicyTests {
    static func rule(_ name: String, namespace: String = "default", _ spec: String) -> String {
        """
        apiVersion: networking.istio.io/v1
        kind: DestinationRule
        metadata: {name: \(name), namespace: \(namespace)}
        spec: \(spec)
        ---

        """
    }

    static let host = "web.shop.svc.cluster.local"

    static func policy(_ yaml: String, caller: String, labels: [String: String] = [:]) throws -> DestinationPolicy? {
        try mesh(yaml).destinations.policy(
            for: host,
            serviceNamespace: "shop",
            callerNamespace: caller,
            callerLabels: labels
        )
    }

    @Test func `the caller's namespace wins over the service's, that over the root`() throws {
        let yaml =
            Self.rule("root", namespace: "istio-system", "{host: '*.local', subsets: [{name: root}]}")
            + Self.rule("service", namespace: "shop", "{host: web, subsets: [{name: service}]}")
            + Self.rule("caller", namespace: "app", "{host: \(Self.host), subsets: [{name: caller}]}")
        #expect(try Self.policy(yaml, caller: "app")?.subsets.map(\.name) == ["caller"])
        #expect(try Self.policy(yaml, caller: "other")?.subsets.map(\.name) == ["service"])
        let rootOnly = Self.rule("root", namespace: "istio-system", "{host: '*.local', subsets: [{name: root}]}")
        #expect(try Self.policy(rootOnly, caller: "other")?.subsets.map(\.name) == ["root"])
    }

    @Test func `rules of one host add up their subsets and keep the oldest policy`() throws {
        let yaml =
            Self.rule("a", namespace: "shop", "{host: web, subsets: [{name: v1, labels: {a: '1'}}]}")
            + Self.rule(
                "b",
                namespace: "shop",
                "{host: web, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1}, {name: v2}]}"
            )
            + Self.rule("c", namespace: "shop", "{host: web, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}")
        let policy = try #require(try Self.policy(yaml, caller: "shop"))
        #expect(policy.subsets.map(\.name) == ["v1", "v2"])
        #expect(policy.subset(named: "v1")?.labels == ["a": "1"])
        #expect(policy.trafficPolicy?.loadBalancer?.simple == .random)
        #expect(policy.sources.map(\.name) == ["a", "b", "c"])
    }

    @Test func `a more specific host wins, and a selector that picks the caller wins over none`() throws {
        let yaml =
            Self.rule("wide", namespace: "shop", "{host: '*.shop.svc.cluster.local', subsets: [{name: wide}]}")
            + Self.rule("exact", namespace: "shop", "{host: web, subsets: [{name: exact}]}")
            + Self.rule(
                "picked",
                namespace: "shop",
                "{host: web, exportTo: ['.'], workloadSelector: {matchLabels: {app: x}}, subsets: [{name: picked}]}"
            )
        #expect(try Self.policy(yaml, caller: "shop")?.subsets.map(\.name) == ["exact"])
        #expect(try Self.policy(yaml, caller: "shop", labels: ["app": "x"])?.subsets.map(\.name) == ["picked"])
    }

    @Test func `a rule kept in its namespace is not for others`() throws {
        let yaml = Self.rule("own", namespace: "shop", "{host: web, exportTo: ['.'], subsets: [{name: own}]}")
        #expect(try Self.policy(yaml, caller: "shop") != nil)
        #expect(try Self.policy(yaml, caller: "other") == nil)
    }
}

@Suite struct SidecarScopeTests {
    @Test func `a Sidecar with a selector wins, then its namespace's, then the root's`() throws {
        let mesh = try mesh(
            """
            apiVersion: networking.istio.io/v1
            kind: Sidecar
            metadata: {name: default, namespace: istio-system}
            spec: {egress: [{hosts: ["istio-system/*"]}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: Sidecar
            metadata: {name: default, namespace: shop}
            spec: {egress: [{hosts: ["./*"]}]}
            ---
            apiVersion: networking.istio.io/v1
            kind: Sidecar
            metadata: {name: web, namespace: shop}
            spec: {workloadSelector: {labels: {app: web}}, egress: [{hosts: ["*/api.example.com"]}]}
            """
        )
        let picked = mesh.sidecarScope(namespace: "shop", labels: ["app": "web"])
        #expect(picked.imports("api.example.com", namespace: "other"))
        #expect(!picked.imports("db.shop.svc.cluster.local", namespace: "shop"))
        let own = mesh.sidecarScope(namespace: "shop", labels: [:])
        #expect(own.imports("db.shop.svc.cluster.local", namespace: "shop"))
        #expect(!own.imports("api.example.com", namespace: "other"))
        #expect(mesh.sidecarScope(namespace: "else", labels: [:]).source?.namespace == "istio-system")
    }

    @Test func `without any Sidecar everything is imported`() throws {
        #expect(try mesh("").sidecarScope(namespace: "x", labels: [:]).imports("a.example", namespace: "y"))
    }
}

@Suite struct HostIndexTests {
    static let index = HostIndex(["*", "*.example.com", "*.a.example.com", "b.example.com"].map { HostPattern($0) })

    @Test(arguments: [
        ("b.example.com", "b.example.com"), ("c.example.com", "*.example.com"), ("x.a.example.com", "*.a.example.com"),
        ("y.x.a.example.com", "*.a.example.com"), ("a.example.com", "*.example.com"), ("example.com", "*"),
        ("*.x.example.com", "*.example.com"), ("*.example.com", "*.example.com"), ("*.com", "*"),
    ])
    func `the closest pattern covers the name`(_ name: String, _ closest: String) {
        #expect(Self.index.closest(to: HostPattern(name))?.text == closest)
    }

    @Test func `a name that nothing covers has no closest pattern`() {
        #expect(HostIndex([HostPattern("*.example.com")]).closest(to: HostPattern("example.com")) == nil)
    }
}
