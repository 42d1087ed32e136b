public import Transport
internal import Telemetry
internal import XDS

// Connections that carry bytes, not HTTP: TCP proxying and CONNECT.
extension ClusterRuntime {
    /// What came of opening one.
    public enum RawConnect {
        case connecting(Connection)
        case overflow
        case failed(ConnectFailure)
    }

    /// Opens a connection of its own to `host`, under the cluster's TLS, limits and connect timeout. `handler` is told
    /// `onOpen` or `onClose`. Paired with `endRaw` unless the answer is `.overflow` or `.failed`.
    ///
    /// - Parameter origin: the client, for clusters that announce it.
    public func connectRaw(
        to host: UpstreamHost,
        origin: ProxyOrigin? = nil,
        handler: ConnectionHandler
    ) -> RawConnect {
        guard breaker.mayConnect else {
            statistics.pointee.connectionOverflow &+= 1
            return .overflow
        }
        let name = host.serverName(requestHost: UnsafeRawBufferPointer(start: nil, count: 0))
        let (tls, missing) = HostPool.tls(of: host, serverName: name)
        if let plan = host.tls, host.resumption == nil { host.resumption = TLSResumption(capacity: plan.sessionsMax) }
        if let missing { return .failed(ConnectFailure(reason: .noTLSMaterial, detail: Array(missing.utf8))) }
        do throws(SocketError) {
            let connection = try Connection.connect(
                to: host.address,
                loop: environment.loop,
                tls: tls,
                timeout: plan.cluster.connectTimeout,
                resumption: host.resumption,
                preamble: plan.proxyHeader.map { ProxyOrigin.header(origin, version: $0) } ?? [],
                handler: handler
            )
            keepAlive(connection)
            breaker.begin(.connection)
            host.activeRequests &+= 1
            statistics.pointee.connectionsTotal &+= 1
            statistics.pointee.connectionsActive &+= 1
            return .connecting(connection)
        } catch {
            statistics.pointee.connectFailures &+= 1
            note(.localFailure, on: host)
            return .failed(ConnectFailure(reason: .refused, detail: Array(error.description.utf8)))
        }
    }

    /// TCP keep-alive as the cluster wants it; the system's own times where it says nothing.
    func keepAlive(_ connection: Connection) {
        guard let settings = plan.cluster.tcpKeepalive else { return }
        connection.keepAlive(
            idle: settings.idle,
            interval: settings.interval,
            probes: settings.probes.map { Int(clamping: $0) }
        )
    }

    /// - Parameter wasOpen: the connection had opened before it ended.
    public func endRaw(_ host: UpstreamHost, wasOpen: Bool) {
        breaker.end(.connection)
        host.activeRequests &-= 1
        statistics.pointee.connectionsActive &-= 1
        if wasOpen { return }
        statistics.pointee.connectFailures &+= 1
        note(.localFailure, on: host)
    }

    /// Why a connection that never opened did not.
    public static func failure(_ reason: CloseReason, _ connection: Connection) -> ConnectFailure {
        switch reason {
        case .connectTimedOut, .handshakeTimedOut:
            return ConnectFailure(reason: .timedOut, detail: Array("connection timeout".utf8))
        case .handshakeFailed, .tlsFailed:
            let text = connection.tls?.failure ?? "handshake failed"
            return ConnectFailure(reason: .handshake, detail: Array("TLS error: \(text)".utf8))
        case .failed(let code):
            return ConnectFailure(reason: .refused, detail: Array("delayed connect error: \(code)".utf8))
        case .finished, .sendTimedOut:
            return ConnectFailure(reason: .refused, detail: Array("connection closed".utf8))
        }
    }
}
