internal import Base

/// A one-shot timer on one event loop. Subclass it, or use it as a member with a back reference that the owner clears.
///
/// Cheap re-arming: leave it scheduled, note the time of the last activity, and when it fires too early schedule it
/// again.
open class LoopTimer {
    fileprivate final var next: LoopTimer?
    fileprivate final unowned(unsafe) var previous: LoopTimer?
    fileprivate final unowned(unsafe) var wheel: TimerWheel?
    fileprivate final var slot = -1
    fileprivate final var deadline: UInt64 = 0

    public init() {}

    public final var isScheduled: Bool { slot >= 0 }

    /// Runs on the loop's thread. The timer may be scheduled again from here.
    open func fire() {}

    /// Does nothing when the timer is not scheduled.
    public final func cancel() {
        guard let wheel, slot >= 0 else { return }
        wheel.unlink(self)
    }
}

/// Timers by millisecond in three rings of 256 slots: 256 ms, 65 s, 4.6 h. Longer ones wait in the last ring and move
/// on.
///
/// Insertion and cancellation are constant time; a ring's timers move down when their slot comes up. Scheduled timers
/// are kept alive by the wheel.
final class TimerWheel {
    private static let slots = 256
    private static let levels = 3

    /// List heads, level by level.
    private let heads: UnsafeMutablePointer<LoopTimer?>
    /// One bit per slot that may hold timers.
    private let occupied: UnsafeMutablePointer<UInt64>
    private let origin: UInt64
    /// Milliseconds since `origin` that were fully processed.
    private var current: UInt64 = 0
    private var count = 0

    init(start: MonotonicTime) {
        origin = start.nanoseconds
        heads = .allocate(capacity: TimerWheel.slots * TimerWheel.levels)
        heads.initialize(repeating: nil, count: TimerWheel.slots * TimerWheel.levels)
        occupied = .allocate(capacity: 4 * TimerWheel.levels)
        occupied.initialize(repeating: 0, count: 4 * TimerWheel.levels)
    }

    deinit {
        for slot in 0..<(TimerWheel.slots * TimerWheel.levels) {
            while let timer = heads[slot] { unlink(timer) }
        }
        heads.deinitialize(count: TimerWheel.slots * TimerWheel.levels)
        heads.deallocate()
        occupied.deallocate()
    }

    func insert(_ timer: LoopTimer, at time: MonotonicTime) {
        if timer.slot >= 0, let wheel = timer.wheel { wheel.unlink(timer) }
        let elapsed = time.nanoseconds > origin ? time.nanoseconds &- origin : 0
        // Rounded up: a timer never fires early.
        timer.deadline = max(elapsed / 1_000_000 &+ (elapsed % 1_000_000 == 0 ? 0 : 1), current &+ 1)
        link(timer)
    }

    private func link(_ timer: LoopTimer) {
        let delta = timer.deadline &- current
        let slot: Int
        if delta < 256 {
            slot = Int(timer.deadline & 255)
        } else if delta < 65_536 {
            slot = 256 + Int(timer.deadline >> 8 & 255)
        } else {
            let target = min(timer.deadline, current &+ (255 << 16))
            slot = 512 + Int(target >> 16 & 255)
        }
        timer.slot = slot
        timer.wheel = self
        timer.previous = nil
        timer.next = heads[slot]
        timer.next?.previous = timer
        heads[slot] = timer
        occupied[slot >> 6] |= 1 << UInt64(slot & 63)
        count &+= 1
    }

    func unlink(_ timer: LoopTimer) {
        let next = timer.next
        if let previous = timer.previous {
            next?.previous = previous
            previous.next = next
        } else {
            let slot = timer.slot
            next?.previous = nil
            timer.next = nil
            timer.slot = -1
            count &-= 1
            if next == nil { occupied[slot >> 6] &= ~(1 << UInt64(slot & 63)) }
            heads[slot] = next
            return
        }
        timer.next = nil
        timer.previous = nil
        timer.slot = -1
        count &-= 1
    }

    /// Fires everything due at `time`, in order of milliseconds.
    func advance(to time: MonotonicTime) {
        let target = (time.nanoseconds > origin ? time.nanoseconds &- origin : 0) / 1_000_000
        if count == 0 {
            current = max(current, target)
            return
        }
        while current < target {
            current &+= 1
            if current & 255 == 0 {
                if current & 65_535 == 0 { cascade(512 + Int(current >> 16 & 255)) }
                cascade(256 + Int(current >> 8 & 255))
            }
            let slot = Int(current & 255)
            while let timer = heads[slot] {
                unlink(timer)
                timer.fire()
            }
        }
    }

    /// Spreads one slot of an upper ring over the rings below.
    private func cascade(_ slot: Int) {
        var list: LoopTimer?
        while let timer = heads[slot] {
            unlink(timer)
            timer.next = list
            list = timer
        }
        while let timer = list {
            list = timer.next
            timer.next = nil
            if timer.deadline <= current { timer.deadline = current }
            link(timer)
        }
    }

    /// How long epoll may sleep: -1 without timers, else until the next slot that holds one.
    func millisecondsToNext(after time: MonotonicTime) -> Int32 {
        guard count > 0 else { return -1 }
        let elapsed = (time.nanoseconds > origin ? time.nanoseconds &- origin : 0) / 1_000_000
        var due = UInt64.max
        if let distance = distanceToNext(level: 0, from: Int(current & 255)) { due = current &+ distance }
        for level in 1..<TimerWheel.levels {
            let shift = UInt64(8 * level)
            guard let distance = distanceToNext(level: level, from: Int(current >> shift & 255)) else { continue }
            due = min(due, ((current >> shift) &+ distance) << shift)
        }
        if due == .max { return 1 }
        return due <= elapsed ? 0 : Int32(clamping: due &- elapsed)
    }

    /// Slots from `index` (exclusive) to the next occupied one, wrapping around; at most 256.
    private func distanceToNext(level: Int, from index: Int) -> UInt64? {
        var step = 1
        while step <= 256 {
            let slot = (index + step) & 255
            let word = occupied[level * 4 + slot >> 6] >> UInt64(slot & 63)
            if word != 0 {
                let found = step + word.trailingZeroBitCount
                return UInt64(found)
            }
            step += 64 - slot & 63
        }
        return nil
    }
}
