internal import Base
internal import CNghttp2
internal import Transport

/// HTTP/2 on an accepted connection.
final class HTTP2ServerEngine: ServerEngine {
    private let session: HTTP2ServerSession
    private var keepAlive: HTTP2KeepAlive?

    init(_ server: ServerConnection) {
        session = HTTP2ServerSession(server)
        super.init()
        let options = server.options
        if let interval = options.pingInterval {
            keepAlive = HTTP2KeepAlive(session, interval: interval, timeout: options.pingTimeout)
        }
    }

    override func received(_ bytes: BytePointer, _ count: Int) -> Int {
        keepAlive?.received()
        session.receive(bytes, count)
        return count
    }

    override func writable() { session.touch() }

    override func inputEnded() { session.transport.finish() }

    override func drain() { session.drain() }

    override func closed(_ reason: CloseReason) {
        keepAlive?.cancel()
        keepAlive = nil
        session.closed(reason)
    }
}

final class HTTP2ServerSession: HTTP2Session {
    private unowned(unsafe) let server: ServerConnection
    private let options: ServerOptions
    private let timer = HTTP2ServerTimer()
    private var idleSince: MonotonicTime
    private var isClosing = false

    init(_ server: ServerConnection) {
        self.server = server
        options = server.options
        idleSince = server.transport.loop.now
        super.init(server.transport, isServer: true)
        sendSettings()
        timer.session = self
        transport.loop.schedule(timer, after: HTTP2ServerTimer.interval)
        touch()
    }

    private func sendSettings() {
        withUnsafeTemporaryAllocation(of: nghttp2_settings_entry.self, capacity: 5) { list in
            func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
                nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
            }
            list[0] = entry(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.concurrentStreamsMax)
            list[1] = entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.streamWindowBytes)
            list[2] = entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options.headBytesMax)
            list[3] = entry(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1)
            list[4] = entry(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1)
            nghttp2_submit_settings(raw, 0, list.baseAddress, 5)
        }
        nghttp2_session_set_local_window_size(raw, 0, 0, Int32(clamping: options.connectionWindowBytes))
    }

    override var headBytesMax: Int { options.headBytesMax }
    override var fieldsMax: Int { options.fieldsMax }

    // MARK: Requests

    override func headersBegan(_ id: Int32, _ known: HTTP2Stream?, isRequest: Bool) -> HTTP2Stream? {
        guard isRequest else { return known }
        let stream = HTTP2Stream(session: self)
        stream.id = id
        link(stream)
        server.openStreams = streamCount
        nghttp2_session_set_stream_user_data(raw, id, Unmanaged.passUnretained(stream).toOpaque())
        return stream
    }

    override func pseudoField(
        _ stream: HTTP2Stream,
        _ head: MessageHead,
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer
    ) {
        guard name.count > 2 else { return }
        switch (name[1], name[2]) {
        case (0x6D, _): head.setMethod(value)
        case (0x61, _): head.setAuthority(value)
        case (0x70, 0x61): head.setPath(value)
        case (0x70, _):
            stream.isExtendedConnect = true
            if !head.append(.upgrade, value) { stream.flaw = "the protocol is malformed" }
        default:
            // :scheme. Which one a request really came with is the connection's knowledge, not the client's.
            if !value.isSame(as: "http") && !value.isSame(as: "https") { stream.flaw = "an unknown scheme" }
        }
    }

    override func headersEnded(_ stream: HTTP2Stream, endStream: Bool) {
        guard let head = stream.incoming else { return }
        if stream.hasHead {
            trailersEnded(stream, head)
            return
        }
        stream.hasHead = true
        server.requestCount &+= 1
        head.scheme = server.scheme
        if stream.isExtendedConnect { head.becomeUpgrade() }
        if stream.isTooLarge {
            refuse(stream, head, 431, "the head is too large")
            return
        }
        if let flaw = stream.flaw ?? head.targetFlaw {
            refuse(stream, head, 400, flaw)
            return
        }
        if head.method == .trace {
            refuse(stream, head, 405, "TRACE is not allowed")
            return
        }
        head.joinCookies()
        let face = HTTP2ServerStream(head: head, core: stream, connection: server)
        stream.server = face
        face.isRequestComplete = endStream
        // A gRPC stream may rest for as long as both ends like: its pace is the application's.
        if let type = head.value(.contentType), type.count >= 16,
            UnsafeRawBufferPointer(rebasing: type[..<16]).isSame(as: "application/grpc")
        {
            stream.awaitsBody = false
        }
        server.delegate?.onRequest(face, endStream: endStream)
        if server.options.requestsMax > 0 && server.requestCount >= server.options.requestsMax { server.drain() }
    }

    private func trailersEnded(_ stream: HTTP2Stream, _ head: MessageHead) {
        guard let face = stream.server else { return }
        if stream.isTooLarge || stream.flaw != nil {
            reset(stream, .protocolError)
            return
        }
        head.removeNonTrailers()
        face.consumer?.onTrailers(face, head)
        endRequest(face)
    }

    private func endRequest(_ face: HTTP2ServerStream) {
        guard !face.isRequestComplete, !face.isClosed else { return }
        face.isRequestComplete = true
        face.consumer?.onEnd(face)
    }

    private func refuse(_ stream: HTTP2Stream, _ head: MessageHead, _ status: UInt16, _ reason: StaticString) {
        server.delegate?.onRejected(server, status: status, reason: reason)
        let face = HTTP2ServerStream(head: head, core: stream, connection: server)
        stream.server = face
        let answer = MessageHead(byteCapacity: 128)
        answer.status = status
        face.sendHead(answer, endStream: true)
    }

    override func dataArrived(_ stream: HTTP2Stream, _ bytes: UnsafeRawBufferPointer) {
        guard let face = stream.server, !face.isClosed else { return }
        face.consumer?.onData(face, bytes)
    }

    override func inputEnded(_ stream: HTTP2Stream) {
        if let face = stream.server { endRequest(face) }
    }

    override func streamWritable(_ stream: HTTP2Stream) {
        guard let face = stream.server, !face.isClosed else { return }
        face.consumer?.onWritable(face)
    }

    override func streamClosed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        server.openStreams = streamCount
        if streamCount == 0 { idleSince = transport.loop.now }
        if code == .noError { inspector.flood.exchangeCompleted() }
        close(stream, .reset(code))
    }

    /// Ends the user's view of a stream; `failure` is told unless the response was complete and sent.
    private func close(_ stream: HTTP2Stream, _ failure: StreamFailure) {
        guard let face = stream.server else { return }
        stream.server = nil
        let isDone = face.isResponseComplete && stream.body.isEmpty
        let consumer = face.consumer
        let wasClosed = face.isClosed
        face.isClosed = true
        face.consumer = nil
        stream.dropOutput()
        if !wasClosed && !isDone { consumer?.onReset(face, failure) }
    }

    // MARK: Going away

    /// GOAWAY in two steps: first one that refuses nothing, so that requests in flight are not lost, then the real one.
    func drain() {
        guard !isClosing else { return }
        isClosing = true
        nghttp2_submit_shutdown_notice(raw)
        touch()
        transport.loop.schedule(timer, after: .milliseconds(500))
    }

    private func finishDrain() {
        let last = nghttp2_session_get_last_proc_stream_id(raw)
        nghttp2_submit_goaway(raw, 0, last, HTTP2ErrorCode.noError.rawValue, nil, 0)
        touch()
    }

    override func flushed() {
        if isClosing && streamCount == 0 && transport.isOpen && hasSentFinalGoAway { transport.finish(lingering: true) }
    }

    private var hasSentFinalGoAway = false

    func closed(_ reason: CloseReason) {
        timer.cancel()
        timer.session = nil
        abandonAll { close($0, .connectionClosed(reason)) }
        server.openStreams = 0
    }

    // MARK: Deadlines

    func timerFired() {
        let now = transport.loop.now
        if isClosing && !hasSentFinalGoAway {
            hasSentFinalGoAway = true
            finishDrain()
        }
        if let since = inspector.flood.headersSince, now.since(since) >= options.headTimeout {
            fail(.enhanceYourCalm)
        } else if server.requestCount == 0 && streamCount == 0 && now.since(idleSince) >= options.headTimeout {
            fail(.noError)
        } else if streamCount == 0 && now.since(idleSince) >= options.idleTimeout {
            fail(.noError)
        }
        // Not later than promised: the timer comes every so often only.
        let patience = options.sendTimeout - HTTP2ServerTimer.interval
        if transport.bufferedBytes > 0 && now.since(transport.lastActive) >= patience {
            transport.close()
            return
        }
        forEachStream { check($0, now) }
        transport.loop.schedule(timer, after: HTTP2ServerTimer.interval)
    }

    private func check(_ stream: HTTP2Stream, _ now: MonotonicTime) {
        if !stream.body.isEmpty && now.since(stream.lastOutput) >= options.sendTimeout - HTTP2ServerTimer.interval {
            giveUp(stream)
            return
        }
        stream.checks &+= 1
        guard stream.checks % HTTP2ServerTimer.checksPerRate == 0 else { return }
        let isSlow = stream.receivedSinceCheck < options.bodyRateMin * 10
        stream.receivedSinceCheck = 0
        // The first whole period counts, not the one the stream was born in.
        let isJudged = stream.checks >= 2 * HTTP2ServerTimer.checksPerRate
        if isJudged && isSlow && !stream.hasInputEnded && !stream.isPaused && stream.awaitsBody { giveUp(stream) }
    }

    private func giveUp(_ stream: HTTP2Stream) {
        reset(stream, .cancel)
        close(stream, .timedOut)
    }
}

private final class HTTP2ServerTimer: LoopTimer {
    static let interval = Duration.milliseconds(2500)
    static let checksPerRate = 4
    unowned(unsafe) var session: HTTP2ServerSession?

    override func fire() { session?.timerFired() }
}

/// One HTTP/2 exchange on the server side.
final class HTTP2ServerStream: ServerStream {
    private let core: HTTP2Stream

    init(head: MessageHead, core: HTTP2Stream, connection: ServerConnection) {
        self.core = core
        super.init(head: head, connection: connection)
    }

    override var isWritable: Bool { core.isWritable }
    override var bufferedBytes: Int { core.body.count }

    override func sendInformational(_ head: MessageHead) {
        guard !isClosed, !isResponseStarted, head.status >= 100, head.status < 200, head.status != 101 else { return }
        submit(head, status: head.status) { list, count in
            _ = nghttp2_submit_headers(core.session.raw, 0, core.id, nil, list, count, nil)
        }
    }

    override func sendHead(_ response: MessageHead, endStream: Bool) {
        guard !isClosed, !isResponseStarted else { return }
        isResponseStarted = true
        // An accepted extended CONNECT is a 200 here and a 101 in HTTP/1 (RFC 8441 §5).
        let isSwitch = response.status == 101 && core.isExtendedConnect
        if response.status == 101 && !isSwitch {
            reset(.internalError)
            return
        }
        let status = isSwitch ? 200 : response.status
        if isSwitch { response.remove(.secWebsocketAccept) }
        if isSwitch || status == 204 { response.remove(.contentLength) }
        let isBodiless = head.method == .head || status == 204 || status == 304
        let ends = endStream || isBodiless
        if endStream && !isBodiless && (response.contentLength ?? 0) > 0 { response.remove(.contentLength) }
        // An answer that begins before its request is complete makes the two a conversation.
        core.awaitsBody = false
        if ends { isResponseComplete = true }
        submit(response, status: status) { list, count in
            if ends {
                _ = nghttp2_submit_response(core.session.raw, core.id, list, count, nil)
            } else {
                var source = nghttp2_data_provider(core)
                _ = nghttp2_submit_response(core.session.raw, core.id, list, count, &source)
            }
        }
        if ends { stopInput() }
    }

    private func submit(_ head: MessageHead, status: UInt16, _ body: (UnsafePointer<nghttp2_nv>, Int) -> Void) {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 4) { digits in
            guard let p = digits.baseAddress else { return }
            var out = ByteWriter(p)
            out.put(status: status)
            let text = UnsafeRawBufferPointer(start: p, count: 3)
            head.withNameValues(pseudo: 1, fill: { nghttp2_nv.put($0, ":status", text) }, body)
        }
        core.session.touch()
    }

    override func sendData(_ bytes: UnsafeRawBufferPointer, endStream: Bool) {
        guard isResponseStarted, !isResponseComplete, !isClosed else { return }
        if endStream { isResponseComplete = true }
        core.send(bytes, ends: endStream)
        if endStream { stopInput() }
    }

    override func sendTrailers(_ trailers: MessageHead) {
        guard isResponseStarted, !isResponseComplete, !isClosed else { return }
        isResponseComplete = true
        core.trailers = trailers
        core.send(UnsafeRawBufferPointer(start: nil, count: 0), ends: true)
        stopInput()
    }

    /// A complete response makes the rest of the request pointless; RFC 9113 §8.1 has RST_STREAM(NO_ERROR) for that.
    private func stopInput() {
        if !isRequestComplete { core.session.stopAfterOutput(core) }
    }

    override func reset(_ code: HTTP2ErrorCode) {
        guard !isClosed else { return }
        isClosed = true
        consumer = nil
        core.session.reset(core, code)
    }

    override func pauseReading() {
        if !isClosed { core.pause() }
    }

    override func resumeReading() {
        if !isClosed { core.resume() }
    }
}
