internal import HTTP
internal import Telemetry
internal import XDS

extension ClusterRuntime {
    /// The pool of `host` for a request.
    ///
    /// - Parameters:
    ///   - requestHost: the request's authority, for clusters whose SNI follows it; used only then.
    ///   - isHTTP2: what the downstream speaks, for clusters that follow it.
    ///   - origin: the client to announce, for clusters that do (`announcesClient`).
    public func pool(
        of host: UpstreamHost,
        requestHost: UnsafeRawBufferPointer,
        isHTTP2: Bool,
        origin: ProxyOrigin? = nil
    ) -> HostPool {
        if let only = host.pools.first, host.hasFixedPool, origin == nil { return only }
        let version: ClientOptions.Version =
            switch plan.cluster.http.version {
            case .http1: .http1
            case .http2: .http2
            case .alpn: .negotiated
            case .sameAsDownstream: isHTTP2 ? .http2 : .http1
            }
        let name = host.serverName(requestHost: requestHost)
        if let origin { return host.proxiedPool(origin: origin, serverName: name, version: version) }
        if let pool = host.pools.first(where: { $0.version == version && $0.serverName == name }) { return pool }
        // Names come from requests: without a bound, whoever invents names would own a connection for each.
        if host.pools.count >= 64 {
            let old = host.pools.firstIndex(where: \.isUnused) ?? host.pools.firstIndex(where: \.isResting)
            if let old { host.pools.remove(at: old).closeIdle() }
        }
        let pool = HostPool(host: host, serverName: name, version: version)
        host.pools.append(pool)
        return pool
    }

    /// Connections to this cluster begin with a PROXY header that names the client.
    public var announcesClient: Bool { plan.proxyHeader != nil }

    /// Counts a request in; false when the request limit is met. Paired with `endRequest`.
    public func beginRequest(on host: UpstreamHost) -> Bool {
        guard breaker.mayRequest else {
            statistics.pointee.pendingOverflow &+= 1
            return false
        }
        breaker.begin(.request)
        host.activeRequests &+= 1
        statistics.pointee.requestsTotal &+= 1
        statistics.pointee.requestsActive &+= 1
        return true
    }

    public func endRequest(on host: UpstreamHost) {
        breaker.end(.request)
        host.activeRequests &-= 1
        statistics.pointee.requestsActive &-= 1
    }
}

extension UpstreamHost {
    /// The SNI for a connection that serves `requestHost`.
    func serverName(requestHost: UnsafeRawBufferPointer) -> String {
        guard let tls else { return "" }
        if !tls.sni.isEmpty { return tls.sni }
        if tls.setsSNIFromEndpoint { return String(decoding: hostname, as: UTF8.self) }
        guard tls.setsSNIFromHost else { return "" }
        var name = String(decoding: requestHost.prefix(255), as: UTF8.self).lowercased()
        if let colon = name.lastIndex(of: ":"), !name.hasSuffix("]") { name = String(name[..<colon]) }
        return name
    }
}
