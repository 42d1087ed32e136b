import Foundation
import Resources
import Testing

@Suite struct EdgePolicyTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var spec: String
        /// Paths of the violations, below `spec`.
        var refused: [String] = []
        var testDescription: String { says }
    }

    private static let target = "targetRef: {kind: Gateway, name: front}"

    static let rows: [Row] = [
        Row(says: "a target alone is enough", spec: "{\(target)}"),
        Row(
            says: "every limit has a place",
            spec: """
                {\(target), limits: {requestHeaderBytes: 8192, requestHeaderCount: 20, connections: 5,
                requestsPerConnection: 9, bufferBytes: 65536, minBodyRate: 0}}
                """
        ),
        Row(
            says: "deadlines that may be off take 0s",
            spec: "{\(target), timeouts: {request: 0s, streamIdle: 0s, streamDuration: 0s, tcpIdle: 0s}}"
        ),
        Row(says: "there is no edge without a target", spec: "{}", refused: ["targetRef"]),
        Row(
            says: "only a Gateway can be the target",
            spec: "{targetRef: {kind: Service, name: a}}",
            refused: ["targetRef.kind"]
        ),
        Row(
            says: "header bytes are whole KiB, as Envoy counts",
            spec: "{\(target), limits: {requestHeaderBytes: 5000}}",
            refused: ["limits.requestHeaderBytes"]
        ),
        Row(
            says: "no header at all is no limit",
            spec: "{\(target), limits: {requestHeaderCount: 0}}",
            refused: ["limits.requestHeaderCount"]
        ),
        Row(
            says: "a handshake cannot take for ever",
            spec: "{\(target), timeouts: {tlsHandshake: 0s, requestHeaders: 0s}}",
            refused: ["timeouts.tlsHandshake", "timeouts.requestHeaders"]
        ),
        Row(
            says: "a window begins with 65535 bytes",
            spec: "{\(target), http2: {initialStreamWindowSize: 1000}}",
            refused: ["http2.initialStreamWindowSize"]
        ),
        Row(
            says: "a PING that is never waited for",
            spec: "{\(target), http2: {keepaliveInterval: 0s, keepaliveTimeout: 0s}}",
            refused: ["http2.keepaliveTimeout"]
        ),
        Row(
            says: "gRPC-Web is on or off",
            spec: "{\(target), grpc: {web: sometimes}}",
            refused: ["grpc.web"]
        ),
        Row(
            says: "the kernel probes in whole seconds",
            spec: "{\(target), tcpKeepalive: {time: 500ms}}",
            refused: ["tcpKeepalive.time"]
        ),
        Row(
            says: "a misspelled limit is refused",
            spec: "{\(target), limits: {conections: 5}}",
            refused: ["limits.conections"]
        ),
    ]

    @Test("rules", arguments: rows) func rules(_ row: Row) throws {
        let yaml = "apiVersion: gatehouse.io/v1\nkind: EdgePolicy\nmetadata: {name: p}\nspec: \(row.spec)"
        var paths: [String] = []
        do {
            let resource = try AdmissionTests.resource(yaml)
            let state = try AdmissionTests.state()
            _ = try AdmissionTests.admission().admit(Change([.create(resource)]), against: state)
        } catch let error as AdmissionError {
            if case .invalid(let list) = error { paths = list.flatMap(\.violations).map { "\($0.path)" } }
        } catch let error as DecodeFailure {
            paths = error.violations.map { "\($0.path)" }
        }
        #expect(paths.sorted() == row.refused.map { "spec.\($0)" }.sorted())
    }

    @Test func `the mesh takes the same settings as defaults, and checks them alike`() throws {
        let yaml = """
            apiVersion: gatehouse.io/v1
            kind: MeshConfig
            metadata: {name: default}
            spec: {edgeDefaults: {limits: {requestHeaderCount: 5000}}}
            """
        #expect(throws: DecodeFailure.self) { try AdmissionTests.resource(yaml) }
    }

    @Test func `a policy for a Gateway or a server that is not there waits for it`() throws {
        func policy(_ section: String) throws -> Resource {
            try AdmissionTests.resource(
                """
                apiVersion: gatehouse.io/v1
                kind: EdgePolicy
                metadata: {name: p, namespace: default}
                spec: {targetRef: {kind: Gateway, name: front\(section)}}
                """
            )
        }
        let gateway = try AdmissionTests.resource(
            """
            apiVersion: networking.istio.io/v1
            kind: Gateway
            metadata: {name: front, namespace: default}
            spec: {servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}
            """
        )
        let admission = AdmissionTests.admission()
        var state = try AdmissionTests.state()
        func resolved(_ state: ResourceSet) -> String? {
            let status = state[.edgePolicy, namespace: "default", name: "p"]?.status
            return Conditions.find("ResolvedRefs", in: status)?["status"]?.stringValue
        }
        state = try admission.admit(Change([.create(try policy(""))]), against: state).resulting
        #expect(resolved(state) == "False")
        state = try admission.admit(Change([.create(gateway)]), against: state).resulting
        #expect(resolved(state) == "True")
        let named = try policy(", sectionName: https")
        state = try admission.admit(Change([.put(named)]), against: state).resulting
        #expect(resolved(state) == "False")
    }
}
