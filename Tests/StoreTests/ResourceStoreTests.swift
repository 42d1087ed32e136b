import Crypto
import Foundation
import Resources
import Store
import Testing

@Suite struct ResourceStoreTests {
    let fixture: StoreFixture
    var admission: Admission { fixture.admission }

    init() throws { fixture = try StoreFixture() }

    @Test func `the first start makes the namespaces and the mesh settings, once`() async throws {
        let store = try await fixture.open()
        let names = store.current.all(.namespace).map(\.metadata.name)
        #expect(names == ["default", "istio-system", "kube-system"])
        #expect(store.current[ResourceKey(.meshConfig, namespace: "", name: "default")] != nil)
        #expect(store.current.revision == 1)
        await store.close()
        let again = try await fixture.open()
        #expect(again.current.revision == 1)
    }

    @Test func `what was acknowledged is there after reopening, with the same versions`() async throws {
        let store = try await fixture.open()
        try await store.run([.create(try configMap("a", "1"))], admission)
        try await store.run([.put(try configMap("a", "2"))], admission)
        let before = store.current
        await store.close()
        let again = try await fixture.open()
        #expect(again.current.revision == before.revision)
        #expect(again.current.resourceVersion == before.resourceVersion)
        #expect(again.current.everything == before.everything)
        #expect(again.current.value("a") == "2")
    }

    @Test func `a request is one revision, and each of its objects one resource version`() async throws {
        let store = try await fixture.open()
        let before = store.current
        let outcome = try await store.run(
            [.create(try configMap("a", "1")), .create(try configMap("b", "1"))],
            admission
        )
        #expect(outcome.revision == before.revision + 1)
        #expect(outcome.events.map(\.resourceVersion) == [before.resourceVersion + 1, before.resourceVersion + 2])
        #expect(outcome.events.map(\.kind) == [.added, .added])
    }

    @Test func `a refused request leaves nothing behind and does not disturb its neighbours`() async throws {
        let store = try await fixture.open()
        let before = store.current.revision
        let admission = admission
        async let good = store.run([.create(try configMap("a", "1"))], admission)
        let bad = Task { try await store.run([.create(try configMap("b", "1")), .delete(key("nothing"))], admission) }
        async let alsoGood = store.run([.create(try configMap("c", "1"))], admission)
        _ = try await (good, alsoGood)
        await #expect(throws: AdmissionError.self) { try await bad.value }
        #expect(store.current.value("a") == "1")
        #expect(store.current.value("b") == nil)
        #expect(store.current.value("c") == "1")
        #expect(store.current.revision == before + 2)
    }

    @Test func `a dry run answers and stores nothing`() async throws {
        let store = try await fixture.open()
        let before = store.current
        let outcome = try await store.run([.create(try configMap("a", "1"))], admission, isDryRun: true)
        #expect(outcome.change.results.first?.outcome == .created)
        #expect(outcome.events.isEmpty)
        #expect(store.current.revision == before.revision)
        #expect(store.current.resourceVersion == before.resourceVersion)
        #expect(store.current.value("a") == nil)
    }

    @Test func `writing the same object again makes no event and no revision`() async throws {
        let store = try await fixture.open()
        try await store.run([.put(try configMap("a", "1"))], admission)
        let before = store.current
        let outcome = try await store.run([.put(try configMap("a", "1"))], admission)
        #expect(outcome.events.isEmpty)
        #expect(store.current.resourceVersion == before.resourceVersion)
    }

    @Test func `a status change bumps the resource version and makes no revision`() async throws {
        let store = try await fixture.open()
        let mesh = ResourceKey(.meshConfig, namespace: "", name: "default")
        let before = store.current
        let outcome = try await store.run([.updateStatus(mesh, ["observedGeneration": 1])], admission)
        #expect(outcome.events.map(\.isStatusOnly) == [true])
        #expect(store.current.revision == before.revision)
        #expect(store.current.resourceVersion == before.resourceVersion + 1)
        await store.close()
        let again = try await fixture.open()
        #expect(again.current[mesh]?.status == ["observedGeneration": 1])
    }

    @Test func `concurrent writers get distinct revisions without gaps`() async throws {
        let store = try await fixture.open()
        let admission = admission
        let before = store.current.revision
        let revisions = try await withThrowingTaskGroup(of: UInt64.self) { group in
            for number in 0..<200 {
                group.addTask { try await store.run([.create(try configMap("m\(number)", "1"))], admission).revision }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(revisions.sorted() == (1...200).map { before + UInt64($0) })
    }

    @Test func `of concurrent conditional updates of one version exactly one wins`() async throws {
        let store = try await fixture.open()
        let admission = admission
        try await store.run([.create(try configMap("a", "0"))], admission)
        for round in 1...20 {
            let version = store.current[key("a")]?.metadata.resourceVersion ?? ""
            let wins = await withTaskGroup(of: Bool.self) { group in
                for writer in 0..<8 {
                    group.addTask {
                        do {
                            let object = try configMap("a", "\(round)-\(writer)")
                            try await store.run([.update(object, .init(resourceVersion: version))], admission)
                            return true
                        } catch {
                            return false
                        }
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(wins == 1)
        }
    }

    @Test func `all files are for their owner only`() async throws {
        let store = try await fixture.open()
        try await store.run([.create(try configMap("a", "1"))], admission)
        for name in ["gatehouse.db", "gatehouse.db-wal", "store.key"] {
            let facts = try FileManager.default.attributesOfItem(atPath: fixture.directory + "/" + name)
            #expect(facts[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        withExtendedLifetime(store) {}
    }

    @Test func `secrets are not readable in the files`() async throws {
        let store = try await fixture.open()
        let canary = "canary-5cf1d8a2"
        try await store.run([.create(try secret("s", canary))], admission)
        try await store.run([.put(try secret("s", canary + "-2"))], admission)
        let plain = Data(canary.utf8)
        let encoded = Data(Base64.encode(Array(canary.utf8)).dropLast(4).utf8)
        for name in ["gatehouse.db", "gatehouse.db-wal"] {
            let file = try Data(contentsOf: URL(filePath: fixture.directory + "/" + name))
            #expect(file.range(of: plain) == nil)
            #expect(file.range(of: encoded) == nil)
        }
        await store.close()
        let again = try await fixture.open()
        #expect(again.current[key("s", .secret)] == store.current[key("s", .secret)])
    }

    @Test func `a database without its key, or with another, does not open`() async throws {
        let store = try await fixture.open()
        try await store.run([.create(try secret("s", "x"))], admission)
        await store.close()
        let path = fixture.directory + "/store.key"
        let original = try Data(contentsOf: URL(filePath: path))
        try FileManager.default.removeItem(atPath: path)
        let missing = await #expect(throws: StoreError.self) { _ = try await fixture.open() }
        #expect(missing?.reason == .wrongKey)
        try Data(repeating: 7, count: 32).write(to: URL(filePath: path))
        let other = await #expect(throws: StoreError.self) { _ = try await fixture.open() }
        #expect(other?.reason == .wrongKey)
        try original.write(to: URL(filePath: path))
        #expect(try await fixture.open().current[key("s", .secret)] != nil)
    }

    @Test func `a second store on the same directory does not open while the first lives`() async throws {
        let store = try await fixture.open()
        let error = await #expect(throws: StoreError.self) { _ = try await fixture.open() }
        #expect(error?.reason == .unavailable)
        await store.close()
        _ = try await fixture.open()
    }
}
