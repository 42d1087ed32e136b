internal import Base
public import HTTP
internal import Telemetry
public import Transport
internal import XDS

/// The connections to one endpoint that speak alike: one TLS name, one protocol choice.
///
/// HTTP/1 connections rest on a stack: the last one used is used next, so that few stay warm and the rest go idle and
/// close. HTTP/2 connections are shared by as many streams as the peer allows. Requests that find neither wait in turn.
public final class HostPool: ClientConnectionDelegate {
    /// What came of asking for a connection.
    public enum Lease {
        case connection(ClientConnection)
        /// The waiter will be told.
        case waiting
        /// A circuit-breaker limit is met.
        case overflow
        case failed(ConnectFailure)
    }

    private final class IdleClock: LoopTimer {
        unowned let pool: HostPool

        init(pool: HostPool) { self.pool = pool }

        override func fire() { pool.closeStale() }
    }

    let host: UpstreamHost
    private let cluster: ClusterRuntime
    let serverName: String
    let version: ClientOptions.Version
    private let options: ClientOptions
    private let tls: (context: TLSContext, serverName: String?)?
    private let resumption: TLSResumption?
    /// In front of every connection: a PROXY header, or nothing.
    private let preamble: [UInt8]
    private let missingSecret: String?
    private let idleTimeout: Duration?
    /// Connections older than this carry no further requests.
    private let ageMax: Duration?

    private var idle = ConnectionStack()
    /// HTTP/2 connections that take streams.
    private var shared = ConnectionStack()
    private var waiters = WaiterList()
    private var connecting = 0
    private var open = 0
    /// A peer that was offered HTTP/2 chose HTTP/1: requests need a connection each.
    private var isKnownHTTP1 = false
    private var clock: IdleClock?

    init(host: UpstreamHost, serverName: String, version: ClientOptions.Version, origin: ProxyOrigin? = nil) {
        self.host = host
        self.serverName = serverName
        self.version = version
        let cluster = host.cluster
        self.cluster = cluster
        let settings = cluster.plan.cluster
        var options = ClientOptions()
        options.version = version
        options.connectTimeout = settings.connectTimeout
        options.requestsMax = Int(settings.http.requestsPerConnectionMax ?? 0)
        options.fieldsMax = Int(settings.http.responseHeadersCountMax)
        if let streams = settings.http.http2.concurrentStreamsMax {
            options.concurrentStreamsMax = Int(min(streams, 1 << 20))
        }
        if let window = settings.http.http2.initialStreamWindowBytes { options.streamWindowBytes = Int(window) }
        if let window = settings.http.http2.initialConnectionWindowBytes { options.connectionWindowBytes = Int(window) }
        if let keepAlive = settings.http.http2.keepalive {
            options.pingInterval = keepAlive.interval
            options.pingTimeout = keepAlive.timeout
        }
        switch settings.http.http1.headerCase {
        case .asReceived: break
        case .preserved: options.headerCase = .preserved
        case .proper: options.headerCase = .proper
        }
        if case .socket(let local) = settings.bindAddress { options.source = local.address }
        self.options = options
        ageMax = settings.http.connectionDurationMax.flatMap { $0 > .zero ? $0 : nil }
        let idle = settings.http.idleTimeout.flatMap { $0 > .zero ? $0 : nil }
        idleTimeout =
            origin == nil ? idle : min(idle ?? UpstreamHost.proxiedIdleTimeout, UpstreamHost.proxiedIdleTimeout)
        preamble = cluster.plan.proxyHeader.map { ProxyOrigin.header(origin, version: $0) } ?? []
        (tls, missingSecret) = Self.tls(of: host, serverName: serverName)
        resumption = host.tls.map { TLSResumption(capacity: $0.sessionsMax) }
        super.init()
    }

    deinit { clock?.cancel() }

    /// The context and SNI for a connection; the text names what is missing.
    static func tls(
        of host: UpstreamHost,
        serverName: String
    ) -> (tls: (context: TLSContext, serverName: String?)?, missing: String?) {
        guard let plan = host.tls else { return (nil, nil) }
        guard let context = plan.context else { return (nil, "secret \(plan.missingSecret) is not supplied") }
        let isDynamic = plan.setsSNIFromHost || (plan.setsSNIFromEndpoint && plan.sni.isEmpty)
        guard isDynamic, plan.validatesSNI, !serverName.isEmpty else {
            return ((context, serverName.isEmpty ? nil : serverName), nil)
        }
        var configuration = plan.configuration
        let isAddress = IPAddress(serverName) != nil
        configuration.subjectAltNames.append(
            SANMatcher(kind: isAddress ? .any : .dns, pattern: .exact(Array(serverName.utf8)))
        )
        do {
            return ((try TLSContext(configuration), serverName), nil)
        } catch {
            return (nil, error.description)
        }
    }

    // MARK: leasing

    /// - Parameter waiter: told later when the lease is `.waiting`.
    public func lease(_ waiter: StreamWaiter) -> Lease {
        while let connection = idle.pop() {
            if connection.canOpenStream, !isTooOld(connection) { return .connection(connection) }
            if connection.canOpenStream { connection.close() }
        }
        if shared.count > 0, let connection = sharedConnection() { return .connection(connection) }
        if let missingSecret {
            return .failed(ConnectFailure(reason: .noTLSMaterial, detail: Array(missingSecret.utf8)))
        }
        guard cluster.breaker.mayWait else {
            cluster.statistics.pointee.pendingOverflow &+= 1
            return .overflow
        }
        // An HTTP/2 connection that is being opened will carry the others too.
        if version == .http1 || isKnownHTTP1 || connecting == 0 {
            if cluster.breaker.mayConnect || open == 0 {
                if let failure = connect() { return .failed(failure) }
            } else {
                cluster.statistics.pointee.connectionOverflow &+= 1
            }
        }
        cluster.breaker.begin(.pending)
        cluster.statistics.pointee.pendingTotal &+= 1
        cluster.statistics.pointee.pendingActive &+= 1
        waiter.place = .pool(self)
        waiters.append(waiter)
        return .waiting
    }

    private func sharedConnection() -> ClientConnection? {
        var index = shared.count
        while index > 0 {
            index &-= 1
            let connection = shared[index]
            if isTooOld(connection) {
                _ = shared.remove(connection)
                connection.drain()
            } else if connection.canOpenStream {
                return connection
            }
        }
        return nil
    }

    private func isTooOld(_ connection: ClientConnection) -> Bool {
        guard let ageMax, let ready = connection.userState as? ReadyMark else { return false }
        return cluster.environment.loop.now.since(ready.since) >= ageMax
    }

    private func connect() -> ConnectFailure? {
        do throws(SocketError) {
            let connection = try ClientConnection(
                to: host.address,
                loop: cluster.environment.loop,
                tls: tls,
                options: options,
                resumption: resumption,
                preamble: preamble,
                delegate: self
            )
            cluster.keepAlive(connection.transport)
        } catch {
            cluster.statistics.pointee.connectFailures &+= 1
            cluster.note(.localFailure, on: host)
            return ConnectFailure(reason: .refused, detail: Array(error.description.utf8))
        }
        connecting &+= 1
        open &+= 1
        cluster.breaker.begin(.connection)
        cluster.statistics.pointee.connectionsTotal &+= 1
        cluster.statistics.pointee.connectionsActive &+= 1
        return nil
    }

    func cancel(_ waiter: StreamWaiter) {
        waiters.remove(waiter)
        waiter.place = .none
        cluster.breaker.end(.pending)
        cluster.statistics.pointee.pendingActive &-= 1
    }

    /// Gives the connection to those who wait, as long as it takes streams.
    private func serveWaiters(_ connection: ClientConnection) {
        while connection.canOpenStream, let waiter = waiters.first {
            cancel(waiter)
            waiter.connectionIsReady(connection)
        }
    }

    // MARK: connections

    public override func onReady(_ connection: ClientConnection) {
        connecting &-= 1
        connection.tag = -1
        if connection.version == .http2 { shared.push(connection) } else { isKnownHTTP1 = version != .http1 }
        if connection.requestCount == 0 {
            connection.userState = ageMax == nil ? ReadyMark.mark : ReadyMark(since: cluster.environment.loop.now)
        }
        serveWaiters(connection)
        if connection.version == .http1 { rest(connection) }
        openForWaiters()
    }

    public override func onAvailable(_ connection: ClientConnection) {
        if !waiters.isEmpty { serveWaiters(connection) }
        if connection.version == .http1 { rest(connection) } else { watchIdle() }
    }

    /// Puts an unused HTTP/1 connection on the stack.
    private func rest(_ connection: ClientConnection) {
        guard connection.canOpenStream, connection.openStreams == 0, connection.tag < 0 else { return }
        if host.isRemoved {
            connection.close()
            return
        }
        idle.push(connection)
        watchIdle()
    }

    public override func onRetired(_ connection: ClientConnection) {
        if !idle.remove(connection) { _ = shared.remove(connection) }
        openForWaiters()
    }

    public override func onClose(_ connection: ClientConnection, _ reason: CloseReason) {
        let wasReady = connection.userState != nil
        if !idle.remove(connection) { _ = shared.remove(connection) }
        open &-= 1
        cluster.breaker.end(.connection)
        cluster.statistics.pointee.connectionsActive &-= 1
        if wasReady {
            openForWaiters()
            return
        }
        connecting &-= 1
        let failure = ClusterRuntime.failure(reason, connection.transport)
        if failure.reason == .timedOut { cluster.statistics.pointee.connectTimeouts &+= 1 }
        cluster.statistics.pointee.connectFailures &+= 1
        cluster.note(.localFailure, on: host)
        // Those that came while this one was being opened share its fate, as in Envoy; retries go elsewhere.
        var told = 0
        while told < 4096, let waiter = waiters.first {
            cancel(waiter)
            waiter.connectionFailed(failure)
            told &+= 1
        }
    }

    /// A connection went, or turned out to carry less than hoped for; requests that wait for it get others.
    private func openForWaiters() {
        guard version != .http1 || connecting == 0 else { return }
        while waiters.count > connecting, connecting == 0 || isKnownHTTP1, cluster.breaker.mayConnect || open == 0 {
            guard let failure = connect() else { continue }
            while let waiter = waiters.first {
                cancel(waiter)
                waiter.connectionFailed(failure)
            }
            return
        }
    }

    // MARK: idling

    private func watchIdle() {
        guard let idleTimeout, !host.isRemoved else { return }
        let clock = self.clock ?? IdleClock(pool: self)
        self.clock = clock
        if !clock.isScheduled { cluster.environment.loop.schedule(clock, after: idleTimeout) }
    }

    /// Closes what has been idle for too long and comes back when the next one will be.
    private func closeStale() {
        guard let idleTimeout, let clock else { return }
        let now = cluster.environment.loop.now
        var stale: [ClientConnection] = []
        for index in 0..<idle.count where now.since(idle[index].transport.lastActive) >= idleTimeout {
            stale.append(idle[index])
        }
        for index in 0..<shared.count where shared[index].openStreams == 0 {
            if now.since(shared[index].transport.lastActive) >= idleTimeout { stale.append(shared[index]) }
        }
        for connection in stale {
            if !idle.remove(connection) { _ = shared.remove(connection) }
            connection.close()
        }
        if idle.count + shared.count > 0 {
            cluster.environment.loop.schedule(clock, after: max(idleTimeout / 4, .milliseconds(50)))
        }
    }

    /// The endpoint or cluster left: unused connections close, used ones finish what they carry.
    func closeIdle() {
        clock?.cancel()
        while let connection = idle.pop() { connection.close() }
        while let connection = shared.pop() { connection.drain() }
    }

    var isUnused: Bool { open == 0 && waiters.isEmpty }

    /// Has connections, and nobody uses them or waits for one.
    var isResting: Bool {
        guard waiters.isEmpty, connecting == 0, idle.count + shared.count == open else { return false }
        for index in 0..<shared.count where shared[index].openStreams > 0 { return false }
        return true
    }
}

/// Marks a connection that has been ready once; its absence at `onClose` means that connecting failed.
private final class ReadyMark: Sendable {
    static let mark = ReadyMark(since: MonotonicTime(nanoseconds: 0))
    let since: MonotonicTime

    init(since: MonotonicTime) { self.since = since }
}
