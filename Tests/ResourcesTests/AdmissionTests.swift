import Foundation
import Resources
import Testing

@Suite struct AdmissionTests {
    static func admission(
        root: String? = nil,
        compile: @escaping @Sendable (ResourceSet) -> [(key: ResourceKey, violation: Violation)] = { _ in [] }
    ) -> Admission {
        let counter = Counter()
        return Admission(
            .init(now: { 1_800_000_000 }, makeUID: { counter.next() }, resourceRoot: root, compile: compile)
        )
    }

    /// Numbers in place of random uids; one test uses it from one thread.
    final class Counter: @unchecked Sendable {
        private var value = 0
        func next() -> String {
            value += 1
            return "uid-\(value)"
        }
    }

    static func resource(_ yaml: String) throws -> Resource {
        try #require(try Manifest.resources(yaml: Array(yaml.utf8)).first).resource
    }

    static func service(_ name: String, namespace: String = "default", port: Int = 80) throws -> Resource {
        try resource(
            """
            apiVersion: v1
            kind: Service
            metadata: {name: \(name), namespace: \(namespace)}
            spec: {ports: [{name: http, port: \(port)}]}
            """
        )
    }

    static func route(_ name: String, to host: String, subset: String? = nil) throws -> Resource {
        try resource(
            """
            apiVersion: networking.istio.io/v1alpha3
            kind: VirtualService
            metadata: {name: \(name), namespace: default}
            spec:
              hosts: [\(host)]
              http: [{route: [{destination: {host: \(host)\(subset.map { ", subset: \($0)" } ?? "")}}]}]
            """
        )
    }

    /// The namespaces and whatever else is given, admitted.
    static func state(_ resources: Resource...) throws -> ResourceSet {
        let namespaces = try ["default", "istio-system", "shop"].map { name in
            try resource("apiVersion: v1\nkind: Namespace\nmetadata: {name: \(name)}")
        }
        let change = Change((namespaces + resources).map { .create($0) })
        return try admission().admit(change, against: ResourceSet()).resulting
    }

    static func condition(_ type: String, _ resource: Resource?) -> String? {
        Conditions.find(type, in: resource?.status)?["status"]?.stringValue
    }

    @Test func `a created object gets identity, age, generation and a version`() throws {
        let base = try Self.state()
        let admitted = try Self.admission().admit(Change([.create(try Self.service("a"))]), against: base)
        let stored = try #require(admitted.resulting[.service, namespace: "default", name: "a"])
        #expect(stored.metadata.uid == "uid-1")
        #expect(stored.metadata.creationTimestamp?.secondsSinceEpoch == 1_800_000_000)
        #expect(stored.metadata.generation == 1)
        #expect(stored.metadata.resourceVersion == String(base.resourceVersion + 1))
        #expect(stored.creationSequence == base.resourceVersion + 1)
        #expect(admitted.resulting.revision == base.revision + 1)
        #expect(admitted.puts.map(\.key) == [stored.key])
        #expect(!base.contains(stored.key))
    }

    @Test func `creating what exists is a conflict`() throws {
        let base = try Self.state(try Self.service("a"))
        let again = Change([.create(try Self.service("a"))])
        #expect { try Self.admission().admit(again, against: base) } throws: { error in
            if case AdmissionError.alreadyExists = error { true } else { false }
        }
    }

    @Test func `an object needs its namespace, which may come in the same request`() throws {
        let service = try Self.service("a", namespace: "new")
        #expect { try Self.admission().admit(Change([.create(service)]), against: try Self.state()) } throws: { error in
            if case AdmissionError.notFound(let key) = error { key.kind == .namespace } else { false }
        }
        let namespace = try Self.resource("apiVersion: v1\nkind: Namespace\nmetadata: {name: new}")
        let batch = Change([.create(service), .create(namespace)])
        let admitted = try Self.admission().admit(batch, against: try Self.state())
        #expect(admitted.results.map(\.key.kind) == [.service, .namespace])
        #expect(admitted.results.map(\.resource.metadata.resourceVersion) == ["4", "5"])
    }

    @Test func `a stale version is a conflict and a current one is not`() throws {
        let base = try Self.state(try Self.service("a"))
        var changed = try Self.service("a", port: 81)
        changed.metadata.resourceVersion = "1"
        #expect { try Self.admission().admit(Change([.update(changed)]), against: base) } throws: { error in
            if case AdmissionError.conflict = error { true } else { false }
        }
        changed.metadata.resourceVersion = try #require(base[changed.key]).metadata.resourceVersion
        let admitted = try Self.admission().admit(Change([.update(changed)]), against: base)
        #expect(admitted.resulting[changed.key]?.metadata.generation == 2)
        #expect(admitted.results.first?.outcome == .configured)
    }

    @Test func `the generation counts changes of the spec only`() throws {
        let base = try Self.state(try Self.service("a"))
        var labelled = try Self.service("a")
        labelled.metadata.labels = ["x": "y"]
        let admitted = try Self.admission().admit(Change([.put(labelled)]), against: base)
        #expect(admitted.resulting[labelled.key]?.metadata.generation == 1)
        let same = try Self.admission().admit(Change([.put(labelled)]), against: admitted.resulting)
        #expect(same.results.map(\.outcome) == [.unchanged])
        #expect(same.resulting.revision == admitted.resulting.revision)
        #expect(same.isEmpty)
    }

    @Test func `status changes make an event and no revision`() throws {
        let service = try Self.service("a")
        let base = try Self.state(service)
        let change = Change([.updateStatus(service.key, ["loadBalancer": [:]])])
        let admitted = try Self.admission().admit(change, against: base)
        #expect(!admitted.makesRevision)
        #expect(admitted.resulting.resourceVersion == base.resourceVersion + 1)
        #expect(admitted.resulting[service.key]?.status == ["loadBalancer": [:]])
        #expect(admitted.resulting[service.key]?.metadata.generation == 1)
    }

    @Test func `references that lead nowhere warn, and the condition follows the facts`() throws {
        let route = try Self.route("r", to: "reviews", subset: "v1")
        let base = try Self.state()
        let first = try Self.admission().admit(Change([.create(route)]), against: base)
        #expect(first.warnings.map(\.code) == ["IST0101", "IST0101"])
        #expect(Self.condition("ResolvedRefs", first.resulting[route.key]) == "False")
        #expect(Self.condition("Accepted", first.resulting[route.key]) == "True")
        let service = try Self.service("reviews")
        let rule = try Self.resource(
            """
            apiVersion: networking.istio.io/v1
            kind: DestinationRule
            metadata: {name: reviews, namespace: default}
            spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}
            """
        )
        let second = try Self.admission().admit(Change([.create(service), .create(rule)]), against: first.resulting)
        #expect(second.results.map(\.key) == [service.key, rule.key, route.key])
        #expect(Self.condition("ResolvedRefs", second.resulting[route.key]) == "True")
        #expect(second.resulting[route.key]?.metadata.generation == 1)
        let third = try Self.admission().admit(Change([.delete(service.key)]), against: second.resulting)
        #expect(Self.condition("ResolvedRefs", third.resulting[route.key]) == "False")
    }

    @Test func `a refused object of a batch refuses all, and every violation is named`() throws {
        var bad = try Self.service("ok")
        bad.metadata.name = "NOT OK"
        var worse = try Self.service("ok")
        worse.metadata.labels = ["": "x"]
        let batch = Change([.create(try Self.service("good")), .create(bad), .create(worse)])
        #expect { try Self.admission().admit(batch, against: try Self.state()) } throws: { error in
            guard case AdmissionError.invalid(let list) = error else { return false }
            return list.map(\.action) == [1, 2]
                && list.flatMap(\.violations).map(\.rule) == ["metadata.name", "labels.key"]
        }
    }

    @Test func `what cannot be compiled is refused with the place it comes from`() throws {
        let service = try Self.service("a")
        let violation = Violation(path: JSONPath() / "spec" / "ports", rule: "compile", message: "no")
        let admission = Self.admission { set in set.contains(service.key) ? [(service.key, violation)] : [] }
        let change = Change([.create(try Self.service("b")), .create(service)])
        #expect { try admission.admit(change, against: try Self.state()) } throws: { error in
            guard case AdmissionError.invalid(let list) = error else { return false }
            return list.map(\.action) == [1] && list.first?.violations == [violation]
        }
    }

    @Test func `deleting a namespace deletes what is inside, and owned objects follow their owner`() throws {
        let base = try Self.state(try Self.service("a", namespace: "shop"))
        var owned = try Self.service("b")
        let owner = try #require(base[.service, namespace: "shop", name: "a"])
        var reference = ObjectMeta.OwnerReference()
        reference.uid = owner.metadata.uid
        reference.kind = "Service"
        owned.metadata.ownerReferences = [reference]
        let full = try Self.admission().admit(Change([.create(owned)]), against: base).resulting
        let shop = ResourceKey(.namespace, namespace: "", name: "shop")
        let admitted = try Self.admission().admit(Change([.delete(shop)]), against: full)
        #expect(admitted.deletes.map(\.metadata.name) == ["shop", "a", "b"])
        #expect(admitted.resulting.count(.service) == 0)
    }

    @Test func `namespaces the product needs cannot be deleted`() throws {
        let key = ResourceKey(.namespace, namespace: "", name: "istio-system")
        #expect { try Self.admission().admit(Change([.delete(key)]), against: try Self.state()) } throws: { error in
            if case AdmissionError.forbidden = error { true } else { false }
        }
    }

    @Test func `an object with finalizers is marked first and goes when the last one is taken away`() throws {
        var service = try Self.service("a")
        service.metadata.finalizers = ["example.com/hold"]
        let base = try Self.state(service)
        let marked = try Self.admission().admit(Change([.delete(service.key)]), against: base)
        #expect(marked.resulting[service.key]?.metadata.deletionTimestamp != nil)
        service.metadata.finalizers = []
        let gone = try Self.admission().admit(Change([.update(service)]), against: marked.resulting)
        #expect(gone.results.map(\.outcome) == [.deleted])
        #expect(!gone.resulting.contains(service.key))
    }

    @Test func `a guard on the whole configuration holds`() throws {
        let base = try Self.state()
        let change = Change([.create(try Self.service("a"))], ifRevision: base.revision + 1)
        #expect { try Self.admission().admit(change, against: base) } throws: { error in
            if case AdmissionError.revisionMismatch = error { true } else { false }
        }
    }

    @Test func `files need a resource root and stay below it`() throws {
        let rule = try Self.resource(
            """
            apiVersion: networking.istio.io/v1alpha3
            kind: DestinationRule
            metadata: {name: ext}
            spec:
              host: ext-resource.com
              trafficPolicy:
                tls: {mode: MUTUAL, clientCertificate: /etc/certs/c.pem, privateKey: /etc/certs/k.pem}
            """
        )
        let base = try Self.state()
        #expect { try Self.admission().admit(Change([.create(rule)]), against: base) } throws: { error in
            guard case AdmissionError.invalid(let list) = error else { return false }
            return list.first?.violations.map(\.field) == [
                "spec.trafficPolicy.tls.clientCertificate", "spec.trafficPolicy.tls.privateKey",
            ]
        }
        _ = try Self.admission(root: "/srv/files").admit(Change([.create(rule)]), against: base)
        #expect(ResourceFiles.resolve("/etc/certs/c.pem", root: "/srv/files") == "/srv/files/etc/certs/c.pem")
        #expect(ResourceFiles.resolve("/srv/files/c.pem", root: "/srv/files/") == "/srv/files/c.pem")
        #expect(ResourceFiles.resolve("/srv/files/../secret", root: "/srv/files") == nil)
        #expect(ResourceFiles.resolve("relative.pem", root: "/srv/files") == nil)
    }

    @Test func `only files below the root are read`() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "files-\(UInt64.random(in: 0...(.max)))"
        )
        defer { try? FileManager.default.removeItem(at: folder) }
        let inside = folder.appendingPathComponent("root/etc")
        try FileManager.default.createDirectory(at: inside, withIntermediateDirectories: true)
        try Data("inside".utf8).write(to: inside.appendingPathComponent("c.pem"))
        try Data("outside".utf8).write(to: folder.appendingPathComponent("k.pem"))
        let link = inside.appendingPathComponent("k.pem")
        try FileManager.default.createSymbolicLink(at: link, withDestinationURL: folder.appendingPathComponent("k.pem"))
        let rule = try Self.resource(
            """
            apiVersion: networking.istio.io/v1alpha3
            kind: DestinationRule
            metadata: {name: ext}
            spec:
              host: a.b
              trafficPolicy: {tls: {mode: MUTUAL, clientCertificate: /etc/c.pem, privateKey: /etc/k.pem}}
            """
        )
        let root = folder.appendingPathComponent("root").path
        let contents = ResourceFiles.contents(of: ResourceSet([rule]), root: root)
        #expect(contents == ["/etc/c.pem": Array("inside".utf8)])
    }

    @Test func `generated names are completed by the server`() throws {
        var service = try Self.service("a")
        service.metadata.name = ""
        service.metadata.generateName = "web-"
        let admitted = try Self.admission().admit(Change([.create(service)]), against: try Self.state())
        #expect(admitted.puts.first?.metadata.name.hasPrefix("web-") == true)
        #expect((admitted.puts.first?.metadata.name.count ?? 0) > 4)
    }

    @Test func `a manifest without a namespace goes to default`() throws {
        var route = try Self.route("r", to: "a.b")
        route.metadata.namespace = ""
        let admitted = try Self.admission().admit(Change([.create(route)]), against: try Self.state())
        #expect(admitted.resulting[.virtualService, namespace: "default", name: "r"] != nil)
    }
}
