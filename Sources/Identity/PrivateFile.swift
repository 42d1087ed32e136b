internal import Glibc

/// Why a file of keys or certificates could not be read or written.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    public var path: String
    /// The failing step and the system's reason.
    public var reason: String

    public var description: String { "\(path): \(reason)" }

    static func last(_ step: String, _ path: String) -> FileError {
        let code = errno
        return FileError(path: path, reason: "\(step): \(String(cString: strerror(code)))")
    }
}

/// Files that only their owner may read, replaced as a whole or not at all.
public enum PrivateFile {
    /// More than any key, chain or bundle needs.
    static let bytesMax = 4 << 20

    /// nil when there is no such file.
    public static func read(_ path: String) throws(FileError) -> [UInt8]? {
        guard let file = fopen(path, "re") else {
            if errno == ENOENT { return nil }
            throw .last("open", path)
        }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: bytesMax + 1)
        let count = fread(&bytes, 1, bytes.count, file)
        guard ferror(file) == 0 else { throw .last("read", path) }
        guard count <= bytesMax else { throw FileError(path: path, reason: "larger than \(bytesMax) bytes") }
        return Array(bytes.prefix(count))
    }

    public static func readText(_ path: String) throws(FileError) -> String? {
        try read(path).map { String(decoding: $0, as: UTF8.self) }
    }

    /// Writes with mode 0600, syncs, and renames into place, so that a crash leaves the old content or the new.
    public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
        var pattern =
            Array(path.utf8.map { CChar(bitPattern: $0) }) + Array(".XXXXXX".utf8.map { CChar(bitPattern: $0) }) + [0]
        // mkstemp creates with mode 0600 and never opens an existing file.
        let descriptor = mkstemp(&pattern)
        guard descriptor >= 0 else { throw .last("create", path) }
        let fresh = String(decoding: pattern.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        var isWritten = true
        var offset = 0
        while isWritten, offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: offset), bytes.count - offset)
            }
            if count > 0 { offset += count } else { isWritten = count < 0 && errno == EINTR }
        }
        isWritten = isWritten && fsync(descriptor) == 0
        let failure = FileError.last("write", path)
        Glibc.close(descriptor)
        guard isWritten else {
            unlink(fresh)
            throw failure
        }
        guard rename(fresh, path) == 0 else {
            let failure = FileError.last("rename", path)
            unlink(fresh)
            throw failure
        }
    }

    public static func write(_ text: String, to path: String) throws(FileError) {
        try write(Array(text.utf8), to: path)
    }

    /// Makes the directory with mode 0700 when it is missing (one level).
    public static func makeDirectory(_ path: String) throws(FileError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw .last("mkdir", path) }
    }

    /// Moves one file over another within a directory. Returns false when there is nothing to move.
    static func replace(_ path: String, with fresh: String) throws(FileError) -> Bool {
        if rename(fresh, path) == 0 { return true }
        if errno == ENOENT { return false }
        throw .last("rename", path)
    }
}
