import Base
import Testing

@testable import Translation

/// Rules in order against the tree of filter chain criteria: whoever would have won must be found there.
@Suite struct TunnelChainsTests {
    private static func condition(
        _ names: [String] = [],
        to destinations: [String] = [],
        from sources: [String] = []
    ) -> TunnelChains.Condition {
        TunnelChains.Condition(
            serverNames: names,
            destinations: destinations.compactMap { CIDR($0) },
            sources: sources.compactMap { CIDR($0) }
        )
    }

    /// What a proxy does with the parts: the narrowest entry at each step, and no way back.
    private static func find(
        _ parts: [TunnelChains.Part],
        name: String,
        destination: String,
        source: String
    ) throws -> Int? {
        let to = try #require(IPAddress(destination))
        let from = try #require(IPAddress(source))
        let blocks = parts.flatMap(\.destinations).filter { $0.contains(to) }
        let block = blocks.max { $0.prefixLength < $1.prefixLength }
        var left = parts.filter { block == nil ? $0.destinations.isEmpty : $0.destinations.contains { $0 == block } }
        let names = left.flatMap(\.serverNames).map { HostPattern($0) }.filter { HostPattern(name).isSubset(of: $0) }
        let best = names.min(by: HostPattern.moreSpecific)?.text
        left = left.filter { best == nil ? $0.serverNames.isEmpty : $0.serverNames.contains { $0 == best } }
        let callers = left.flatMap(\.sources).filter { $0.contains(from) }
        let caller = callers.max { $0.prefixLength < $1.prefixLength }
        left = left.filter { caller == nil ? $0.sources.isEmpty : $0.sources.contains { $0 == caller } }
        #expect(left.count <= 1, "two chains for one connection are refused by every proxy")
        return left.first?.index
    }

    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var conditions: [TunnelChains.Condition]
        /// Name, destination, source, and the rule that wins.
        var calls: [(String, String, String, Int?)]
        var testDescription: String { says }
    }

    static let rows: [Row] = [
        Row(
            says: "the first rule wins over a narrower block of a later one",
            conditions: [condition(to: ["10.0.0.0/8"]), condition(to: ["10.1.0.0/16"])],
            calls: [("", "10.1.2.3", "9.9.9.9", 0), ("", "10.2.2.3", "9.9.9.9", 0), ("", "11.1.1.1", "9.9.9.9", nil)]
        ),
        Row(
            says: "a caller that a rule for its destination does not want falls to the next rule",
            conditions: [condition(to: ["10.0.0.0/8"], from: ["192.168.0.0/16"]), condition()],
            calls: [
                ("", "10.1.1.1", "192.168.1.1", 0), ("", "10.1.1.1", "172.16.0.1", 1),
                ("", "8.8.8.8", "192.168.1.1", 1),
            ]
        ),
        Row(
            says: "destination and source of different rules: the order decides",
            conditions: [condition(from: ["192.168.0.0/16"]), condition(to: ["10.0.0.0/8"])],
            calls: [
                ("", "10.1.1.1", "192.168.1.1", 0), ("", "10.1.1.1", "1.1.1.1", 1), ("", "8.8.8.8", "192.168.1.1", 0),
                ("", "8.8.8.8", "1.1.1.1", nil),
            ]
        ),
        Row(
            says: "narrow sources inside wide ones",
            conditions: [
                condition(from: ["10.1.0.0/16"]), condition(from: ["10.0.0.0/8"]), condition(from: ["10.1.2.3"]),
            ],
            calls: [("", "1.1.1.1", "10.1.2.3", 0), ("", "1.1.1.1", "10.2.0.1", 1), ("", "1.1.1.1", "11.0.0.1", nil)]
        ),
        Row(
            says: "names of rules without addresses are found behind a block too",
            conditions: [
                condition(["a.test"], to: ["10.0.0.0/8"]), condition(["a.test"]), condition(["*.test"]), condition(),
            ],
            calls: [
                ("a.test", "10.1.1.1", "1.1.1.1", 0), ("a.test", "8.8.8.8", "1.1.1.1", 1),
                ("b.test", "10.1.1.1", "1.1.1.1", 2), ("b.test", "8.8.8.8", "1.1.1.1", 2),
                ("c.other", "10.1.1.1", "1.1.1.1", 3),
            ]
        ),
        Row(
            says: "a wildcard name takes over where the exact one does not want the caller",
            conditions: [condition(["a.test"], from: ["10.0.0.0/8"]), condition(["*.test"])],
            calls: [("a.test", "1.1.1.1", "10.1.1.1", 0), ("a.test", "1.1.1.1", "11.1.1.1", 1)]
        ),
        Row(
            says: "address families do not mix",
            conditions: [condition(to: ["::/0"]), condition(to: ["0.0.0.0/0"])],
            calls: [("", "2001:db8::1", "::1", 0), ("", "10.1.1.1", "1.1.1.1", 1)]
        ),
    ]

    @Test("connections reach the rule that wins", arguments: rows) func winners(_ row: Row) throws {
        let parts = try #require(TunnelChains.parts(row.conditions))
        for (name, destination, source, wanted) in row.calls {
            let got = try Self.find(parts, name: name, destination: destination, source: source)
            #expect(got == wanted, "\(name) \(destination) from \(source)")
        }
    }

    @Test func `rules without addresses stay one chain each`() {
        let parts = TunnelChains.parts([Self.condition(["a.test", "b.test"]), Self.condition(["*.test"])])
        #expect(parts?.map(\.serverNames) == [["a.test", "b.test"], ["*.test"]])
    }

    @Test func `too many combinations are reported, not built`() {
        let blocks = (0..<200).map { Self.condition(to: ["10.\($0).0.0/16"], from: ["11.\($0).0.0/16"]) }
        #expect(TunnelChains.parts(blocks) == nil)
    }
}
