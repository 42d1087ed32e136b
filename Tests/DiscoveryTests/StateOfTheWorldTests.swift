import Base
import Testing
import XDS

@testable import Discovery

@Suite struct StateOfTheWorldTests {
    let snapshot = Fixture.snapshot(3, clusters: ["a", "b"], routeTo: "a")

    @Test func `a new stream with an old version is answered in full`() {
        var peer = Conversation(.stateOfTheWorld, snapshot)
        #expect(peer.ask(.cluster, nonce: "").count == 1)
    }

    @Test func `starting over within a stream is answered in full`() {
        var peer = Conversation(.stateOfTheWorld, snapshot)
        _ = peer.settle(peer.ask(.cluster))
        #expect(peer.ask(.cluster, nonce: "").first?.resources.count == 2)
    }

    @Test func `named clusters are the only ones sent`() {
        var peer = Conversation(.stateOfTheWorld, snapshot)
        #expect(peer.ask(.cluster, ["b"]).first?.resources.map(\.name) == ["b"])
    }

    @Test func `added names are answered and dropped names are not`() {
        var peer = Conversation(.stateOfTheWorld, snapshot)
        _ = peer.settle(peer.ask(.endpoint, ["a"]))
        let more = peer.ask(.endpoint, ["a", "b"])
        #expect(more.first?.resources.map(\.name) == ["b"])
        _ = peer.settle(more)
        #expect(peer.ask(.endpoint, ["a"]).isEmpty)
        #expect(peer.ask(.endpoint, ["a", "b"]).first?.resources.map(\.name) == ["b"], "it was forgotten meanwhile")
    }

    @Test func `an unknown name is silent until it exists`() {
        var peer = Conversation(.stateOfTheWorld, snapshot)
        #expect(peer.ask(.endpoint, ["new"]).isEmpty)
        var next = snapshot
        next.version = 4
        next.insert(Fixture.endpoints("new"), as: .endpoint)
        #expect(peer.update(next).first?.resources.map(\.name) == ["new"])
    }

    @Test func `an unknown cluster name is answered by a list without it`() {
        var peer = Conversation(.stateOfTheWorld, snapshot)
        let first = peer.ask(.cluster, ["nothing"])
        #expect(first.count == 1)
        #expect(first.first?.resources.isEmpty == true)
    }

    @Test func `an empty world is still an answer for clusters and listeners`() {
        var peer = Conversation(.stateOfTheWorld, Snapshot(version: 1))
        #expect(peer.ask(.cluster).count == 1)
        #expect(peer.ask(.listener).count == 1)
    }
}

@Suite struct DeltaTests {
    let snapshot = Fixture.snapshot(3, clusters: ["a", "b"], routeTo: "a")

    private func session() -> StreamSession {
        var session = StreamSession(variant: .delta, noncePrefix: "t")
        _ = session.update(snapshot, now: MonotonicTime(nanoseconds: 1))
        return session
    }

    private func ask(
        _ session: inout StreamSession,
        _ type: ResourceType,
        subscribe: [String] = [],
        unsubscribe: [String] = [],
        initial: [String: String] = [:]
    ) -> [StreamSession.Response] {
        session.receive(
            type,
            subscribe: subscribe,
            unsubscribe: unsubscribe,
            initialVersions: initial,
            nonce: "",
            rejection: nil,
            now: MonotonicTime(nanoseconds: 1)
        ).compactMap { if case .send(let response) = $0 { response } else { nil } }
    }

    @Test func `an unknown name is answered as removed`() {
        var session = session()
        let responses = ask(&session, .endpoint, subscribe: ["nothing"])
        #expect(responses.first?.removed == ["nothing"])
        #expect(responses.first?.resources.isEmpty == true)
    }

    @Test func `what the peer holds is not sent again after a reconnect`() throws {
        var session = session()
        let a = try #require(snapshot.resource(.cluster, "a"))
        let responses = ask(&session, .cluster, initial: ["a": a.version, "b": "older", "gone": "1"])
        #expect(responses.first?.resources.map(\.name) == ["b"])
        #expect(responses.first?.removed == ["gone"])
    }

    @Test func `a first wildcard request is answered although nothing is new`() {
        var session = session()
        let versions = (snapshot.resources[.cluster] ?? [:]).mapValues(\.version)
        let responses = ask(&session, .cluster, initial: versions)
        #expect(responses.count == 1)
        #expect(responses.first?.resources.isEmpty == true)
    }

    @Test func `asking for a name again sends it again`() {
        var peer = Conversation(.delta, snapshot)
        _ = peer.settle(peer.ask(.endpoint, ["a", "b"]))
        let again = ask(&peer.session, .endpoint, subscribe: ["a"])
        #expect(again.first?.resources.map(\.name) == ["a"])
    }

    @Test func `dropping a name is not answered`() {
        var peer = Conversation(.delta, snapshot)
        _ = peer.settle(peer.ask(.endpoint, ["a", "b"]))
        #expect(peer.ask(.endpoint, ["b"]).isEmpty)
    }

    @Test func `a star asks for everything`() {
        var session = session()
        #expect(ask(&session, .cluster, subscribe: ["*"]).first?.resources.count == 2)
    }
}
