internal import Base
internal import Telemetry
internal import Transport
internal import XDS

/// A name that requests to a dynamic-forward cluster asked for, with the endpoint it stands for now.
final class ForwardHost {
    let name: String
    let port: UInt16
    var host: UpstreamHost?
    var lastUse: MonotonicTime

    init(name: String, port: UInt16, lastUse: MonotonicTime) {
        self.name = name
        self.port = port
        self.lastUse = lastUse
    }
}

// Clusters whose endpoints are whatever host the request names.
//
// Source: Envoy's dynamic forward proxy: a name is resolved when it is first asked for, requests wait meanwhile, and
// names that nobody uses are forgotten.
extension ClusterRuntime {
    /// True when `forwardHost` finds the endpoint, not `pick`.
    public var forwardsByName: Bool { keepsForwardHosts }

    /// The endpoint for a request's authority, or a TLS server name.
    ///
    /// - Parameter port: of an authority that has none; nil: 443 under TLS, else 80.
    public func forwardHost(
        _ authority: UnsafeRawBufferPointer,
        port: UInt16? = nil
    ) -> Result<UpstreamHost, NoHostError> {
        let standard: UInt16 = plan.tls == nil ? 80 : 443
        guard let target = Self.parse(authority, port: port ?? standard) else {
            return .failure(NoHostError(reason: .noName))
        }
        let key = "\(target.name):\(target.port)"
        let now = environment.loop.now
        let entry: ForwardHost
        if let known = forwardHosts[key] {
            entry = known
            entry.lastUse = now
        } else {
            guard case .dynamicForward(let most, _) = plan.cluster.discovery, forwardHosts.count < Int(most) else {
                return .failure(NoHostError(reason: .noName))
            }
            entry = ForwardHost(name: target.name, port: target.port, lastUse: now)
            forwardHosts[key] = entry
            watchNames()
        }
        return resolve(entry)
    }

    private func resolve(_ entry: ForwardHost) -> Result<UpstreamHost, NoHostError> {
        let found: [IPAddress]
        if let literal = IPAddress(entry.name) {
            found = [literal]
        } else {
            if lookups[entry.name] == nil { startLookup(entry.name) }
            guard let addresses = lookups[entry.name]?.addresses else {
                return .failure(NoHostError(reason: .warming))
            }
            found = addresses
        }
        guard let first = found.first else {
            statistics.pointee.noHealthyHost &+= 1
            return .failure(NoHostError(reason: .nameNotFound))
        }
        if let host = entry.host, let address = host.socketAddress?.address {
            if found.contains(address) { return .success(host) }
            remove(host)
        }
        let host = plainHost(SocketAddress(first, port: entry.port), hostname: Array(entry.name.utf8))
        entry.host = host
        return .success(host)
    }

    /// `name`, `name:port`, `[v6]` or `[v6]:port`; nil when it is none of them.
    static func parse(_ authority: UnsafeRawBufferPointer, port standard: UInt16) -> (name: String, port: UInt16)? {
        guard authority.count > 0, authority.count <= 300 else { return nil }
        var name = String(decoding: authority, as: UTF8.self).lowercased()
        var port = standard
        if name.hasPrefix("[") {
            guard let end = name.firstIndex(of: "]") else { return nil }
            let rest = name[name.index(after: end)...]
            if !rest.isEmpty {
                guard rest.hasPrefix(":"), let number = UInt16(rest.dropFirst()) else { return nil }
                port = number
            }
            name = String(name[name.index(after: name.startIndex)..<end])
        } else if let colon = name.lastIndex(of: ":") {
            guard let number = UInt16(name[name.index(after: colon)...]) else { return nil }
            port = number
            name = String(name[..<colon])
        }
        if name.hasSuffix(".") { name.removeLast() }
        return name.isEmpty || port == 0 ? nil : (name, port)
    }

    private func watchNames() {
        guard case .dynamicForward(_, let lifetime) = plan.cluster.discovery else { return }
        let clock = clocks.names ?? ClusterClock(self) { $0.forgetNames() }
        clocks.names = clock
        if !clock.isScheduled { environment.loop.schedule(clock, after: max(lifetime / 4, .milliseconds(250))) }
    }

    private func forgetNames() {
        guard case .dynamicForward(_, let lifetime) = plan.cluster.discovery else { return }
        let now = environment.loop.now
        for (key, entry) in forwardHosts where now.since(entry.lastUse) >= lifetime {
            if let host = entry.host {
                if host.activeRequests > 0 { continue }
                remove(host)
            }
            forwardHosts[key] = nil
        }
        let used = Set(forwardHosts.values.map(\.name))
        for (name, lookup) in lookups where !used.contains(name) {
            lookup.stop()
            lookups[name] = nil
        }
        if !forwardHosts.isEmpty { watchNames() }
    }

    func removeForwardHosts() {
        for entry in forwardHosts.values {
            if let host = entry.host { remove(host) }
        }
        forwardHosts = [:]
    }
}
