internal import Base
internal import Transport

// Deadlines of one HTTP/1 connection: the head, the body's rate, idleness, a stuck reader.
extension HTTP1ServerEngine {
    /// Looks at the phase's deadline; the timer may come early, never late.
    func timerFired() {
        let loop = transport.loop
        guard transport.isOpen else { return }
        if transport.bufferedBytes > 0 {
            let idle = loop.now.since(transport.lastActive)
            if idle >= server.options.sendTimeout {
                failCurrent(.timedOut)
                transport.close()
                return
            }
            timer.arm(within: server.options.sendTimeout - idle, on: loop)
        }
        switch input {
        case .head: headDeadline(loop)
        case .fixed, .chunked, .trailers: bodyDeadline(loop)
        case .waiting: timer.arm(within: server.options.sendTimeout, on: loop)
        case .raw, .dead: break
        }
    }

    private func headDeadline(_ loop: EventLoop) {
        let isFirst = server.requestCount == 0
        let patience = isHeadPartial || isFirst ? server.options.headTimeout : server.options.idleTimeout
        let limit = server.isDraining && !isHeadPartial ? min(Self.drainGrace, patience) : patience
        let spent = loop.now.since(phaseStart)
        if spent < limit {
            timer.arm(within: limit - spent, on: loop)
        } else if isHeadPartial {
            _ = reject(408, "the request head took too long")
        } else {
            transport.finish()
        }
    }

    private func bodyDeadline(_ loop: EventLoop) {
        let rate = server.options.bodyRateMin
        let spent = loop.now.since(phaseStart)
        if rate == 0 { return }
        guard spent >= .seconds(10), !transport.isReadingPaused else {
            if transport.isReadingPaused { startBody() } else { timer.arm(within: .seconds(10) - spent, on: loop) }
            return
        }
        if bodyBytes >= UInt64(rate) * 10 {
            startBody()
            return
        }
        let canAnswer = current.map { !$0.isResponseStarted } ?? false
        failCurrent(.timedOut)
        input = .dead
        if canAnswer { writeRefusal(408, "the request body is too slow") }
        transport.finish(lingering: true)
    }
}

/// Fires at the latest when the nearest deadline is due. Scheduled rarely: an earlier firing just looks again.
final class HTTP1ServerTimer: LoopTimer {
    unowned(unsafe) var engine: HTTP1ServerEngine?
    private var due = MonotonicTime(nanoseconds: 0)

    func arm(within delay: Duration, on loop: EventLoop) {
        let wanted = loop.now.advanced(by: delay)
        if isScheduled && due <= wanted { return }
        due = wanted
        loop.schedule(self, at: wanted)
    }

    override func fire() { engine?.timerFired() }
}
