internal import Foundation

/// Keeps a second process away from the store's directory: two writers with two memories would lose each other's
/// changes.
///
/// The kernel gives the lock back when the process ends, however it ends, so a restart after a crash finds it free.
final class DirectoryLock: Sendable {
    static let name = "store.lock"

    private let descriptor: Int32

    /// - Throws: `.unavailable` when another store has the directory, `.readOnly` when it cannot be written.
    init(directory: String) throws(StoreError) {
        descriptor = Foundation.open(directory + "/" + Self.name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw StoreError(errno == ENOSPC ? .full : .readOnly, "cannot open \(Self.name): errno \(errno)")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw StoreError(.unavailable, "another process uses this data directory")
        }
    }

    /// Gives the directory back.
    func release() { flock(descriptor, LOCK_UN) }

    deinit { close(descriptor) }
}
