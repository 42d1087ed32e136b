import Base
import Foundation
import Serving
import Synchronization
import Testing
import XDS

@testable import Discovery

/// A control plane on a free port whose snapshot can be changed.
private final class ControlPlane: Sendable {
    let server: HTTPServer
    let discovery: DiscoveryServer
    let reports: AsyncStream<StreamReport>

    init(_ snapshot: Snapshot) throws {
        let box = Box(snapshot)
        let (reports, feed) = AsyncStream.makeStream(of: StreamReport.self)
        self.reports = reports
        discovery = DiscoveryServer(
            provider: { _, _ in box.value.withLock { $0 } },
            authorizer: { _, node throws(GRPCStatus) in
                if node.id == "stranger" { throw GRPCStatus(.permissionDenied, "who are you") }
            },
            events: { if case .report(let report) = $0.kind { feed.yield(report) } }
        )
        var calls = GRPCServer()
        discovery.register(on: &calls)
        server = try HTTPServer(handler: calls.handler())
        self.box = box
    }

    private final class Box: Sendable {
        let value: Mutex<Snapshot>
        init(_ snapshot: Snapshot) { value = Mutex(snapshot) }
    }

    private let box: Box

    func serve(_ snapshot: Snapshot) async {
        box.value.withLock { $0 = snapshot }
        await discovery.push()
    }

    func listen(port: UInt16 = 0) async throws -> SocketAddress {
        try await server.listen(tcp: SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: port))
    }

    /// The next report for which `matches` is true.
    func wait(for matches: (StreamReport) -> Bool) async -> StreamReport? {
        for await report in reports where matches(report) { return report }
        return nil
    }
}

/// Runs a client and hands out what it applies.
private struct Follower {
    let task: Task<Void, Never>
    let applied: AsyncStream<Snapshot>

    init(
        _ address: SocketAddress,
        node: String = "router~127.0.0.1~gw.ns~d",
        refuse: String? = nil,
        impair: String? = nil
    ) {
        let (applied, feed) = AsyncStream.makeStream(of: Snapshot.self)
        self.applied = applied
        let client = DiscoveryClient(
            options: DiscoveryClient.Options(node: Node(id: node, role: .router, userAgent: Node.ownUserAgent)),
            connect: { try GRPCClient(.host("127.0.0.1", port: address.port)) },
            apply: { snapshot in
                if let refuse, snapshot.resource(.route, "r") != nil { return .refused(refuse) }
                feed.yield(snapshot)
                return impair.map { .partly($0) } ?? .applied
            }
        )
        task = Task { await client.run() }
    }

    func wait(for matches: (Snapshot) -> Bool) async -> Snapshot? {
        for await snapshot in applied where matches(snapshot) { return snapshot }
        return nil
    }
}

@Suite(.timeLimit(.minutes(1))) struct RoundTripTests {
    @Test func `a proxy gets its snapshot, then its changes, and both are reported`() async throws {
        let plane = try ControlPlane(Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        let follower = Follower(try await plane.listen())
        let first = await follower.wait { $0.count == 4 }
        #expect(first?.hasSameContent(as: Fixture.snapshot(1, clusters: ["a"], routeTo: "a")) == true)
        #expect(await plane.wait { $0 == .synced(revision: 1) } != nil)
        let next = Fixture.snapshot(2, clusters: ["b"], routeTo: "b")
        await plane.serve(next)
        #expect(await follower.wait { $0.hasSameContent(as: next) } != nil)
        #expect(await plane.wait { $0 == .synced(revision: 2) } != nil)
        follower.task.cancel()
        plane.server.close()
    }

    @Test func `what the data plane refuses is reported with its words`() async throws {
        let plane = try ControlPlane(Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        let follower = Follower(try await plane.listen(), refuse: "port 8080 is taken")
        let report = await plane.wait { if case .rejected = $0 { true } else { false } }
        #expect(report == .rejected(.route, revision: 1, reason: "port 8080 is taken"))
        follower.task.cancel()
        plane.server.close()
    }

    @Test func `what is in force but for a part is accepted, and the part is named`() async throws {
        let plane = try ControlPlane(Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        let follower = Follower(try await plane.listen(), impair: "listener l: taken")
        let report = await plane.wait { if case .impaired = $0 { true } else { false } }
        guard case .impaired(_, revision: 1, reason: "listener l: taken") = report else {
            Issue.record("\(String(describing: report))")
            return
        }
        // Later revisions are not held up.
        #expect(await plane.wait { $0 == .synced(revision: 1) } != nil)
        await plane.serve(Fixture.snapshot(2, clusters: ["b"], routeTo: "b"))
        #expect(await plane.wait { $0 == .synced(revision: 2) } != nil)
        follower.task.cancel()
        plane.server.close()
    }

    @Test func `a proxy comes back after the control plane was away`() async throws {
        let plane = try ControlPlane(Fixture.snapshot(1, clusters: ["a"], routeTo: "a"))
        let address = try await plane.listen()
        let follower = Follower(address)
        #expect(await follower.wait { $0.count == 4 } != nil)
        plane.server.close()
        let successor = try ControlPlane(Fixture.snapshot(5, clusters: ["a", "b"], routeTo: "b"))
        _ = try await successor.listen(port: address.port)
        #expect(await follower.wait { $0.count == 6 && $0.version == 5 } != nil)
        follower.task.cancel()
        successor.server.close()
    }

    @Test func `a node that may not be what it says is told so`() async throws {
        let plane = try ControlPlane(Snapshot(version: 1))
        let address = try await plane.listen()
        let client = try GRPCClient(.host("127.0.0.1", port: address.port))
        let stream = try await client.open(DiscoveryServer.deltaPath)
        let node = Node(id: "stranger", role: nil)
        try await stream.send(Wire.request(Subscriber.Request(type: .cluster), node: node))
        await #expect(throws: GRPCStatus(.permissionDenied, "who are you")) { try await stream.next() }
        plane.server.close()
    }

    @Test func `a bad resource is held back and the others are served`() async throws {
        var snapshot = Fixture.snapshot(1, clusters: ["a"], routeTo: "a")
        snapshot.insert(EncodedResource(name: "bad", bytes: [0xFF]), as: .cluster)
        let plane = try ControlPlane(snapshot)
        let follower = Follower(try await plane.listen())
        #expect(await follower.wait { $0.count == 4 } != nil)
        #expect(await plane.wait { $0 == .synced(revision: 1) } != nil)
        #expect(await plane.discovery.proxies.first?.withheld.map(\.name) == ["bad"])
        follower.task.cancel()
        plane.server.close()
    }
}
