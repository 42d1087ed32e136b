import Resources
import Testing

@Suite struct RoutePolicyTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var spec: String
        /// Paths of the violations.
        var wrong: [String] = []
        var testDescription: String { says }
    }

    private static let target = "targetRef: {kind: VirtualService, name: web}"

    static let rows: [Row] = [
        Row(says: "a target is enough", spec: "{\(target)}"),
        Row(
            says: "every field",
            spec:
                "{\(target), compression: {enabled: true, contentTypes: [a/b+c], minBytes: 30, level: 9}, upgrades: [x/1]}"
        ),
        Row(says: "no target", spec: "{}", wrong: ["spec.targetRef"]),
        Row(says: "another kind", spec: "{targetRef: {kind: Gateway, name: a}}", wrong: ["spec.targetRef.kind"]),
        Row(
            says: "another group",
            spec: "{targetRef: {group: a, kind: VirtualService, name: a}}",
            wrong: ["spec.targetRef.group"]
        ),
        Row(says: "no level 10", spec: "{\(target), compression: {level: 10}}", wrong: ["spec.compression.level"]),
        Row(says: "too small", spec: "{\(target), compression: {minBytes: 29}}", wrong: ["spec.compression.minBytes"]),
        Row(
            says: "no ranges of types",
            spec: "{\(target), compression: {contentTypes: ['text/*', html, 'a/b;c']}}",
            wrong: [
                "spec.compression.contentTypes[0]", "spec.compression.contentTypes[1]",
                "spec.compression.contentTypes[2]",
            ]
        ),
        Row(
            says: "no protocols that are none",
            spec: "{\(target), upgrades: ['a b', h2c, connect, '']}",
            wrong: ["spec.upgrades[0]", "spec.upgrades[1]", "spec.upgrades[2]", "spec.upgrades[3]"]
        ),
        Row(says: "an unknown field", spec: "{\(target), gzip: true}", wrong: ["spec.gzip"]),
    ]

    @Test("a policy is judged", arguments: rows) func judges(_ row: Row) throws {
        let yaml = "apiVersion: gatehouse.io/v1\nkind: RoutePolicy\nmetadata: {name: p}\nspec: \(row.spec)"
        #expect(try Self.violations(yaml) == row.wrong)
    }

    private static let edge: [(settings: String, wrong: [String])] = [
        ("http1: {acceptHttp10: true, defaultHost: a.test, preserveHeaderCase: true}", []),
        ("http1: {defaultHost: 'a b'}", ["spec.http1.defaultHost"]),
        ("http1: {acceptHttp10: false, defaultHost: a.test}", ["spec.http1.defaultHost"]),
        ("clientAddress: {trustedProxies: [10.0.0.0/8, '::1'], appendForwardedPort: true}", []),
        ("clientAddress: {trustedProxies: [10.0.0.0/33]}", ["spec.clientAddress.trustedProxies[0]"]),
        ("clientAddress: {numTrustedProxies: 33}", ["spec.clientAddress.numTrustedProxies"]),
        ("clientAddress: {trustedProxies: ['::/0'], numTrustedProxies: 1}", ["spec.clientAddress.numTrustedProxies"]),
    ]

    @Test("how a gateway talks with clients is judged", arguments: edge.indices) func judgesEdge(_ index: Int) throws {
        let row = Self.edge[index]
        let spec = "{targetRef: {kind: Gateway, name: a}, \(row.settings)}"
        let yaml = "apiVersion: gatehouse.io/v1\nkind: EdgePolicy\nmetadata: {name: p}\nspec: \(spec)"
        #expect(try Self.violations(yaml) == row.wrong, "\(row.settings)")
    }

    /// Sorted paths of what is wrong with an object.
    private static func violations(_ yaml: String) throws -> [String] {
        do {
            let resource = try AdmissionTests.resource(yaml)
            let state = try AdmissionTests.state()
            _ = try AdmissionTests.admission().admit(Change([.create(resource)]), against: state)
            return []
        } catch let error as AdmissionError {
            guard case .invalid(let list) = error else { throw error }
            return list.flatMap(\.violations).map { "\($0.path)" }.sorted()
        } catch let error as DecodeFailure {
            return error.violations.map { "\($0.path)" }.sorted()
        }
    }
}
