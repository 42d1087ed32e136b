internal import Crypto
internal import Glibc
public import XDS

/// Why the last good snapshot could not be kept or read.
public struct LastGoodError: Error, Equatable, Sendable, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "\(path): \(reason)" }
}

/// The last snapshot that served, on disk, so that a proxy can start while the control plane is away.
///
/// It holds private keys of gateways, so it is sealed with AES-256-GCM under a key beside it; both files have mode
/// 0600. The seal protects a copy of the snapshot alone (a backup, a log bundle), not the directory as a whole.
public actor LastGoodSnapshot {
    private static let context = [UInt8]("gatehouse last good snapshot".utf8)
    /// More than any snapshot needs.
    private static let bytesMax = 1 << 30

    private let snapshotPath: String
    private let keyPath: String

    /// - Parameter directory: must exist; the proxy's state directory.
    public init(directory: String) {
        snapshotPath = directory + "/last-good.snapshot"
        keyPath = directory + "/last-good.key"
    }

    /// Nil when none was ever kept.
    ///
    /// - Throws: when there is one that cannot be read or does not open. Go on without it.
    public func load() throws(LastGoodError) -> Snapshot? {
        guard let sealed = try Self.read(snapshotPath) else { return nil }
        guard let key = try Self.read(keyPath) else {
            throw LastGoodError(path: keyPath, reason: "missing, so the snapshot cannot be opened")
        }
        do {
            return try Snapshot(decoding: SealingKey(bytes: key).open(sealed, context: Self.context))
        } catch {
            throw LastGoodError(path: snapshotPath, reason: "damaged, or of another version or key")
        }
    }

    /// Replaces the one on disk. A crash leaves the old or the new one.
    public func keep(_ snapshot: Snapshot) throws(LastGoodError) {
        let key = try sealingKey()
        try Self.write(key.seal(snapshot.encoded(), context: Self.context), to: snapshotPath)
    }

    private func sealingKey() throws(LastGoodError) -> SealingKey {
        if let bytes = try Self.read(keyPath), let key = try? SealingKey(bytes: bytes) { return key }
        let key = SealingKey.generate()
        try Self.write(key.bytes, to: keyPath)
        return key
    }

    private static func failure(_ step: String, _ path: String) -> LastGoodError {
        LastGoodError(path: path, reason: "\(step): \(String(cString: strerror(errno)))")
    }

    private static func read(_ path: String) throws(LastGoodError) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("open", path)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("stat", path) }
        guard status.st_size <= bytesMax else {
            throw LastGoodError(path: path, reason: "larger than \(bytesMax) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var offset = 0
        while offset < bytes.count {
            let wanted = bytes.count - offset
            let count = bytes.withUnsafeMutableBytes { raw in
                Glibc.read(file, raw.baseAddress.map { $0 + offset }, wanted)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure("read", path) }
            offset += count
        }
        return bytes
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(LastGoodError) {
        let fresh = path + ".new"
        unlink(fresh)
        let file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw failure("create", fresh) }
        var offset = 0
        while offset < bytes.count {
            let wanted = bytes.count - offset
            let count = bytes.withUnsafeBytes { raw in Glibc.write(file, raw.baseAddress.map { $0 + offset }, wanted) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let error = failure("write", fresh)
                close(file)
                unlink(fresh)
                throw error
            }
            offset += count
        }
        guard fsync(file) == 0 else {
            let error = failure("sync", fresh)
            close(file)
            throw error
        }
        close(file)
        guard rename(fresh, path) == 0 else { throw failure("rename", path) }
    }
}
