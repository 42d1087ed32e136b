import Base
import Resources
import Store
import Testing

@Suite struct WatchTests {
    let fixture: StoreFixture
    var admission: Admission { fixture.admission }

    init() throws { fixture = try StoreFixture() }

    @Test func `a watch repeats what was missed and goes on with what comes`() async throws {
        let store = try await fixture.open()
        let start = store.current.resourceVersion
        try await store.run([.create(try configMap("a", "1"))], admission)
        var events = try await store.events(since: start).makeAsyncIterator()
        try await store.run([.put(try configMap("a", "2"))], admission)
        try await store.run([.delete(key("a"))], admission)
        var seen: [ObjectEvent] = []
        for _ in 0..<3 { if let event = await events.next() { seen.append(event) } }
        #expect(seen.map(\.kind) == [.added, .modified, .deleted])
        #expect(seen.map(\.resourceVersion) == [start + 1, start + 2, start + 3])
        #expect(seen[1].previous?.body["data"]?["value"] == "1")
        #expect(seen[2].resource.metadata.resourceVersion == "\(start + 3)")
    }

    @Test func `a watch resumes across a restart from what the database keeps`() async throws {
        let store = try await fixture.open()
        let start = store.current.resourceVersion
        try await store.run([.create(try secret("s", "1"))], admission)
        try await store.run([.put(try secret("s", "2"))], admission)
        await store.close()
        let again = try await fixture.open()
        var events = try await again.events(since: start).makeAsyncIterator()
        let first = await events.next()
        let second = await events.next()
        #expect(first?.kind == .added)
        #expect(second?.kind == .modified)
        #expect(second?.previous == first?.resource)
    }

    @Test func `a version from the future or another database has expired`() async throws {
        let store = try await fixture.open()
        let newest = store.current.resourceVersion
        let error = await #expect(throws: StoreError.self) { _ = try await store.events(since: newest + 1) }
        guard case .expired = error?.reason else {
            Issue.record("expected .expired, got \(String(describing: error))")
            return
        }
    }

    @Test func `events that were compacted have expired, and newer ones have not`() async throws {
        let store = try await fixture.open()
        let start = store.current.resourceVersion
        try await store.run((0..<300).map { .create(try configMap("m\($0)", "1")) }, admission)
        fixture.advance(seconds: 3601)
        try await store.run((0..<300).map { .put(try configMap("m\($0)", "2")) }, admission)
        let error = await #expect(throws: StoreError.self) { _ = try await store.events(since: start) }
        #expect(error?.reason == .expired(oldest: start + 300))
        var events = try await store.events(since: start + 300).makeAsyncIterator()
        #expect(await events.next()?.resourceVersion == start + 301)
    }

    @Test func `watches dropped and resumed at random lose and repeat nothing`() async throws {
        let store = try await fixture.open()
        let admission = admission
        let start = store.current.resourceVersion
        let writer = Task {
            for number in 0..<400 { try await store.run([.put(try configMap("a", "\(number)"))], admission) }
        }
        var random = SeededGenerator(seed: 42)
        var seen: [UInt64] = []
        var position = start
        while seen.count < 400 {
            let stream = try await store.events(since: position)
            var left = Int.random(in: 1...20, using: &random)
            for await event in stream {
                seen.append(event.resourceVersion)
                position = event.resourceVersion
                left -= 1
                if left == 0 || seen.count == 400 { break }
            }
        }
        try await writer.value
        #expect(seen == (1...400).map { start + UInt64($0) })
    }

    @Test func `the change feed carries every revision and no status change`() async throws {
        let store = try await fixture.open()
        var feed = await store.changes().makeAsyncIterator()
        let mesh = ResourceKey(.meshConfig, namespace: "", name: "default")
        try await store.run([.updateStatus(mesh, ["observedGeneration": 1])], admission)
        try await store.run([.create(try configMap("a", "1"))], admission)
        let change = await feed.next()
        #expect(change?.revision == store.current.revision)
        #expect(change?.keys == [key("a")])
        #expect(change?.resources.value("a") == "1")
    }
}
