import Resources
import Store
import Testing

@testable import AdminAPI

/// Apply patches, and who owns which field.
@Suite struct ServerSideApplyTests {
    static let type = "application/apply-patch+yaml"
    let fixture: APIFixture

    init() async throws { fixture = try await APIFixture() }

    func apply(_ data: String, _ manager: String, force: Bool = false, query: String = "") async -> Answer {
        let body = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, labels: {by: \(manager)}}, data: \(data)}"
        let target = "\(configMaps)/c?fieldManager=\(manager)\(force ? "&force=true" : "")\(query)"
        return await fixture.send("PATCH", target, body, type: Self.type)
    }

    func plain(_ data: String, _ manager: String, force: Bool = false) async -> Answer {
        let body = "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: \(data)}"
        let target = "\(configMaps)/c?fieldManager=\(manager)\(force ? "&force=true" : "")"
        return await fixture.send("PATCH", target, body, type: Self.type)
    }

    func managers(_ answer: Answer) -> [String] {
        (answer.json.at("metadata", "managedFields")?.arrayValue ?? []).map {
            "\($0["manager"]?.stringValue ?? "")/\($0["operation"]?.stringValue ?? "")"
        }
    }

    @Test func `an apply creates, and says who owns what`() async throws {
        let made = await plain("{a: '1'}", "one")
        #expect(made.status == 201)
        let entry = made.json.at("metadata", "managedFields")?[0]
        #expect(entry?["manager"] == "one")
        #expect(entry?["operation"] == "Apply")
        #expect(entry?["fieldsV1"] == ["f:data": ["f:a": [:]]])
        #expect(await plain("{a: '1'}", "one").status == 200)
        #expect(fixture.store.current.revision == 2, "applying the same again changes nothing")
    }

    @Test func `a field of another manager is a conflict that names it, until it is forced`() async throws {
        _ = await plain("{a: '1', b: '1'}", "one")
        let same = await plain("{a: '1'}", "two")
        #expect(same.status == 200, "the same value is shared")
        let refused = await plain("{a: '2'}", "two")
        #expect(refused.status == 409)
        #expect(refused.reason == "Conflict")
        #expect(refused.causes.first?["reason"] == "FieldManagerConflict")
        #expect(refused.causes.first?["message"] == "conflict with \"one\"")
        #expect(refused.fields == [".data.a"])
        let forced = await plain("{a: '2'}", "two", force: true)
        #expect(forced.json.at("data", "a") == "2")
        #expect(forced.json.at("data", "b") == "1")
        #expect(await plain("{a: '3', b: '1'}", "one").status == 409)
    }

    @Test func `what a manager states no longer goes, unless another one states it`() async throws {
        _ = await plain("{a: '1', b: '1', c: '1'}", "one")
        _ = await plain("{b: '1'}", "two")
        let shrunk = await plain("{a: '1'}", "one")
        #expect(shrunk.json["data"] == ["a": "1", "b": "1"])
        let gone = await plain("{}", "two")
        #expect(gone.json["data"] == ["a": "1"])
        #expect(managers(gone) == ["one/Apply", "two/Apply"])
    }

    @Test func `updates own what they change, and applies must force it back`() async throws {
        _ = await plain("{a: '1', b: '1'}", "one")
        let patched = await fixture.send(
            "PATCH",
            "\(configMaps)/c?fieldManager=editor",
            #"{"data":{"a":"9"}}"#,
            type: "application/merge-patch+json"
        )
        #expect(managers(patched) == ["one/Apply", "editor/Update"])
        let refused = await plain("{a: '1', b: '1'}", "one")
        #expect(refused.causes.first?["message"] == "conflict with \"editor\" using v1")
        let forced = await plain("{a: '1', b: '1'}", "one", force: true)
        #expect(managers(forced) == ["one/Apply"])
    }

    @Test func `the list that a client sends replaces what was known`() async throws {
        _ = await plain("{a: '1'}", "one")
        let cleared = await fixture.send(
            "PATCH",
            "\(configMaps)/c?fieldManager=editor",
            #"[{"op":"replace","path":"/metadata/managedFields","value":[{}]}]"#,
            type: "application/json-patch+json"
        )
        #expect(cleared.status == 200)
        #expect(managers(cleared) == [])
        #expect(await plain("{a: '2'}", "two").status == 200)
    }

    @Test func `a dry run tells, and stores nothing`() async throws {
        _ = await plain("{a: '1'}", "one")
        let tried = await fixture.send(
            "PATCH",
            "\(configMaps)/c?fieldManager=two&force=true&dryRun=All",
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, data: {a: '5'}}",
            type: Self.type
        )
        #expect(tried.json.at("data", "a") == "5")
        #expect((await fixture.send("GET", "\(configMaps)/c")).json.at("data", "a") == "1")
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var says: String
        var query: String
        var body: String
        var status: Int
        var testDescription: String { says }
    }

    static let refusals: [Refusal] = [
        Refusal(says: "no manager", query: "", body: "{apiVersion: v1, kind: ConfigMap}", status: 400),
        Refusal(says: "no kind", query: "?fieldManager=x", body: "{apiVersion: v1}", status: 400),
        Refusal(
            says: "another kind",
            query: "?fieldManager=x",
            body: "{apiVersion: v1, kind: Secret, metadata: {name: c}}",
            status: 400
        ),
        Refusal(
            says: "owners in the configuration",
            query: "?fieldManager=x",
            body: "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, managedFields: [{manager: y}]}}",
            status: 400
        ),
        Refusal(
            says: "a version of an object that is not there",
            query: "?fieldManager=x",
            body: "{apiVersion: v1, kind: ConfigMap, metadata: {name: c, resourceVersion: '7'}}",
            status: 422
        ),
        Refusal(
            says: "an unknown field",
            query: "?fieldManager=x",
            body: "{apiVersion: v1, kind: ConfigMap, metadata: {name: c}, dta: {}}",
            status: 400
        ),
    ]

    @Test("refusals", arguments: refusals) func refuses(_ row: Refusal) async throws {
        let answer = await fixture.send("PATCH", "\(configMaps)/c\(row.query)", row.body, type: Self.type)
        #expect(answer.status == row.status, "\(answer.text)")
        #expect(fixture.store.current[.configMap, namespace: "default", name: "c"] == nil)
    }

    @Test func `lists are owned as a whole, maps member by member`() throws {
        let object = try JSONValue(
            parsing: #"{"kind":"X","metadata":{"name":"n","labels":{"a.b/c":"1"}},"spec":{"l":[{"x":1}],"m":{"k":2}}}"#
        )
        let set = FieldSet(of: object)
        #expect(set.paths == [["metadata", "labels", "a.b/c"], ["spec", "l"], ["spec", "m", "k"]])
        #expect(FieldSet(fieldsV1: set.fieldsV1) == set)
        let mixed = try JSONValue(parsing: #"{"f:spec":{"f:l":{"k:{\"x\":1}":{".":{},"f:y":{}}}}}"#)
        #expect(FieldSet(fieldsV1: mixed).paths == [["spec", "l"]])
    }
}
