import Base
import Testing

@testable import Discovery

@Suite struct PushTimingTests {
    private func at(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }

    @Test func `the first change goes at once`() {
        var timing = PushTiming()
        #expect(timing.changed(now: at(0)) == .push)
        #expect(timing.finished(now: at(1)) == nil)
        #expect(timing.changed(now: at(100)) == .push)
    }

    @Test func `a burst goes when it pauses`() {
        var timing = PushTiming()
        #expect(timing.changed(now: at(0)) == .push)
        #expect(timing.finished(now: at(1)) == nil)
        #expect(timing.changed(now: at(2)) == .wake(at: at(22)))
        #expect(timing.changed(now: at(15)) == nil)
        #expect(timing.wake(now: at(22)) == .wake(at: at(35)))
        #expect(timing.wake(now: at(35)) == .push)
    }

    @Test func `a burst without pause goes at the cap`() {
        var timing = PushTiming()
        _ = timing.changed(now: at(0))
        _ = timing.finished(now: at(1))
        #expect(timing.changed(now: at(2)) == .wake(at: at(22)))
        for moment in stride(from: UInt64(10), through: 200, by: 10) { #expect(timing.changed(now: at(moment)) == nil) }
        #expect(timing.wake(now: at(201)) == .wake(at: at(202)))
        #expect(timing.wake(now: at(202)) == .push)
    }

    @Test func `what changes during a push goes after it`() {
        var timing = PushTiming()
        #expect(timing.changed(now: at(0)) == .push)
        #expect(timing.changed(now: at(5)) == nil)
        #expect(timing.changed(now: at(6)) == nil)
        #expect(timing.finished(now: at(50)) == .wake(at: at(50)))
        #expect(timing.wake(now: at(50)) == .push)
        #expect(timing.finished(now: at(60)) == nil)
    }
}

@Suite struct BackoffTests {
    @Test func `waits grow to the limit and stay between half and all of a step`() {
        var backoff = Backoff(initial: .milliseconds(100), max: .seconds(30), seed: 1)
        var step = Duration.milliseconds(100)
        for _ in 0..<20 {
            let wait = backoff.next()
            #expect(wait >= step / 2 && wait <= step)
            step = min(step * 2, .seconds(30))
        }
        backoff.reset()
        #expect(backoff.next() <= .milliseconds(100))
    }
}
