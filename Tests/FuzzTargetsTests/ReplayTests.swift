import Foundation
import FuzzTargets
import Testing

/// Every file of the corpus, and every input that ever failed, through the functions that the fuzzers drive.
@Suite struct ReplayTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Fuzz")

    static func inputs(_ kind: String, _ target: FuzzTarget) throws -> [URL] {
        let place = folder.appending(path: kind).appending(path: target.rawValue)
        guard FileManager.default.fileExists(atPath: place.path) else { return [] }
        return try FileManager.default.contentsOfDirectory(at: place, includingPropertiesForKeys: nil)
            .sorted { $0.path < $1.path }
    }

    @Test("nothing in the corpus is a finding", arguments: FuzzTarget.allCases)
    func corpus(_ target: FuzzTarget) throws {
        let files = try Self.inputs("corpus", target)
        #expect(!files.isEmpty)
        for file in files + (try Self.inputs("crashes", target)) { try replay(target, file) }
    }

    private func replay(_ target: FuzzTarget, _ file: URL) throws {
        let bytes = [UInt8](try Data(contentsOf: file))
        do {
            try bytes.withUnsafeBytes { try target.run($0) }
        } catch let finding as FuzzFinding {
            Issue.record("\(target.rawValue)/\(file.lastPathComponent): \(finding)")
        }
    }

    @Test("an empty input is nothing", arguments: FuzzTarget.allCases) func empty(_ target: FuzzTarget) throws {
        try target.run(UnsafeRawBufferPointer(start: nil, count: 0))
    }
}
