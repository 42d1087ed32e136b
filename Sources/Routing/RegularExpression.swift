internal import CRE2

/// A compiled RE2 expression: linear time in the subject, whatever the pattern.
///
/// `@unchecked Sendable`: the only state is a pointer to a `re2::RE2`, whose matching methods are const and documented
/// thread-safe (re2.h); it is set once in `init` and freed once in `deinit`.
public final class RegularExpression: @unchecked Sendable {
    /// Istio's and our limit on the text of a pattern (VALIDATION: at most 1024 characters).
    public static let patternBytesMax = 1024

    public let pattern: String
    private let handle: OpaquePointer

    /// - Throws: a `CompileError` without path when the pattern is not RE2 syntax or too long.
    public init(_ pattern: String) throws(CompileError) {
        guard pattern.utf8.count <= Self.patternBytesMax else {
            throw CompileError(path: "", message: "regular expression is longer than \(Self.patternBytesMax) bytes")
        }
        var text = pattern
        var reason = [CChar](repeating: 0, count: 256)
        let compiled = text.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) { gh_re2_new($0.baseAddress, $0.count, &reason, reason.count) }
        }
        guard let compiled else {
            let message = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            throw CompileError(path: "", message: "invalid regular expression: \(message)")
        }
        self.pattern = pattern
        handle = compiled
    }

    deinit { gh_re2_free(handle) }

    /// True when the whole subject matches.
    public func matchesWhole(_ subject: UnsafeRawBufferPointer) -> Bool {
        let bytes = subject.assumingMemoryBound(to: CChar.self)
        return gh_re2_full_match(handle, bytes.baseAddress, bytes.count) == 1
    }

    /// True when some part of the subject matches.
    public func matchesPart(_ subject: UnsafeRawBufferPointer) -> Bool {
        let bytes = subject.assumingMemoryBound(to: CChar.self)
        return gh_re2_partial_match(handle, bytes.baseAddress, bytes.count) == 1
    }

    /// Checks the `\0`…`\9` references of a substitution against the groups of this pattern.
    func check(substitution: [UInt8]) throws(CompileError) {
        var reason = [CChar](repeating: 0, count: 256)
        let isFine = substitution.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                gh_re2_check_rewrite(handle, $0.baseAddress, $0.count, &reason, reason.count) == 1
            }
        }
        guard !isFine else { return }
        let message = String(decoding: reason.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        throw CompileError(path: "substitution", message: "invalid substitution: \(message)")
    }

    /// Appends `subject` to `output` with every non-overlapping match replaced.
    ///
    /// False when memory ran out or the result is longer than `bytesMax`; `output` is then unchanged.
    func replaceAll(
        in subject: UnsafeRawBufferPointer,
        with substitution: [UInt8],
        appendingTo output: inout [UInt8],
        bytesMax: Int
    ) -> Bool {
        let before = output.count
        let input = subject.assumingMemoryBound(to: CChar.self)
        var capacity = min(bytesMax, subject.count &+ 256)
        while true {
            output.append(contentsOf: repeatElement(0, count: capacity))
            let written = output.withUnsafeMutableBufferPointer { room in
                substitution.withUnsafeBufferPointer { rewrite in
                    rewrite.withMemoryRebound(to: CChar.self) { rewrite in
                        UnsafeMutableRawBufferPointer(room).withMemoryRebound(to: CChar.self) { room in
                            gh_re2_replace_into(
                                handle,
                                input.baseAddress,
                                input.count,
                                rewrite.baseAddress,
                                rewrite.count,
                                room.baseAddress.map { $0 + before },
                                capacity
                            )
                        }
                    }
                }
            }
            output.removeLast(output.count &- before &- max(0, min(written, capacity)))
            if written >= 0, written <= capacity { return true }
            output.removeLast(output.count &- before)
            guard written > capacity, written <= bytesMax else { return false }
            capacity = written
        }
    }
}
