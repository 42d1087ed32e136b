internal import Base
internal import HTTP
internal import Transport

/// One request and its answer, on the reactor's side; the handler's task talks to it through `Inlet` and `Outlet`.
// @unchecked Sendable: every stored `var` is used on the loop's thread only. `onX` are called there, and tasks
// reach `respond`, `perform` and `resumeReading` only through `Reactor.submit`.
final class ServerExchange: ServerStreamConsumer, @unchecked Sendable {
    private let reactor: Reactor
    /// nil once the stream is over.
    private var stream: ServerStream?
    private unowned let owner: ServerState
    private(set) var inlet: Inlet?
    private var outlet: Outlet?
    private var task: Task<Void, Never>?
    private var bodyBytes = 0
    private let bodyBytesMax: Int
    private let isHeadRequest: Bool
    /// Handed to the stream while it was not writable.
    private var unsent = 0
    private(set) var isStreaming = false
    private var bodyTimer: ExchangeTimer?
    /// The client sends nothing more and is probably gone; it may still wait for an answer that has an end.
    private var hasPeerFinished = false

    init(_ stream: ServerStream, _ owner: ServerState, bodyBytesMax: Int) {
        self.stream = stream
        self.owner = owner
        self.bodyBytesMax = bodyBytesMax
        reactor = owner.reactor
        isHeadRequest = stream.head.methodText == "HEAD"
    }

    // MARK: Start

    /// - Parameter timeout: for the whole content of the request; nil for streams that never end.
    func begin(_ request: HTTPRequest, hasBody: Bool, timeout: Duration?, _ handler: @escaping HTTPServer.Handler) {
        var request = request
        if hasBody {
            let inlet = Inlet { [self] in reactor.submit { self.resumeReading() } }
            self.inlet = inlet
            request.body = Body(inlet)
            if let timeout {
                let timer = ExchangeTimer(self)
                bodyTimer = timer
                reactor.loop.schedule(timer, after: timeout)
            }
        }
        task = Task { [self, request] in
            let response = await handler(request)
            await answer(response)
        }
    }

    /// Answers without a handler.
    func refuse(_ status: Int, _ text: String, headers: Headers = [:]) {
        var response = HTTPResponse(status: status, text: text)
        for field in headers { response.headers.append(field.name, field.value) }
        respond(response.status, response.headers, Array(text.utf8))
    }

    // MARK: Task side

    private func answer(_ response: HTTPResponse) async {
        switch response.content {
        case .bytes(let bytes):
            reactor.submit { self.respond(response.status, response.headers, bytes) }
        case .stream(let produce):
            let outlet = Outlet { [reactor] command in reactor.submit { self.perform(command) } }
            reactor.submit { self.startStreaming(response.status, response.headers, outlet) }
            do {
                try await produce(ResponseWriter(outlet))
                outlet.finish(.data([], isLast: true))
            } catch {
                outlet.finish(.reset)
            }
        }
    }

    // MARK: Reactor side

    private func respond(_ status: Int, _ headers: Headers, _ bytes: [UInt8]) {
        guard let stream else { return }
        let head = responseHead(status, headers)
        let isBodyless = status == 204 || status == 304 || status < 200
        if !isBodyless { head.set("content-length", String(bytes.count)) }
        if bytes.isEmpty || isBodyless || isHeadRequest {
            stream.sendHead(head, endStream: true)
        } else {
            stream.sendHead(head, endStream: false)
            bytes.withUnsafeBytes { stream.sendData($0, endStream: true) }
        }
        completed()
    }

    /// Where nothing can be sent, the outlet is closed, so that the producer's first write ends it.
    private func startStreaming(_ status: Int, _ headers: Headers, _ outlet: Outlet) {
        guard let stream else {
            outlet.close()
            return
        }
        stream.sendHead(responseHead(status, headers), endStream: isHeadRequest)
        if isHeadRequest {
            outlet.close()
            completed()
            return
        }
        isStreaming = true
        self.outlet = outlet
        owner.exchangeStreams(self)
        if hasPeerFinished { stream.connection.close() }
    }

    /// A stream to a client that went away would last until its next piece, maybe for ever.
    func peerFinished(_ connection: ServerConnection) {
        guard let stream, stream.connection === connection else { return }
        hasPeerFinished = true
        if isStreaming { connection.close() }
    }

    private func responseHead(_ status: Int, _ headers: Headers) -> MessageHead {
        let isValid = (100...599).contains(status)
        let head = MessageHead.response(status: isValid ? UInt16(status) : 500)
        for field in headers { head.append(field.name, field.value) }
        if head.text("date") == nil { head.append("date", owner.dateText(reactor.loop.wallNanoseconds)) }
        return head
    }

    private func perform(_ command: Outlet.Command) {
        guard let stream else { return }
        switch command {
        case .data(let bytes, let isLast):
            bytes.withUnsafeBytes { stream.sendData($0, endStream: isLast) }
            unsent += bytes.count
            if isLast { completed() } else { reportSent() }
        case .trailers(let trailers):
            stream.sendTrailers(.trailers(trailers.fields.map { ($0.name, $0.value) }))
            completed()
        case .reset:
            stream.reset(.internalError)
            over()
        }
    }

    private func reportSent() {
        guard let stream, stream.isWritable, unsent > 0 else { return }
        let count = unsent
        unsent = 0
        outlet?.sent(count)
    }

    private func resumeReading() { stream?.resumeReading() }

    /// The answer was handed over. What the client still sends is of no interest.
    private func completed() {
        inlet?.fail()
        if let stream, !stream.isRequestComplete { stream.resumeReading() }
        over()
    }

    /// Nothing more happens here, for whichever reason; the owner forgets us.
    private func over() {
        guard stream != nil else { return }
        stream = nil
        bodyTimer?.cancel()
        bodyTimer = nil
        outlet?.close()
        outlet = nil
        inlet = nil
        owner.ended(self)
    }

    /// Stops the task and cuts the stream off.
    func abandon() {
        task?.cancel()
        inlet?.fail()
        stream?.reset(.cancel)
        over()
    }

    fileprivate func bodyTimedOut() {
        bodyTimer = nil
        if stream?.isRequestComplete == false { abandon() }
    }

    /// Cancels the task, which then ends the stream in its own words (a watch says goodbye, gRPC sends a status).
    func cancelTask() { task?.cancel() }

    // MARK: Stream events

    override func onData(_ stream: ServerStream, _ bytes: UnsafeRawBufferPointer) {
        guard let inlet else { return }
        bodyBytes += bytes.count
        guard bodyBytes <= bodyBytesMax else {
            inlet.fail(.tooLarge(limitBytes: bodyBytesMax))
            return
        }
        if !inlet.deliver(Array(bytes)) { stream.pauseReading() }
    }

    override func onTrailers(_ stream: ServerStream, _ trailers: MessageHead) {
        inlet?.finish(trailers: Headers(trailers.fieldList.map { ($0.name, $0.value) }))
    }

    override func onEnd(_ stream: ServerStream) {
        bodyTimer?.cancel()
        inlet?.finish()
    }

    override func onReset(_ stream: ServerStream, _ failure: StreamFailure) {
        task?.cancel()
        inlet?.fail()
        over()
    }

    override func onWritable(_ stream: ServerStream) { reportSent() }
}

/// Ends an exchange whose content does not arrive in time.
private final class ExchangeTimer: LoopTimer {
    private weak var exchange: ServerExchange?
    init(_ exchange: ServerExchange) { self.exchange = exchange }
    override func fire() { exchange?.bodyTimedOut() }
}
