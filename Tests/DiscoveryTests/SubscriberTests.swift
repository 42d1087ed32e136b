import Base
import Testing
import XDS

@testable import Discovery

@Suite struct SubscriberTests {
    let now = MonotonicTime(nanoseconds: 1_000_000_000)

    private func response(
        _ type: ResourceType,
        _ resources: [EncodedResource],
        removed: [String] = [],
        version: String = "1-x"
    ) -> Subscriber.Response {
        Subscriber.Response(type: type, version: version, nonce: "n", resources: resources, removed: removed)
    }

    /// A subscriber that serves listener `l`, routes `r`, cluster `a`.
    private func served() throws -> Subscriber {
        var subscriber = Subscriber(localSecrets: [])
        _ = subscriber.opening()
        _ = try subscriber.take(response(.cluster, [Fixture.cluster("a")]), now: now)
        _ = try subscriber.take(response(.endpoint, [Fixture.endpoints("a")]), now: now)
        _ = try subscriber.take(response(.listener, [Fixture.listener("l", routes: "r")]), now: now)
        _ = try subscriber.take(response(.route, [Fixture.routes("r", to: "a")]), now: now)
        return subscriber
    }

    @Test func `clusters and listeners are asked for first, then what they name`() throws {
        var subscriber = Subscriber(localSecrets: [])
        #expect(subscriber.opening().map(\.type) == [.cluster, .listener])
        let requests = try subscriber.take(response(.cluster, [Fixture.cluster("a")]), now: now)
        #expect(requests.map(\.type) == [.cluster, .endpoint])
        #expect(requests.first?.nonce == "n")
        #expect(requests.last?.subscribe == ["a"])
        #expect(subscriber.snapshot.count == 0, "a cluster without endpoints does not serve yet")
    }

    @Test func `a snapshot is complete when everything named has come`() throws {
        let subscriber = try served()
        #expect(subscriber.snapshot.count == 4)
        #expect(subscriber.snapshot.version == 1)
    }

    @Test func `a bad resource refuses the whole response and names itself`() throws {
        var subscriber = try served()
        let bad = EncodedResource(name: "b", bytes: [0x0A, 0x01, 0x62])
        let error = #expect(throws: DecodeError.self) {
            try subscriber.take(response(.listener, [bad]), now: now)
        }
        #expect(error?.description.hasPrefix("b: ") == true)
    }

    @Test func `a new version waits for what it names while the old one serves`() throws {
        var subscriber = try served()
        let next = Fixture.listener("l", routes: "r2")
        let requests = try subscriber.take(response(.listener, [next]), now: now)
        #expect(requests.last?.subscribe == ["r2"])
        #expect(requests.last?.unsubscribe == [], "the old routes still serve")
        #expect(subscriber.snapshot.resource(.listener, "l") == Fixture.listener("l", routes: "r"))
        let after = try subscriber.take(response(.route, [Fixture.routes("r2", to: "a")]), now: now)
        #expect(subscriber.snapshot.resource(.listener, "l") == next)
        #expect(after.last?.unsubscribe == ["r"])
    }

    @Test func `a removed cluster serves on while routes name it`() throws {
        var subscriber = try served()
        _ = try subscriber.take(response(.cluster, [], removed: ["a"]), now: now)
        #expect(subscriber.snapshot.resource(.cluster, "a") != nil)
        #expect(subscriber.snapshot.resource(.endpoint, "a") != nil)
        _ = try subscriber.take(response(.listener, [], removed: ["l"]), now: now)
        #expect(subscriber.snapshot.count == 0)
    }

    @Test func `what does not exist is not waited for`() throws {
        var subscriber = Subscriber(localSecrets: [])
        _ = subscriber.opening()
        _ = try subscriber.take(response(.cluster, [Fixture.cluster("a")]), now: now)
        _ = try subscriber.take(response(.endpoint, [], removed: ["a"]), now: now)
        #expect(subscriber.snapshot.resource(.cluster, "a") != nil)
    }

    @Test func `waiting ends after a while`() throws {
        var subscriber = Subscriber(localSecrets: [])
        _ = subscriber.opening()
        _ = try subscriber.take(response(.cluster, [Fixture.cluster("a")]), now: now)
        var hasChanged = subscriber.giveUpWaiting(now: now.advanced(by: .seconds(14)))
        #expect(!hasChanged)
        hasChanged = subscriber.giveUpWaiting(now: now.advanced(by: .seconds(16)))
        #expect(hasChanged)
        #expect(subscriber.snapshot.resource(.cluster, "a") != nil)
    }

    @Test func `a restart names what it holds`() throws {
        let before = try served()
        var after = Subscriber(lastGood: before.snapshot, localSecrets: [])
        #expect(after.snapshot == before.snapshot)
        let requests = after.opening()
        #expect(requests.map(\.type) == [.cluster, .endpoint, .listener, .route])
        #expect(requests.first?.initialVersions == ["a": Fixture.cluster("a").version])
        #expect(requests.last?.subscribe == ["r"])
    }
}
