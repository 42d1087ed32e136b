import Base
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

    /// A small campaign without libFuzzer. FUZZ_ROUNDS sets its length; FUZZ_KEEP a folder for the input under way,
    /// to be found there after a crash.
    @Test("mutations of the corpus are no finding", arguments: FuzzTarget.allCases)
    func mutations(_ target: FuzzTarget) throws {
        let environment = ProcessInfo.processInfo.environment
        let rounds = environment["FUZZ_ROUNDS"].flatMap { Int($0) } ?? 100
        let seed = environment["FUZZ_SEED"].flatMap { UInt64($0) } ?? 1
        let keep = environment["FUZZ_KEEP"].map { URL(filePath: $0).appending(path: target.rawValue) }
        let seeds = try Self.inputs("corpus", target).map { [UInt8](try Data(contentsOf: $0)) }
        var random = SeededGenerator(seed: seed)
        for round in 0..<rounds {
            let input = Self.mutated(seeds, target.bytesMax, &random)
            if let keep { try Data(input).write(to: keep) }
            do {
                try input.withUnsafeBytes { try target.run($0) }
            } catch let finding as FuzzFinding {
                Issue.record("seed \(seed), round \(round): \(finding): \(Data(input).base64EncodedString())")
                return
            }
        }
    }

    private static func mutated(_ seeds: [[UInt8]], _ most: Int, _ random: inout SeededGenerator) -> [UInt8] {
        var bytes = seeds.randomElement(using: &random) ?? []
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let at = Int.random(in: 0...bytes.count, using: &random)
            let length = min(Int.random(in: 1...16, using: &random), bytes.count - at)
            switch Int.random(in: 0...6, using: &random) {
            case 0 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &random)
            case 1 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0...7, using: &random)
            case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
            case 3: bytes.removeSubrange(at..<(at + length))
            case 4: bytes.insert(contentsOf: Array(bytes[at..<(at + length)]), at: at)
            case 5:
                let other = seeds.randomElement(using: &random) ?? []
                bytes = Array(bytes[..<at]) + other.suffix(Int.random(in: 0...other.count, using: &random))
            default:
                let word = words.randomElement(using: &random) ?? []
                bytes.insert(contentsOf: word, at: at)
            }
        }
        return Array(bytes.prefix(most))
    }

    /// What parsers stumble over.
    private static let words: [[UInt8]] =
        [
            "\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", ",", "0", "-1", "99999999999999999999", "ffffffffffffffff",
            "%2f",
            "%00", "/../", "//", "\\", "chunked", "Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n",
            "Host: b\r\n",
            "Upgrade: h2c\r\n", "HTTP/1.0", "[", "]", "{", "}", "*", "&x", "<<", "~", "1e999", "\u{FEFF}",
        ].map { Array($0.utf8) } + [
            [0xFF], [0xC0, 0x80], [0, 0, 0, 0], [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF],
        ]
}
