import Foundation
import Testing

/// Checks of the code itself, so that reviewers never have to say these things.
///
/// Every file under Sources is read once, as text.
@Suite struct TidyTests {
    static let linesPerFileMax = 400
    static let columnsPerLineMax = 120

    /// The data plane runs to completion on its loop: no suspension points, no locks, no printing, no Foundation.
    static let eventLoopRooms = ["Transport/", "HTTP/", "Routing/", "Upstream/", "Proxy/"]

    struct Ban {
        var word: String
        var instead: String
        var rooms: [String]?
        var except: [String] = []
    }

    static let banned: [Ban] = [
        Ban(word: "try!", instead: "a typed error"),
        Ban(word: " as! ", instead: "a closed enum and a switch"),
        Ban(word: " print(", instead: "the log of the room", except: ["gatehouse/"]),
        Ban(word: "Task.detached", instead: "work owned by an actor with a way to stop"),
        Ban(word: "FIXME", instead: "the fix"),
        Ban(word: "TODO", instead: "the work itself"),
        Ban(word: " await ", instead: "a callback on the loop", rooms: eventLoopRooms),
        Ban(word: "NSLock", instead: "state owned by one worker", rooms: eventLoopRooms),
        Ban(word: "import Foundation", instead: "Base", rooms: eventLoopRooms),
        Ban(word: "import SwiftProtobuf", instead: "the plain model of XDS", rooms: eventLoopRooms),
    ]

    static let controlPlane: Set = [
        "Resources", "Store", "AdminAPI", "Registry", "Translation", "Discovery", "Identity",
    ]
    static let dataPlane: Set = ["Routing", "Upstream", "Proxy"]

    /// The order of the rooms. Every import points up this list, so a cycle cannot be written down.
    static let rooms = [
        "CSys", "COpenSSL", "CNghttp2", "CZlib", "CCares", "CRE2",
        "Base", "Crypto", "Telemetry", "Transport", "HTTP", "Serving", "XDS", "Resources", "Store", "AdminAPI",
        "Registry", "Translation", "Discovery", "Identity", "Routing", "Upstream", "Proxy", "gatehouse", "FuzzTargets",
        "TestSupport",
    ]

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    struct File: Sendable {
        var room: String
        var path: String
        var text: String
        var isGenerated: Bool { path.contains("/Generated/") }
    }

    static let files: [File] = {
        let sources = root.appending(path: "Sources").path(percentEncoded: false)
        return (FileManager.default.enumerator(atPath: sources)?.allObjects as? [String] ?? [])
            .filter { $0.hasSuffix(".swift") }.sorted()
            .compactMap { path in
                guard let text = try? String(contentsOfFile: sources + "/" + path, encoding: .utf8) else { return nil }
                return File(room: String(path.prefix { $0 != "/" }), path: path, text: text)
            }
    }()

    @Test func `files fit on a few screens and lines on one`() {
        #expect(Self.files.count > 20)
        for file in Self.files where !file.isGenerated {
            let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
            #expect(lines.count <= Self.linesPerFileMax + 1, "\(file.path) has \(lines.count) lines")
            for (index, line) in lines.enumerated() where line.count > Self.columnsPerLineMax {
                Issue.record("\(file.path):\(index + 1) has \(line.count) columns")
            }
        }
    }

    @Test func `banned words have a better alternative`() {
        for file in Self.files where !file.isGenerated {
            for ban in Self.banned {
                if let rooms = ban.rooms, !rooms.contains(where: file.path.hasPrefix) { continue }
                if ban.except.contains(where: file.path.hasPrefix) { continue }
                for (index, line) in file.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
                where line.contains(ban.word) && !line.drop(while: { $0 == " " }).hasPrefix("//") {
                    Issue.record("\(file.path):\(index + 1) says `\(ban.word)`; use \(ban.instead)")
                }
            }
        }
    }

    @Test func `the planes meet only in XDS`() {
        for file in Self.files {
            let imports = Self.imports(in: file.text)
            if Self.controlPlane.contains(file.room) {
                #expect(imports.isDisjoint(with: Self.dataPlane), "\(file.path)")
            }
            if Self.dataPlane.contains(file.room) {
                #expect(imports.isDisjoint(with: Self.controlPlane), "\(file.path)")
            }
        }
    }

    @Test func `every import points up the list`() {
        for file in Self.files {
            guard let here = Self.rooms.firstIndex(of: file.room) else {
                Issue.record("\(file.path) is in no known room")
                continue
            }
            for name in Self.imports(in: file.text) {
                if let there = Self.rooms.firstIndex(of: name) { #expect(there < here, "\(file.path) imports \(name)") }
            }
        }
    }

    @Test func `every unchecked conformance is proven in a comment`() {
        for file in Self.files where !file.isGenerated {
            let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false)
            for (index, line) in lines.enumerated() where line.contains("@unchecked Sendable") {
                let above = lines[max(0, index - 12)...index]
                #expect(
                    above.contains { $0.contains("//") && $0.localizedCaseInsensitiveContains("sendable") },
                    "\(file.path):\(index + 1) needs a comment that says why it is Sendable"
                )
            }
        }
    }

    @Test func `the room table in the docs equals the package`() throws {
        let docs = try String(
            contentsOf: Self.root.appending(path: "docs/architecture.md"),
            encoding: .utf8
        )
        let package = try String(contentsOf: Self.root.appending(path: "Package.swift"), encoding: .utf8)
        for room in Self.rooms where !room.hasPrefix("C") || room == "Crypto" {
            #expect(docs.contains("| **\(room)** |"), "docs/architecture.md has no row for \(room)")
            #expect(package.contains("\"\(room)\""), "Package.swift has no target \(room)")
        }
    }

    static func imports(in text: String) -> Set<String> {
        Set(
            text.split(separator: "\n").compactMap { line in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index <= 1, index + 1 < words.count else {
                    return nil
                }
                return String(words[index + 1])
            }
        )
    }
}
