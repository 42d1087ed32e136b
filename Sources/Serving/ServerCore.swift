internal import Base

/// What `HTTPServer` owns: the reactor thread and everything that lives on it.
final class ServerCore: Sendable {
    init(_ options: HTTPServer.Options, _ handler: @escaping HTTPServer.Handler) throws(ListenError) {}
    func stop() {}
    func listen(_ address: SocketAddress, _ tls: TLSOptions?) async throws(ListenError) -> SocketAddress {
        throw ListenError("the transport is not here yet")
    }
    func listen(unixPath path: String, mode: UInt32) async throws(ListenError) {}
    func replaceTLS(_ tls: TLSOptions, _ address: SocketAddress) async throws(ListenError) {}
    func drain(within limit: Duration) async {}
}
