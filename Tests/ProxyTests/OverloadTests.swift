import Base
import Foundation
import HTTP
import Testing
import XDS

@testable import Proxy

@Suite struct OverloadTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var before: PressureLevel
        var percent: Double
        var after: PressureLevel
        var testDescription: String { says }
    }

    static let rows: [Row] = [
        Row(says: "below every mark nothing is shed", before: .none, percent: 84.9, after: .none),
        Row(says: "connections go first", before: .none, percent: 85, after: .sparesConnections),
        Row(says: "then requests", before: .sparesConnections, percent: 90, after: .refusesRequests),
        Row(says: "then accepting", before: .refusesRequests, percent: 97, after: .refusesConnections),
        Row(says: "a jump passes all marks at once", before: .none, percent: 99, after: .refusesConnections),
        Row(
            says: "a level holds a little below its mark",
            before: .refusesRequests,
            percent: 88.1,
            after: .refusesRequests
        ),
        Row(says: "and then falls to the next one", before: .refusesRequests, percent: 87.9, after: .sparesConnections),
        Row(says: "relief passes all marks at once", before: .refusesConnections, percent: 10, after: .none),
    ]

    @Test("levels", arguments: rows) func levels(_ row: Row) {
        #expect(row.before.next(percent: row.percent, limits: OverloadLimits()) == row.after)
    }

    @Test func `a process knows what it uses and what it may use`() {
        let usage = ProcessUsage()
        defer { usage.closeDescriptors() }
        #expect(usage.residentBytes > 1 << 20)
        #expect(usage.memoryPercent(ownMax: usage.residentBytes * 2) >= 40)
        #expect(usage.descriptorsUsed >= 3)
        #expect(usage.descriptorsUsed <= usage.descriptorsMax)
        #expect(usage.descriptorPercent > 0)
    }

    @Test func `a few descriptors leave room for upstream connections and the endpoints of the process itself`() {
        #expect(ProcessUsage.connectionsMax(descriptors: 256, used: 40) == 138)
        #expect(ProcessUsage.connectionsMax(descriptors: 20, used: 40) == 16)
        #expect(ProcessUsage.connectionsMax(descriptors: 1_048_576, used: 100) > 780_000)
    }

    /// Of a megabyte any process uses more than all of it.
    private static func pressed(accepting: Bool, _ edit: (inout OverloadLimits) -> Void = { _ in }) -> Listener {
        var listener = Listener.http([.to("c")])
        var limits = OverloadLimits(memoryBytesMax: 1 << 20)
        if accepting { limits.acceptPercent = .max }
        edit(&limits)
        listener.overload = limits
        return listener
    }

    @Test func `under pressure requests are answered 503 with Retry-After, flagged OM, and relief comes at once`()
        throws
    {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture()
        let clusters = [Cluster.fixed("c", [upstream.address])]
        try proxy.apply([.http([.to("c")])], clusters: clusters)
        let early = try proxy.client()
        #expect(early.get("/").status == 200)
        try proxy.apply([Self.pressed(accepting: true)], clusters: clusters)
        var answer: RawClient.Answer?
        #expect(
            try Self.eventually {
                answer = try proxy.client().get("/")
                return answer?.status == 503
            }
        )
        #expect(answer?.header("retry-after") == "1")
        #expect(answer?.header("connection") == "close")
        var flags = proxy.flags()
        while flags == "-" { flags = proxy.flags() }
        #expect(flags == "OM")
        // An idle connection was asked to go.
        #expect(early.readToEnd() == "")
        try proxy.apply([.http([.to("c")])], clusters: clusters)
        #expect(try Self.eventually { try proxy.client().get("/").status == 200 })
    }

    @Test func `at the first level requests are served, but connections end`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture()
        let listener = Self.pressed(accepting: true) { $0.requestPercent = .max }
        try proxy.apply([listener], clusters: [.fixed("c", [upstream.address])])
        #expect(
            try Self.eventually {
                let answer = try proxy.client().get("/")
                return answer.status == 200 && answer.header("connection") == "close"
            }
        )
    }

    @Test func `at the last level new connections wait, and are served after relief`() throws {
        let upstream = try ScriptedUpstream(body: "x")
        let proxy = try ProxyFixture()
        let clusters = [Cluster.fixed("c", [upstream.address])]
        try proxy.apply([Self.pressed(accepting: false)], clusters: clusters)
        usleep(600_000)
        let waiting = try proxy.client()
        waiting.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        usleep(300_000)
        try proxy.apply([.http([.to("c")])], clusters: clusters)
        #expect(waiting.answer().status == 200)
    }

    /// Up to five seconds.
    private static func eventually(_ claim: () throws -> Bool) throws -> Bool {
        for _ in 0..<100 {
            if try claim() { return true }
            usleep(50_000)
        }
        return false
    }
}
