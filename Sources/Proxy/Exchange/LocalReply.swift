internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream

// Answers made by the proxy itself.
extension Exchange {
    /// Ends the exchange with an answer of ours; after a response has begun, by resetting the stream.
    ///
    /// - Parameter details: Envoy's word for it, for the log.
    /// - Parameter grpcCode: overrides the code that follows from `status` for gRPC requests.
    func reply(
        _ code: Int,
        _ text: StaticString,
        details: StaticString,
        flags: ResponseFlags,
        grpcCode: Int? = nil,
        isOverloaded: Bool = false
    ) {
        reply(
            code,
            UnsafeRawBufferPointer(text),
            details: details,
            flags: flags,
            grpcCode: grpcCode,
            isOverloaded: isOverloaded
        )
    }

    func reply(
        _ code: Int,
        _ text: UnsafeRawBufferPointer,
        details: StaticString,
        flags: ResponseFlags,
        grpcCode: Int? = nil,
        isOverloaded: Bool = false
    ) {
        guard let stream else { return }
        self.flags.formUnion(flags)
        if self.details.utf8CodeUnitCount == 0 { self.details = details }
        if isResponseStarted || stream.isClosed {
            stream.reset(.internalError)
            finish()
            return
        }
        let head = worker.replyHead
        head.clear()
        if isGRPC {
            let code = grpcCode ?? Self.grpcCode(status: code)
            grpcStatus = code
            beginAnswer(head, status: 200)
            head.set(.contentType, "application/grpc")
            web?.answer(head)
            withDecimal(UInt64(code)) { _ = head.set(.grpcStatus, $0) }
            if text.count > 0 { head.set(.grpcMessage, text) }
            if isOverloaded { head.set(Self.overloadedName, UnsafeRawBufferPointer("true")) }
            if flags.contains(.overload) { head.set(Self.retryAfterName, UnsafeRawBufferPointer("1")) }
            stream.sendHead(head, endStream: true)
        } else {
            beginAnswer(head, status: code)
            if text.count > 0 { head.set(.contentType, "text/plain") }
            setLength(head, text.count, stream)
            if isOverloaded { head.set(Self.overloadedName, UnsafeRawBufferPointer("true")) }
            if flags.contains(.overload) { head.set(Self.retryAfterName, UnsafeRawBufferPointer("1")) }
            finishAnswer(head, body: text, stream)
        }
        finish()
    }

    private static var retryAfterName: UnsafeRawBufferPointer { UnsafeRawBufferPointer("retry-after") }
    private static var overloadedName: UnsafeRawBufferPointer { UnsafeRawBufferPointer("x-envoy-overloaded") }

    private func beginAnswer(_ head: MessageHead, status: Int) {
        self.status = status
        head.status = UInt16(truncatingIfNeeded: status)
        worker.withDate { _ = head.set(.date, $0) }
        if let http { http.serverName.withUnsafeBytes { _ = head.set(.server, $0) } }
        if let corsRule, let stream { corsRule.addResponseHeaders(to: head, request: stream.head) }
    }

    /// HTTP/2 shows the absence of content by itself (RFC 9113 §8.1), HTTP/1.1 needs a length.
    private func setLength(_ head: MessageHead, _ bytes: Int, _ stream: ServerStream) {
        guard bytes > 0 || stream.connection.version == .http1 else { return }
        withDecimal(UInt64(bytes)) { _ = head.set(.contentLength, $0) }
    }

    private func finishAnswer(_ head: MessageHead, body: UnsafeRawBufferPointer, _ stream: ServerStream) {
        isResponseStarted = true
        let hasBody = body.count > 0 && stream.head.method != .head
        stream.sendHead(head, endStream: !hasBody)
        if hasBody {
            stream.sendData(body, endStream: true)
            bytesSent &+= UInt64(body.count)
        }
    }

    /// A route's own answer: redirect or direct response, with the route's response edits.
    ///
    /// - Parameter location: whether `worker.scratch` holds the value of `location`.
    func answer(
        status: Int,
        body: [UInt8],
        details: StaticString,
        flags: ResponseFlags,
        location: Bool,
        edits: RouteEntry?
    ) {
        guard let stream, let downstream else { return }
        self.flags.formUnion(flags)
        self.details = details
        let head = worker.replyHead
        head.clear()
        beginAnswer(head, status: status)
        if location { worker.scratch.withUnsafeBytes { _ = head.set(.location, $0) } }
        if !body.isEmpty { head.set(.contentType, "text/plain") }
        setLength(head, body.count, stream)
        if let edits, !edits.responseHeaders.isEmpty {
            edits.responseHeaders.apply(
                to: head,
                request: stream.head,
                facts: facts(downstream),
                scratch: &worker.scratch2
            )
            if let http { http.serverName.withUnsafeBytes { _ = head.set(.server, $0) } }
        }
        body.withUnsafeBytes { finishAnswer(head, body: $0, stream) }
        finish()
    }

    func answerPreflight(_ rule: CORSRule, _ request: MessageHead) {
        guard let stream else { return }
        details = "cors_preflight"
        let head = worker.replyHead
        head.clear()
        beginAnswer(head, status: 200)
        if case .answerPreflight = rule.decide(request) { rule.addPreflightHeaders(to: head, request: request) }
        setLength(head, 0, stream)
        finishAnswer(head, body: UnsafeRawBufferPointer(start: nil, count: 0), stream)
        finish()
    }

    /// Source: gRPC, "HTTP to gRPC Status Code Mapping".
    private static func grpcCode(status: Int) -> Int {
        switch status {
        case 400: 13
        case 401: 16
        case 403: 7
        case 404: 12
        case 429, 502, 503, 504: 14
        default: 2
        }
    }
}

/// Writes a number as decimal text on the stack.
@inline(__always)
func withDecimal<R>(_ value: UInt64, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    withUnsafeTemporaryAllocation(byteCount: 20, alignment: 1) { room in
        var at = 20
        var rest = value
        repeat {
            at &-= 1
            room[at] = UInt8(truncatingIfNeeded: 48 &+ rest % 10)
            rest /= 10
        } while rest > 0
        return body(UnsafeRawBufferPointer(rebasing: room[at...]))
    }
}
