internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream

extension Exchange {
    /// The earliest moment at which something has to be looked at.
    private var nextDeadline: UInt64 {
        var next = min(min(delayDeadline, routeDeadline), min(tryDeadline, requestDeadline))
        next = min(next, min(durationDeadline, continueDeadline))
        if idleTimeout != .max { next = min(next, lastActivity &+ idleTimeout) }
        if tryIdleTimeout != .max { next = min(next, tryIdleDeadline) }
        return next
    }

    private var tryIdleDeadline: UInt64 {
        let (sum, overflow) = max(attemptTime, lastActivity).addingReportingOverflow(tryIdleTimeout)
        return overflow ? .max : sum
    }

    func armClock() { clock.arm(nextDeadline, on: worker.loop) }

    /// The timer fired, maybe too early: acts on what is due and looks again later.
    func checkDeadlines() {
        guard stream != nil else { return }
        let now = worker.loop.now.nanoseconds
        if delayDeadline <= now {
            delayDeadline = .max
            delayIsOver()
        } else if routeDeadline <= now {
            routeDeadline = .max
            responseIsLate(isOneTry: false)
        } else if tryDeadline <= now {
            tryDeadline = .max
            responseIsLate(isOneTry: true)
        } else if requestDeadline <= now {
            requestDeadline = .max
            if !isRequestComplete { reply(408, "request timeout", details: "request_overall_timeout", flags: []) }
        } else if continueDeadline <= now {
            continueNow()
        } else if durationDeadline <= now {
            durationDeadline = .max
            reply(
                isRequestComplete ? 504 : 408,
                "max duration timeout",
                details: "max_duration_timeout",
                flags: .durationLimit
            )
        } else if tryIdleTimeout != .max, tryIdleDeadline <= now {
            tryIdleTimeout = .max
            responseIsLate(isOneTry: true)
        } else if idleTimeout != .max, lastActivity &+ idleTimeout <= now {
            reply(
                isRequestComplete ? 504 : 408,
                "stream timeout",
                details: "stream_idle_timeout",
                flags: .streamIdle
            )
        }
        if stream != nil { armClock() }
    }

    /// The request is complete: from now on the upstream's time counts.
    func startResponseDeadlines() {
        requestDeadline = .max
        guard let forward, let stream else { return }
        var limit = forward.timeoutNanoseconds
        if isGRPC, let most = forward.grpcTimeoutMax, let asked = Self.grpcTimeout(stream.head) {
            let wanted = asked - forward.grpcTimeoutOffset
            let granted = most > .zero ? min(wanted, most) : wanted
            limit = granted > .zero ? granted.nanosecondsFromNow : 1_000_000
        }
        if limit > 0 { routeDeadline = after(limit) }
        startTryDeadline()
    }

    func startTryDeadline() {
        if phase == .active, let limit = forward?.retry?.perTryIdleTimeout, limit > .zero {
            tryIdleTimeout = UInt64(limit.wholeNanoseconds)
        }
        guard isRequestComplete, phase == .active, let limit = forward?.retry?.perTryTimeout, limit > .zero else {
            return
        }
        tryDeadline = after(limit)
    }

    /// `grpc-timeout`: up to eight digits and a unit. Source: gRPC over HTTP/2.
    private static func grpcTimeout(_ head: MessageHead) -> Duration? {
        guard let text = head.value(.grpcTimeout), text.count >= 2, text.count <= 9 else { return nil }
        var value: Int64 = 0
        for byte in text.dropLast() {
            guard byte >= 48, byte <= 57 else { return nil }
            value = value * 10 + Int64(byte - 48)
        }
        switch text[text.count - 1] {
        case 72: return .seconds(value * 3600)
        case 77: return .seconds(value * 60)
        case 83: return .seconds(value)
        case 109: return .milliseconds(value)
        case 117: return .microseconds(value)
        case 110: return .nanoseconds(value)
        default: return nil
        }
    }

    private func responseIsLate(isOneTry: Bool) {
        if let cluster {
            cluster.statistics.pointee.requestTimeouts &+= 1
            if let host { cluster.note(.localFailure, on: host) }
        }
        if isOneTry, !isResponseStarted, let rule = forward?.retry, rule.allows(.timedOut), retry() { return }
        reply(
            504,
            "upstream request timeout",
            details: isOneTry ? "upstream_per_try_timeout" : "response_timeout",
            flags: .upstreamTimeout
        )
    }
}
