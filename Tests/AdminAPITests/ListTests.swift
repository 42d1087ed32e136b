import AdminAPI
import Resources
import Store
import Testing

@Suite struct ListTests {
    let fixture: APIFixture

    init() async throws {
        fixture = try await APIFixture()
        let labels: [(String, JSONObject)] = [
            ("a", ["app": "x", "tier": "front"]), ("b", ["app": "x"]), ("c", ["app": "y"]), ("d", [:]),
        ]
        for (name, labels) in labels { await fixture.send("POST", configMaps, configMap(name, labels: labels)) }
    }

    func names(_ query: String) async -> [String] {
        let answer = await fixture.send("GET", configMaps + "?" + query)
        return (answer.json["items"]?.arrayValue ?? []).compactMap { $0.at("metadata", "name")?.stringValue }
    }

    struct Row: Sendable, CustomTestStringConvertible {
        var query: String
        var expect: [String]
        var testDescription: String { query }
    }

    static let rows: [Row] = [
        Row(query: "labelSelector=app%3Dx", expect: ["a", "b"]),
        Row(query: "labelSelector=app%3D%3Dx", expect: ["a", "b"]),
        Row(query: "labelSelector=app!%3Dx", expect: ["c", "d"]),
        Row(query: "labelSelector=app%20in%20(x,y),tier", expect: ["a"]),
        Row(query: "labelSelector=app%20notin%20(x)", expect: ["c", "d"]),
        Row(query: "labelSelector=!app", expect: ["d"]),
        Row(query: "labelSelector=app,!tier", expect: ["b", "c"]),
        Row(query: "fieldSelector=metadata.name%3Dc", expect: ["c"]),
        Row(query: "fieldSelector=metadata.name!%3Dc,metadata.namespace%3Ddefault", expect: ["a", "b", "d"]),
        Row(query: "fieldSelector=metadata.name%3Da&labelSelector=app%3Dy", expect: []),
        Row(query: "limit=0", expect: ["a", "b", "c", "d"]),
        Row(query: "limit=2", expect: ["a", "b"]),
    ]

    @Test("selection", arguments: rows) func selection(_ row: Row) async throws {
        #expect(await names(row.query) == row.expect)
    }

    @Test func `pages together are the list, under the version of the first`() async throws {
        var seen: [String] = []
        var versions: Set<String> = []
        var token = ""
        repeat {
            let answer = await fixture.send("GET", configMaps + "?limit=1&continue=\(token)")
            for item in answer.json["items"]?.arrayValue ?? [] {
                seen.append(item.at("metadata", "name")?.stringValue ?? "")
            }
            versions.insert(answer.json.at("metadata", "resourceVersion")?.stringValue ?? "")
            token = answer.json.at("metadata", "continue")?.stringValue ?? ""
            await fixture.send("POST", "/api/v1/namespaces/kube-system/configmaps", configMap("n\(seen.count)"))
        } while !token.isEmpty
        #expect(seen == ["a", "b", "c", "d"])
        #expect(versions.count == 1)
    }

    @Test func `a Table has a row per object and the columns of the kind`() async throws {
        await fixture.send("POST", virtualServices, webYAML)
        let accept = [(name: "Accept", value: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")]
        let table = await fixture.send("GET", virtualServices, headers: accept)
        let columns = (table.json["columnDefinitions"]?.arrayValue ?? []).compactMap { $0["name"]?.stringValue }
        #expect(columns == ["Name", "Gateways", "Hosts", "Programmed", "Age"])
        #expect(table.json["rows"]?[0]?["cells"]?[0] == "web")
        #expect(table.json["rows"]?[0]?["cells"]?[2] == #"["web.example.com"]"#)
        #expect(table.json["rows"]?[0]?["cells"]?[4] == "0s")
        #expect(table.json["rows"]?[0]?.at("object", "kind") == "PartialObjectMetadata")
        let single = await fixture.send("GET", virtualServices + "/web", headers: accept)
        #expect(single.json["kind"] == "Table")
    }

    @Test func `a list can be YAML, or metadata only`() async throws {
        let yaml = await fixture.send("GET", configMaps, headers: [("Accept", "application/yaml")])
        #expect(yaml.text.contains("kind: ConfigMapList"))
        let accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        let partial = await fixture.send("GET", configMaps, headers: [("Accept", accept)])
        #expect(partial.json["kind"] == "PartialObjectMetadataList")
        #expect(partial.json["items"]?[0]?["data"] == nil)
    }
}
