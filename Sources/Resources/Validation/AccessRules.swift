extension PolicyRule {
    /// Source: Kubernetes' validation of roles.
    fileprivate func check(_ findings: inout Findings, isNamespaced: Bool) {
        if verbs.isEmpty { findings.error(at: "verbs", "rbac.verbs", "needs at least one verb") }
        guard nonResourceURLs.isEmpty else {
            if isNamespaced {
                findings.error(at: "nonResourceURLs", "rbac.url", "a Role is for resources; use a ClusterRole")
            }
            if !apiGroups.isEmpty || !resources.isEmpty || !resourceNames.isEmpty {
                findings.error(at: "nonResourceURLs", "rbac.mixed", "a rule is for resources or for URLs, not for both")
            }
            return
        }
        if apiGroups.isEmpty { findings.error(at: "apiGroups", "rbac.groups", "needs at least one group") }
        if resources.isEmpty { findings.error(at: "resources", "rbac.resources", "needs at least one resource") }
    }
}

extension RoleSpec {
    func check(_ findings: inout Findings) {
        findings.inside("rules") { findings in
            for (index, rule) in rules.enumerated() {
                findings.at(index) { rule.check(&$0, isNamespaced: true) }
            }
        }
    }
}

extension ClusterRoleSpec {
    func check(_ findings: inout Findings) {
        findings.inside("rules") { findings in
            for (index, rule) in rules.enumerated() {
                findings.at(index) { rule.check(&$0, isNamespaced: false) }
            }
        }
    }
}

extension RoleBindingSpec {
    func check(_ findings: inout Findings) { AccessRules.check(subjects, roleRef, &findings, mayBeRole: true) }
}

extension ClusterRoleBindingSpec {
    func check(_ findings: inout Findings) { AccessRules.check(subjects, roleRef, &findings, mayBeRole: false) }
}

/// What both kinds of bindings must hold to.
private enum AccessRules {
    static let group = "rbac.authorization.k8s.io"

    static func check(
        _ subjects: [RoleSubject],
        _ role: RoleReference,
        _ findings: inout Findings,
        mayBeRole: Bool
    ) {
        findings.inside("subjects") { findings in
            for (index, subject) in subjects.enumerated() {
                findings.at(index) { check(subject, &$0, mayBeRole: mayBeRole) }
            }
        }
        findings.inside("roleRef") { findings in
            if role.kind == .role, !mayBeRole {
                findings.error(at: "kind", "rbac.role-ref", "must be ClusterRole in a ClusterRoleBinding")
            }
            if role.name.isEmpty { findings.error(at: "name", "rbac.role-ref", "must be set") }
            if let group = role.apiGroup, group != Self.group {
                findings.error(at: "apiGroup", "rbac.role-ref", "must be \(Self.group)")
            }
        }
    }

    private static func check(_ subject: RoleSubject, _ findings: inout Findings, mayBeRole: Bool) {
        if subject.name.isEmpty { findings.error(at: "name", "rbac.subject", "must be set") }
        let isAccount = subject.kind == .serviceAccount
        if isAccount, subject.namespace ?? "" == "", !mayBeRole {
            findings.error(at: "namespace", "rbac.subject", "is required for a ServiceAccount")
        }
        if !isAccount, let namespace = subject.namespace, !namespace.isEmpty {
            findings.error(at: "namespace", "rbac.subject", "is for ServiceAccounts only")
        }
        if let group = subject.apiGroup, !group.isEmpty, isAccount ? true : group != Self.group {
            findings.error(at: "apiGroup", "rbac.subject", isAccount ? "must be empty" : "must be \(Self.group)")
        }
    }
}
