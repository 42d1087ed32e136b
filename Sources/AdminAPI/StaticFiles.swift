internal import Foundation

/// The files under one directory, for the pages at `/ui/`.
///
/// What a path may name is decided on the decoded path, segment by segment, before the file system is asked: `.`,
/// `..`, empty segments, dotfiles, backslashes and control bytes name nothing. Each step is then opened relative to
/// the one before with `O_NOFOLLOW`, so a symbolic link, inside or out, is never followed, whatever happens to the
/// tree meanwhile.
struct StaticFiles: Sendable {
    /// The largest file served, in bytes.
    static let fileBytesMax = 4 << 20

    struct File: Sendable {
        var bytes: [UInt8]
        var contentType: String
        /// Strong validator: size and modification time with nanoseconds.
        var etag: String
    }

    let root: String

    /// The file that `path` (relative, still percent-encoded) names, `index.html` for a directory; nil when it names
    /// none.
    func file(at path: String) -> File? {
        guard let segments = Self.segments(path) else { return nil }
        var directory = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return nil }
        defer { close(directory) }
        let names = segments.isEmpty ? ["index.html"] : segments
        for name in names.dropLast() {
            let next = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else { return nil }
            close(directory)
            directory = next
        }
        guard let last = names.last else { return nil }
        let descriptor = openat(directory, last, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        return Self.read(descriptor, name: last)
    }

    /// The decoded segments, nil when one of them may not be named.
    private static func segments(_ path: String) -> [String]? {
        var segments = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        if segments.last == "" { segments.removeLast() }
        if segments.isEmpty { return [] }
        if path.hasSuffix("/") { segments.append("index.html") }
        var names: [String] = []
        for segment in segments {
            let name = PercentCoding.decode(segment)
            let isPlain =
                !name.isEmpty && !name.hasPrefix(".") && name.utf8.count <= 255
                && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != 0x2F && $0 != 0x5C && $0 != 0x25 }
            guard isPlain else { return nil }
            names.append(name)
        }
        return names
    }

    private static func read(_ descriptor: Int32, name: String) -> File? {
        var facts = stat()
        guard fstat(descriptor, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG,
            facts.st_size >= 0, facts.st_size <= fileBytesMax
        else { return nil }
        var bytes = [UInt8](repeating: 0, count: Int(facts.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = bytes.withUnsafeMutableBytes { buffer in
                pread(descriptor, buffer.baseAddress?.advanced(by: filled), buffer.count - filled, off_t(filled))
            }
            guard count > 0 else { return nil }
            filled += count
        }
        // Read as two words: in release builds the compiler finds the fields of `timespec` in a module nobody may
        // import.
        let (seconds, nanoseconds) = withUnsafeBytes(of: facts.st_mtim) { words in
            (words.loadUnaligned(as: Int.self), words.loadUnaligned(fromByteOffset: 8, as: Int.self))
        }
        return File(
            bytes: bytes,
            contentType: contentType(of: name),
            etag: "\"\(facts.st_size)-\(seconds)-\(nanoseconds)\""
        )
    }

    private static func contentType(of name: String) -> String {
        switch name.split(separator: ".").last.map(String.init) {
        case "html": "text/html; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "js": "text/javascript; charset=utf-8"
        case "json": "application/json"
        case "svg": "image/svg+xml"
        case "png": "image/png"
        case "ico": "image/x-icon"
        case "txt", "md": "text/plain; charset=utf-8"
        default: "application/octet-stream"
        }
    }
}
