internal import Base
internal import HTTP
internal import Routing
internal import Telemetry
internal import Transport
internal import XDS

/// One HTTP connection from a client: makes an exchange of each request.
final class HTTPDownstream: ServerConnectionDelegate, Downstream {
    /// Where a request for a host of another server goes.
    enum OtherServer {
        /// No server on this listener has the host.
        case none
        /// Another server with the same TLS policy has it.
        case samePolicy(HTTPPlan)
        /// Another server with another TLS policy has it: 421.
        case misdirected
    }

    let link = DownstreamLink()
    let listener: ListenerRuntime
    private(set) var chain: ChainPlan
    private(set) var http: HTTPPlan
    private let connection: Connection
    private let local: SocketAddress
    private let serverName: String?
    private var server: ServerConnection?
    private var lifetime: Lifetime?
    private var cachedElement: [UInt8]?
    private var admission: Bool?
    private var preparedForwarding: PreparedLines?

    init(
        connection: Connection,
        listener: ListenerRuntime,
        chain: ChainPlan,
        http: HTTPPlan,
        local: SocketAddress,
        serverName: String?
    ) {
        self.connection = connection
        self.listener = listener
        self.chain = chain
        self.http = http
        self.local = local
        self.serverName = serverName
        super.init()
        listener.insert(self)
        server = ServerConnection(connection, options: http.serverOptions, delegate: self)
        if listener.isDraining { drain() }
        if let longest = http.connectionDurationMax {
            let end = Lifetime(self)
            lifetime = end
            listener.worker.loop.schedule(end, after: longest)
        }
    }

    /// Asks the connection to go when its time is over.
    private final class Lifetime: LoopTimer {
        unowned let downstream: HTTPDownstream

        init(_ downstream: HTTPDownstream) { self.downstream = downstream }

        override func fire() { downstream.drain() }
    }

    // MARK: facts

    /// Known once the handshake is done; asked for by the first request.
    private(set) lazy var facts: ConnectionFacts = makeFacts()

    private func makeFacts() -> ConnectionFacts {
        let unknown = SocketAddress(IPAddress(ipv4: 0), port: 0)
        guard let tls = connection.tls else {
            return ConnectionFacts(directRemote: connection.peerAddress ?? unknown, local: local)
        }
        listener.statistics.pointee.handshakes &+= 1
        let peer = tls.peerCertificate.flatMap { certificate -> ConnectionFacts.Peer? in
            // Names that nobody vouched for are no identity; they travel in x-forwarded-client-cert only.
            guard certificate.isVerified else { return nil }
            return ConnectionFacts.Peer(
                uriNames: certificate.uriSANs.map { Array($0.utf8) },
                dnsNames: certificate.dnsSANs.map { Array($0.utf8) },
                subject: Array(certificate.subject.utf8),
                sha256: Array(Self.hex(certificate.sha256).utf8)
            )
        }
        return ConnectionFacts(
            directRemote: connection.peerAddress ?? unknown,
            local: local,
            isTLS: true,
            requestedServerName: Array((serverName ?? tls.serverName ?? "").lowercased().utf8),
            tlsVersion: Array(tls.version.utf8),
            tlsCipher: Array(tls.cipherSuite.utf8),
            peer: peer
        )
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// The client showed a certificate, verified or not.
    private(set) lazy var showsCertificate = connection.tls?.peerCertificate != nil

    /// What a request without `x-forwarded-for` gets: that field, the client's address for the mesh, the scheme.
    func forwardingLines(_ facts: ConnectionFacts) -> PreparedLines {
        if let preparedForwarding { return preparedForwarding }
        var lines = PreparedLines()
        var address: [UInt8] = []
        facts.directRemote.address.appendText(to: &address)
        address.withUnsafeBytes { address in
            lines.add(.xForwardedFor, address)
            lines.add(Exchange.externalAddress, address)
        }
        lines.add(.xForwardedProto, UnsafeRawBufferPointer(facts.isTLS ? "https" : "http"))
        preparedForwarding = lines
        return lines
    }

    /// Somebody redirected the connection here: its destination is not ours.
    var isRedirected: Bool { listener.plan.usesOriginalDestination && connection.localAddress != local }

    /// Network RBAC, decided once per connection.
    var isAdmitted: Bool {
        if let admission { return admission }
        let request = RequestFacts(connection: facts, remote: facts.directRemote)
        let isAllowed = chain.roles.allSatisfy { $0.enforced?.evaluate(nil, facts: request).isAllowed ?? true }
        admission = isAllowed
        return isAllowed
    }

    /// This connection's element of `x-forwarded-client-cert`.
    var certificateElement: [UInt8] {
        if let cachedElement { return cachedElement }
        var details = http.manager.clientCertificateDetails
        details.includesCertificate = details.includesCertificate && connection.tls?.peerCertificate != nil
        let element = ClientCertificateElement.text(
            connection.tls?.peerCertificate,
            details: details,
            own: chain.ownURI
        )
        cachedElement = element
        return element
    }

    func otherServer(for authority: UnsafeRawBufferPointer) -> OtherServer {
        // A host of this server without a route for the path is nobody else's.
        guard chain.usesTLS, !http.routes.covers(authority) else { return .none }
        let plan = listener.plan
        for other in plan.chains where other !== chain {
            guard let theirs = other.http, other.usesTLS, theirs.routes.covers(authority) else { continue }
            let isShown = other.tlsPolicy == chain.tlsPolicy && isCovered(authority)
            return isShown ? .samePolicy(theirs) : .misdirected
        }
        return .none
    }

    /// Whether our certificate is one for this host: clients reuse a connection for the names in it (RFC 9113 §9.1.1).
    private func isCovered(_ authority: UnsafeRawBufferPointer) -> Bool {
        var name = String(decoding: authority.prefix(255), as: UTF8.self).lowercased()
        if let colon = name.lastIndex(of: ":") { name = String(name[..<colon]) }
        return chain.ownNames.contains { pattern in
            guard pattern.isWildcard else { return pattern.text == name }
            guard let dot = name.firstIndex(of: "."), dot > name.startIndex else { return false }
            // The star of a certificate stands for one label (RFC 9525 §6.3).
            return pattern.text.dropFirst() == name[dot...]
        }
    }

    // MARK: the connection

    override func onRequest(_ stream: ServerStream, endStream: Bool) {
        if listener.worker.pressure.level > .none, let server, !server.isDraining {
            listener.statistics.pointee.keepAlivesRefused &+= 1
            server.drain()
        }
        listener.worker.takeExchange().begin(stream, downstream: self, endStream: endStream)
    }

    override func onRejected(_ connection: ServerConnection, status: UInt16, reason: StaticString) {
        let statistics = listener.statistics
        statistics.pointee.requestsTotal &+= 1
        statistics.pointee.countResponse(status: Int(status))
        let worker = listener.worker
        guard worker.isLogging else { return }
        var record = AccessRecord()
        record.startWallMilliseconds = UInt64(clamping: worker.loop.wallNanoseconds / 1_000_000)
        record.responseCode = Int(status)
        record.flags = .downstreamProtocol
        record.details = reason
        record.httpVersion = connection.version == .http2 ? "HTTP/2" : "HTTP/1.1"
        record.downstreamLocal = local
        record.downstreamRemote = self.connection.peerAddress
        worker.append(record)
    }

    override func onClose(_ connection: ServerConnection, _ reason: CloseReason) {
        switch reason {
        case .handshakeFailed, .handshakeTimedOut: listener.statistics.pointee.handshakeFailures &+= 1
        case .finished, .failed, .connectTimedOut, .tlsFailed, .sendTimedOut: break
        }
        lifetime?.cancel()
        lifetime = nil
        server = nil
        listener.remove(self)
    }

    // MARK: Downstream

    /// Later requests use the new plan's routes; a connection whose chain is gone ends when its requests are done.
    func planChanged() {
        guard let next = listener.plan.successor(of: chain), case .http(let http) = next.terminal else {
            drain()
            return
        }
        chain = next
        self.http = http
        admission = nil
    }

    func drain() { server?.drain() }

    func shedIfIdle() {
        guard let server, server.openStreams == 0, server.requestCount > 0, !server.isDraining else { return }
        listener.statistics.pointee.keepAlivesRefused &+= 1
        server.drain()
    }

    func closeNow() { connection.close() }
}
