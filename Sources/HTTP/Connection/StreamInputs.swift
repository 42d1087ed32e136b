internal import Base
internal import CSys

/// Which HTTP/2 streams of a client may still bring content: what nghttp2 forgets when a stream is closed.
///
/// Source: RFC 9113 §5.1. A frame behind END_STREAM or RST_STREAM is a violation, a frame behind a reset of ours may
/// have been under way and is passed over, and a skipped stream number is closed for ever (§5.1.1). The RFC allows
/// every stream error to be treated as one of the connection (§5.4); we do, because no client at work makes these, and
/// because an answer per frame is what floods are made of (CVE-2025-8671).
///
/// Shape: numbers of streams whose input is open, a ring of those that we reset before their input had ended, and a
/// window of bits saying which of the latest numbers were used.
struct StreamInputs: ~Copyable {
    /// Streams with open input; a client is refused (REFUSED_STREAM) long before.
    static let openMax = 1024
    /// Streams whose late frames are still passed over.
    static let withdrawnMax = 128

    private var open: UnsafeMutablePointer<UInt32>?
    private var openCapacity = 0
    private var openCount = 0
    private var withdrawn: UnsafeMutablePointer<UInt32>?
    private var withdrawnCount = 0
    /// The highest number a client has used.
    private(set) var latest: UInt32 = 0
    /// Bit n: stream `latest - 2n` was used.
    private var used: UInt64 = 0

    deinit {
        open?.deallocate()
        withdrawn?.deallocate()
    }

    /// A HEADERS frame with this number. Returns why the connection must end, or nil.
    mutating func headers(_ id: UInt32, endsStream: Bool) -> HTTP2ErrorCode? {
        guard id & 1 == 1 else { return nil }
        if id > latest {
            let distance = (id &- latest) / 2 &+ (latest == 0 ? 1 : 0)
            used = distance < 64 ? used << UInt64(distance) | 1 : 1
            latest = id
            if endsStream { return nil }
            guard openCount < StreamInputs.openMax else { return .enhanceYourCalm }
            insert(id)
            return nil
        }
        return later(id, endsStream: endsStream, isHeaders: true)
    }

    /// A DATA frame with this number. Idle streams are nghttp2's business.
    mutating func data(_ id: UInt32, endsStream: Bool) -> HTTP2ErrorCode? {
        guard id & 1 == 1, id <= latest else { return nil }
        return later(id, endsStream: endsStream, isHeaders: false)
    }

    private mutating func later(_ id: UInt32, endsStream: Bool, isHeaders: Bool) -> HTTP2ErrorCode? {
        if let index = find(id) {
            if endsStream { removeOpen(index) }
            return nil
        }
        if wasWithdrawn(id) { return nil }
        let distance = (latest &- id) / 2
        let wasUsed = distance >= 64 || used >> UInt64(distance) & 1 == 1
        return isHeaders && !wasUsed ? .protocolError : .streamClosed
    }

    /// The client reset the stream.
    mutating func reset(_ id: UInt32) {
        if let index = find(id) { removeOpen(index) }
    }

    /// We reset the stream.
    mutating func withdraw(_ id: UInt32) {
        guard let index = find(id) else { return }
        removeOpen(index)
        let ring = withdrawn ?? .allocate(capacity: StreamInputs.withdrawnMax)
        withdrawn = ring
        ring[withdrawnCount % StreamInputs.withdrawnMax] = id
        withdrawnCount &+= 1
    }

    private func wasWithdrawn(_ id: UInt32) -> Bool {
        guard let withdrawn else { return false }
        for i in 0..<min(withdrawnCount, StreamInputs.withdrawnMax) where withdrawn[i] == id { return true }
        return false
    }

    /// The latest streams are the likeliest to be asked for.
    private func find(_ id: UInt32) -> Int? {
        guard let open else { return nil }
        var i = openCount
        while i > 0 {
            i &-= 1
            if open[i] == id { return i }
        }
        return nil
    }

    private mutating func removeOpen(_ index: Int) {
        guard let open else { return }
        openCount &-= 1
        open[index] = open[openCount]
    }

    private mutating func insert(_ id: UInt32) {
        if openCount == openCapacity {
            let grown = max(16, openCapacity &* 2)
            let larger = UnsafeMutablePointer<UInt32>.allocate(capacity: grown)
            if let open {
                larger.update(from: open, count: openCount)
                open.deallocate()
            }
            open = larger
            openCapacity = grown
        }
        open?[openCount] = id
        openCount &+= 1
    }
}
