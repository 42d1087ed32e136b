public import Base
internal import HTTP
internal import Transport

public enum ProxyHeaderVersion: Sendable { case v1, v2 }

/// The client on whose behalf a connection to an endpoint is made: what its PROXY header says.
public struct ProxyOrigin: Hashable, Sendable {
    /// The client's address, and the address it connected to.
    public var source: SocketAddress
    public var destination: SocketAddress

    public init(source: SocketAddress, destination: SocketAddress) {
        self.source = source
        self.destination = destination
    }

    /// The bytes in front of a connection.
    static func header(_ origin: ProxyOrigin?, version: ProxyHeaderVersion) -> [UInt8] {
        let header = ProxyProtocolHeader(source: origin?.source, destination: origin?.destination)
        return version == .v2 ? header.version2 : header.version1
    }
}

extension UpstreamHost {
    /// Pools with their client's header in front are kept for this long after the last request at most.
    static let proxiedIdleTimeout = Duration.seconds(60)
    /// Beyond this many, unused ones are dropped first.
    private static let proxiedPoolsMax = 1024

    /// The pool whose connections announce `origin`; connections are never shared between clients.
    func proxiedPool(origin: ProxyOrigin, serverName: String, version: ClientOptions.Version) -> HostPool {
        let key = ProxiedPoolKey(origin: origin, serverName: serverName, version: version)
        if let pool = proxiedPools[key] { return pool }
        if proxiedPools.count >= Self.proxiedPoolsMax { dropOneProxiedPool() }
        let pool = HostPool(host: self, serverName: serverName, version: version, origin: origin)
        proxiedPools[key] = pool
        return pool
    }

    /// Ports of clients are theirs to choose: without a bound, one client could own a connection for each.
    private func dropOneProxiedPool() {
        proxiedPools = proxiedPools.filter { !$0.value.isUnused }
        guard proxiedPools.count >= Self.proxiedPoolsMax else { return }
        guard let old = proxiedPools.first(where: { $0.value.isResting })?.key else { return }
        proxiedPools.removeValue(forKey: old)?.closeIdle()
    }
}

struct ProxiedPoolKey: Hashable {
    var origin: ProxyOrigin
    var serverName: String
    var version: ClientOptions.Version
}
