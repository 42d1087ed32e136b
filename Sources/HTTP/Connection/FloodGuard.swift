internal import Base
internal import CNghttp2

/// Counts what costs us work and the peer almost nothing (CVE-2019-9512 to 9518, CVE-2023-44487, CVE-2024 CONTINUATION,
/// CVE-2025-8671). A refusal ends the connection with ENHANCE_YOUR_CALM.
///
/// Limits are per second and connection; they are the scorecard's bar, several times what browsers and gRPC libraries
/// do.
struct FloodGuard {
    private static let pingsMax = 100
    private static let settingsMax = 50
    private static let emptyDataMax = 100
    private static let othersMax = 1000
    private static let continuationsMax = 20
    /// Resets that may come without completed exchanges in between, refilled by time.
    private static let resetsBurst = 100
    private static let resetsPerSecond = 20
    /// WINDOW_UPDATEs that may come per DATA frame we sent, beyond a fixed allowance.
    private static let windowUpdatesPerData = 10

    /// Resets are counted on connections from clients only: towards an upstream they are mostly our own cancellations.
    private let countsResets: Bool
    private var second: UInt64 = 0
    private var pings = 0
    private var settings = 0
    private var emptyData = 0
    private var others = 0
    private var continuations = 0
    private var resetsLeft = FloodGuard.resetsBurst
    private var windowUpdates = 0
    var dataFramesSent = 0
    /// A header block is open since then.
    private(set) var headersSince: MonotonicTime?

    /// Payload bytes, or the preface, to pass over before the next frame header.
    private var skip: Int
    /// The beginning of a frame header that arrived in pieces, low byte first.
    private var partial: UInt64 = 0
    private var partialCount = 0

    init(isServer: Bool) {
        countsResets = isServer
        skip = isServer ? 24 : 0
    }

    /// Looks at the header of every frame in the bytes, before nghttp2 does: it does not report frames of unknown
    /// types, nor those of closed streams. False when the connection must end.
    mutating func scan(_ p: BytePointer, _ count: Int, now: MonotonicTime) -> Bool {
        var at = 0
        while at < count {
            if skip > 0 {
                let step = min(skip, count &- at)
                skip &-= step
                at &+= step
                continue
            }
            if partialCount < 8 {
                partial |= UInt64(p[at]) << UInt64(8 &* partialCount)
            }
            partialCount &+= 1
            at &+= 1
            guard partialCount == 9 else { continue }
            let b = partial
            let length = Int(b & 255) << 16 | Int(b >> 8 & 255) << 8 | Int(b >> 16 & 255)
            partial = 0
            partialCount = 0
            skip = length
            let type = UInt8(truncatingIfNeeded: b >> 24), flags = UInt8(truncatingIfNeeded: b >> 32)
            if !frameBegan(type: type, flags: flags, length: length, now: now) { return false }
        }
        return true
    }

    private mutating func frameBegan(type: UInt8, flags: UInt8, length: Int, now: MonotonicTime) -> Bool {
        tick(now)
        switch type {
        case gh_h2_ping:
            pings &+= 1
            return pings <= FloodGuard.pingsMax
        case gh_h2_settings:
            settings &+= 1
            return settings <= FloodGuard.settingsMax
        case gh_h2_data:
            if length > 0 || flags & gh_h2_flag_end_stream != 0 { return true }
            emptyData &+= 1
            return emptyData <= FloodGuard.emptyDataMax
        case gh_h2_headers:
            if flags & gh_h2_flag_end_headers == 0 {
                headersSince = now
                continuations = 0
            }
            return true
        case gh_h2_continuation:
            continuations &+= 1
            return continuations <= FloodGuard.continuationsMax
        case gh_h2_window:
            windowUpdates &+= 1
            return windowUpdates <= 1000 &+ FloodGuard.windowUpdatesPerData &* dataFramesSent
        case gh_h2_rst, gh_h2_goaway: return true
        default:
            // PRIORITY and frame types nobody knows.
            others &+= 1
            return others <= FloodGuard.othersMax
        }
    }

    mutating func headersEnded() { headersSince = nil }

    /// A RST_STREAM was received or sent. False when there were too many.
    mutating func resetSeen(now: MonotonicTime) -> Bool {
        guard countsResets else { return true }
        tick(now)
        resetsLeft &-= 1
        return resetsLeft >= 0
    }

    /// An exchange ended well.
    mutating func exchangeCompleted() {
        if resetsLeft < FloodGuard.resetsBurst { resetsLeft &+= 1 }
    }

    private mutating func tick(_ now: MonotonicTime) {
        let current = now.nanoseconds / 1_000_000_000
        guard current != second else { return }
        if second != 0 {
            let gained = min(current &- second, 5) &* UInt64(FloodGuard.resetsPerSecond)
            resetsLeft = min(FloodGuard.resetsBurst, resetsLeft &+ Int(gained))
        }
        second = current
        pings = 0
        settings = 0
        emptyData = 0
        others = 0
    }
}
