internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream

/// One request and its response, from the first byte of the head to the line in the access log.
///
///     begin ─▶ (delaying) ─▶ picking ─▶ waiting ─▶ active ─▶ done
///                               ▲                    │
///                               └──── backingOff ◀───┘ retry
///
/// Shape: pooled per worker with its timer, its waiter and its upstream consumer, so that a request allocates nothing.
/// It holds the plan and route it began with for its whole life, whatever configuration comes meanwhile.
final class Exchange: ServerStreamConsumer {
    enum Phase {
        case idle
        /// An injected delay is being served.
        case delaying
        /// Waiting for names to resolve.
        case picking
        /// Waiting for a connection.
        case waiting
        /// A stream to the upstream is open.
        case active
        case backingOff
        /// Raw bytes both ways after an upgrade.
        case tunneling
    }

    /// Bodies up to this size are kept so that a retry can send them again.
    static let replayBytesMax = 64 << 10

    /// Kept alive by its exchanges until it empties the pool they return to, when it ends.
    let worker: Worker
    let attempt: UpstreamAttempt
    let waiter: ExchangeWaiter
    let clock: ExchangeClock

    var phase = Phase.idle
    /// Itself, from `begin` to `finish`. The stream lets go of its consumer as soon as the response is handed over,
    /// and what the upstream still has to say (the end behind trailers) must find somebody.
    private var owner: Exchange?
    var stream: ServerStream?
    var downstream: HTTPDownstream?
    var http: HTTPPlan?
    var route: RouteEntry?
    var forward: ForwardAction?
    var choice: ClusterChoice?
    var cluster: ClusterRuntime?
    var host: UpstreamHost?
    var upstream: ClientStream?
    var tunnel: ConnectTunnel?
    /// The client speaks gRPC-Web.
    var web: GRPCWebBridge?

    // What is known about the request.
    var remote = SocketAddress(IPAddress(ipv4: 0), port: 0)
    var isGRPC = false
    /// The client showed a certificate.
    private var isMutual = false
    var wantsUpgrade = false
    var isRequestComplete = false
    var isResponseStarted = false
    var isRequestCounted = false
    var isReadingPaused = false
    var isUpstreamPaused = false
    var corsRule: CORSRule?
    var hash: UInt64?
    /// The cookie that a hash policy made for this client.
    var newCookie: [UInt8] = []
    var pendingAbort: FaultRule.Abort?
    var isFaultActive = false

    // The body, while it is kept.
    var body = SpillBuffer()
    var keepsBody = false
    var trailers: MessageHead?
    /// Compresses the response's content.
    var gzip: GzipEncoder?

    // Attempts.
    var attempts = 0
    var staleRetries = 0
    var isRetryCounted = false
    var informationalCount = 0
    var tried = TriedHosts()

    // Deadlines, in nanoseconds of the loop's clock; `.max` is none.
    var delayDeadline = UInt64.max
    var routeDeadline = UInt64.max
    var tryDeadline = UInt64.max
    /// How long one try may be silent; `.max` is for ever.
    var tryIdleTimeout = UInt64.max
    var requestDeadline = UInt64.max
    var durationDeadline = UInt64.max
    /// When a client that waits for 100 is told to go on, whatever the upstream does.
    var continueDeadline = UInt64.max
    var idleTimeout: UInt64 = .max
    var lastActivity: UInt64 = 0

    // For the record.
    var startTime: UInt64 = 0
    var startWall: UInt64 = 0
    var attemptTime: UInt64 = 0
    var serviceTime: UInt64?
    var status = 0
    var grpcStatus: Int?
    var flags = ResponseFlags()
    var details: StaticString = ""
    var failureText: [UInt8] = []
    var bytesReceived: UInt64 = 0
    var bytesSent: UInt64 = 0

    init(worker: Worker) {
        self.worker = worker
        attempt = UpstreamAttempt()
        waiter = ExchangeWaiter()
        clock = ExchangeClock()
        super.init()
        attempt.exchange = self
        waiter.exchange = self
        clock.exchange = self
    }

    // The clock stays scheduled when an exchange ends, and a stream may keep the attempt: neither may come back here.
    deinit {
        clock.cancel()
        clock.exchange = nil
        waiter.exchange = nil
        attempt.exchange = nil
        body.release()
    }

    // MARK: beginning

    func begin(_ stream: ServerStream, downstream: HTTPDownstream, endStream: Bool) {
        owner = self
        self.stream = stream
        self.downstream = downstream
        let http = downstream.http
        self.http = http
        stream.consumer = self
        let now = worker.loop.now.nanoseconds
        startTime = now
        lastActivity = now
        startWall = UInt64(bitPattern: worker.loop.wallNanoseconds) / 1_000_000
        isRequestComplete = endStream
        downstream.listener.statistics.pointee.requestsTotal &+= 1
        downstream.listener.statistics.pointee.requestsActive &+= 1
        if let limit = http.streamIdleTimeout { idleTimeout = limit }
        if let limit = http.streamDurationMax { durationDeadline = after(limit) }
        if !endStream, let limit = http.requestTimeout { requestDeadline = after(limit) }
        if worker.pressure.level >= .refusesRequests {
            downstream.listener.statistics.pointee.requestsOverload &+= 1
            isGRPC = stream.head.isGRPC
            reply(503, "overloaded", details: "overload", flags: .overload)
            return
        }
        let facts = downstream.facts
        isMutual = facts.isMutual
        guard prepare(stream.head, http, downstream, facts) else { return }
        dispatch(stream.head, http, downstream, facts)
    }

    func after(_ duration: Duration) -> UInt64 { after(duration.nanosecondsFromNow) }

    func after(_ nanoseconds: UInt64) -> UInt64 {
        let (sum, overflow) = worker.loop.now.nanoseconds.addingReportingOverflow(nanoseconds)
        return overflow ? .max : sum
    }

    /// What header formats and policies may ask about this exchange.
    func facts(_ downstream: HTTPDownstream) -> RequestFacts {
        RequestFacts(
            connection: downstream.facts,
            remote: remote,
            protocolName: protocolName,
            startMilliseconds: Int64(bitPattern: startWall),
            route: route,
            cluster: choice,
            upstream: host?.socketAddress,
            status: status
        )
    }

    var protocolName: StaticString {
        guard let stream else { return "" }
        if stream.connection.version == .http2 { return "HTTP/2" }
        return stream.head.minorVersion == 0 ? "HTTP/1.0" : "HTTP/1.1"
    }

    // MARK: the downstream's stream

    override func onData(_ stream: ServerStream, _ bytes: UnsafeRawBufferPointer) { downstreamSends(bytes) }

    override func onTrailers(_ stream: ServerStream, _ trailers: MessageHead) { downstreamTrails(trailers) }

    override func onEnd(_ stream: ServerStream) { downstreamEnds() }

    override func onReset(_ stream: ServerStream, _ failure: StreamFailure) { downstreamFails(failure) }

    override func onWritable(_ stream: ServerStream) { downstreamIsWritable() }

    // MARK: ending

    /// The response is complete, or there will be none: record, let go of everything, return to the pool.
    func finish() {
        guard let downstream, let stream else { return }
        stream.consumer = nil
        abandonUpstream(.cancel)
        waiter.cancelWait()
        tunnel?.close()
        tunnel = nil
        let statistics = downstream.listener.statistics
        statistics.pointee.requestsActive &-= 1
        if status > 0 { statistics.pointee.countResponse(status: status) }
        if isFaultActive { worker.activeFaults &-= 1 }
        count()
        if worker.isLogging { log(stream.head, downstream) }
        reset()
        worker.giveBack(self)
        owner = nil
    }

    @inline(never) private func count() {
        let microseconds = (worker.loop.now.nanoseconds &- startTime) / 1000
        if let route, !route.statPrefix.isEmpty { worker.count(route, status: status, microseconds: microseconds) }
        guard let cluster else { return }
        if status > 0 { cluster.statistics.pointee.requestTime.record(microseconds: microseconds) }
        let key = RequestSeries.Key(
            code: status,
            flags: flags,
            grpcStatus: isGRPC ? grpcStatus ?? 0 : nil,
            isMutualTLS: isMutual
        )
        cluster.series.count(
            key,
            microseconds: microseconds,
            requestBytes: bytesReceived,
            responseBytes: bytesSent
        )
    }

    private func log(_ head: MessageHead, _ downstream: HTTPDownstream) {
        var record = AccessRecord()
        record.startWallMilliseconds = startWall
        record.durationMilliseconds = (worker.loop.now.nanoseconds &- startTime) / 1_000_000
        record.upstreamServiceMilliseconds = serviceTime
        record.responseCode = status
        record.flags = flags
        record.details = details
        record.bytesReceived = bytesReceived
        record.bytesSent = bytesSent
        record.method = head.methodBytes
        record.path = head.value(.xEnvoyOriginalPath) ?? head.path
        record.httpVersion = protocolName
        record.authority = head.authority
        if let value = head.value(.userAgent) { record.userAgent = value }
        if let value = head.value(.xForwardedFor) { record.forwardedFor = value }
        if let value = head.value(.xRequestID) { record.requestID = value }
        record.upstreamHost = host?.socketAddress
        record.upstreamLocal = upstreamLocal
        record.downstreamLocal = downstream.facts.local
        record.downstreamRemote = downstream.facts.directRemote
        var routeName = route?.name ?? ""
        let clusterName = cluster?.plan.nameBytes ?? []
        downstream.facts.requestedServerName.withUnsafeBytes { serverName in
            record.serverName = serverName
            clusterName.withUnsafeBytes { clusterName in
                record.upstreamCluster = clusterName
                failureText.withUnsafeBytes { failure in
                    record.upstreamFailure = failure
                    routeName.withUTF8 { routeName in
                        record.routeName = UnsafeRawBufferPointer(routeName)
                        worker.append(record)
                    }
                }
            }
        }
    }

    var upstreamLocal: SocketAddress?

    private func reset() {
        phase = .idle
        stream = nil
        downstream = nil
        http = nil
        route = nil
        forward = nil
        choice = nil
        cluster = nil
        host = nil
        upstreamLocal = nil
        isGRPC = false
        web = nil
        wantsUpgrade = false
        isResponseStarted = false
        isReadingPaused = false
        isUpstreamPaused = false
        corsRule = nil
        hash = nil
        if !newCookie.isEmpty { newCookie = [] }
        pendingAbort = nil
        isFaultActive = false
        if !body.isEmpty { body.release() }
        keepsBody = false
        trailers = nil
        gzip = nil
        attempts = 0
        staleRetries = 0
        informationalCount = 0
        tried = TriedHosts()
        clearDeadlines()
        serviceTime = nil
        status = 0
        grpcStatus = nil
        flags = []
        details = ""
        if !failureText.isEmpty { failureText = [] }
        bytesReceived = 0
        bytesSent = 0
    }

    func clearDeadlines() {
        delayDeadline = .max
        routeDeadline = .max
        tryDeadline = .max
        tryIdleTimeout = .max
        requestDeadline = .max
        durationDeadline = .max
        continueDeadline = .max
        idleTimeout = .max
    }
}

/// Waits on behalf of an exchange.
final class ExchangeWaiter: StreamWaiter {
    unowned(unsafe) var exchange: Exchange?

    override func clusterIsWarm() { exchange?.pickHost() }

    override func connectionIsReady(_ connection: ClientConnection) { exchange?.openStream(on: connection) }

    override func connectionFailed(_ failure: ConnectFailure) { exchange?.connectFailed(failure) }
}

/// Hears the upstream's side of an exchange.
final class UpstreamAttempt: ClientStreamConsumer {
    unowned(unsafe) var exchange: Exchange?

    override func onInformational(_ stream: ClientStream, _ head: MessageHead) { exchange?.upstreamInforms(head) }

    override func onHead(_ stream: ClientStream, _ head: MessageHead, endStream: Bool) {
        exchange?.upstreamAnswers(head, endStream: endStream)
    }

    override func onData(_ stream: ClientStream, _ bytes: UnsafeRawBufferPointer) { exchange?.upstreamSends(bytes) }

    override func onTrailers(_ stream: ClientStream, _ trailers: MessageHead) { exchange?.upstreamTrails(trailers) }

    override func onEnd(_ stream: ClientStream) { exchange?.upstreamEnds() }

    override func onReset(_ stream: ClientStream, _ failure: StreamFailure) { exchange?.upstreamFails(failure) }

    override func onWritable(_ stream: ClientStream) { exchange?.upstreamIsWritable() }
}

/// The one timer of an exchange. It is left scheduled when an exchange ends and looks again when it fires: with the
/// usual timeouts, a request that is answered in time touches no timer wheel at all.
final class ExchangeClock: LoopTimer {
    unowned(unsafe) var exchange: Exchange?
    private var armed = UInt64.max

    /// Makes sure that the exchange is looked at no later than `deadline`.
    func arm(_ deadline: UInt64, on loop: EventLoop) {
        guard deadline != .max else { return }
        if isScheduled, armed <= deadline { return }
        armed = deadline
        loop.schedule(self, at: MonotonicTime(nanoseconds: deadline))
    }

    override func fire() {
        armed = .max
        exchange?.checkDeadlines()
    }
}
