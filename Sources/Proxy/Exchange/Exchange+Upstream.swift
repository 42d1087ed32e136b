internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream

// Finding an endpoint, getting a connection, sending the request, trying again.
extension Exchange {
    /// Picks an endpoint and asks its pool for a connection.
    func pickHost() {
        followCluster()
        guard let cluster, let stream, let downstream else { return }
        if cluster.usesOriginalDestination {
            let destination = downstream.facts.local
            guard downstream.isRedirected else {
                reply(503, "no healthy upstream", details: "no_healthy_upstream", flags: .noHealthyUpstream)
                return
            }
            lease(cluster.originalDestination(destination), cluster, stream)
            return
        }
        if cluster.forwardsByName {
            forwardByName(cluster, stream, downstream)
            return
        }
        let avoids = forward?.retry?.avoidsPreviousHosts ?? false
        let frequency = forward?.retry?.prioritiesUpdateFrequency ?? 0
        let seen = (avoids && hash == nil) || frequency > 0 ? tried : TriedHosts()
        // Source: Envoy's previous-priorities plugin: the load is looked at anew after every so many attempts.
        let looksElsewhere = frequency > 0 && attempts >= frequency
        switch cluster.pick(
            hash: hash,
            tried: avoids ? seen : TriedHosts(),
            picks: forward?.retry?.hostPicksMax ?? 1,
            avoiding: looksElsewhere ? seen.priorities : 0
        ) {
        case .success(let host): lease(host, cluster, stream)
        case .failure(let error): noHost(error.reason, cluster)
        }
    }

    /// The endpoint is the host that the request names.
    private func forwardByName(_ cluster: ClusterRuntime, _ stream: ServerStream, _ downstream: HTTPDownstream) {
        switch cluster.forwardHost(stream.head.authority) {
        case .failure(let error): noHost(error.reason, cluster)
        case .success(let host):
            // A name that leads back here would go round for ever.
            guard host.socketAddress != downstream.facts.local else {
                reply(502, "", details: "forwarding_loop", flags: .noHealthyUpstream)
                return
            }
            lease(host, cluster, stream)
        }
    }

    /// The cluster was replaced while the request waited: its successor takes over.
    private func followCluster() {
        guard let old = cluster, old.isRetired, let choice, let next = worker.cluster(for: choice) else { return }
        if isRetryCounted { old.endRetry() }
        isRetryCounted = false
        cluster = next
    }

    private func noHost(_ reason: ClusterRuntime.NoHost, _ cluster: ClusterRuntime) {
        switch reason {
        case .warming:
            phase = .picking
            if cluster.waitUntilWarm(waiter) { return }
            reply(503, Self.overflowText, details: Self.overflowDetails, flags: .upstreamOverflow, isOverloaded: true)
        case .noneHealthy, .noName:
            reply(503, "no healthy upstream", details: "no_healthy_upstream", flags: .noHealthyUpstream)
        case .nameNotFound:
            reply(
                503,
                "no healthy upstream",
                details: "dns_resolution_failure",
                flags: [.noHealthyUpstream, .dnsFailure]
            )
        }
    }

    private static let overflowText: StaticString =
        "upstream connect error or disconnect/reset before headers. reset reason: overflow"
    private static let overflowDetails: StaticString = "upstream_reset_before_response_started{overflow}"

    private func lease(_ host: UpstreamHost, _ cluster: ClusterRuntime, _ stream: ServerStream) {
        guard cluster.beginRequest(on: host) else {
            self.host = nil
            overflow()
            return
        }
        self.host = host
        isRequestCounted = true
        tried.insert(host)
        if case .automatic? = forward?.hostRewrite, choice?.hostRewrite == nil, !host.hostname.isEmpty, let forward,
            attempts == 0
        {
            replaceHost(forward, stream.head, with: host.hostname)
        }
        if stream.head.method == .connect {
            ConnectTunnel.start(self, host: host, cluster: cluster)
            return
        }
        let pool = cluster.pool(
            of: host,
            requestHost: stream.head.authority,
            isHTTP2: stream.connection.version == .http2,
            origin: cluster.announcesClient ? origin : nil
        )
        switch pool.lease(waiter) {
        case .connection(let connection): openStream(on: connection)
        case .waiting: phase = .waiting
        case .overflow: overflow()
        case .failed(let failure): connectFailed(failure)
        }
    }

    /// Whom a PROXY header towards the endpoint names.
    var origin: ProxyOrigin? {
        downstream.map { ProxyOrigin(source: $0.facts.directRemote, destination: $0.facts.local) }
    }

    private func overflow() {
        uncountRequest()
        reply(503, Self.overflowText, details: Self.overflowDetails, flags: .upstreamOverflow, isOverloaded: true)
    }

    func uncountRequest() {
        if isRequestCounted, let cluster, let host { cluster.endRequest(on: host) }
        isRequestCounted = false
        if isRetryCounted { cluster?.endRetry() }
        isRetryCounted = false
    }

    /// A connection is there: sends the head and what is kept of the body.
    func openStream(on connection: ClientConnection) {
        guard let stream else { return }
        guard let upstream = connection.open(attempt) else {
            connectFailed(ConnectFailure(reason: .refused, detail: []))
            return
        }
        self.upstream = upstream
        phase = .active
        attempts &+= 1
        attemptTime = worker.loop.now.nanoseconds
        if worker.isLogging { upstreamLocal = connection.transport.localAddress }
        let head = stream.head
        if route?.countsAttempts == true { withDecimal(UInt64(attempts)) { _ = head.set(.xEnvoyAttemptCount, $0) } }
        if let forward, !forward.expectedTimeout.isEmpty { announceTimeout(forward, head) }
        if isRequestComplete, body.isEmpty, trailers == nil {
            upstream.sendHead(head, endStream: !wantsUpgrade)
        } else {
            sendKept(head, to: upstream)
        }
        startTryDeadline()
        if tryDeadline != .max || tryIdleTimeout != .max { armClock() }
    }

    /// Tells the upstream how long its answer is waited for; a retry has what is left.
    ///
    /// Source: Envoy, `x-envoy-expected-rq-timeout-ms`.
    private func announceTimeout(_ forward: ForwardAction, _ head: MessageHead) {
        guard http?.suppressesEnvoyHeaders == false else { return }
        if attempts == 1 || routeDeadline == .max {
            forward.expectedTimeout.withUnsafeBytes { _ = head.set(Self.expectedTimeout, $0) }
            return
        }
        let now = worker.loop.now.nanoseconds
        var left = routeDeadline > now ? (routeDeadline &- now) / 1_000_000 : 0
        if let limit = forward.retry?.perTryTimeout, limit > .zero {
            left = min(left, UInt64(limit.wholeNanoseconds) / 1_000_000)
        }
        withDecimal(max(1, left)) { _ = head.set(Self.expectedTimeout, $0) }
    }

    private static var expectedTimeout: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer("x-envoy-expected-rq-timeout-ms")
    }

    private func sendKept(_ head: MessageHead, to upstream: ClientStream) {
        upstream.sendHead(head, endStream: false)
        let isLast = isRequestComplete && trailers == nil
        if !body.isEmpty || isLast { upstream.sendData(body.bytes, endStream: isLast) }
        if isRequestComplete, let trailers { upstream.sendTrailers(trailers) }
        if !keepsBody { body.release() }
        if upstream.isWritable { resumeReading() }
    }

    func connectFailed(_ failure: ConnectFailure) {
        uncountRequest()
        attempts &+= 1
        failureText = failure.detail
        if let rule = forward?.retry, rule.allows(.connect, isIdempotent: isIdempotent), retry() { return }
        var text = worker.scratch
        text.removeAll(keepingCapacity: true)
        let isLate = failure.reason == .timedOut
        text.append(contentsOf: "upstream connect error or disconnect/reset before headers. reset reason: ".utf8)
        text.append(contentsOf: (isLate ? "connection timeout" : "remote connection failure").utf8)
        if !failure.detail.isEmpty, !isLate {
            text.append(contentsOf: ", transport failure reason: ".utf8)
            text.append(contentsOf: failure.detail)
        }
        worker.scratch = text
        text.withUnsafeBytes { text in
            reply(
                503,
                text,
                details: isLate
                    ? "upstream_reset_before_response_started{connection_timeout}"
                    : "upstream_reset_before_response_started{remote_connection_failure}",
                flags: .upstreamConnectFailure
            )
        }
    }

    /// Lets go of the present attempt without telling the downstream.
    func abandonUpstream(_ code: HTTP2ErrorCode) {
        uncountRequest()
        waiter.cancelWait()
        guard let upstream else { return }
        upstream.consumer = nil
        if !upstream.isClosed { upstream.reset(code) }
        self.upstream = nil
        isUpstreamPaused = false
    }

    // MARK: retrying

    /// Nothing of the response was sent, and what was sent of the request can be sent again.
    private var isRepeatable: Bool {
        !isResponseStarted && !wantsUpgrade && phase != .tunneling
            && (keepsBody || (isRequestComplete && bytesReceived == 0)
                || (upstream == nil && bytesReceived == UInt64(body.count)))
    }

    var isIdempotent: Bool { stream?.head.method.isIdempotent ?? false }

    /// Schedules another attempt when the policy has one left. The caller has checked that the policy allows it.
    func retry() -> Bool {
        guard let rule = forward?.retry, let cluster, rule.retriesMax > 0, isRepeatable else { return false }
        guard attempts <= rule.retriesMax else {
            flags.insert(.retryLimit)
            return false
        }
        abandonUpstream(.cancel)
        guard cluster.beginRetry() else { return false }
        isRetryCounted = true
        phase = .backingOff
        tryDeadline = .max
        tryIdleTimeout = .max
        delayDeadline = after(rule.backoff(retry: attempts, random: worker.random.next()))
        armClock()
        return true
    }

    /// A pooled connection turned out to be closed: the next one is tried at once, beside any retry policy, when
    /// repeating is harmless. Connections rot in pools; that is no failure of the request.
    func retryStale(_ failure: StreamFailure) -> Bool {
        guard let upstream, upstream.isReused, staleRetries < 3, isRepeatable, let stream else { return false }
        guard failure.isProvablyUnsent || stream.head.method.isIdempotent else { return false }
        guard case .connectionClosed = failure else { return false }
        staleRetries &+= 1
        attempts &-= 1
        abandonUpstream(.cancel)
        phase = .picking
        pickHost()
        return true
    }
}
