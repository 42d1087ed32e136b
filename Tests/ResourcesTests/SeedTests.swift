import Foundation
import Resources
import Testing

/// The 22 examples as printed, and their corrected forms.
@Suite struct SeedTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var file: String
        var expect: String
        var testDescription: String { "\(file): \(expect)" }
    }

    static let rows: [Row] = {
        guard let list = try? JSONValue(parsing: SharedData.bytes("seed/index.json")).arrayValue else { return [] }
        return list.map { Row(file: $0["path"]?.stringValue ?? "", expect: $0["expect"]?.stringValue ?? "") }
    }()

    /// For the broken ones: the line that the answer must name, and a word of it.
    static let faults: [String: (line: Int, word: String)] = [
        "02.yaml": (8, "http"), "04.yaml": (8, "indentation"), "05.yaml": (14, "..."), "06.yaml": (15, "..."),
        "07.yaml": (14, "..."), "08.yaml": (18, "..."), "09.yaml": (18, "..."),
    ]

    @Test(.enabled(if: SharedData.isPresent, "the reference data is absent"), arguments: rows)
    func `printed examples get exactly the answer they should`(_ row: Row) throws {
        let bytes = SharedData.bytes("seed/\(row.file)")
        if row.expect.hasPrefix("refused") {
            let fault = try #require(Self.faults[row.file])
            do {
                let got = try Manifest.resources(yaml: bytes)
                Issue.record("accepted: \(got)")
            } catch let error as SyntaxError {
                #expect(abs(error.line - fault.line) <= 1, "\(error)")
            } catch let error as DecodeFailure {
                #expect(error.violations.contains { $0.line == fault.line }, "\(error)")
            }
            return
        }
        let decoded = try Manifest.resources(yaml: bytes)
        #expect(decoded.count == 1)
        let warnings = decoded.flatMap(\.warnings)
        if row.expect.contains("Warning") {
            #expect(!warnings.isEmpty)
        } else {
            #expect(warnings.isEmpty, "\(warnings)")
        }
        if row.expect.contains("0.1") || row.file == "20.yaml" || row.file == "21.yaml" {
            #expect(warnings.contains { $0.message.contains("10") && $0.field.hasSuffix("percentage.value") })
        }
    }

    @Test(arguments: ["02", "04", "05", "06", "07", "08", "09"])
    func `corrected examples are accepted without warnings`(_ number: String) throws {
        let file = SharedData.projectRoot.appendingPathComponent("Examples/seed/\(number).yaml")
        let decoded = try Manifest.resources(yaml: Array(try Data(contentsOf: file)))
        #expect(decoded.count == 1)
        #expect(decoded.flatMap(\.warnings).isEmpty)
    }
}
