public import Base
public import Crypto

/// Who is at the other end of a connection, as far as the connection itself proves it.
public struct Peer: Sendable {
    /// nil on a unix socket.
    public var address: SocketAddress?
    /// The address of ours that was connected to; nil on a unix socket.
    public var localAddress: SocketAddress?
    public var isTLS: Bool
    /// The leaf of a client certificate that was verified against the listener's trust bundle. Never an unverified one.
    public var certificate: Certificate?
    /// The process at the other end of a unix socket, from the kernel (SO_PEERCRED).
    public var processID: Int32?

    public init(
        address: SocketAddress? = nil,
        localAddress: SocketAddress? = nil,
        isTLS: Bool = false,
        certificate: Certificate? = nil,
        processID: Int32? = nil
    ) {
        self.address = address
        self.localAddress = localAddress
        self.isTLS = isTLS
        self.certificate = certificate
        self.processID = processID
    }
}
