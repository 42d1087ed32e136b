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
    /// Of one header block as it is on the wire.
    private static let headBlockBytesMax = 64 << 10
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
    private var headBlockBytes = 0
    private var resetsLeft = FloodGuard.resetsBurst
    private var windowUpdates = 0
    var dataFramesSent = 0
    /// A header block is open since then.
    private(set) var headersSince: MonotonicTime?

    init(isServer: Bool) {
        countsResets = isServer
    }

    /// A frame begins. False when there were too many of its kind.
    mutating func frameBegan(_ frame: FrameHeader, now: MonotonicTime) -> Bool {
        tick(now)
        switch frame.type {
        case gh_h2_ping:
            pings &+= 1
            return pings <= FloodGuard.pingsMax
        case gh_h2_settings:
            settings &+= 1
            return settings <= FloodGuard.settingsMax
        case gh_h2_data:
            if frame.length > 0 || frame.flags & gh_h2_flag_end_stream != 0 { return true }
            return emptyDataSeen()
        case gh_h2_headers:
            if frame.flags & gh_h2_flag_end_headers == 0 {
                headersSince = now
                continuations = 0
                headBlockBytes = frame.length
            }
            return true
        case gh_h2_continuation:
            continuations &+= 1
            headBlockBytes &+= frame.length
            return continuations <= FloodGuard.continuationsMax && headBlockBytes <= FloodGuard.headBlockBytesMax
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

    /// A DATA frame without content: nothing at all, or padding. False when there were too many.
    mutating func emptyDataSeen() -> Bool {
        emptyData &+= 1
        return emptyData <= FloodGuard.emptyDataMax
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
