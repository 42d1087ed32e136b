internal import Base
internal import CNghttp2

/// Looks at the header of every received HTTP/2 frame before nghttp2 does, and refuses what nghttp2 does not.
///
/// nghttp2 reports neither frames of unknown types nor those of closed streams, and it passes over PRIORITY altogether
/// once RFC 7540 priorities are off. Shape: a state machine over any cut of the bytes; only frame headers, and the
/// first four octets of PRIORITY and WINDOW_UPDATE, are kept.
struct FrameInspector: ~Copyable {
    var flood: FloodGuard
    /// Of connections from clients only: nghttp2 knows the streams that it opened itself.
    private var inputs = StreamInputs()
    private let isServer: Bool

    /// Payload bytes, or the preface, to pass over before the next frame header.
    private var skip: Int
    /// The beginning of a frame header that arrived in pieces, low byte first.
    private var partial: UInt64 = 0
    private var partialCount = 0
    private var header = FrameHeader()
    /// Octets of a payload still to be collected, and those seen.
    private var watchedLeft = 0
    private var watched: UInt32 = 0

    init(isServer: Bool) {
        self.isServer = isServer
        flood = FloodGuard(isServer: isServer)
        skip = isServer ? 24 : 0
    }

    /// Returns why the connection must end, or nil. Nothing of refused bytes is to be processed.
    mutating func scan(_ p: BytePointer, _ count: Int, now: MonotonicTime) -> HTTP2ErrorCode? {
        var at = 0
        while at < count {
            if watchedLeft > 0 {
                watched = watched << 8 | UInt32(p[at])
                watchedLeft &-= 1
                skip &-= 1
                at &+= 1
                if watchedLeft == 0 && isWatchedWrong { return .protocolError }
                continue
            }
            if skip > 0 {
                let step = min(skip, count &- at)
                skip &-= step
                at &+= step
                continue
            }
            if partialCount == 0 && count &- at >= 9 {
                header.read(loadWord(p + at), last: p[at &+ 8])
                at &+= 9
            } else {
                if partialCount < 8 { partial |= UInt64(p[at]) << UInt64(8 &* partialCount) }
                partialCount &+= 1
                at &+= 1
                guard partialCount == 9 else { continue }
                header.read(partial, last: p[at &- 1])
                partial = 0
                partialCount = 0
            }
            skip = header.length
            if let code = frameBegan(now) { return code }
        }
        return nil
    }

    private mutating func frameBegan(_ now: MonotonicTime) -> HTTP2ErrorCode? {
        let frame = header
        guard flood.frameBegan(frame, now: now) else { return .enhanceYourCalm }
        guard isServer else { return nil }
        let ends = frame.flags & gh_h2_flag_end_stream != 0
        switch frame.type {
        case gh_h2_headers: return inputs.headers(frame.stream, endsStream: ends)
        case gh_h2_data: return inputs.data(frame.stream, endsStream: ends)
        case gh_h2_rst:
            inputs.reset(frame.stream)
            return nil
        case gh_h2_priority:
            guard frame.stream != 0 else { return .protocolError }
            guard frame.length == 5 else { return .frameSizeError }
            watch()
            return nil
        case gh_h2_window:
            if frame.length == 4 { watch() }
            return nil
        default: return nil
        }
    }

    private mutating func watch() {
        watchedLeft = 4
        watched = 0
    }

    /// A window that grows by nothing (RFC 9113 §6.9), and a stream that depends on itself: an error in RFC 7540
    /// §5.3.1, and still of no use. The highest bit is reserved, or the exclusive flag.
    private var isWatchedWrong: Bool {
        watched & 0x7FFF_FFFF == (header.type == gh_h2_window ? 0 : header.stream)
    }

    /// A RST_STREAM of ours left.
    mutating func resetSent(_ id: Int32) {
        if isServer { inputs.withdraw(UInt32(bitPattern: id)) }
    }
}

/// The nine octets before every frame (RFC 9113 §4.1).
struct FrameHeader {
    var length = 0
    var type: UInt8 = 0
    var flags: UInt8 = 0
    var stream: UInt32 = 0

    /// - Parameters:
    ///   - word: the first eight octets, the first one lowest.
    ///   - last: the ninth.
    mutating func read(_ word: UInt64, last: UInt8) {
        let big = word.byteSwapped
        length = Int(big >> 40)
        type = UInt8(truncatingIfNeeded: big >> 32)
        flags = UInt8(truncatingIfNeeded: big >> 24)
        stream = (UInt32(truncatingIfNeeded: big) << 8 | UInt32(last)) & 0x7FFF_FFFF
    }
}
