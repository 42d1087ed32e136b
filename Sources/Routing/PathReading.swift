/// How a lenient application may read a path that was forwarded as the client spelled it.
///
/// Authorization asks for these readings beside the path itself, so that no spelling leads around a policy whatever
/// normalisation a listener has: `/x/..%2fadmin`, `//admin` and `/admin;a=b` are all `/admin` to somebody. Source: the
/// ways in which servers and frameworks differ (RFC 3986 §6.2.2 and what goes beyond it).
public enum PathReading: Sendable {
    /// Escapes of letters, digits, dots and slashes undone (also twice escaped ones), `\` read as `/`, slashes merged,
    /// dot segments resolved even with parameters.
    case resolved
    /// The same without the parameters of segments (`;…`).
    case bare

    /// False for a path that every reading leaves as it is: the usual case, one pass.
    public static func isAmbiguous(_ target: UnsafeRawBufferPointer) -> Bool {
        var before: UInt8 = 0
        for byte in target {
            switch byte {
            case 0x3F: return false
            case 0x25, 0x5C, 0x3B: return true
            case 0x2E, 0x2F: if before == 0x2F { return true }
            default: break
            }
            before = byte
        }
        return false
    }

    /// Replaces `output` by the reading of `target`, the query included.
    ///
    /// - Returns: false for a path that nobody should get: one with a NUL in it.
    public func read(_ target: UnsafeRawBufferPointer, into output: inout [UInt8]) -> Bool {
        let path = QueryString.path(of: target)
        output.removeAll(keepingCapacity: true)
        output.append(contentsOf: path)
        // An escape of an escape of an escape is the last that anybody undoes.
        for _ in 0..<3 where !Self.unescape(&output) { break }
        Self.dropParameters(&output, everywhere: self == .bare)
        PathNormalizer.mergeSlashes(&output)
        guard PathNormalizer.canonicalize(&output, refusesAmbiguity: false) else { return false }
        output.append(contentsOf: target.dropping(path.count))
        return true
    }

    /// Undoes one level of escapes of unreserved characters, slashes and escapes of such. False when there was none.
    private static func unescape(_ path: inout [UInt8]) -> Bool {
        var found = false
        var kept = 0
        path.withUnsafeMutableBytes { bytes in
            let input = UnsafeRawBufferPointer(bytes)
            var index = 0
            while index < input.count {
                var byte = input[index]
                var width = 1
                if byte == 0x25, let value = PathNormalizer.escaped(at: index, in: input), isUndone(value, index, input)
                {
                    byte = value
                    width = 3
                    found = true
                }
                bytes[kept] = byte == 0x5C ? 0x2F : byte
                kept &+= 1
                index &+= width
            }
        }
        path.removeLast(path.count &- kept)
        return found
    }

    private static func isUndone(_ value: UInt8, _ index: Int, _ input: UnsafeRawBufferPointer) -> Bool {
        if value == 0x2F || value == 0x5C || value == 0x3B || PathNormalizer.isUnreserved(value) { return true }
        guard value == 0x25, index &+ 4 < input.count else { return false }
        return isHexadecimal(input[index &+ 3]) && isHexadecimal(input[index &+ 4])
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        byte &- 48 < 10 || (byte | 0x20) &- 97 < 6
    }

    /// Removes `;` and what follows it, up to the next slash, behind dot segments or everywhere.
    private static func dropParameters(_ path: inout [UInt8], everywhere: Bool) {
        var kept = 0
        var segment = 0
        var isDropping = false
        for index in path.indices {
            let byte = path[index]
            if byte == 0x2F {
                isDropping = false
                segment = kept &+ 1
            } else if byte == 0x3B, everywhere || isDots(path, segment, kept) {
                isDropping = true
            }
            if isDropping { continue }
            path[kept] = byte
            kept &+= 1
        }
        path.removeLast(path.count &- kept)
    }

    private static func isDots(_ path: [UInt8], _ start: Int, _ end: Int) -> Bool {
        guard end &- start == 1 || end &- start == 2 else { return false }
        for index in start..<end where path[index] != 0x2E { return false }
        return true
    }
}
