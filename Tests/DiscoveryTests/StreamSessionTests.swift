import Base
import Testing
import XDS

@testable import Discovery

@Suite struct StreamSessionTests {
    static let variants: [StreamSession.Variant] = [.stateOfTheWorld, .delta]

    @Test(arguments: variants) func `a peer that asks is answered and then left alone`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(7, clusters: ["a", "b"], routeTo: "a"))
        let responses = peer.ask(.cluster)
        let response = try #require(responses.first)
        #expect(responses.count == 1)
        #expect(response.resources.map(\.name) == ["a", "b"])
        #expect(response.version.hasPrefix("7-"))
        #expect(peer.answer(response).isEmpty)
        #expect(peer.reports.contains(.accepted(.cluster, revision: 7, version: response.version)))
        #expect(peer.update(Fixture.snapshot(8, clusters: ["a", "b"], routeTo: "a")).isEmpty)
    }

    @Test(arguments: variants) func `everything accepted is reported once per revision`(
        _ variant: StreamSession.Variant
    ) {
        var peer = Conversation(variant, Fixture.snapshot(7, clusters: ["a"], routeTo: "a"))
        peer.start(endpoints: ["a"])
        #expect(peer.reports.contains(.synced(revision: 7)))
        peer.reports = []
        _ = peer.settle(peer.update(Fixture.snapshot(9, clusters: ["a"], routeTo: "a")))
        #expect(peer.reports == [.synced(revision: 9)])
    }

    @Test(arguments: variants) func `a change goes out as CDS, EDS, LDS, RDS`(_ variant: StreamSession.Variant) {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        peer.start(endpoints: ["a"])
        var next = Fixture.snapshot(2, clusters: ["a", "b"], routeTo: "b")
        next.insert(Fixture.listener("l", port: 8081, routes: "r"), as: .listener)
        let first = peer.update(next)
        #expect(first.map(\.type) == [.cluster])
        #expect(first.flatMap { peer.answer($0) }.isEmpty, "routes wait for the endpoints of the new cluster")
        let order = peer.settle(peer.ask(.endpoint, ["a", "b"]))
        #expect(order == [.endpoint, .listener, .route])
    }

    @Test(arguments: variants) func `routes do not wait for ever for endpoints nobody asks for`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        peer.start(endpoints: ["a"])
        let first = peer.update(Fixture.snapshot(2, clusters: ["a", "b"], routeTo: "b"))
        #expect(peer.settle(first) == [.cluster])
        #expect(peer.wait(.milliseconds(400)).isEmpty)
        #expect(peer.session.nextDeadline(after: peer.now) == peer.now.advanced(by: .milliseconds(100)))
        #expect(peer.wait(.milliseconds(100)).map(\.type) == [.route])
    }

    @Test(arguments: variants) func `a removed cluster stays until the routes that used it are gone`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a", "b"], routeTo: "a"))
        peer.start(endpoints: ["a", "b"])
        let first = peer.update(Fixture.snapshot(2, clusters: ["b"], routeTo: "b"))
        #expect(first.map(\.type) == [.route])
        #expect(peer.held[.cluster] == ["a", "b"])
        let second = peer.answer(try #require(first.first))
        #expect(second.first?.type == .cluster)
        #expect(peer.held[.cluster] == ["b"])
        if variant == .delta {
            #expect(second.first?.removed == ["a"])
            #expect(peer.held[.endpoint] == ["b"])
        }
    }

    @Test(arguments: variants) func `a new and a removed cluster travel in two responses`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        peer.start(endpoints: ["a"])
        let first = peer.update(Fixture.snapshot(2, clusters: ["b"], routeTo: "b"))
        #expect(first.map(\.type) == [.cluster])
        #expect(peer.held[.cluster] == ["a", "b"])
        _ = peer.settle(first)
        let order = peer.settle(peer.ask(.endpoint, ["a", "b"]))
        #expect(order.contains(.route))
        #expect(order.last == .cluster || order.last == .endpoint)
        #expect(peer.held[.cluster] == ["b"])
        #expect(peer.reports.contains(.synced(revision: 2)))
    }

    @Test(arguments: variants) func `a peer that refuses new routes keeps the clusters of the old ones`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a", "b"], routeTo: "a"))
        peer.start(endpoints: ["a", "b"])
        let first = peer.update(Fixture.snapshot(2, clusters: ["b"], routeTo: "b"))
        #expect(peer.answer(try #require(first.first), refusing: "no").isEmpty)
        #expect(peer.wait(.seconds(60)).isEmpty)
        #expect(peer.held[.cluster] == ["a", "b"])
        #expect(peer.reports.contains(.rejected(.route, revision: 2, reason: "no")))
        #expect(!peer.reports.contains(.synced(revision: 2)))
    }

    @Test(arguments: variants) func `a peer that does not answer loses a removed cluster after a while`(
        _ variant: StreamSession.Variant
    ) {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a", "b"], routeTo: "a"))
        peer.start(endpoints: ["a", "b"])
        _ = peer.update(Fixture.snapshot(2, clusters: ["b"], routeTo: "b"))
        #expect(peer.wait(StreamSession.removalDelay).first?.type == .cluster)
        #expect(peer.held[.cluster] == ["b"])
    }

    @Test(arguments: variants) func `endpoints follow a changed cluster although they are unchanged`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a", "b"], routeTo: "a"))
        peer.start(endpoints: ["a", "b"])
        var next = Fixture.snapshot(2, clusters: ["a", "b"], routeTo: "a")
        next.insert(Fixture.cluster("a", content: 9), as: .cluster)
        let responses = peer.update(next)
        #expect(responses.map(\.type) == [.cluster, .endpoint])
        #expect(responses.last?.resources.map(\.name) == ["a"])
    }

    @Test(arguments: variants) func `only one response per type is unanswered and changes merge`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        peer.start(endpoints: ["a"])
        func changed(_ version: UInt64, port: UInt32) -> Snapshot {
            var snapshot = Fixture.snapshot(version, clusters: ["a"], routeTo: "a")
            snapshot.insert(Fixture.endpoints("a", port: port), as: .endpoint)
            return snapshot
        }
        let first = peer.update(changed(2, port: 81))
        #expect(first.count == 1)
        #expect(peer.update(changed(3, port: 82)).isEmpty)
        #expect(peer.update(changed(4, port: 83)).isEmpty)
        let second = peer.answer(try #require(first.first))
        #expect(second.map { $0.resources.map(\.version) } == [[Fixture.endpoints("a", port: 83).version]])
        #expect(second.first?.version.hasPrefix("4-") == true)
    }

    @Test(arguments: variants) func `a refused response is not sent again until something changes`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a", "b"], routeTo: "a"))
        let first = peer.ask(.cluster)
        #expect(peer.answer(try #require(first.first), refusing: "bad").isEmpty)
        #expect(peer.wait(.seconds(30)).isEmpty)
        var next = Fixture.snapshot(2, clusters: ["a", "b"], routeTo: "a")
        next.insert(Fixture.cluster("a", content: 5), as: .cluster)
        let second = peer.update(next)
        #expect(second.first?.resources.map(\.name) == ["a", "b"], "the peer may lack the good ones of it, too")
    }

    @Test(arguments: variants) func `an answer to an older response changes nothing`(
        _ variant: StreamSession.Variant
    ) throws {
        var peer = Conversation(variant, Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        let first = try #require(peer.ask(.cluster).first)
        var stale = first
        stale.nonce = "stale"
        #expect(peer.answer(stale).isEmpty)
        #expect(peer.session[.cluster].outstanding?.nonce == first.nonce)
    }
}
