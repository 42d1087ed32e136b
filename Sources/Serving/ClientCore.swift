internal import Base
internal import Transport

/// What `HTTPClient` owns: the reactor thread and its connections.
final class ClientCore: Sendable {
    let reactor: Reactor
    private let state: ClientState
    private let target: ClientTarget
    private let options: HTTPClient.Options

    init(_ target: ClientTarget, _ options: HTTPClient.Options) throws(ClientError) {
        let context = try options.tls.map { tls throws(ClientError) in try tls.clientContext(target, options) }
        do throws(ListenError) {
            reactor = try Reactor(name: "client")
        } catch {
            throw .notConnected(error.description)
        }
        state = ClientState(target, options, tls: context, reactor)
        self.target = target
        self.options = options
    }

    func replaceTLS(_ tls: ClientTLSOptions) throws(ClientError) {
        let context = try tls.clientContext(target, options)
        let state = self.state
        guard options.tls != nil, reactor.submit({ state.replaceTLS(context) }) else { throw .closed }
    }

    func close() {
        let state = self.state
        reactor.stop { state.close() }
    }

    func send(
        _ method: String,
        _ path: String,
        _ headers: Headers,
        _ body: [UInt8],
        _ timeout: Duration?
    ) async throws(ClientError) -> HTTPClient.Response {
        let request = ClientRequest(method: method, path: path, headers: headers, body: body)
        let exchange = ClientExchange(request, reactor, milestone: .head, timeout: timeout)
        try await begin(exchange)
        guard let head = exchange.head else { throw .cutOff }
        return HTTPClient.Response(
            status: head.status,
            headers: head.headers,
            body: Body(exchange.inlet, lease: ExchangeLease(exchange))
        )
    }

    /// Returns when the exchange has reached its milestone.
    private func begin(_ exchange: ClientExchange) async throws(ClientError) {
        let state = self.state
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Result<Void, ClientError>, Never>) in
                let isAccepted = reactor.submit { state.start(exchange, continuation) }
                if !isAccepted { continuation.resume(returning: .failure(.closed)) }
            }
        } onCancel: {
            exchange.cancel()
        }
        try result.get()
    }

    func openCall(
        _ path: String,
        _ metadata: Headers,
        _ timeout: Duration?,
        _ bytesMax: Int
    ) async throws(GRPCStatus) -> GRPCStream {
        var headers: Headers = ["content-type": "application/grpc", "te": "trailers", "user-agent": "gatehouse"]
        if let timeout { headers["grpc-timeout"] = GRPCTimeout.format(timeout) }
        for field in metadata { headers.append(field.name, field.value) }
        let request = ClientRequest(method: "POST", path: path, headers: headers, body: nil)
        let exchange = ClientExchange(request, reactor, milestone: .opened, timeout: timeout)
        do throws(ClientError) {
            try await begin(exchange)
        } catch {
            throw GRPCStatus(error)
        }
        return GRPCStream(exchange, bytesMax: bytesMax)
    }
}

extension ClientTLSOptions {
    func clientContext(_ target: ClientTarget, _ options: HTTPClient.Options) throws(ClientError) -> TLSContext {
        var configuration = TLSConfiguration(role: .client)
        configuration.trustedCertificates = Array(trust.utf8)
        configuration.applicationProtocols = options.isHTTP2 ? ["h2"] : ["h2", "http/1.1"]
        if let certificateChain, let privateKey {
            configuration.identities = [
                TLSIdentity(certificateChain: Array(certificateChain.utf8), privateKey: Array(privateKey.utf8))
            ]
        }
        configuration.subjectAltNames = try matchers(target)
        do throws(TLSConfigurationError) {
            return try TLSContext(configuration)
        } catch {
            throw .notConnected("TLS: \(error)")
        }
    }

    /// The names to find in the server's certificate; never none.
    private func matchers(_ target: ClientTarget) throws(ClientError) -> [SANMatcher] {
        if !expectedURINames.isEmpty {
            return expectedURINames.map { SANMatcher(kind: .uri, pattern: .exact(Array($0.utf8))) }
        }
        let name: String
        switch (serverName, target) {
        case (let given?, _): name = given
        case (nil, .host(let host, _)): name = host
        case (nil, .unix): throw .notConnected("TLS on a unix socket needs a server name")
        }
        guard let address = IPAddress(name) else {
            return [SANMatcher(kind: .dns, pattern: .exact(Array(name.utf8)))]
        }
        // RFC 2818 §3.1: an address is compared with address names only, byte for byte.
        let words = address.isIPv6 ? [address.high, address.low] : [address.high]
        let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word >> (56 - 8 * UInt64($0))) } }
        return [SANMatcher(kind: .ip, pattern: .exact(Array(bytes.prefix(address.isIPv6 ? 16 : 4))))]
    }
}

extension GRPCStatus {
    init(_ error: ClientError) {
        switch error {
        case .unresolved(let host): self.init(.unavailable, "\(host) has no address")
        case .notConnected(let reason): self.init(.unavailable, reason)
        case .cutOff: self.init(.unavailable, "the connection was lost")
        case .timedOut: self.init(.deadlineExceeded, "the deadline passed")
        case .cancelled: self.init(.cancelled, "cancelled by this side")
        case .closed: self.init(.unavailable, "the client is closed")
        }
    }
}
