import AdminAPI
import Resources
import Store
import Testing

@Suite struct CRUDTests {
    let fixture: APIFixture
    let merge = "application/merge-patch+json"

    init() async throws { fixture = try await APIFixture() }

    @Test func `an object lives from POST to DELETE`() async throws {
        let created = await fixture.send("POST", virtualServices, webYAML, type: "application/yaml")
        #expect(created.status == 201, "\(created.text)")
        #expect(created.json.at("metadata", "uid")?.stringValue?.isEmpty == false)
        #expect(created.json.at("metadata", "generation") == 1)
        let version = created.json.at("metadata", "resourceVersion")?.stringValue ?? ""
        #expect(created.response.header("ETag") == "\"\(version)\"")
        #expect(created.response.header("X-Request-Id")?.isEmpty == false)

        let read = await fixture.send("GET", virtualServices + "/web")
        #expect(read.json == created.json)
        let same = await fixture.send("GET", virtualServices + "/web", headers: [("If-None-Match", "\"\(version)\"")])
        #expect(same.status == 304)
        let list = await fixture.send("GET", virtualServices)
        #expect(list.json["kind"] == "VirtualServiceList")
        #expect(list.json["items"]?[0]?["kind"] == "VirtualService")
        let everywhere = await fixture.send("GET", "/apis/networking.istio.io/v1/virtualservices")
        #expect(everywhere.json["items"]?.arrayValue?.count == 1)

        let deleted = await fixture.send("DELETE", virtualServices + "/web")
        #expect(deleted.json["status"] == "Success")
        #expect(deleted.json.at("details", "uid") == created.json.at("metadata", "uid"))
        #expect(await fixture.send("GET", virtualServices + "/web").status == 404)
        #expect(await fixture.send("DELETE", virtualServices + "/web").reason == "NotFound")
    }

    @Test(arguments: ["v1", "v1beta1", "v1alpha3"])
    func `an object is readable and writable in every version`(version: String) async throws {
        let path = virtualServices.replacing("/v1/", with: "/\(version)/")
        let body = webYAML.replacing("io/v1\n", with: "io/\(version)\n")
        #expect(await fixture.send("POST", path, body).status == 201)
        for other in ["v1", "v1beta1", "v1alpha3"] {
            let read = await fixture.send("GET", virtualServices.replacing("/v1/", with: "/\(other)/") + "/web")
            #expect(read.json["apiVersion"]?.stringValue == "networking.istio.io/\(other)")
        }
        #expect(await fixture.send("GET", virtualServices.replacing("/v1/", with: "/v2/")).status == 404)
    }

    @Test func `YAML goes out when it is asked for, and comes back in as the same object`() async throws {
        await fixture.send("POST", virtualServices, webYAML)
        let yaml = await fixture.send("GET", virtualServices + "/web", headers: [("Accept", "application/yaml")])
        #expect(yaml.response.header("Content-Type") == "application/yaml")
        let put = await fixture.send("PUT", virtualServices + "/web", yaml.text, type: "application/yaml")
        #expect(put.status == 200, "\(put.text)")
        #expect(put.json == (await fixture.send("GET", virtualServices + "/web")).json)
    }

    @Test func `a stale PUT conflicts, and one without a version needs If-Match`() async throws {
        let first = await fixture.send("POST", configMaps, configMap("a")).text
        let changed = first.replacing("\"value\":\"1\"", with: "\"value\":\"2\"")
        #expect(await fixture.send("PUT", configMaps + "/a", changed).status == 200)
        let stale = await fixture.send("PUT", configMaps + "/a", first.replacing("\"1\"", with: "\"3\""))
        #expect(stale.status == 409)
        #expect(stale.reason == "Conflict")
        let blind = await fixture.send("PUT", configMaps + "/a", configMap("a", "4"))
        #expect(blind.status == 422)
        #expect(blind.fields == ["metadata.resourceVersion"])
        let any = await fixture.send("PUT", configMaps + "/a", configMap("a", "4"), headers: [("If-Match", "*")])
        #expect(any.status == 200, "\(any.text)")
        let wrong = await fixture.send("PUT", configMaps + "/a", configMap("a", "5"), headers: [("If-Match", "\"1\"")])
        #expect(wrong.status == 412)
        let tag = any.response.header("ETag") ?? ""
        let right = await fixture.send("PUT", configMaps + "/a", configMap("a", "5"), headers: [("If-Match", tag)])
        #expect(right.status == 200)
        let created = await fixture.send("PUT", configMaps + "/b", configMap("b"), headers: [("If-None-Match", "*")])
        #expect(created.status == 201)
        let missing = await fixture.send("PUT", configMaps + "/c", configMap("c"), headers: [("If-Match", "*")])
        #expect(missing.status == 404)
    }

    @Test func `patches change what they name`() async throws {
        await fixture.send("POST", configMaps, configMap("a"))
        let patch = #"{"data":{"value":null,"other":"2"},"metadata":{"labels":{"x":"y"}}}"#
        let merged = await fixture.send("PATCH", configMaps + "/a", patch, type: merge)
        #expect(merged.status == 200, "\(merged.text)")
        #expect(merged.json["data"] == ["other": "2"])
        let json = "application/json-patch+json"
        let test = #"{"op":"test","path":"/data/other","value":"2"}"#
        let replace = #"{"op":"replace","path":"/data/other","value":"3"}"#
        let patched = await fixture.send("PATCH", configMaps + "/a", "[\(test),\(replace)]", type: json)
        #expect(patched.json["data"] == ["other": "3"])
        #expect(await fixture.send("PATCH", configMaps + "/a", "[\(test)]", type: json).status == 422)
        let stale = #"{"metadata":{"resourceVersion":"1"},"data":{"other":"4"}}"#
        #expect(await fixture.send("PATCH", configMaps + "/a", stale, type: merge).status == 409)
        #expect(await fixture.send("PATCH", configMaps + "/b", "{}", type: merge).status == 404)
        #expect(await fixture.send("PATCH", configMaps + "/a", "{}", type: "text/plain").status == 415)
        #expect(await fixture.send("PATCH", configMaps + "/a", "[]", type: merge).status == 400)
    }

    @Test func `concurrent patches of different fields are all kept`() async throws {
        await fixture.send("POST", configMaps, configMap("a"))
        let fixture = fixture
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let patch = #"{"data":{"k\#(number)":"1"}}"#
                    await fixture.send("PATCH", configMaps + "/a", patch, type: "application/merge-patch+json")
                }
            }
        }
        #expect(await fixture.send("GET", configMaps + "/a").json["data"]?.objectValue?.count == 51)
    }

    @Test func `a dry run answers as live and stores nothing`() async throws {
        let revision = fixture.store.current.revision
        #expect(await fixture.send("POST", configMaps + "?dryRun=All", configMap("a")).status == 201)
        #expect(await fixture.send("GET", configMaps + "/a").status == 404)
        await fixture.send("POST", configMaps, configMap("a"))
        #expect(await fixture.send("DELETE", configMaps + "/a?dryRun=All").status == 200)
        #expect(await fixture.send("DELETE", configMaps + "/a", #"{"dryRun":["All"]}"#).status == 200)
        #expect(await fixture.send("GET", configMaps + "/a").status == 200)
        #expect(fixture.store.current.revision == revision + 1)
        #expect(await fixture.send("POST", configMaps + "?dryRun=Some", configMap("b")).status == 400)
    }

    @Test func `status has its own door, and makes no revision`() async throws {
        await fixture.send("POST", virtualServices, webYAML)
        let revision = fixture.store.current.revision
        let patch =
            #"{"status":{"conditions":[{"type":"Ready","status":"True"}]},"spec":{"hosts":["not.example.com"]}}"#
        let status = await fixture.send("PATCH", virtualServices + "/web/status", patch, type: merge)
        #expect(status.status == 200, "\(status.text)")
        #expect(status.json.at("status", "conditions")?[0]?["type"] == "Ready")
        #expect(status.json.at("spec", "hosts")?[0] == "web.example.com")
        #expect(fixture.store.current.revision == revision)
        let label = #"{"status":null,"metadata":{"labels":{"a":"b"}}}"#
        let spec = await fixture.send("PATCH", virtualServices + "/web", label, type: merge)
        #expect(spec.json.at("status", "conditions")?[0]?["type"] == "Ready", "\(spec.text)")
    }

    @Test func `a write whose answer cannot be written does not happen`() async throws {
        let answer = await fixture.send("POST", configMaps, configMap("a"), headers: [("Accept", "text/csv")])
        #expect(answer.status == 406)
        #expect(await fixture.send("GET", configMaps + "/a").status == 404)
    }

    @Test func `a generated name starts as asked`() async throws {
        let body = #"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"generateName":"job-"},"data":{}}"#
        let answers = [await fixture.send("POST", configMaps, body), await fixture.send("POST", configMaps, body)]
        let names = answers.compactMap { $0.json.at("metadata", "name")?.stringValue }
        #expect(Set(names).count == 2)
        #expect(names.allSatisfy { $0.hasPrefix("job-") && $0.count == 9 })
    }

    @Test func `a collection is deleted by selector, in one revision`() async throws {
        for (name, app) in [("a", "x"), ("b", "x"), ("c", "y")] {
            await fixture.send("POST", configMaps, configMap(name, labels: ["app": .string(app)]))
        }
        let revision = fixture.store.current.revision
        let answer = await fixture.send("DELETE", configMaps + "?labelSelector=app%3Dx")
        #expect(answer.json["items"]?.arrayValue?.count == 2)
        #expect(fixture.store.current.all(.configMap, namespace: "default").map(\.metadata.name) == ["c"])
        #expect(fixture.store.current.revision == revision + 1)
    }

    @Test func `a whole-configuration guard refuses when somebody was faster`() async throws {
        let revision = "\(fixture.store.current.revision)"
        await fixture.send("POST", configMaps, configMap("a"))
        let late = await fixture.send("POST", configMaps, configMap("b"), headers: [("If-Match-Revision", revision)])
        #expect(late.status == 412)
    }

    @Test func `what the path and the body say must agree`() async throws {
        let other = configMap("a").replacing("ConfigMap", with: "Secret")
        #expect(await fixture.send("POST", configMaps, other).status == 400)
        let version = configMap("a").replacing("\"v1\"", with: "\"v2\"")
        #expect(await fixture.send("POST", configMaps, version).status == 400)
        let elsewhere = #"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"other"}}"#
        #expect(await fixture.send("POST", configMaps, elsewhere).status == 400)
        await fixture.send("POST", configMaps, configMap("a"))
        #expect(await fixture.send("PUT", configMaps + "/b", configMap("a")).status == 400)
        #expect(await fixture.send("POST", configMaps, configMap("a")).reason == "AlreadyExists")
        let nowhere = await fixture.send("POST", "/api/v1/namespaces/nope/configmaps", configMap("a"))
        #expect(nowhere.status == 404)
        #expect(nowhere.message.contains("\"nope\" not found"))
    }
}
