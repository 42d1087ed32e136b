public import Base
internal import CSys

/// Where to listen or connect: an IP endpoint or a unix-domain socket.
public enum NetworkAddress: Hashable, Sendable, CustomStringConvertible {
    case ip(SocketAddress)
    /// A path below 108 bytes.
    case unix(path: String)

    public init(_ address: IPAddress, port: UInt16) {
        self = .ip(SocketAddress(address, port: port))
    }

    public var description: String {
        switch self {
        case .ip(let address): address.description
        case .unix(let path): "unix:\(path)"
        }
    }

    func withRaw<Result>(_ body: (UnsafePointer<gh_address>, UnsafePointer<CChar>?) -> Result) -> Result {
        switch self {
        case .ip(let address):
            var raw = gh_address(socketAddress: address)
            return body(&raw, nil)
        case .unix(let path):
            var raw = gh_address()
            raw.family = 1
            return path.withCString { body(&raw, $0) }
        }
    }
}

extension gh_address {
    init(socketAddress: SocketAddress) {
        self.init(
            high: socketAddress.address.high,
            low: socketAddress.address.low,
            port: socketAddress.port,
            family: socketAddress.address.isIPv6 ? 6 : 4
        )
    }

    /// Nil for a unix-domain peer.
    var socketAddress: SocketAddress? {
        switch family {
        case 4: SocketAddress(IPAddress(ipv4: UInt32(truncatingIfNeeded: high >> 32)), port: port)
        case 6: SocketAddress(IPAddress(ipv6High: high, low: low), port: port)
        default: nil
        }
    }
}
