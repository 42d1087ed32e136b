import Resources
import Testing

/// Combinations that are accepted and warned about.
@Suite struct ConflictTests {
    /// Admits YAML documents one after the other; the warnings of the last one.
    static func codes(_ manifests: String...) throws -> [String] {
        let admission = AdmissionTests.admission()
        var state = try AdmissionTests.state()
        var codes: [String] = []
        for manifest in manifests {
            let change = Change([.create(try AdmissionTests.resource(manifest))])
            let admitted = try admission.admit(change, against: state)
            codes = admitted.warnings.map { "\($0.code) \($0.field)" }.filter { !$0.hasPrefix("IST0101") }
            state = admitted.resulting
        }
        return codes
    }

    static func gateway(_ name: String, _ host: String) -> String {
        """
        apiVersion: networking.istio.io/v1
        kind: Gateway
        metadata: {name: \(name), namespace: default}
        spec:
          selector: {istio: ingressgateway}
          servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["\(host)"]}]
        """
    }

    static func route(_ name: String, _ host: String, gateways: String = "[]") -> String {
        """
        apiVersion: networking.istio.io/v1
        kind: VirtualService
        metadata: {name: \(name), namespace: default}
        spec:
          hosts: ["\(host)"]
          gateways: \(gateways)
          http: [{route: [{destination: {host: web}}]}]
        """
    }

    @Test func `a host that no named gateway shows`() throws {
        let shown = Self.gateway("g", "*.example.com")
        #expect(try Self.codes(shown, Self.route("r", "a.example.com", gateways: "[g]")).isEmpty)
        #expect(try Self.codes(shown, Self.route("r", "a.org", gateways: "[g]")) == ["IST0132 spec.hosts[0]"])
        let foreign = Self.gateway("g", "shop/*.example.com")
        let route = Self.route("r", "a.example.com", gateways: "[default/g]")
        #expect(try Self.codes(foreign, route) == ["IST0132 spec.hosts[0]"])
    }

    @Test func `two VirtualServices of sidecars with one host`() throws {
        let codes = try Self.codes(Self.route("a", "web"), Self.route("b", "web.default.svc.cluster.local"))
        #expect(codes == ["IST0109 spec.hosts[0]"])
        #expect(try Self.codes(Self.route("a", "web"), Self.route("b", "other")).isEmpty)
    }

    @Test func `a destination with several ports and none chosen`() throws {
        let service = """
            apiVersion: v1
            kind: Service
            metadata: {name: web, namespace: default}
            spec: {ports: [{name: http, port: 80}, {name: admin, port: 81}]}
            """
        let codes = try Self.codes(
            service,
            Self.gateway("g", "*"),
            Self.route("r", "a.example.com", gateways: "[g]")
        )
        #expect(codes == ["IST0112 spec.http[0].route[0].destination.port"])
    }

    @Test func `two Gateways with a host in common on one port`() throws {
        let codes = try Self.codes(Self.gateway("a", "*.example.com"), Self.gateway("b", "www.example.com"))
        #expect(codes == ["IST0145 spec.servers[0]"])
        #expect(try Self.codes(Self.gateway("a", "a.example.com"), Self.gateway("b", "b.example.com")).isEmpty)
    }
}
