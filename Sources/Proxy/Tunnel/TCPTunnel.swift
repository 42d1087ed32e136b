internal import Base
internal import Routing
internal import Telemetry
internal import Transport
internal import Upstream

/// A TCP connection (plain, terminated TLS, or TLS passed through) relayed to an endpoint of a cluster.
///
///     opening (TLS) ─▶ picking ─▶ connecting ─▶ relaying ─▶ closed
///
/// Nothing is read from the client until the upstream is there, and neither side is read while the other is slow.
final class TCPTunnel: Downstream {
    private final class ClientEnd: ConnectionHandler {
        let tunnel: TCPTunnel

        init(_ tunnel: TCPTunnel) { self.tunnel = tunnel }

        override func onOpen(_ connection: Connection) { tunnel.begin() }

        override func onRead(_ connection: Connection, _ bytes: BytePointer, _ count: Int) -> Int {
            tunnel.clientSent(bytes, count)
        }

        override func onWritable(_ connection: Connection) { tunnel.upstream?.resumeReading() }

        override func onEnd(_ connection: Connection) { tunnel.ended(fromClient: true) }

        override func onClose(_ connection: Connection, _ reason: CloseReason) { tunnel.clientClosed(reason) }
    }

    private final class Warmth: StreamWaiter {
        unowned let tunnel: TCPTunnel

        init(_ tunnel: TCPTunnel) { self.tunnel = tunnel }

        override func clusterIsWarm() { tunnel.pickHost() }
    }

    private final class Clock: LoopTimer {
        unowned let tunnel: TCPTunnel

        init(_ tunnel: TCPTunnel) { self.tunnel = tunnel }

        override func fire() { tunnel.checkTime() }
    }

    let link = DownstreamLink()
    private let listener: ListenerRuntime
    private let chain: ChainPlan
    private let plan: TCPPlan
    private let local: SocketAddress
    private let serverName: String
    private(set) var client: Connection?
    private var upstream: TunnelUpstream?
    private var cluster: ClusterRuntime?
    private var host: UpstreamHost?
    private var isConnected = false
    private var hasClientEnded = false
    private var hasUpstreamEnded = false
    private var attempts = 0
    private var tried = TriedHosts()
    private var waiter: Warmth?
    private var clock: Clock?
    private let startTime: MonotonicTime
    private let startWall: UInt64
    private var flags = ResponseFlags()
    private var details: StaticString = ""
    private var failureText: [UInt8] = []
    private var bytesReceived: UInt64 = 0
    private var bytesSent: UInt64 = 0

    @discardableResult
    init(
        connection: Connection,
        listener: ListenerRuntime,
        chain: ChainPlan,
        plan: TCPPlan,
        local: SocketAddress,
        serverName: String?
    ) {
        client = connection
        self.listener = listener
        self.chain = chain
        self.plan = plan
        self.local = local
        self.serverName = serverName ?? ""
        let loop = listener.worker.loop
        startTime = loop.now
        startWall = UInt64(clamping: loop.wallNanoseconds / 1_000_000)
        listener.insert(self)
        connection.handler = ClientEnd(self)
        if !chain.usesTLS { begin() }
    }

    // MARK: opening

    private var worker: Worker { listener.worker }

    private func begin() {
        guard let client else { return }
        if chain.usesTLS { listener.statistics.pointee.handshakes &+= 1 }
        guard isAdmitted(client) else {
            end(.unauthorized, "rbac_access_denied")
            return
        }
        client.pauseReading()
        let name = plan.usesServerNameAsCluster ? serverName : plan.pick(random: worker.random.next())
        guard let found = worker.clusters[name] else {
            end(.noCluster, "cluster_not_found")
            return
        }
        cluster = found
        found.tcp.pointee.opened &+= 1
        pickHost()
    }

    private func isAdmitted(_ client: Connection) -> Bool {
        if chain.roles.isEmpty { return true }
        let unknown = SocketAddress(IPAddress(ipv4: 0), port: 0)
        let peer = client.tls?.peerCertificate.flatMap { certificate -> ConnectionFacts.Peer? in
            guard certificate.isVerified else { return nil }
            return ConnectionFacts.Peer(
                uriNames: certificate.uriSANs.map { Array($0.utf8) },
                dnsNames: certificate.dnsSANs.map { Array($0.utf8) },
                subject: Array(certificate.subject.utf8)
            )
        }
        let facts = ConnectionFacts(
            directRemote: client.peerAddress ?? unknown,
            local: local,
            isTLS: client.tls != nil,
            requestedServerName: Array(serverName.utf8),
            peer: peer
        )
        let request = RequestFacts(connection: facts, remote: facts.directRemote)
        return chain.roles.allSatisfy { $0.enforced?.evaluate(nil, facts: request).isAllowed ?? true }
    }

    private func pickHost() {
        guard let cluster, let client else { return }
        if cluster.usesOriginalDestination {
            guard client.localAddress != local else {
                end(.noHealthyUpstream, "no_original_destination")
                return
            }
            connect(to: cluster.originalDestination(local), cluster)
            return
        }
        if cluster.forwardsByName {
            forwardByName(cluster)
            return
        }
        let hash =
            plan.hashesSourceAddress ? client.peerAddress.map { XXHash64.hash(address: $0.address) } : nil
        switch cluster.pick(hash: hash, tried: tried, picks: 3) {
        case .success(let host): connect(to: host, cluster)
        case .failure(let error): noHost(error.reason, cluster)
        }
    }

    /// The endpoint is the server name of the ClientHello.
    private func forwardByName(_ cluster: ClusterRuntime) {
        guard let port = plan.serverNamePort, !serverName.isEmpty else {
            end(.noHealthyUpstream, "no_server_name")
            return
        }
        var name = serverName
        switch name.withUTF8({ cluster.forwardHost(UnsafeRawBufferPointer($0), port: port) }) {
        case .failure(let error): noHost(error.reason, cluster)
        case .success(let host):
            guard host.socketAddress != local else {
                end(.noHealthyUpstream, "forwarding_loop")
                return
            }
            connect(to: host, cluster)
        }
    }

    private func noHost(_ reason: ClusterRuntime.NoHost, _ cluster: ClusterRuntime) {
        if reason == .warming {
            let waiter = Warmth(self)
            self.waiter = waiter
            if cluster.waitUntilWarm(waiter) { return }
        }
        end(
            reason == .nameNotFound ? [.noHealthyUpstream, .dnsFailure] : .noHealthyUpstream,
            "no_healthy_upstream"
        )
    }

    /// Whom a PROXY header towards the endpoint names.
    var origin: ProxyOrigin? { client?.peerAddress.map { ProxyOrigin(source: $0, destination: local) } }

    private func connect(to host: UpstreamHost, _ cluster: ClusterRuntime) {
        self.host = host
        tried.insert(host)
        attempts += 1
        let upstream: TunnelUpstream =
            plan.tunneling.map { RequestUpstream(self, host: host, cluster: cluster, request: $0) }
            ?? RawUpstream(self, host: host, cluster: cluster)
        self.upstream = upstream
        switch upstream.start() {
        case .started: break
        case .overflow:
            self.upstream = nil
            end(.upstreamOverflow, "upstream_overflow")
        case .failed(let failure):
            self.upstream = nil
            connectFailed(failure)
        }
    }

    private func connectFailed(_ failure: ConnectFailure) {
        failureText = failure.detail
        if attempts < plan.connectAttemptsMax {
            pickHost()
            return
        }
        if plan.connectAttemptsMax > 1 { flags.insert(.retryLimit) }
        end(.upstreamConnectFailure, "upstream_connect_failure")
    }

    /// The upstream takes bytes from now on.
    func connected() {
        guard let client else { return }
        isConnected = true
        if hasClientEnded { upstream?.shutdownWrite() }
        client.resumeReading()
        let clock = Clock(self)
        self.clock = clock
        checkTime()
    }

    // MARK: relaying

    private func clientSent(_ bytes: BytePointer, _ count: Int) -> Int {
        guard let client, let upstream, isConnected else { return 0 }
        upstream.write(bytes, count)
        if !upstream.isWritable { client.pauseReading() }
        bytesReceived &+= UInt64(count)
        return count
    }

    func upstreamSent(_ bytes: BytePointer, _ count: Int) {
        guard let client, let upstream else { return }
        client.write(bytes, count)
        if !client.isWritable { upstream.pauseReading() }
        bytesSent &+= UInt64(count)
    }

    func ended(fromClient: Bool) {
        if fromClient { hasClientEnded = true } else { hasUpstreamEnded = true }
        if fromClient, !isConnected {
            end(.downstreamGone, "downstream_remote_disconnect")
            return
        }
        if hasClientEnded, hasUpstreamEnded {
            end([], "")
        } else if fromClient {
            upstream?.shutdownWrite()
        } else {
            client?.shutdownWrite()
        }
    }

    private func clientClosed(_ reason: CloseReason) {
        if client == nil { return }
        if reason == .handshakeFailed || reason == .handshakeTimedOut {
            listener.statistics.pointee.handshakeFailures &+= 1
        }
        if reason != .finished, !isConnected { flags.insert(.downstreamGone) }
        end([], "downstream_remote_disconnect")
    }

    /// The upstream is gone.
    func upstreamClosed(_ gone: TunnelUpstream, isClean: Bool) {
        guard upstream === gone else { return }
        upstream = nil
        end(isClean ? [] : .upstreamClosed, isClean ? "" : "upstream_remote_disconnect")
    }

    /// It never came to be.
    func upstreamFailed(_ gone: TunnelUpstream, _ failure: ConnectFailure) {
        guard upstream === gone else { return }
        upstream = nil
        connectFailed(failure)
    }

    private func checkTime() {
        guard let client, let upstream, let clock else { return }
        let now = worker.loop.now
        if let limit = plan.durationMax, now.since(startTime) >= limit {
            end(.durationLimit, "max_connection_duration")
            return
        }
        var next = plan.durationMax.map { startTime.advanced(by: $0) }
        if plan.idleTimeout > .zero {
            let last = max(client.lastActive, upstream.lastActive)
            if now.since(last) >= plan.idleTimeout {
                end([], "idle_timeout")
                return
            }
            let idle = last.advanced(by: plan.idleTimeout)
            next = next.map { min($0, idle) } ?? idle
        }
        if let next { worker.loop.schedule(clock, at: next) }
    }

    // MARK: ending

    private func end(_ more: ResponseFlags, _ details: StaticString) {
        guard let client else { return }
        flags.formUnion(more)
        if self.details.utf8CodeUnitCount == 0 { self.details = details }
        waiter?.cancelWait()
        waiter = nil
        clock?.cancel()
        clock = nil
        log(client)
        self.client = nil
        if let upstream {
            self.upstream = nil
            upstream.close()
        }
        if let cluster {
            cluster.tcp.pointee.closed &+= 1
            cluster.tcp.pointee.bytesReceived &+= bytesReceived
            cluster.tcp.pointee.bytesSent &+= bytesSent
        }
        client.finish(lingering: true)
        listener.remove(self)
    }

    private func log(_ client: Connection) {
        guard worker.isLogging else { return }
        var record = AccessRecord()
        record.startWallMilliseconds = startWall
        record.durationMilliseconds = UInt64(clamping: worker.loop.now.since(startTime).wholeMilliseconds)
        record.flags = flags
        record.terminationDetails = details
        record.bytesReceived = bytesReceived
        record.bytesSent = bytesSent
        record.upstreamHost = host?.socketAddress
        record.upstreamLocal = upstream?.localAddress
        record.downstreamLocal = local
        record.downstreamRemote = client.peerAddress
        var name = serverName
        let clusterName = cluster?.plan.nameBytes ?? []
        name.withUTF8 { name in
            record.serverName = UnsafeRawBufferPointer(name)
            clusterName.withUnsafeBytes { clusterName in
                record.upstreamCluster = clusterName
                failureText.withUnsafeBytes { failure in
                    record.upstreamFailure = failure
                    worker.append(record)
                }
            }
        }
    }

    // MARK: Downstream

    func planChanged() {}

    // A byte stream has no place to say that it should end; it does when its peers are done, or at the deadline.
    func drain() {}

    func closeNow() { end([], "drained") }

    /// A tunnel is never idle in a way that we could see.
    func shedIfIdle() {}
}
