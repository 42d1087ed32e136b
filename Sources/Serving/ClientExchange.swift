internal import Base
internal import HTTP
internal import Synchronization
internal import Transport

/// What a client sends.
struct ClientRequest: Sendable {
    var method: String
    var path: String
    var headers: Headers
    /// nil: content follows through the outlet (gRPC).
    var body: [UInt8]?

    /// RFC 9110 §9.2.2.
    var isIdempotent: Bool { ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"].contains(method) }
}

/// One request of a client and its response, on the reactor's side.
// @unchecked Sendable: the `var`s are used on the loop's thread only: `onX` are called there, and other threads come in
// through `Reactor.submit`. `facts`, `inlet` and `outlet` guard themselves.
final class ClientExchange: ClientStreamConsumer, @unchecked Sendable {
    struct Head: Sendable {
        var status: Int
        var headers: Headers
    }

    private struct Facts {
        var head: Head?
        var failure: ClientError?
        var reset: HTTP2ErrorCode?
    }

    /// What `begun` waits for.
    enum Milestone: Sendable { case opened, head }

    let request: ClientRequest
    let inlet: Inlet
    let outlet: Outlet
    private let reactor: Reactor
    private let milestone: Milestone
    private let timeout: Duration?
    private let facts = Mutex(Facts())
    private let route: Route

    private var begun: CheckedContinuation<Result<Void, ClientError>, Never>?
    private var stream: ClientStream?
    private var timer: ExchangeDeadline?
    private var unsent = 0
    private(set) var isOver = false
    var retriesLeft = 1
    weak var owner: ClientState?

    /// Breaks the knot between an exchange and the closures of its inlet and outlet, which are made before it.
    // @unchecked Sendable: `exchange` is set once in `init` of the exchange, before any closure can run, and then only
    // read on the loop's thread.
    private final class Route: @unchecked Sendable {
        weak var exchange: ClientExchange?
    }

    init(_ request: ClientRequest, _ reactor: Reactor, milestone: Milestone, timeout: Duration?) {
        let route = Route()
        self.request = request
        self.reactor = reactor
        self.milestone = milestone
        self.timeout = timeout
        self.route = route
        inlet = Inlet { reactor.submit { route.exchange?.stream?.resumeReading() } }
        outlet = Outlet { command in reactor.submit { route.exchange?.perform(command) } }
        super.init()
        route.exchange = self
    }

    // MARK: Any thread

    var head: Head? { facts.withLock { $0.head } }
    var failure: ClientError? { facts.withLock { $0.failure } }
    var resetCode: HTTP2ErrorCode? { facts.withLock { $0.reset } }

    /// Gives the exchange up. Does nothing once it is over.
    func cancel() { reactor.submit { self.end(.cancelled) } }

    // MARK: Reactor side

    func begin(_ continuation: CheckedContinuation<Result<Void, ClientError>, Never>) {
        if isOver {
            continuation.resume(returning: .failure(failure ?? .cancelled))
            return
        }
        begun = continuation
        if let timeout {
            let timer = ExchangeDeadline(self)
            self.timer = timer
            reactor.loop.schedule(timer, after: timeout)
        }
    }

    /// Sends the request on a stream just opened.
    func send(on stream: ClientStream, authority: String, scheme: MessageHead.Scheme) {
        self.stream = stream
        let head = MessageHead.request(
            method: request.method,
            path: request.path,
            authority: request.headers["host"] ?? authority,
            scheme: scheme,
            fields: request.headers.fields.filter { $0.name != "host" }.map { ($0.name, $0.value) }
        )
        if let body = request.body {
            if !body.isEmpty || request.method == "POST" || request.method == "PUT" || request.method == "PATCH" {
                head.set("content-length", String(body.count))
            }
            stream.sendHead(head, endStream: body.isEmpty)
            if !body.isEmpty { body.withUnsafeBytes { stream.sendData($0, endStream: true) } }
        } else {
            stream.sendHead(head, endStream: false)
        }
        if milestone == .opened { settle(.success(())) }
    }

    private func settle(_ result: Result<Void, ClientError>) {
        guard let continuation = begun.take() else { return }
        if milestone == .head { cancelTimer() }
        continuation.resume(returning: result)
    }

    private func cancelTimer() {
        timer?.cancel()
        timer = nil
    }

    private func perform(_ command: Outlet.Command) {
        guard let stream else { return }
        switch command {
        case .data(let bytes, let isLast):
            bytes.withUnsafeBytes { stream.sendData($0, endStream: isLast) }
            unsent += bytes.count
            reportSent()
        case .trailers(let trailers):
            stream.sendTrailers(.trailers(trailers.fields.map { ($0.name, $0.value) }))
        case .reset:
            end(.cancelled)
        }
    }

    private func reportSent() {
        guard let stream, stream.isWritable, unsent > 0 else { return }
        let count = unsent
        unsent = 0
        outlet.sent(count)
    }

    /// Ends the exchange early, resetting its stream.
    func end(_ error: ClientError) {
        guard !isOver else { return }
        facts.withLock { $0.failure = error }
        stream?.reset(.cancel)
        inlet.fail()
        over()
        settle(.failure(error))
    }

    private func over() {
        isOver = true
        cancelTimer()
        outlet.close()
        stream = nil
        owner?.ended(self)
    }

    /// The response is complete.
    private func completed(_ trailers: Headers = [:]) {
        guard !isOver else { return }
        if let stream, !stream.isRequestComplete { stream.reset(.noError) }
        inlet.finish(trailers: trailers)
        over()
        settle(.success(()))
    }

    // MARK: Stream events

    override func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {
        let seen = Head(status: Int(head.status), headers: Headers(head.fieldList.map { ($0.name, $0.value) }))
        facts.withLock { $0.head = seen }
        if milestone == .head { settle(.success(())) }
        if endStream { completed() }
    }

    override func onData(_ stream: ClientStream, _ bytes: UnsafeRawBufferPointer) {
        if !inlet.deliver(Array(bytes)) { stream.pauseReading() }
    }

    override func onTrailers(_ stream: ClientStream, _ trailers: MessageHead) {
        completed(Headers(trailers.fieldList.map { ($0.name, $0.value) }))
    }

    override func onEnd(_ stream: ClientStream) { completed() }

    override func onReset(_ stream: ClientStream, _ failure: StreamFailure) {
        guard !isOver else { return }
        self.stream = nil
        let isUntouched = head == nil && request.body != nil
        let wasIdleClose = stream.isReused && request.isIdempotent
        if isUntouched, retriesLeft > 0, failure.isProvablyUnsent || wasIdleClose, let owner {
            retriesLeft -= 1
            owner.enqueue(self)
            return
        }
        if case .reset(let code) = failure { facts.withLock { $0.reset = code } }
        end(failure.isProvablyUnsent ? .notConnected("the server refused the stream") : .cutOff)
    }

    override func onWritable(_ stream: ClientStream) { reportSent() }
}

/// Ends an exchange whose time ran out.
private final class ExchangeDeadline: LoopTimer {
    private weak var exchange: ClientExchange?
    init(_ exchange: ClientExchange) { self.exchange = exchange }
    override func fire() { exchange?.end(.timedOut) }
}

/// Held by whoever can still read a response; the last one to go cancels what is under way.
final class ExchangeLease: Sendable {
    private let exchange: ClientExchange
    init(_ exchange: ClientExchange) { self.exchange = exchange }
    deinit { exchange.cancel() }
}
