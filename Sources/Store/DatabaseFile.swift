internal import Crypto
internal import Foundation
internal import GRDB

/// The files of the store in its directory: `gatehouse.db` (with `-wal` and `-shm` beside it) and `store.key`, all
/// 0600.
enum DatabaseFile {
    static let name = "gatehouse.db"
    static let keyName = "store.key"

    /// Opens or creates the database and brings it to the newest layout.
    ///
    /// WAL with `synchronous=FULL`: a commit is answered after its log record is on the disk, so an acknowledged
    /// write survives a power cut (with NORMAL it does not).
    static func open(directory: String) throws(StoreError) -> DatabaseQueue {
        let path = directory + "/" + name
        try create(path)
        var configuration = Configuration()
        configuration.journalMode = .wal
        configuration.busyMode = .timeout(5)
        configuration.label = "store"
        configuration.maximumReaderCount = 1
        configuration.prepareDatabase { db in
            try db.execute(
                sql: """
                    PRAGMA secure_delete = ON;
                    PRAGMA trusted_schema = OFF;
                    PRAGMA cell_size_check = ON;
                    """
            )
        }
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try requireFullSync(queue)
            try Schema.migrator().migrate(queue)
            return queue
        } catch let error as StoreError {
            throw error
        } catch let error as DatabaseError {
            throw StoreError(error)
        } catch {
            throw StoreError(.unavailable, "cannot open \(name)")
        }
    }

    /// Sets `synchronous=FULL` after the library has set NORMAL, which it does for every WAL database, and looks
    /// whether it holds: the promise that an answer means "on the disk" hangs on these two words.
    private static func requireFullSync(_ queue: DatabaseQueue) throws {
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA synchronous = FULL")
            let full = 2
            guard try Int.fetchOne(db, sql: "PRAGMA synchronous") == full,
                try String.fetchOne(db, sql: "PRAGMA journal_mode") == "wal"
            else { throw StoreError(.unavailable, "the database does not accept WAL with synchronous=FULL") }
        }
    }

    /// The key that Secrets are sealed with. Made at the first start only: a database without its key is an error,
    /// never a reason for a new key, because that would make what is stored unreadable for ever.
    static func key(directory: String, mayCreate: Bool) throws(StoreError) -> SealingKey {
        let path = directory + "/" + keyName
        if let bytes = read(path, bytesMax: 33) {
            do {
                return try SealingKey(bytes: bytes)
            } catch {
                throw StoreError(.wrongKey, "\(keyName) holds \(bytes.count) bytes instead of 32")
            }
        }
        guard mayCreate else {
            throw StoreError(.wrongKey, "\(keyName) is missing, and the database was written with one")
        }
        let key = SealingKey.generate()
        try write(key.bytes, to: path)
        return key
    }

    /// Creates an empty file with mode 0600, so that the database never exists with wider permissions; leaves an
    /// existing one.
    private static func create(_ path: String) throws(StoreError) {
        let descriptor = Foundation.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(errno == ENOSPC ? .full : .readOnly, "cannot open \(name): errno \(errno)")
        }
        fchmod(descriptor, 0o600)
        close(descriptor)
    }

    private static func read(_ path: String, bytesMax: Int) -> [UInt8]? {
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: bytesMax)
        let count = Foundation.read(descriptor, &bytes, bytesMax)
        return count < 0 ? nil : Array(bytes.prefix(count))
    }

    /// Writes beside the target, syncs, then renames: the file exists whole or not at all.
    private static func write(_ bytes: [UInt8], to path: String) throws(StoreError) {
        let temporary = path + ".new"
        let descriptor = Foundation.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StoreError(.readOnly, "cannot write \(keyName): errno \(errno)") }
        let written = Foundation.write(descriptor, bytes, bytes.count)
        let isDurable = written == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isDurable, rename(temporary, path) == 0 else {
            unlink(temporary)
            throw StoreError(.full, "cannot write \(keyName): errno \(errno)")
        }
    }
}
