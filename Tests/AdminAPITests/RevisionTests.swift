import Resources
import Store
import Testing

@testable import AdminAPI

/// The history of the configuration and the trail of requests.
@Suite struct RevisionTests {
    static let revisions = "/apis/gatehouse.io/v1/revisions"
    let fixture: APIFixture

    init() async throws { fixture = try await APIFixture() }

    /// Revision 2 creates, 3 changes, 4 adds another, 5 deletes the first.
    func history() async {
        await fixture.send("POST", "\(configMaps)?message=first", configMap("a", "1"))
        await fixture.send("PATCH", "\(configMaps)/a", #"{"data":{"value":"2"}}"#, type: "application/merge-patch+json")
        await fixture.send("POST", configMaps, configMap("b"))
        await fixture.send("DELETE", "\(configMaps)/a")
    }

    @Test func `every accepted request is a revision with its author, message and changes`() async throws {
        await history()
        let list = await fixture.send("GET", Self.revisions)
        #expect(
            list.json["items"]?.arrayValue?.compactMap { $0.at("status", "revision")?.intValue } == [5, 4, 3, 2, 1]
        )
        let second = await fixture.send("GET", "\(Self.revisions)/2")
        #expect(second.json.at("status", "message") == "first")
        #expect(second.json.at("status", "user") == "system:developer")
        let change = (await fixture.send("GET", "\(Self.revisions)/3")).json["changes"]?[0]
        #expect(change?["change"] == "modified")
        #expect(change?["diff"] == [["op": "replace", "path": "/data/value", "from": "1", "value": "2"]])
        #expect(await fixture.send("GET", "\(Self.revisions)/99").status == 404)
        #expect(await fixture.send("GET", "\(Self.revisions)/x").status == 400)
    }

    @Test func `a diff goes between any two revisions, as JSON and as text`() async throws {
        await history()
        let body = (await fixture.send("GET", "\(Self.revisions)/5/diff?to=1")).json
        #expect(body["items"]?.arrayValue?.map { $0["name"]?.stringValue } == ["b"])
        let text = await fixture.send("GET", "\(Self.revisions)/3/diff", headers: [("Accept", "text/x-diff")])
        #expect(text.text.contains("-  value: \"1\"\n+  value: \"2\"\n"), "\(text.text)")
        #expect(text.text.hasPrefix("--- ConfigMap default/a\n+++ ConfigMap default/a\n@@ "))
    }

    @Test func `the past can be read through the whole API, and not written`() async throws {
        await history()
        let then = await fixture.send("GET", "/revisions/3\(configMaps)/a")
        #expect(then.json.at("data", "value") == "2")
        #expect((await fixture.send("GET", "/revisions/2\(configMaps)/a")).json.at("data", "value") == "1")
        #expect(await fixture.send("GET", "\(configMaps)/a").status == 404)
        let names = (await fixture.send("GET", "/revisions/4\(configMaps)")).json["items"]?.arrayValue
        #expect(names?.map { $0.at("metadata", "name")?.stringValue } == ["a", "b"])
        #expect(await fixture.send("GET", "/revisions/3/apis").status == 200)
        #expect(await fixture.send("POST", "/revisions/3\(configMaps)", configMap("c")).status == 405)
        #expect(await fixture.send("DELETE", "/revisions/3\(configMaps)/a").status == 405)
        #expect(await fixture.send("GET", "/revisions/99\(configMaps)").status == 404)
        #expect(await fixture.send("GET", "/revisions/3\(configMaps)", door: .secure).status == 401)
    }

    @Test func `a rollback is a new revision with the old content`() async throws {
        await history()
        let tried = await fixture.send("POST", "\(Self.revisions)/3/rollback?dryRun=All")
        #expect(tried.status == 200)
        #expect(fixture.store.current.revision == 5)
        let done = await fixture.send("POST", "\(Self.revisions)/3/rollback")
        #expect(done.json.at("status", "revision") == 6)
        #expect((await fixture.send("GET", "\(configMaps)/a")).json.at("data", "value") == "2")
        #expect(await fixture.send("GET", "\(configMaps)/b").status == 404)
        #expect(
            (await fixture.send("GET", "\(Self.revisions)/6")).json.at("status", "message") == "rollback to revision 3"
        )
        let diff = await fixture.send("GET", "\(Self.revisions)/6/diff?to=3")
        #expect(diff.json["items"] == [])
    }

    @Test func `secrets never show in a diff`() async throws {
        let secret = #"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"stringData":{"k":"canary-value"}}"#
        await fixture.send("POST", "/api/v1/namespaces/default/secrets", secret)
        for target in ["\(Self.revisions)/2", "\(Self.revisions)/2/diff"] {
            let answer = await fixture.send("GET", target)
            #expect(answer.text.contains("sha256:"))
            #expect(!answer.text.contains("canary") && !answer.text.contains("Y2FuYXJ5"))
        }
    }

    @Test func `the history survives a restart`() async throws {
        await history()
        await fixture.store.close()
        let again = try ResourceStore(directory: fixture.directory, now: { APIFixture.now })
        let then = try await again.resources(at: 3)
        #expect(then?[.configMap, namespace: "default", name: "a"] != nil)
        #expect(try await again.resources(at: 5)?[.configMap, namespace: "default", name: "a"] == nil)
        #expect(try await again.auditViolation() == nil)
    }

    // MARK: Audit

    @Test func `writes and refusals are in the trail, and the chain holds`() async throws {
        await history()
        await fixture.send("POST", configMaps, "{")
        await fixture.send("GET", configMaps, door: .secure)
        let list = await fixture.send("GET", "/apis/gatehouse.io/v1/auditevents")
        let rows = list.json["items"]?.arrayValue?.map { row in
            "\(row.at("status", "verb")?.stringValue ?? "") \(row.at("status", "code")?.intValue ?? 0)"
        }
        #expect(
            rows == ["create 200", "create 200", "patch 200", "create 200", "delete 200", "post 400", "get 401"]
        )
        let verified = await fixture.send("GET", "/apis/gatehouse.io/v1/auditevents/verify")
        #expect(verified.json.at("status", "intact") == true)
        let some = await fixture.send("GET", "/apis/gatehouse.io/v1/auditevents?fieldSelector=code=401")
        #expect(some.json["items"]?.arrayValue?.count == 1)
    }

    @Test func `lines that stay are not in a diff twice`() {
        let rows: [(String, String, String)] = [
            ("a\nb\nc\n", "a\nb\nc\n", ""),
            ("a\nb\n", "a\nx\nb\n", "--- o\n+++ n\n@@ -1,2 +1,3 @@\n a\n+x\n b\n"),
            ("", "a\n", "--- o\n+++ n\n@@ -0,0 +1,1 @@\n+a\n"),
            ("a\n", "", "--- o\n+++ n\n@@ -1,1 +0,0 @@\n-a\n"),
        ]
        for (old, new, expected) in rows {
            #expect(LineDiff.unified(old, new, names: ("o", "n")) == expected)
        }
    }
}
