internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream
internal import XDS

// The upstream's side of an exchange.
extension Exchange {
    /// Interim responses of one exchange; more are no progress but a way to keep everybody busy.
    private static let informationalMax = 32

    func upstreamInforms(_ head: MessageHead) {
        informationalCount &+= 1
        guard informationalCount <= Self.informationalMax else {
            abandonUpstream(.cancel)
            answerFailure(.malformed("too many informational responses"))
            return
        }
        if head.status == 100 {
            // Ours says it once, and only to whom waits for it.
            continueNow()
            return
        }
        head.removeHopByHopFields(keepingUpgrade: false)
        stream?.sendInformational(head)
    }

    func upstreamAnswers(_ head: MessageHead, endStream: Bool) {
        guard let stream, let cluster, let host, let downstream, let http else { return }
        let now = worker.loop.now.nanoseconds
        lastActivity = now
        let code = Int(head.status)
        continueDeadline = .max
        if code == 101, !isSwitchAskedFor(head, stream.head) {
            upstreamFails(.malformed("a switch to another protocol than asked for"))
            return
        }
        cluster.statistics.pointee.countResponse(status: code)
        cluster.note(.answered(status: code), on: host)
        if let rule = forward?.retry, rule.retriesMax > 0, rule.allows(head), retry() { return }
        let time = (now &- attemptTime) / 1_000_000
        serviceTime = time
        status = code
        details = "via_upstream"
        if attempts > 1 { cluster.statistics.pointee.retrySuccess &+= 1 }
        head.removeHopByHopFields(keepingUpgrade: code == 101)
        decorate(head, request: stream.head, http, downstream, time)
        if isGRPC, let value = head.value(.grpcStatus) { grpcStatus = Self.decimal(value) }
        web?.answer(head)
        if !http.compressors.isEmpty, web == nil {
            startCompression(head, request: stream.head, http, endStream: endStream)
        }
        isResponseStarted = true
        // Source: Envoy: an answer that begins before the request has ended makes the two a conversation.
        requestDeadline = .max
        stream.sendHead(head, endStream: endStream)
        if code == 101 {
            beginTunnel(downstream)
        } else if endStream {
            responseIsComplete()
        } else if !stream.isWritable {
            pauseUpstream()
        }
    }

    /// What every forwarded response head gets: the time, the route's edits, cross-origin headers, our name.
    private func decorate(
        _ head: MessageHead,
        request: MessageHead,
        _ http: HTTPPlan,
        _ downstream: HTTPDownstream,
        _ time: UInt64
    ) {
        if !head.has(.date) { worker.withDate { _ = head.append(.date, $0) } }
        if http.suppressesEnvoyHeaders {
            if head.has(.xEnvoyUpstreamServiceTime) { head.remove(.xEnvoyUpstreamServiceTime) }
        } else {
            withDecimal(time) { _ = head.set(.xEnvoyUpstreamServiceTime, $0) }
        }
        if http.manager.returnsRequestID, let id = request.value(.xRequestID) { head.set(.xRequestID, id) }
        if let choice, !choice.responseHeaders.isEmpty { edit(head, choice.responseHeaders, request, downstream) }
        if let route, !route.responseHeaders.isEmpty { edit(head, route.responseHeaders, request, downstream) }
        for step in http.edits where !step.isOff { edit(head, step.settings.response, request, downstream) }
        if !newCookie.isEmpty { newCookie.withUnsafeBytes { _ = head.append(.setCookie, $0) } }
        corsRule?.addResponseHeaders(to: head, request: request)
        nameServer(head, http)
    }

    /// Our name, after every edit: as with Envoy, edits of `server` have no effect unless it is passed through.
    private func nameServer(_ head: MessageHead, _ http: HTTPPlan) {
        switch http.manager.serverHeader {
        case .overwrite: head.replace(.server, by: http.serverLine)
        case .appendIfAbsent: if !head.has(.server) { head.append(http.serverLine) }
        case .passThrough: break
        }
    }

    private func edit(
        _ head: MessageHead,
        _ edits: HeaderEdits,
        _ request: MessageHead,
        _ downstream: HTTPDownstream
    ) {
        edits.apply(to: head, request: request, facts: facts(downstream), scratch: &worker.scratch)
    }

    private static func decimal(_ text: UnsafeRawBufferPointer) -> Int? {
        guard text.count > 0, text.count < 4 else { return nil }
        var value = 0
        for byte in text {
            guard byte >= 48, byte <= 57 else { return nil }
            value = value * 10 + Int(byte - 48)
        }
        return value
    }

    func upstreamSends(_ bytes: UnsafeRawBufferPointer) {
        guard let stream else { return }
        lastActivity = worker.loop.now.nanoseconds
        if let web {
            web.sends(bytes) { send($0, on: stream) }
        } else if let gzip {
            guard compress(bytes, isLast: false, with: gzip, to: stream) else { return }
        } else {
            send(bytes, on: stream)
        }
        if !stream.isWritable { pauseUpstream() }
    }

    private func send(_ bytes: UnsafeRawBufferPointer, on stream: ServerStream) {
        bytesSent &+= UInt64(bytes.count)
        stream.sendData(bytes, endStream: false)
    }

    private func pauseUpstream() {
        guard !isUpstreamPaused else { return }
        isUpstreamPaused = true
        upstream?.pauseReading()
    }

    func upstreamTrails(_ trailers: MessageHead) {
        guard let stream, finishCompression(stream) else { return }
        if isGRPC, let value = trailers.value(.grpcStatus) { grpcStatus = Self.decimal(value) }
        if let web, web.trails(trailers, { send($0, on: stream) }) {
            stream.end()
            return
        }
        stream.sendTrailers(trailers)
    }

    func upstreamEnds() {
        guard let stream, finishCompression(stream) else { return }
        if !stream.isResponseComplete {
            web?.ends { send($0, on: stream) }
            stream.end()
        }
        responseIsComplete()
    }

    private func responseIsComplete() {
        if phase == .tunneling, !isRequestComplete { return }
        // The upstream may finish before the request has; what is left of it then has no receiver.
        if let upstream, upstream.isRequestComplete { self.upstream = nil }
        uncountRequest()
        finish()
    }

    func upstreamIsWritable() {
        if upstream?.isWritable == true { resumeReading() }
    }

    func upstreamFails(_ failure: StreamFailure) {
        guard let cluster, let host else { return }
        cluster.statistics.pointee.requestResets &+= 1
        if !isResponseStarted, retryStale(failure) { return }
        cluster.note(.localFailure, on: host)
        let wasSent = upstream?.isRequestComplete ?? true
        let reason: RetryRule.Failure =
            failure.isProvablyUnsent ? .refused : .reset(anyRequestByteSent: wasSent || bytesReceived > 0)
        if !isResponseStarted, let rule = forward?.retry, rule.allows(reason, isIdempotent: isIdempotent), retry() {
            return
        }
        upstream = nil
        answerFailure(failure)
    }

    private func answerFailure(_ failure: StreamFailure) {
        switch failure {
        case .connectionClosed:
            reply(
                503,
                "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
                details: "upstream_reset_before_response_started{connection_termination}",
                flags: .upstreamClosed
            )
        case .refused, .reset:
            reply(
                503,
                "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
                details: "upstream_reset_before_response_started{remote_reset}",
                flags: .upstreamReset
            )
        case .malformed:
            reply(
                502,
                "upstream connect error or disconnect/reset before headers. reset reason: protocol error",
                details: "upstream_reset_before_response_started{protocol_error}",
                flags: .upstreamProtocol
            )
        case .timedOut:
            reply(504, "upstream request timeout", details: "upstream_too_slow", flags: .upstreamTimeout)
        }
    }

    // MARK: upgrades

    /// The protocol of a 101 is the one that the request named (RFC 9110 §7.8).
    private func isSwitchAskedFor(_ head: MessageHead, _ request: MessageHead) -> Bool {
        guard wantsUpgrade, let wanted = request.value(.upgrade), let chosen = head.value(.upgrade) else {
            return false
        }
        return wanted.equalsFolding(chosen)
    }

    /// The upstream switched protocols: bytes flow both ways until both sides have ended or nothing comes for too long.
    private func beginTunnel(_ downstream: HTTPDownstream) {
        phase = .tunneling
        downstream.listener.statistics.pointee.upgradesTotal &+= 1
        isRequestComplete = stream?.isRequestComplete ?? true
        let idle = idleTimeout
        clearDeadlines()
        idleTimeout = idle
        armClock()
        if isRequestComplete { upstream?.end() }
    }
}
