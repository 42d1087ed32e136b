internal import Base
internal import CNghttp2
internal import Transport

/// HTTP/2 to an upstream.
final class HTTP2ClientEngine: ClientEngine {
    private let session: HTTP2ClientSession
    private var keepAlive: HTTP2KeepAlive?

    init(_ client: ClientConnection) {
        session = HTTP2ClientSession(client)
        super.init()
        let options = client.options
        if let interval = options.pingInterval {
            keepAlive = HTTP2KeepAlive(session, interval: interval, timeout: options.pingTimeout)
        }
    }

    override var canOpenStream: Bool { session.canOpenStream }

    override func open(_ consumer: ClientStreamConsumer, isReused: Bool) -> ClientStream? {
        session.open(consumer, isReused: isReused)
    }

    override func received(_ bytes: BytePointer, _ count: Int) -> Int {
        keepAlive?.received()
        session.receive(bytes, count)
        return count
    }

    override func writable() { session.touch() }

    override func inputEnded() { session.transport.close() }

    override func drain() { session.drain() }

    override func closed(_ reason: CloseReason) {
        keepAlive?.cancel()
        keepAlive = nil
        session.closed(reason)
    }
}

final class HTTP2ClientSession: HTTP2Session {
    private unowned(unsafe) let client: ClientConnection
    private var hasSettings = false
    private var refusals: [HTTP2Stream] = []

    init(_ client: ClientConnection) {
        self.client = client
        super.init(client.transport, isServer: false)
        let options = client.options
        withUnsafeTemporaryAllocation(of: nghttp2_settings_entry.self, capacity: 3) { list in
            func entry(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
                nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
            }
            list[0] = entry(NGHTTP2_SETTINGS_ENABLE_PUSH, 0)
            list[1] = entry(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.streamWindowBytes)
            list[2] = entry(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options.headBytesMax)
            nghttp2_submit_settings(raw, 0, list.baseAddress, 3)
        }
        nghttp2_session_set_local_window_size(raw, 0, 0, Int32(clamping: options.connectionWindowBytes))
        touch()
    }

    override var headBytesMax: Int { client.options.headBytesMax }
    override var fieldsMax: Int { client.options.fieldsMax }

    // MARK: Requests

    private var streamsMax: Int {
        let theirs = nghttp2_session_get_remote_settings(raw, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
        return min(client.options.concurrentStreamsMax, hasSettings ? Int(theirs) : 100)
    }

    var canOpenStream: Bool {
        !hasFailed && client.openStreams < streamsMax && nghttp2_session_check_request_allowed(raw) != 0
    }

    var allowsExtendedConnect: Bool {
        nghttp2_session_get_remote_settings(raw, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1
    }

    func open(_ consumer: ClientStreamConsumer, isReused: Bool) -> ClientStream? {
        let core = HTTP2Stream(session: self)
        let face = HTTP2ClientStream(
            connection: client,
            consumer: consumer,
            isReused: isReused,
            core: core,
            session: self
        )
        core.client = face
        return face
    }

    /// Submits the request; false when the connection takes no more.
    func submit(_ stream: HTTP2Stream, _ list: UnsafePointer<nghttp2_nv>, _ count: Int, ends: Bool) -> Bool {
        let user = Unmanaged.passUnretained(stream).toOpaque()
        let id: Int32
        if ends {
            id = nghttp2_submit_request(raw, nil, list, count, nil, user)
        } else {
            var source = nghttp2_data_provider(stream)
            id = nghttp2_submit_request(raw, nil, list, count, &source, user)
        }
        guard id > 0 else { return false }
        stream.id = id
        link(stream)
        touch()
        return true
    }

    /// The request cannot be sent: told later, because nothing may be called back from inside a call into the stream.
    func refuseLater(_ stream: HTTP2Stream) {
        refusals.append(stream)
        touch()
    }

    override func flushed() {
        while let stream = refusals.popLast() { close(stream, .refused) }
        if client.isRetired && streamCount == 0 && client.openStreams == 0 && transport.isOpen { transport.finish() }
    }

    /// A stream that never got a number is over.
    func forget(_ stream: HTTP2Stream) {
        stream.client = nil
        client.openStreams &-= 1
    }

    // MARK: Responses

    override func pseudoField(
        _ stream: HTTP2Stream,
        _ head: MessageHead,
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer
    ) {
        guard value.count == 3, let status = MessageHead.decimal(value) else { return }
        head.status = UInt16(truncatingIfNeeded: status)
    }

    override func headersEnded(_ stream: HTTP2Stream, endStream: Bool) {
        guard let head = stream.incoming, let face = stream.client else { return }
        if stream.isTooLarge || stream.flaw != nil {
            reset(stream, .protocolError)
            close(stream, .malformed(stream.flaw ?? "the head is too large"))
            return
        }
        if stream.hasHead {
            head.removeNonTrailers()
            face.consumer?.onTrailers(face, head)
            endResponse(face)
            return
        }
        guard head.status >= 100 else {
            reset(stream, .protocolError)
            close(stream, .malformed("no status"))
            return
        }
        if head.status < 200 {
            stream.informationalCount &+= 1
            if stream.informationalCount > ClientStream.informationalMax {
                reset(stream, .enhanceYourCalm)
                close(stream, .malformed("too many informational responses"))
                return
            }
            face.consumer?.onInformational(face, head)
            return
        }
        stream.hasHead = true
        if stream.isExtendedConnect && head.status < 300 { face.becomeSwitch(head) }
        face.isResponseStarted = true
        if endStream { face.isResponseComplete = true }
        face.consumer?.onHead(face, head, endStream: endStream)
    }

    private func endResponse(_ face: HTTP2ClientStream) {
        guard !face.isResponseComplete, !face.isClosed else { return }
        face.isResponseComplete = true
        face.consumer?.onEnd(face)
    }

    override func dataArrived(_ stream: HTTP2Stream, _ bytes: UnsafeRawBufferPointer) {
        guard let face = stream.client, !face.isClosed else { return }
        face.consumer?.onData(face, bytes)
    }

    override func inputEnded(_ stream: HTTP2Stream) {
        if let face = stream.client { endResponse(face) }
    }

    override func streamWritable(_ stream: HTTP2Stream) {
        guard let face = stream.client, !face.isClosed else { return }
        face.consumer?.onWritable(face)
    }

    override func streamClosed(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        close(stream, code == .refusedStream ? .refused : .reset(code))
        if client.isReady { client.delegate?.onAvailable(client) }
        if client.isRetired { touch() }
    }

    private func close(_ stream: HTTP2Stream, _ failure: StreamFailure) {
        guard let face = stream.client else { return }
        stream.client = nil
        client.openStreams &-= 1
        let consumer = face.consumer
        let isOver = face.isClosed || face.isResponseComplete
        face.isClosed = true
        face.consumer = nil
        stream.dropOutput()
        if !isOver { consumer?.onReset(face, failure) }
    }

    override func goAwayReceived() { client.retire() }

    override func settingsReceived() {
        let isFirst = !hasSettings
        hasSettings = true
        if isFirst && client.isReady && canOpenStream { client.delegate?.onAvailable(client) }
    }

    // MARK: Ends

    func drain() { touch() }

    func closed(_ reason: CloseReason) {
        while let stream = refusals.popLast() { close(stream, .refused) }
        abandonAll { close($0, .connectionClosed(reason)) }
        client.openStreams = 0
    }
}

/// One HTTP/2 exchange on the client side.
final class HTTP2ClientStream: ClientStream {
    private let core: HTTP2Stream
    /// Outlives every stream that is not closed.
    private unowned(unsafe) let session: HTTP2ClientSession
    private var isStarted = false
    /// What an HTTP/1 client asked to switch to, and its WebSocket key.
    private var wanted = ProtocolSwitch()

    init(
        connection: ClientConnection,
        consumer: ClientStreamConsumer,
        isReused: Bool,
        core: HTTP2Stream,
        session: HTTP2ClientSession
    ) {
        self.core = core
        self.session = session
        super.init(connection: connection, consumer: consumer, isReused: isReused)
    }

    override var isWritable: Bool { core.isWritable }
    override var bufferedBytes: Int { core.body.count }

    override func sendHead(_ head: MessageHead, endStream: Bool) {
        guard !isClosed, !isStarted else { return }
        isStarted = true
        let upgrade = head.value(.upgrade)
        if upgrade != nil {
            core.isExtendedConnect = true
            head.remove(.contentLength)
            wanted.note(head)
            head.remove(.secWebsocketKey)
            guard session.allowsExtendedConnect else {
                session.refuseLater(core)
                return
            }
        }
        let ends = endStream && upgrade == nil
        isRequestComplete = ends
        let isConnect = head.method == .connect || upgrade != nil
        let scheme: StaticString = connection.transport.tls == nil ? "http" : "https"
        // A plain CONNECT has neither scheme nor path; an extended one has everything (RFC 8441 §4).
        let pseudo = upgrade != nil ? 5 : head.method == .connect ? 2 : 4
        var isTaken = false
        head.withNameValues(
            pseudo: pseudo,
            fill: { list in
                nghttp2_nv.put(list, ":method", isConnect ? UnsafeRawBufferPointer("CONNECT") : head.methodBytes)
                nghttp2_nv.put(list + 1, ":authority", head.authority)
                if pseudo > 2 {
                    nghttp2_nv.put(list + 2, ":scheme", UnsafeRawBufferPointer(scheme))
                    nghttp2_nv.put(list + 3, ":path", head.path)
                }
                if let upgrade { nghttp2_nv.put(list + 4, ":protocol", upgrade) }
            },
            { list, count in isTaken = session.submit(core, list, count, ends: ends) }
        )
        if !isTaken { session.refuseLater(core) }
    }

    /// An accepted extended CONNECT becomes the 101 that HTTP/1 would have had.
    func becomeSwitch(_ head: MessageHead) { wanted.answer(head) }

    override func sendData(_ bytes: UnsafeRawBufferPointer, endStream: Bool) {
        guard isStarted, !isRequestComplete, !isClosed else { return }
        if endStream { isRequestComplete = true }
        core.send(bytes, ends: endStream)
    }

    override func sendTrailers(_ trailers: MessageHead) {
        guard isStarted, !isRequestComplete, !isClosed else { return }
        isRequestComplete = true
        core.trailers = trailers
        core.send(UnsafeRawBufferPointer(start: nil, count: 0), ends: true)
    }

    override func reset(_ code: HTTP2ErrorCode) {
        guard !isClosed else { return }
        isClosed = true
        consumer = nil
        if core.id > 0 { session.reset(core, code) } else if !isStarted { session.forget(core) }
    }

    override func pauseReading() {
        if !isClosed { core.pause() }
    }

    override func resumeReading() {
        if !isClosed { core.resume() }
    }
}
