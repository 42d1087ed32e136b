import Base
import Foundation
import Testing

/// Istio's own cases for host names, when the reference data lies beside the checkout.
@Suite struct HostPatternTests {
    struct Row: Decodable, Sendable, CustomTestStringConvertible {
        var op: String
        var name: String
        var a: String
        var b: String
        var out: Bool
        var testDescription: String { "\(op) \(a) \(b): \(name)" }
    }

    static let rows: [Row] = {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
        for folder in [root, root.deletingLastPathComponent()] {
            let file = folder.appendingPathComponent("shared/data/vectors/hostnames.json")
            if let data = try? Data(contentsOf: file), let rows = try? JSONDecoder().decode([Row].self, from: data) {
                return rows
            }
        }
        return []
    }()

    @Test(
        "Istio's cases for host names hold",
        .enabled(if: !rows.isEmpty, "the shared reference data is not beside the checkout"),
        arguments: rows
    )
    func agrees(_ row: Row) {
        let a = HostPattern(row.a)
        let b = HostPattern(row.b)
        switch row.op {
        case "matches": #expect(a.matches(b) == row.out)
        case "subsetOf": #expect(a.isSubset(of: b) == row.out)
        default: Issue.record("unknown operation \(row.op)")
        }
    }

    @Test func `more specific patterns come first`() {
        let sorted = ["*", "*.com", "b.com", "*.b.com", "a.com"].map { HostPattern($0) }
            .sorted(by: HostPattern.moreSpecific).map(\.text)
        #expect(sorted == ["a.com", "b.com", "*.b.com", "*.com", "*"])
    }
}
