internal import Base
public import HTTP

extension RoleRule {
    /// Decides one request, or one connection when `head` is nil (network filter).
    ///
    /// HTTP-only rules never match on a bare connection.
    public func evaluate(_ head: MessageHead?, facts: RequestFacts) -> Verdict {
        let match = policies.firstIndex { policy in
            policy.permissions.contains { $0.holds(head, facts) }
                && policy.principals.contains { $0.holds(head, facts) }
        }
        switch effect {
        case .allow: return Verdict(isAllowed: match != nil, policy: match)
        case .deny: return Verdict(isAllowed: match == nil, policy: match)
        case .log: return Verdict(isAllowed: true, policy: match)
        }
    }
}

extension RoleRule.Permission {
    func holds(_ head: MessageHead?, _ facts: RequestFacts) -> Bool {
        switch self {
        case .any: true
        case .all(let rules): rules.allSatisfy { $0.holds(head, facts) }
        case .either(let rules): rules.contains { $0.holds(head, facts) }
        case .not(let rule): !rule.holds(head, facts)
        case .header(let rule): head.map { rule.matches($0) } ?? false
        case .path(let pattern): head.map { pattern.matches(QueryString.path(of: $0.path)) } ?? false
        case .destinationAddress(let block): block.contains(facts.connection.local.address)
        case .destinationPort(let port): facts.connection.local.port == port
        case .serverName(let pattern): pattern.matches(facts.connection.requestedServerName)
        }
    }
}

extension RoleRule.Principal {
    func holds(_ head: MessageHead?, _ facts: RequestFacts) -> Bool {
        switch self {
        case .any: true
        case .all(let rules): rules.allSatisfy { $0.holds(head, facts) }
        case .either(let rules): rules.contains { $0.holds(head, facts) }
        case .not(let rule): !rule.holds(head, facts)
        case .authenticated(let pattern): Self.isAuthenticated(facts.connection, as: pattern)
        case .directRemote(let block): block.contains(facts.connection.directRemote.address)
        case .remote(let block): block.contains(facts.remote.address)
        case .header(let rule): head.map { rule.matches($0) } ?? false
        case .path(let pattern): head.map { pattern.matches(QueryString.path(of: $0.path)) } ?? false
        }
    }

    /// URI names first, then DNS names, then the subject: the first kind the certificate has is the one that counts.
    private static func isAuthenticated(_ connection: ConnectionFacts, as pattern: StringPattern?) -> Bool {
        guard connection.isTLS, let peer = connection.peer else { return false }
        guard let pattern else { return true }
        if !peer.uriNames.isEmpty { return peer.uriNames.contains { pattern.matches($0) } }
        if !peer.dnsNames.isEmpty { return peer.dnsNames.contains { pattern.matches($0) } }
        return pattern.matches(peer.subject)
    }
}
