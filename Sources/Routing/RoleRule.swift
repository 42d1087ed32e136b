internal import Base
internal import HTTP
public import XDS

/// Who may do what: a compiled `envoy.config.rbac.v3.RBAC`.
///
/// Source: its comments. Policies are tried in the order of their names; the first that matches names the decision.
public final class RoleRule: Sendable {
    public enum Effect: Sendable { case allow, deny, log }

    public struct Verdict: Equatable, Sendable {
        public var isAllowed: Bool
        /// Index into ``RoleRule/policyNames`` of the policy that matched; nil when none did.
        public var policy: Int?
    }

    indirect enum Permission: Sendable {
        case any
        case all([Permission])
        case either([Permission])
        case not(Permission)
        case header(HeaderRule)
        case path(StringPattern)
        case destinationAddress(CIDR)
        case destinationPort(UInt16)
        case serverName(StringPattern)
    }

    indirect enum Principal: Sendable {
        case any
        case all([Principal])
        case either([Principal])
        case not(Principal)
        /// nil: any certificate.
        case authenticated(StringPattern?)
        /// The TCP peer, PROXY protocol aside.
        case directRemote(CIDR)
        /// The client after trusted forwarding headers.
        case remote(CIDR)
        case header(HeaderRule)
        case path(StringPattern)
    }

    struct Policy: Sendable {
        var name: String
        var permissions: [Permission]
        var principals: [Principal]
    }

    public let effect: Effect
    let policies: [Policy]
    public let policyNames: [String]

    /// - Throws: a pattern that is not RE2 syntax, or a rule about metadata or filter state, which is not supported.
    public init(compiling rules: RBAC) throws(CompileError) {
        effect =
            switch rules.action {
            case .allow: .allow
            case .deny: .deny
            case .log: .log
            }
        var policies: [Policy] = []
        for policy in rules.policies {
            policies.append(
                try within("policies[\(policy.name)]") { () throws(CompileError) in
                    Policy(
                        name: policy.name,
                        permissions: try compileEach(policy.permissions, "permissions", Permission.init(compiling:)),
                        principals: try compileEach(policy.principals, "principals", Principal.init(compiling:))
                    )
                }
            )
        }
        self.policies = policies
        policyNames = policies.map(\.name)
    }
}

/// The RBAC filter: what is enforced, and what is only counted.
public final class RoleFilter: Sendable {
    /// nil enforces nothing.
    public let enforced: RoleRule?
    /// Evaluated for statistics only (Istio's dry run).
    public let shadow: RoleRule?
    public let statPrefix: String

    public init(compiling filter: RBACFilter) throws(CompileError) {
        enforced = try filter.rules.map { rules throws(CompileError) in
            try within("rules") { () throws(CompileError) in try RoleRule(compiling: rules) }
        }
        shadow = try filter.shadowRules.map { rules throws(CompileError) in
            try within("shadow_rules") { () throws(CompileError) in try RoleRule(compiling: rules) }
        }
        statPrefix = filter.statPrefix
    }
}

private func compileEach<From, To>(
    _ list: [From],
    _ field: String,
    _ compile: (From) throws(CompileError) -> To
) throws(CompileError) -> [To] {
    var compiled: [To] = []
    for (index, element) in list.enumerated() {
        compiled.append(try within("\(field)[\(index)]") { () throws(CompileError) in try compile(element) })
    }
    return compiled
}

extension RoleRule.Permission {
    init(compiling rule: RBACPermission) throws(CompileError) {
        switch rule {
        case .any: self = .any
        case .all(let rules): self = .all(try compileEach(rules, "and_rules", Self.init(compiling:)))
        case .anyOf(let rules): self = .either(try compileEach(rules, "or_rules", Self.init(compiling:)))
        case .not(let rule): self = .not(try Self(compiling: rule))
        case .header(let matcher): self = .header(try HeaderRule(compiling: matcher))
        case .path(let matcher): self = .path(try StringPattern(compiling: matcher))
        case .destinationIP(let block): self = .destinationAddress(block)
        case .destinationPort(let port): self = .destinationPort(port)
        case .requestedServerName(let matcher): self = .serverName(try StringPattern(compiling: matcher))
        case .metadata: throw CompileError(path: "metadata", message: "rules about metadata are not supported")
        }
    }
}

extension RoleRule.Principal {
    init(compiling rule: RBACPrincipal) throws(CompileError) {
        switch rule {
        case .any: self = .any
        case .all(let rules): self = .all(try compileEach(rules, "and_ids", Self.init(compiling:)))
        case .anyOf(let rules): self = .either(try compileEach(rules, "or_ids", Self.init(compiling:)))
        case .not(let rule): self = .not(try Self(compiling: rule))
        case .authenticated(let matcher):
            self = .authenticated(
                try matcher.map { matcher throws(CompileError) in try StringPattern(compiling: matcher) }
            )
        case .directRemoteIP(let block): self = .directRemote(block)
        case .remoteIP(let block): self = .remote(block)
        case .header(let matcher): self = .header(try HeaderRule(compiling: matcher))
        case .path(let matcher): self = .path(try StringPattern(compiling: matcher))
        case .metadata: throw CompileError(path: "metadata", message: "rules about metadata are not supported")
        case .filterState(let key, _):
            throw CompileError(path: "filter_state", message: "rules about filter state `\(key)` are not supported")
        }
    }
}
