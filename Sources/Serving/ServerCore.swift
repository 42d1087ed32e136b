internal import Base
internal import Transport

/// What `HTTPServer` owns: the reactor thread and everything that lives on it.
final class ServerCore: Sendable {
    let reactor: Reactor
    private let state: ServerState

    init(_ options: HTTPServer.Options, _ handler: @escaping HTTPServer.Handler) throws(ListenError) {
        reactor = try Reactor(name: "serving")
        state = ServerState(reactor, options, handler)
    }

    /// Closes everything, then ends the thread. Further calls do nothing.
    func stop() {
        let state = self.state
        reactor.stop { state.closeAll() }
    }

    func listen(_ address: SocketAddress, _ tls: TLSOptions?) async throws(ListenError) -> SocketAddress {
        let context = try tls.map { options throws(ListenError) in try options.serverContext() }
        guard let bound = try await open(.ip(address), context, mode: nil) else {
            throw ListenError("\(address): no address was bound")
        }
        return bound
    }

    func listen(unixPath path: String, mode: UInt32) async throws(ListenError) {
        _ = try await open(.unix(path: path), nil, mode: mode)
    }

    private func open(
        _ address: NetworkAddress,
        _ context: TLSContext?,
        mode: UInt32?
    ) async throws(ListenError) -> SocketAddress? {
        let state = self.state
        let result = await reactor.run { state.listen(address, tls: context, mode: mode) }
        guard let result else { throw ListenError("the server is closed") }
        return try result.get()
    }

    func replaceTLS(_ tls: TLSOptions, _ address: SocketAddress) async throws(ListenError) {
        let context = try tls.serverContext()
        let state = self.state
        let isReplaced = await reactor.run { state.replaceTLS(context, on: address) }
        guard isReplaced == true else { throw ListenError("no TLS listener on \(address)") }
    }

    func drain(within limit: Duration) async {
        let state = self.state
        let end = MonotonicTime.now().advanced(by: limit)
        _ = await reactor.run { state.startDraining() }
        await wait(until: end) { state.ordinaryCount == 0 }
        _ = await reactor.run { state.cancelStreams() }
        await wait(until: end) { state.exchangeCount == 0 && state.connectionCount == 0 }
        stop()
    }

    /// Looks every few milliseconds: draining happens once in a life, and the conditions change in many places.
    private func wait(until end: MonotonicTime, _ isDone: @escaping @Sendable () -> Bool) async {
        while MonotonicTime.now() < end {
            if await reactor.run(isDone) ?? true { return }
            do {
                try await Task.sleep(for: .milliseconds(5))
            } catch {
                return
            }
        }
    }
}

extension TLSOptions {
    /// The context our listeners use: TLS 1.2 and 1.3, HTTP/2 preferred.
    func serverContext() throws(ListenError) -> TLSContext {
        var configuration = TLSConfiguration(role: .server)
        configuration.identities = [
            TLSIdentity(certificateChain: Array(certificateChain.utf8), privateKey: Array(privateKey.utf8))
        ]
        configuration.applicationProtocols = ["h2", "http/1.1"]
        switch clientCertificates {
        case .ignored: configuration.peerVerification = .none
        case .optional: configuration.peerVerification = .optional
        case .required: configuration.peerVerification = .required
        }
        if clientCertificates != .ignored { configuration.trustedCertificates = Array(clientTrust.utf8) }
        do throws(TLSConfigurationError) {
            return try TLSContext(configuration)
        } catch {
            throw ListenError("TLS: \(error)")
        }
    }
}
