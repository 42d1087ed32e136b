internal import Base
public import HTTP

extension ForwardAction {
    /// Turns the request's target and authority into what the upstream is to see.
    ///
    /// Call it after the header edits, once per exchange: `%REQ(:path)%` in an edit means the client's path. A changed
    /// path leaves the old one in `x-envoy-original-path`; a changed authority leaves the old one in
    /// `x-forwarded-host` when the route asks for that. `.automatic` needs the endpoint: see ``setAuthority(_:on:)``.
    ///
    /// - Returns: false when the new path is too long; the caller answers 500.
    public func rewrite(_ head: MessageHead, choice: ClusterChoice, scratch: inout [UInt8]) -> Bool {
        if let pathRewrite {
            scratch.removeAll(keepingCapacity: true)
            guard pathRewrite.apply(to: head.path, appendingTo: &scratch) else { return false }
            scratch.withUnsafeBytes { new in
                guard !new.equals(head.path) else { return }
                head.set(.xEnvoyOriginalPath, head.path)
                head.setPath(new)
            }
        }
        if let literal = choice.hostRewrite {
            literal.withUnsafeBytes { setAuthority($0, on: head) }
            return true
        }
        switch hostRewrite {
        case .keep, .automatic: break
        case .literal(let text): text.withUnsafeBytes { setAuthority($0, on: head) }
        case .header(let name):
            name.withUnsafeBytes { name in
                if let value = head.value(named: name), !value.isEmpty { setAuthority(value, on: head) }
            }
        }
        return true
    }

    /// Replaces the authority, and keeps the client's in `x-forwarded-host` when the route asks for it.
    public func setAuthority(_ authority: UnsafeRawBufferPointer, on head: MessageHead) {
        if appendsForwardedHost, !head.authority.equals(authority) { head.append(.xForwardedHost, head.authority) }
        head.setAuthority(authority)
    }

    /// The cluster of a request: the only one, one by weight, or the one a header names; nil when that is missing.
    ///
    /// - Parameter random: 64 random bits, used for weights only.
    public func choose(_ head: MessageHead, random: @autoclosure () -> UInt64) -> ClusterChoice? {
        switch target {
        case .cluster(let choice): choice
        case .weighted(let clusters): clusters.pick(random: random())
        case .header(let name):
            name.withUnsafeBytes { name in
                guard let value = head.value(named: name), !value.isEmpty else { return nil }
                return ClusterChoice(name: String(decoding: value, as: UTF8.self), metadataMatch: metadataMatch)
            }
        }
    }
}
