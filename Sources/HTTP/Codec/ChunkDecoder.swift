internal import Base

/// Reads chunked framing (RFC 9112 §7.1) piece by piece and keeps no bytes. Trailers are left to the head parser.
struct ChunkDecoder {
    enum Event {
        case needsMore
        /// Content at `offset` in the buffer given.
        case data(offset: Int, count: Int)
        /// The last chunk's line is behind us: a trailer section follows.
        case trailers
        case malformed(StaticString)
    }

    private enum State { case size, extensions, sizeLF, data, dataCR, dataLF }

    /// A chunk line's extensions, and all of one message's together.
    private static let lineExtensionsMax = 1024
    private static let extensionsMax = 16 << 10

    private var state = State.size
    private var digits = 0
    private var left: UInt64 = 0
    private var lineExtensions = 0
    private var allExtensions = 0

    /// Uses bytes from `at` on and moves it; returns after each run of content.
    mutating func step(_ p: BytePointer, _ count: Int, at: inout Int) -> Event {
        while at < count {
            if state == .data {
                let run = Int(min(left, UInt64(count &- at)))
                let offset = at
                at &+= run
                left &-= UInt64(run)
                if left == 0 { state = .dataCR }
                return .data(offset: offset, count: run)
            }
            let b = p[at]
            at &+= 1
            switch state {
            case .size:
                if let reason = size(b) { return .malformed(reason) }
            case .extensions:
                if b == 13 {
                    state = .sizeLF
                } else if (b < 32 && b != 9) || b == 127 {
                    return .malformed("a chunk extension is malformed")
                } else {
                    lineExtensions &+= 1
                    allExtensions &+= 1
                    if lineExtensions > ChunkDecoder.lineExtensionsMax || allExtensions > ChunkDecoder.extensionsMax {
                        return .malformed("chunk extensions are too large")
                    }
                }
            case .sizeLF:
                guard b == 10 else { return .malformed("a chunk size line is malformed") }
                let isLast = left == 0
                state = isLast ? .size : .data
                digits = 0
                lineExtensions = 0
                if isLast { return .trailers }
            case .dataCR:
                guard b == 13 else { return .malformed("a chunk is longer than its size") }
                state = .dataLF
            case .dataLF:
                guard b == 10 else { return .malformed("a chunk is longer than its size") }
                state = .size
            case .data: break
            }
        }
        return .needsMore
    }

    private mutating func size(_ b: UInt8) -> StaticString? {
        let digit: UInt8
        switch b {
        case 48...57: digit = b &- 48
        case 65...70: digit = b &- 55
        case 97...102: digit = b &- 87
        case 13 where digits > 0:
            state = .sizeLF
            return nil
        case 59 where digits > 0:
            state = .extensions
            return nil
        default: return "a chunk size is malformed"
        }
        // Fifteen digits hold any real size and cannot overflow.
        guard digits < 15 else { return "a chunk size is too large" }
        left = digits == 0 ? UInt64(digit) : left << 4 | UInt64(digit)
        digits &+= 1
        return nil
    }
}
