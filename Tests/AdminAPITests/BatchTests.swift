import AdminAPI
import Resources
import Store
import Testing

@Suite struct BatchTests {
    let fixture: APIFixture
    let apply = "/apis/gatehouse.io/v1/apply"

    init() async throws { fixture = try await APIFixture() }

    func document(_ name: String, namespace: String = "shop", extra: String = "") -> String {
        """
        apiVersion: v1
        kind: ConfigMap
        metadata: {name: \(name), namespace: \(namespace), labels: {set: one}}
        data: {k: v}
        \(extra)
        """
    }

    let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"

    @Test func `a batch is one revision, whatever its order`() async throws {
        let revision = fixture.store.current.revision
        let answer = await fixture.send(
            "POST",
            apply,
            [document("a"), document("b"), namespace].joined(separator: "\n---\n")
        )
        #expect(answer.status == 200, "\(answer.text)")
        #expect(answer.json.at("status", "revision")?.intValue == Int64(revision + 1))
        let actions = (answer.json.at("status", "results")?.arrayValue ?? []).compactMap { $0["action"]?.stringValue }
        #expect(actions == ["created", "created", "created"])
        let again = await fixture.send("POST", apply, [namespace, document("a")].joined(separator: "\n---\n"))
        #expect(again.json.at("status", "results")?[0]?["action"] == "unchanged")
        #expect(fixture.store.current.revision == revision + 1)
    }

    @Test func `one bad document stores nothing, and is named`() async throws {
        let revision = fixture.store.current.revision
        let bad = document("b", extra: "dta: {}")
        let answer = await fixture.send("POST", apply, [namespace, document("a"), bad].joined(separator: "\n---\n"))
        #expect(answer.status == 422)
        #expect(answer.fields == ["documents[2].dta"])
        #expect(fixture.store.current.revision == revision)
        let stranger = "apiVersion: nope.io/v1\nkind: Nope\nmetadata: {name: x}\n"
        let unknown = await fixture.send("POST", apply, [document("a"), stranger].joined(separator: "\n---\n"))
        #expect(unknown.status == 422)
        #expect(unknown.fields.allSatisfy { $0.hasPrefix("documents[1]") })
    }

    @Test func `prune removes what matches and is no longer in the body`() async throws {
        let all = [namespace, document("a"), document("b")].joined(separator: "\n---\n")
        await fixture.send("POST", apply, all)
        let answer = await fixture.send("POST", apply + "?prune=set%3Done", document("a"))
        #expect(answer.status == 200, "\(answer.text)")
        let names = fixture.store.current.all(.configMap, namespace: "shop").map(\.metadata.name)
        #expect(names == ["a"])
        #expect(await fixture.send("POST", apply + "?prune=", document("a")).status == 400)
    }

    @Test func `a List and a JSON body are batches too, and a dry run stores nothing`() async throws {
        let list: JSONValue = [
            "kind": "List", "apiVersion": "v1",
            "items": [
                ["kind": "ConfigMap", "apiVersion": "v1", "metadata": ["name": "a"]],
                ["kind": "ConfigMap", "apiVersion": "v1", "metadata": ["name": "b"]],
            ],
        ]
        let dry = await fixture.send("POST", apply + "?dryRun=All", list.text())
        #expect(dry.json.at("status", "results")?.arrayValue?.count == 2, "\(dry.text)")
        #expect(fixture.store.current.count(.configMap) == 0)
        await fixture.send("POST", apply, list.text())
        #expect(fixture.store.current.all(.configMap, namespace: "default").count == 2)
        let gone = await fixture.send("POST", apply + "?mode=delete", list.text())
        #expect(gone.json.at("status", "results")?[0]?["action"] == "deleted", "\(gone.text)")
        #expect(fixture.store.current.count(.configMap) == 0)
    }
}
