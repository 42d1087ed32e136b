/// Brings a request target into the one form that routing, authorization and the upstream all see.
///
/// Source: RFC 3986 §6.2.2 and Envoy's `normalize_path`, `merge_slashes`, `path_with_escaped_slashes_action`, which
/// Istio's levels NONE, BASE, MERGE_SLASHES and DECODE_AND_MERGE_SLASHES combine. A path that authorization reads
/// differently than the application does is a way around the policy, hence one normaliser, run first.
public struct PathNormalizer: Equatable, Sendable {
    /// What to do with `%2F` and `%5C` (either case) in the path.
    public enum EscapedSlashes: Equatable, Sendable {
        case keep
        /// Answer 400.
        case reject
        /// Unescape, then answer 307 with the normalised path.
        case redirect
        /// Unescape and go on.
        case forward
    }

    public enum Outcome: Equatable, Sendable {
        /// The target is already normal; `output` was not touched.
        case unchanged
        /// `output` holds the target to use from here on.
        case rewritten
        /// Answer 307; `output` holds the `location`.
        case redirect
        /// Answer 400.
        case rejected
    }

    public var normalizes: Bool
    public var mergesSlashes: Bool
    public var escapedSlashes: EscapedSlashes

    /// The strictest level also refuses what back ends read in different ways and no form is right for: an escape that
    /// is none (`%zz`), and a dot segment with parameters (`..;x`), which servlet containers resolve and others do not.
    private var refusesAmbiguity: Bool { normalizes && mergesSlashes && escapedSlashes == .forward }

    public init(normalizes: Bool, mergesSlashes: Bool, escapedSlashes: EscapedSlashes) {
        self.normalizes = normalizes
        self.mergesSlashes = mergesSlashes
        self.escapedSlashes = escapedSlashes
    }

    /// - Parameter target: the request target in origin form; what follows `?` is carried over untouched.
    /// - Parameter output: emptied and filled only when the outcome is `.rewritten` or `.redirect`.
    public func normalize(_ target: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Outcome {
        if isNormal(target) { return .unchanged }
        let path = QueryString.path(of: target)
        output.removeAll(keepingCapacity: true)
        output.reserveCapacity(target.count &+ 16)
        var outcome = Outcome.rewritten
        let foundSlash = copyUnescapingSlashes(path, into: &output)
        if foundSlash {
            switch escapedSlashes {
            case .reject: return .rejected
            case .redirect: outcome = .redirect
            case .keep, .forward: break
            }
        }
        if normalizes, !Self.canonicalize(&output, refusesAmbiguity: refusesAmbiguity) { return .rejected }
        if mergesSlashes { Self.mergeSlashes(&output) }
        output.append(contentsOf: target.dropping(path.count))
        if outcome == .rewritten, output.withUnsafeBytes({ $0.equals(target) }) { return .unchanged }
        return outcome
    }

    /// True when no byte of the path can make any step below change it: the usual case, one pass, no writes.
    private func isNormal(_ target: UnsafeRawBufferPointer) -> Bool {
        var before: UInt8 = 0
        for byte in target {
            // One bit for each of 128 characters that no rule below looks at: most of a path.
            let harmless: UInt64 = byte < 64 ? 0x2FFF_3FD2_0000_0000 : 0x47FF_FFFE_AFFF_FFFF
            if byte < 128, harmless >> UInt64(byte & 63) & 1 == 1 {
                before = byte
                continue
            }
            if byte == 0x3F || byte == 0x23 { return true }
            if before == 0x2F {
                if byte == 0x2F && mergesSlashes { return false }
                if byte == 0x2E && normalizes { return false }
            }
            if byte == 0x25 && (normalizes || escapedSlashes != .keep) { return false }
            if normalizes && Self.isOddInPath(byte) { return false }
            before = byte
        }
        return true
    }

    /// Bytes the canonical form writes differently: controls, space, `"<>\^{|}`, back quote, beyond ASCII.
    @inline(__always)
    private static func isOddInPath(_ byte: UInt8) -> Bool {
        if byte <= 0x20 || byte >= 0x7F { return true }
        switch byte {
        case 0x22, 0x3C, 0x3E, 0x5C, 0x5E, 0x60, 0x7B, 0x7C, 0x7D: return true
        default: return false
        }
    }

    /// Returns true when an escaped slash was found. With `.keep` it copies only.
    private func copyUnescapingSlashes(_ path: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        guard escapedSlashes != .keep else {
            output.append(contentsOf: path)
            return false
        }
        var found = false
        var index = 0
        while index < path.count {
            if path[index] == 0x25, let byte = Self.escaped(at: index, in: path), byte == 0x2F || byte == 0x5C {
                output.append(byte)
                found = true
                index &+= 3
            } else {
                output.append(path[index])
                index &+= 1
            }
        }
        return found
    }

    /// The byte that `%XX` at `index` stands for; nil when it is not a valid escape.
    static func escaped(at index: Int, in path: UnsafeRawBufferPointer) -> UInt8? {
        guard index &+ 2 < path.count, let high = hexDigit(path[index &+ 1]), let low = hexDigit(path[index &+ 2])
        else { return nil }
        return high << 4 | low
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 48...57: byte &- 48
        case 65...70: byte &- 55
        case 97...102: byte &- 87
        default: nil
        }
    }

    /// RFC 3986 §6.2.2.2 (unreserved characters are unescaped) and §5.2.4 (dot segments), with `\` read as `/`.
    /// False for a path that holds a NUL, plain or escaped, and for an ambiguous one when those are refused.
    static func canonicalize(_ path: inout [UInt8], refusesAmbiguity: Bool) -> Bool {
        let input = path
        return input.withUnsafeBytes { input in
            path.removeAll(keepingCapacity: true)
            var index = 0
            while index < input.count {
                let byte = input[index]
                if byte == 0x2F || byte == 0x5C {
                    path.append(0x2F)
                    index = skipDotSegment(after: index &+ 1, in: input, output: &path)
                    if refusesAmbiguity, hasDotsWithParameters(at: index, in: input) { return false }
                } else if byte == 0x25, let value = escaped(at: index, in: input) {
                    if value == 0 { return false }
                    if isUnreserved(value), hexDigit(value) == nil || !endsInPartialEscape(path) {
                        path.append(value)
                    } else {
                        path.append(contentsOf: input.part(index, index &+ 3))
                    }
                    index &+= 3
                } else if byte == 0 || (byte == 0x25 && refusesAmbiguity) {
                    return false
                } else {
                    appendEscaping(byte, to: &path)
                    index &+= 1
                }
            }
            return true
        }
    }

    /// A `%` that is no escape, or one with its first digit: a digit unescaped behind it would make an escape that
    /// nobody wrote, such as `%2e` of `%2%65`, which the back end then reads as a dot.
    private static func endsInPartialEscape(_ path: [UInt8]) -> Bool {
        if path.last == 0x25 { return true }
        guard path.count >= 2, let last = path.last else { return false }
        return path[path.count &- 2] == 0x25 && hexDigit(last) != nil
    }

    static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 48...57, 65...90, 97...122, 0x2D, 0x2E, 0x5F, 0x7E: true
        default: false
        }
    }

    private static func appendEscaping(_ byte: UInt8, to path: inout [UInt8]) {
        guard isOddInPath(byte) else {
            path.append(byte)
            return
        }
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? value &+ 48 : value &+ 55 }
        path.append(0x25)
        path.append(digit(byte >> 4))
        path.append(digit(byte & 15))
    }

    /// At the start of a segment: consumes `.` and `..` (escaped or not) with what follows, and drops the last segment
    /// of `output` for `..`. `output` ends with a slash before and after. Returns where reading goes on.
    private static func skipDotSegment(
        after start: Int,
        in input: UnsafeRawBufferPointer,
        output: inout [UInt8]
    ) -> Int {
        var index = start
        while true {
            var end = index
            var dots = 0
            while dots < 3, let width = dotWidth(at: end, in: input) {
                dots &+= 1
                end &+= width
            }
            let isSegment = end == input.count || input[end] == 0x2F || input[end] == 0x5C
            guard isSegment, dots == 1 || dots == 2 else { return index }
            if dots == 2, output.count > 1 {
                output.removeLast()
                while let last = output.last, last != 0x2F { output.removeLast() }
                if output.isEmpty { output.append(0x2F) }
            }
            if end == input.count { return end }
            index = end &+ 1
        }
    }

    /// One or two dots, then `;`.
    private static func hasDotsWithParameters(at start: Int, in input: UnsafeRawBufferPointer) -> Bool {
        var end = start
        var dots = 0
        while dots < 3, let width = dotWidth(at: end, in: input) {
            dots &+= 1
            end &+= width
        }
        return (dots == 1 || dots == 2) && end < input.count && input[end] == 0x3B
    }

    private static func dotWidth(at index: Int, in input: UnsafeRawBufferPointer) -> Int? {
        guard index < input.count else { return nil }
        if input[index] == 0x2E { return 1 }
        return input[index] == 0x25 && escaped(at: index, in: input) == 0x2E ? 3 : nil
    }

    static func mergeSlashes(_ path: inout [UInt8]) {
        var kept = 0
        for index in path.indices {
            if path[index] == 0x2F, kept > 0, path[kept &- 1] == 0x2F { continue }
            path[kept] = path[index]
            kept &+= 1
        }
        path.removeLast(path.count &- kept)
    }
}
