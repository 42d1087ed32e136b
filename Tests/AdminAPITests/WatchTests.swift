import AdminAPI
import Resources
import Store
import Testing

@Suite struct WatchTests {
    let fixture: APIFixture

    init() async throws { fixture = try await APIFixture() }

    func next(_ iterator: inout AsyncStream<JSONValue>.Iterator) async -> (type: String, name: String) {
        let line = await iterator.next() ?? .null
        return (line["type"]?.stringValue ?? "", line.at("object", "metadata", "name")?.stringValue ?? "")
    }

    @Test func `a watch without a version starts with what exists`() async throws {
        await fixture.send("POST", configMaps, configMap("a"))
        let watch = await fixture.send("GET", configMaps + "?watch=true&timeoutSeconds=30")
        var lines = watch.lines.makeAsyncIterator()
        #expect(await next(&lines) == ("ADDED", "a"))
        await fixture.send("POST", configMaps, configMap("b"))
        #expect(await next(&lines) == ("ADDED", "b"))
        await fixture.send("PUT", configMaps + "/b", configMap("b", "2"), headers: [("If-Match", "*")])
        #expect(await next(&lines) == ("MODIFIED", "b"))
        await fixture.send("DELETE", configMaps + "/b")
        #expect(await next(&lines) == ("DELETED", "b"))
    }

    @Test func `a watch from a version repeats what came after it, and nothing else`() async throws {
        let first = await fixture.send("POST", configMaps, configMap("a"))
        let version = first.json.at("metadata", "resourceVersion")?.stringValue ?? ""
        await fixture.send("POST", configMaps, configMap("b"))
        let watch = await fixture.send("GET", configMaps + "?watch=1&resourceVersion=\(version)")
        var lines = watch.lines.makeAsyncIterator()
        #expect(await next(&lines) == ("ADDED", "b"))
    }

    @Test func `a selector's watch sees objects enter and leave`() async throws {
        let watch = await fixture.send("GET", configMaps + "?watch=1&labelSelector=app%3Dx")
        var lines = watch.lines.makeAsyncIterator()
        await fixture.send("POST", configMaps, configMap("a"))
        await fixture.send("POST", configMaps, configMap("other"))
        let merge = "application/merge-patch+json"
        await fixture.send("PATCH", configMaps + "/a", #"{"metadata":{"labels":{"app":"x"}}}"#, type: merge)
        #expect(await next(&lines) == ("ADDED", "a"))
        await fixture.send("PATCH", configMaps + "/a", #"{"data":{"value":"2"}}"#, type: merge)
        #expect(await next(&lines) == ("MODIFIED", "a"))
        await fixture.send("PATCH", configMaps + "/a", #"{"metadata":{"labels":{"app":"y"}}}"#, type: merge)
        #expect(await next(&lines) == ("DELETED", "a"))
    }

    @Test func `a watch ends in time, with a bookmark for who wants one`() async throws {
        let watch = await fixture.send("GET", configMaps + "?watch=1&timeoutSeconds=1&allowWatchBookmarks=true")
        var types: [String] = []
        for await line in watch.lines { types.append(line["type"]?.stringValue ?? "") }
        #expect(types == ["BOOKMARK"])
    }

    @Test func `a version that is gone is an Expired error in the stream`() async throws {
        let watch = await fixture.send("GET", configMaps + "?watch=1&resourceVersion=999999")
        #expect(watch.status == 200)
        var lines = watch.lines.makeAsyncIterator()
        let line = await lines.next()
        #expect(line?["type"] == "ERROR")
        #expect(line?.at("object", "code") == 410)
        #expect(await lines.next() == nil)
    }

    @Test func `a watch of a Table has the columns once`() async throws {
        await fixture.send("POST", configMaps, configMap("a"))
        await fixture.send("POST", configMaps, configMap("b"))
        let accept = [(name: "Accept", value: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json")]
        let watch = await fixture.send("GET", configMaps + "?watch=1", headers: accept)
        var lines = watch.lines.makeAsyncIterator()
        let first = await lines.next()
        #expect(first?.at("object", "kind") == "Table")
        #expect(first?.at("object", "columnDefinitions")?.arrayValue?.isEmpty == false)
        #expect(await lines.next()?.at("object", "columnDefinitions")?.arrayValue?.isEmpty == true)
    }
}
