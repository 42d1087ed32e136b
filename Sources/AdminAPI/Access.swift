internal import Resources

/// What a request wants to do, in the words of RBAC.
enum Access: Equatable, Sendable {
    /// `resource` is the plural name, with `/subresource` where one is meant. Empty namespace: everywhere, or a kind
    /// outside of namespaces. Empty name: all of them.
    case resource(verb: String, group: String, resource: String, namespace: String, name: String)
    case path(verb: String, path: String)
    /// Whoever has credentials: discovery, documentation, and what a caller may ask about itself.
    case anybody

    init(_ verb: String, _ kind: ResourceKind, namespace: String, name: String = "", subresource: String = "") {
        let plural = kind.descriptor.plural
        self = .resource(
            verb: verb,
            group: kind.descriptor.group,
            resource: subresource.isEmpty ? plural : "\(plural)/\(subresource)",
            namespace: kind.isNamespaced ? namespace : "",
            name: name
        )
    }
}

extension Call {
    var access: Access {
        switch operation {
        case .list(let kind): Access(query.isSet("watch") ? "watch" : "list", kind, namespace: namespace)
        case .listEverywhere(let kind): Access(query.isSet("watch") ? "watch" : "list", kind, namespace: "")
        case .get(let kind): Access("get", kind, namespace: namespace, name: name)
        case .create(let kind): Access("create", kind, namespace: namespace)
        case .replace(let kind): Access("update", kind, namespace: namespace, name: name)
        case .patch(let kind): Access("patch", kind, namespace: namespace, name: name)
        case .delete(let kind): Access("delete", kind, namespace: namespace, name: name)
        case .deleteCollection(let kind): Access("deletecollection", kind, namespace: namespace)
        case .getStatus(let kind): Access("get", kind, namespace: namespace, name: name, subresource: "status")
        case .replaceStatus(let kind): Access("update", kind, namespace: namespace, name: name, subresource: "status")
        case .patchStatus(let kind): Access("patch", kind, namespace: namespace, name: name, subresource: "status")
        case .createToken: Access("create", .serviceAccount, namespace: namespace, name: name, subresource: "token")
        case .listTokens: own("list", "tokens")
        case .deleteToken: own("delete", "tokens")
        case .listProxies: own("list", "proxies")
        case .listRevisions: own("list", "revisions")
        case .getRevision, .diffRevision: own("get", "revisions")
        // What it writes is looked at object by object.
        case .rollback: own("get", "revisions")
        case .listAuditEvents, .verifyAudit: own("list", "auditevents")
        case .metrics: .path(verb: "get", path: "/metrics")
        case .live, .ready, .version, .openAPI, .openAPIGroups, .openAPIGroup, .openAPIVersion2, .page, .coreVersions,
            .groups, .group, .kinds, .listDefinitions, .getDefinition, .accessReview, .rulesReview, .whoAmI:
            .anybody
        // Each document of the batch is looked at by itself.
        case .applyBatch: .anybody
        }
    }

    private func own(_ verb: String, _ resource: String) -> Access {
        .resource(verb: verb, group: "gatehouse.io", resource: resource, namespace: "", name: name)
    }
}

/// Decides what a caller may do, from the stored roles and bindings. Source: Kubernetes' RBAC.
struct Authorizer: Sendable {
    /// The group that may do everything, whatever is stored: the way back in.
    static let masters = "system:masters"

    let caller: Caller
    let resources: ResourceSet

    func permits(_ access: Access) -> Bool {
        if caller.groups.contains(Self.masters) { return true }
        switch access {
        case .anybody: return true
        case .path: return rules(namespace: nil).contains { $0.permits(access) }
        case .resource(_, _, _, let namespace, _):
            return rules(namespace: namespace.isEmpty ? nil : namespace).contains { $0.permits(access) }
        }
    }

    /// - Throws: 403 in Kubernetes' words.
    func require(_ access: Access) throws(StatusError) {
        guard !permits(access) else { return }
        switch access {
        case .anybody: return
        case .path(let verb, let path):
            throw .forbidden("forbidden: User \"\(caller.user)\" cannot \(verb) path \"\(path)\"")
        case .resource(let verb, let group, let resource, let namespace, let name):
            let place = namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(namespace)\""
            let plural = resource.split(separator: "/").first.map(String.init) ?? resource
            let object = name.isEmpty ? "" : " \"\(name.prefix(253))\""
            var error = StatusError.forbidden(
                "\(plural)\(group.isEmpty ? "" : ".\(group)")\(object) is forbidden: User \"\(caller.user)\" cannot "
                    + "\(verb) resource \"\(resource)\" in API group \"\(group)\" \(place)"
            )
            error.kind = plural
            error.group = group.isEmpty ? nil : group
            error.name = name.isEmpty ? nil : name
            throw error
        }
    }

    /// The rules that hold for the caller: those of ClusterRoleBindings, and in a namespace those of its RoleBindings.
    func rules(namespace: String?) -> [PolicyRule] {
        if caller.groups.contains(Self.masters) {
            return BuiltInRoles.all.first { $0.name == "cluster-admin" }?.rules ?? []
        }
        var rules: [PolicyRule] = []
        for binding in resources.unordered(.clusterRoleBinding) {
            guard case .clusterRoleBinding(let spec) = binding.spec, isSubject(spec.subjects, namespace: "") else {
                continue
            }
            rules += self.rules(of: spec.roleRef, namespace: "")
        }
        guard let namespace else { return rules }
        for binding in resources.unordered(.roleBinding) where binding.metadata.namespace == namespace {
            guard case .roleBinding(let spec) = binding.spec, isSubject(spec.subjects, namespace: namespace) else {
                continue
            }
            rules += self.rules(of: spec.roleRef, namespace: namespace)
        }
        return rules
    }

    /// The rules behind a reference; none when the role is not there.
    func rules(of reference: RoleReference, namespace: String) -> [PolicyRule] {
        switch reference.kind {
        case .role:
            if case .role(let spec)? = resources[.role, namespace: namespace, name: reference.name]?.spec {
                return spec.rules
            }
        case .clusterRole:
            if case .clusterRole(let spec)? = resources[.clusterRole, namespace: "", name: reference.name]?.spec {
                return spec.rules
            }
        case nil: break
        }
        return []
    }

    private func isSubject(_ subjects: [RoleSubject], namespace: String) -> Bool {
        subjects.contains { subject in
            switch subject.kind {
            case .user: subject.name == caller.user
            case .group: caller.groups.contains(subject.name)
            case .serviceAccount:
                caller.user == "system:serviceaccount:\(subject.namespace ?? namespace):\(subject.name)"
            case nil: false
            }
        }
    }

    // MARK: Escalation

    /// Refuses a write of a role or binding that would give more than the caller has. Source: Kubernetes' rule against
    /// privilege escalation.
    func checkEscalation(_ resource: Resource) throws(StatusError) {
        guard !caller.groups.contains(Self.masters) else { return }
        let namespace = resource.metadata.namespace
        let given: [PolicyRule]
        let exception: String
        switch resource.spec {
        case .role(let spec): (given, exception) = (spec.rules, "escalate")
        case .clusterRole(let spec): (given, exception) = (spec.rules, "escalate")
        case .roleBinding(let spec): (given, exception) = (rules(of: spec.roleRef, namespace: namespace), "bind")
        case .clusterRoleBinding(let spec): (given, exception) = (rules(of: spec.roleRef, namespace: ""), "bind")
        default: return
        }
        if permits(Access(exception, resource.kind, namespace: namespace, name: resource.metadata.name)) { return }
        let own = rules(namespace: namespace.isEmpty ? nil : namespace)
        guard !given.allSatisfy({ rule in rule.isCovered(by: own) }) else { return }
        throw .forbidden(
            "\(resource.kind.descriptor.plural).\(BuiltInRoles.group) \"\(resource.metadata.name)\" is forbidden: "
                + "User \"\(caller.user)\" attempts to grant permissions that they do not have"
        )
    }
}

extension PolicyRule {
    func permits(_ access: Access) -> Bool {
        switch access {
        case .anybody: return true
        case .path(let verb, let path):
            return has(verbs, verb)
                && nonResourceURLs.contains { pattern in
                    pattern.hasSuffix("*") ? path.hasPrefix(pattern.dropLast()) : pattern == path
                }
        case .resource(let verb, let group, let resource, _, let name):
            guard has(verbs, verb), has(apiGroups, group) else { return false }
            guard resourceNames.isEmpty || resourceNames.contains(name) else { return false }
            if has(resources, resource) { return true }
            guard let slash = resource.firstIndex(of: "/") else { return false }
            return resources.contains("*" + resource[slash...])
        }
    }

    private func has(_ words: [String], _ word: String) -> Bool { words.contains("*") || words.contains(word) }

    /// Every single permission of this rule is one of `rules`.
    fileprivate func isCovered(by rules: [PolicyRule]) -> Bool {
        for verb in verbs {
            for url in nonResourceURLs {
                guard rules.contains(where: { $0.permits(.path(verb: verb, path: url)) }) else { return false }
            }
            for group in apiGroups {
                for resource in resources {
                    for name in resourceNames.isEmpty ? [""] : resourceNames {
                        let access = Access.resource(
                            verb: verb,
                            group: group,
                            resource: resource,
                            namespace: "",
                            name: name
                        )
                        guard rules.contains(where: { $0.permits(access) }) else { return false }
                    }
                }
            }
        }
        return true
    }
}

/// What holds for every write of one request: who owns the fields, and that nobody gives away what they do not have.
struct WritePolicy: Sendable {
    private let tracking: FieldTracking
    private let caller: Caller

    init(_ call: Call, now: Int64) throws(StatusError) {
        tracking = try FieldTracking(call, now: now)
        caller = call.caller
    }

    /// - Throws: 403.
    func settled(_ action: Change.Action, _ current: ResourceSet) throws(StatusError) -> Change.Action {
        switch action {
        case .create(let resource, _), .update(let resource, _, _), .put(let resource, _):
            try Authorizer(caller: caller, resources: current).checkEscalation(resource)
        case .updateStatus, .delete, .terminate: break
        }
        return tracking.owned(action, current)
    }

    /// For a batch, whose documents the route did not name.
    func authorize(_ action: Change.Action, _ current: ResourceSet) throws(StatusError) {
        let authorizer = Authorizer(caller: caller, resources: current)
        func require(_ verb: String, _ key: ResourceKey) throws(StatusError) {
            try authorizer.require(Access(verb, key.kind, namespace: key.namespace, name: key.name))
        }
        switch action {
        case .create(let resource, _): try require("create", resource.key)
        case .update(let resource, _, _): try require("update", resource.key)
        case .put(let resource, _): try require(current.contains(resource.key) ? "patch" : "create", resource.key)
        case .updateStatus: break
        case .delete(let key, _), .terminate(let key, _): try require("delete", key)
        }
    }
}
