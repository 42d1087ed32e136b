import Resources
import Testing

@Suite struct DecodingTests {
    static func violations(_ yaml: String) throws -> [Violation] {
        do {
            _ = try Manifest.resources(yaml: Array(yaml.utf8))
            return []
        } catch let failure as DecodeFailure {
            return failure.violations
        }
    }

    @Test func `every unknown and mistyped field is named at once, with its line and a near name`() throws {
        let violations = try Self.violations(
            """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata:
              name: x
            spec:
              hosts: [a.b]
              http:
              - match:
                - uri: {prefx: /a}
                  port: "80"
                route:
                - destination: {host: a.b}
                  wieght: 10
                timeout: 5
              gatways: [g]
            """
        )
        let seen = violations.map { "\($0.line ?? 0) \($0.field)" }
        #expect(seen.contains("9 spec.http[0].match[0].uri.prefx"))
        #expect(seen.contains("10 spec.http[0].match[0].port"))
        #expect(seen.contains("13 spec.http[0].route[0].wieght"))
        #expect(seen.contains("14 spec.http[0].timeout"))
        #expect(seen.contains("15 spec.gatways"))
        #expect(violations.first { $0.field.hasSuffix("wieght") }?.message.contains("did you mean \"weight\"?") == true)
    }

    @Test func `rules and types are reported together`() throws {
        let violations = try Self.violations(
            """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: g}
            spec:
              servers:
              - port: {number: 443, name: https, protocol: HTTPS}
                hosts: ["*bar.com"]
                tls: {mode: SIMPEL}
              - port: {number: 70000, name: http, protocol: HTTPP}
                hosts: []
            """
        )
        let rules = violations.map(\.rule)
        #expect(rules.contains("schema.enum"))
        #expect(rules.contains("gateway.host.partial"))
        #expect(rules.contains("port.range"))
        #expect(rules.contains("port.protocol"))
        #expect(rules.contains("gateway.hosts.empty"))
    }

    @Test func `a kind that is not served says what to use instead`() throws {
        let filter = "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: x}\nspec: {}"
        #expect(try Self.violations(filter).first?.message.contains("not served") == true)
        let version = "apiVersion: networking.istio.io/v2\nkind: Gateway\nmetadata: {name: x}\nspec: {}"
        #expect(try Self.violations(version).first?.message.contains("networking.istio.io/v1alpha3") == true)
    }

    @Test func `the table of kinds is complete and unambiguous`() {
        var paths = Set<String>()
        for kind in ResourceKind.allCases {
            let descriptor = kind.descriptor
            #expect(descriptor.kind == kind)
            for version in descriptor.versions {
                #expect(paths.insert("\(descriptor.group)/\(version)/\(descriptor.plural)").inserted)
                #expect(ResourceKind(apiVersion: descriptor.apiVersion(version), kind: kind.rawValue) == kind)
                #expect(ResourceKind(group: descriptor.group, version: version, plural: descriptor.plural) == kind)
            }
            #expect(ResourceKind(word: descriptor.plural) == kind)
        }
        #expect(ResourceKind(word: "vs") == .virtualService)
    }

    @Test func `an object comes back as it was written`() throws {
        let yaml = """
            apiVersion: networking.istio.io/v1alpha3
            kind: VirtualService
            metadata: {name: x, namespace: shop, labels: {a: b}}
            spec: {hosts: [a.b], http: [{route: [{destination: {host: a.b}, weight: 100}]}]}
            """
        let resource = try #require(try Manifest.resources(yaml: Array(yaml.utf8)).first).resource
        let text = resource.json(apiVersion: "networking.istio.io/v1").text()
        #expect(
            text == #"{"apiVersion":"networking.istio.io/v1","kind":"VirtualService","#
                + #""metadata":{"name":"x","namespace":"shop","labels":{"a":"b"}},"#
                + #""spec":{"hosts":["a.b"],"http":[{"route":[{"destination":{"host":"a.b"},"weight":100}]}]}}"#
        )
        let restored = try Resource.restore(json: try JSONValue(parsing: text), creationSequence: 7)
        #expect(restored.spec == resource.spec)
        #expect(restored.creationSequence == 7)
    }

    @Test func `unreachable rules warn`() throws {
        let yaml = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: x}
            spec:
              hosts: [a.b]
              http:
              - match: [{uri: {prefix: /api}}]
                route: [{destination: {host: a.b}}]
              - match: [{uri: {prefix: /api/v2}}, {uri: {prefix: /other}}]
                route: [{destination: {host: a.b}}]
              - route: [{destination: {host: a.b}}]
              - match: [{uri: {exact: /x}}]
                route: [{destination: {host: a.b}}]
            """
        let warnings = try #require(try Manifest.resources(yaml: Array(yaml.utf8)).first).warnings
        #expect(warnings.map { "\($0.code) \($0.field)" } == ["IST0131 spec.http[1].match[0]", "IST0130 spec.http[3]"])
    }

    @Test func `every kind publishes a schema from the table it is read by`() {
        for kind in ResourceKind.allCases where kind != .event {
            guard case .object(_, let fields) = kind.descriptor.schema() else {
                Issue.record("\(kind) has no object schema")
                continue
            }
            #expect(!fields.isEmpty)
            #expect(fields.allSatisfy { !$0.doc.isEmpty })
        }
    }

    @Test func `CIDR hosts are for tcp and tls rules`() throws {
        let http = """
            apiVersion: networking.istio.io/v1
            kind: VirtualService
            metadata: {name: x}
            spec: {hosts: [10.0.0.0/8], http: [{route: [{destination: {host: a.b}}]}]}
            """
        #expect(try Self.violations(http).map(\.rule) == ["virtual-service.hosts.cidr"])
    }
}

@Suite struct UnsupportedTests {
    @Test func `fields that are not carried out yet are refused by name or warned about`() throws {
        let rule = """
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: x}
            spec:
              host: a.b
              trafficPolicy: {retryBudget: {budgetInterval: 10s}}
              subsets:
              - name: v1
                trafficPolicy: {retryBudget: {percent: 20, budgetInterval: 5s}}
            """
        let violations = try DecodingTests.violations(rule)
        #expect(violations.allSatisfy { $0.rule == "not-supported" && $0.message.contains("not supported") })
        #expect(
            violations.map(\.field).sorted() == [
                "spec.subsets[0].trafficPolicy.retryBudget.budgetInterval",
                "spec.trafficPolicy.retryBudget.budgetInterval",
            ]
        )
        let group = """
            apiVersion: networking.istio.io/v1
            kind: WorkloadGroup
            metadata: {name: x}
            spec: {template: {}, probe: {tcpSocket: {port: 80}}}
            """
        let warnings = try #require(try Manifest.resources(yaml: Array(group.utf8)).first).warnings
        #expect(warnings.map(\.field) == ["spec.probe"])
    }
}
