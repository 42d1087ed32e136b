import Foundation
import Resources
import Store
import Testing

/// What survives when the process or the disk fails.
@Suite(.serialized) struct FaultTests {
    @Test(arguments: 1...8)
    func `no acknowledged write is lost when the process is killed`(round: Int) async throws {
        let fixture = try StoreFixture()
        let path = fixture.directory
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, round = round as Int] in
            try await CrashingWriter(directory: path, seed: round).run()
        }
        let acknowledged = try CrashingWriter.acknowledged(in: path)
        let store = try await fixture.open()
        let current = store.current
        #expect(try await store.integrityViolations().isEmpty)
        for (name, value) in acknowledged {
            let stored = current.value(name).flatMap { Int($0) } ?? -1
            #expect(stored >= value, "\(name) was acknowledged at \(value) and is at \(stored)")
        }
        #expect(!acknowledged.isEmpty)
        // Gapless: one revision per event here, since each write touched one object.
        let first: UInt64 = 10
        #expect(current.resourceVersion - first == current.revision - 1)
        try await store.run([.put(try configMap("after", "1"))], fixture.admission)
    }

    @Test func `a full disk refuses writes whole, keeps reads going, and heals without a restart`() async throws {
        let fixture = try StoreFixture()
        guard let disk = SmallDisk(at: fixture.directory, bytes: 3 << 20) else {
            print("skipped: this machine does not let us mount a small tmpfs")
            return
        }
        defer { disk.unmount() }
        let store = try await fixture.open()
        let admission = fixture.admission
        try await store.run([.put(try configMap("a", "1"))], admission)
        let filler = fixture.directory + "/filler"
        let before = store.current
        var refusal: StoreError?
        var acknowledged = "1"
        try Data(count: 64 << 10).write(to: URL(filePath: filler))
        let big = String(repeating: "x", count: 200 << 10)
        for number in 0..<40 where refusal == nil {
            do {
                try await store.run([.put(try configMap("b\(number)", big)), .put(try configMap("a", "2"))], admission)
                acknowledged = "2"
                try await store.run([.put(try configMap("a", "1"))], admission)
                acknowledged = "1"
            } catch let error as StoreError {
                refusal = error
            }
        }
        #expect(refusal?.reason == .full)
        #expect(store.current.value("a") == acknowledged)
        #expect(store.current.revision >= before.revision)
        let full = store.current
        try FileManager.default.removeItem(atPath: filler)
        try await store.run([.put(try configMap("a", "3"))], admission)
        #expect(store.current.revision == full.revision + 1)
        await store.close()
        #expect(try await fixture.open().current.value("a") == "3")
    }

    @Test func `a damaged database is reported and not overwritten`() async throws {
        let fixture = try StoreFixture()
        let store = try await fixture.open()
        try await store.run([.put(try configMap("a", "1"))], fixture.admission)
        await store.close()
        let file = URL(filePath: fixture.directory + "/gatehouse.db")
        let damaged = Data(repeating: 0x5A, count: 8192)
        try damaged.write(to: file)
        let error = await #expect(throws: StoreError.self) { _ = try await fixture.open() }
        #expect(error?.reason == .corrupt)
        #expect(try Data(contentsOf: file) == damaged)
    }
}

/// A process that writes as fast as it can, notes what was acknowledged, and dies at a random moment.
struct CrashingWriter: Sendable {
    let directory: String
    let seed: Int

    func run() async throws {
        let fixed: Int64 = 1_700_000_000
        let admission = Admission(.init(now: { fixed }, makeUID: { UUID().uuidString.lowercased() }))
        let store = try ResourceStore(directory: directory, now: { fixed })
        try await store.storeDefaults(admission)
        let acknowledgements = Foundation.open(directory + "/acknowledged", O_WRONLY | O_CREAT | O_APPEND, 0o600)
        let microseconds = UInt32(50_000 + (seed &* 7919) % 300_000)
        Thread.detachNewThread {
            usleep(microseconds)
            kill(getpid(), SIGKILL)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for number in 0... {
                        try await store.run([.put(try configMap("w\(writer)", "\(number)"))], admission)
                        let line = Array("w\(writer) \(number)\n".utf8)
                        _ = Foundation.write(acknowledgements, line, line.count)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// The newest acknowledged value of each writer's object.
    static func acknowledged(in directory: String) throws -> [String: Int] {
        let text = try String(contentsOfFile: directory + "/acknowledged", encoding: .utf8)
        var values: [String: Int] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let value = Int(parts[1]) else { continue }
            values[String(parts[0])] = max(values[String(parts[0])] ?? -1, value)
        }
        return values
    }
}

/// A file system of a few megabytes.
struct SmallDisk {
    let path: String

    init?(at path: String, bytes: Int) {
        self.path = path
        guard Self.run("mount", "-t", "tmpfs", "-o", "size=\(bytes),mode=700", "tmpfs", path) else { return nil }
    }

    func unmount() { _ = Self.run("umount", "-l", path) }

    private static func run(_ words: String...) -> Bool {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = words
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            return false
        }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }
}
