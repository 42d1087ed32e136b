import Crypto
import Foundation
import Resources
import Store
import Synchronization

/// A store in a folder of its own, with a clock that stands still until it is told.
final class StoreFixture: Sendable {
    let directory: String
    let clock = Mutex<Int64>(1_700_000_000)

    init() throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "gatehouse-store-\(SecureRandom.uuid())")
        try FileManager.default.createDirectory(
            at: url,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        directory = url.path(percentEncoded: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    var admission: Admission {
        Admission(.init(now: { [self] in clock.withLock { $0 } }, makeUID: SecureRandom.uuid))
    }

    func open() async throws -> ResourceStore {
        let store = try ResourceStore(directory: directory, now: { [self] in clock.withLock { $0 } })
        try await store.storeDefaults(admission)
        return store
    }

    func advance(seconds: Int64) { clock.withLock { $0 += seconds } }
}

func configMap(_ name: String, _ value: String, namespace: String = "default") throws -> Resource {
    try Resource(
        kind: .configMap,
        metadata: ObjectMeta(name: name, namespace: namespace),
        body: ["data": ["value": .string(value)]]
    )
}

func secret(_ name: String, _ value: String) throws -> Resource {
    try Resource(
        kind: .secret,
        metadata: ObjectMeta(name: name, namespace: "default"),
        body: ["type": "Opaque", "data": ["value": .string(Base64.encode(Array(value.utf8)))]]
    )
}

extension ResourceStore {
    @discardableResult
    func run(_ actions: [Change.Action], _ admission: Admission, isDryRun: Bool = false) async throws -> CommitOutcome {
        let change = Change(actions)
        return try await commit(WriteContext(user: "test", isDryRun: isDryRun)) { current in
            try admission.admit(change, against: current)
        }
    }
}

func key(_ name: String, _ kind: ResourceKind = .configMap) -> ResourceKey {
    ResourceKey(kind, namespace: "default", name: name)
}

extension ResourceSet {
    func value(_ name: String) -> String? { self[key(name)]?.body["data"]?["value"]?.stringValue }
}
