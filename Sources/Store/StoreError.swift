internal import GRDB

/// Why the store could not do what it was asked, apart from what is wrong with the request itself.
///
/// Whoever answers a client maps it by `reason`: `.full` is 507, `.expired` is 410, everything else is 503 with
/// Retry-After.
public struct StoreError: Error, Equatable, Sendable {
    public enum Reason: Equatable, Sendable {
        /// The disk or its quota is full. Nothing of the request is stored; a later request may succeed.
        case full
        /// The database file cannot be written at the moment. Nothing of the request is stored.
        case readOnly
        /// The database answered with another error (input/output, locking). Nothing of the request is stored.
        case unavailable
        /// The file is not an intact database of ours. Needs a human and a backup.
        case corrupt
        /// The key file is missing, or is not the one this database was written with.
        case wrongKey
        /// Events after the asked resourceVersion are no longer kept. The client lists again and watches from there.
        case expired(oldest: UInt64)
        /// The store is closed.
        case closed
    }

    public var reason: Reason
    /// For the log and the operator. Holds no values of stored objects.
    public var detail: String

    public init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}

extension StoreError {
    /// The reason behind an error of SQLite. Source: https://www.sqlite.org/rescode.html.
    init(_ error: DatabaseError) {
        let detail = "SQLite \(error.extendedResultCode.rawValue): \(error.message ?? "no message")"
        switch error.resultCode {
        case .SQLITE_FULL: self.init(.full, detail)
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_CANTOPEN: self.init(.readOnly, detail)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self.init(.corrupt, detail)
        default: self.init(.unavailable, detail)
        }
    }
}
