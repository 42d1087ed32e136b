/// The ClusterRoles that exist from the first start, in the sense of Kubernetes' user-facing roles.
///
/// Shape: name and rules. They are stored like any other and brought up to date at each start, unless an
/// administrator sets the annotation `rbac.authorization.kubernetes.io/autoupdate` to `false`.
public enum BuiltInRoles {
    public static let autoUpdate = "rbac.authorization.kubernetes.io/autoupdate"
    public static let group = "rbac.authorization.k8s.io"

    public static let all: [(name: String, rules: [PolicyRule])] = [
        (
            "cluster-admin",
            [
                PolicyRule(verbs: ["*"], apiGroups: ["*"], resources: ["*"]),
                PolicyRule(verbs: ["*"], nonResourceURLs: ["*"]),
            ]
        ),
        ("admin", admin),
        ("edit", edit),
        ("view", view),
        (
            "auditor",
            [PolicyRule(verbs: reading, apiGroups: ["gatehouse.io"], resources: ["auditevents", "revisions"])]
        ),
        // The identity of a proxy opens nothing here; proxies speak to the discovery service.
        ("proxy", []),
    ]

    private static let reading = ["get", "list", "watch"]
    private static let writing = ["create", "update", "patch", "delete", "deletecollection"]

    /// One rule per group: the configuration, without secrets and without who may do what.
    private static func rules(_ verbs: [String], isStatusToo: Bool) -> [PolicyRule] {
        var groups: [String] = []
        for kind in configuration where !groups.contains(kind.descriptor.group) { groups.append(kind.descriptor.group) }
        return groups.map { group in
            let kinds = configuration.map(\.descriptor).filter { $0.group == group }
            let status = isStatusToo ? kinds.filter(\.hasStatus).map { "\($0.plural)/status" } : []
            return PolicyRule(verbs: verbs, apiGroups: [group], resources: kinds.map(\.plural) + status)
        }
    }

    private static let configuration = ResourceKind.allCases.filter {
        $0 != .secret && $0.descriptor.group != BuiltInRoles.group
    }

    private static let view =
        rules(reading, isStatusToo: true) + [
            PolicyRule(verbs: reading, apiGroups: ["gatehouse.io"], resources: ["proxies"]),
            PolicyRule(verbs: ["get"], nonResourceURLs: ["/metrics"]),
        ]

    private static let edit =
        view + rules(writing, isStatusToo: false) + [
            PolicyRule(verbs: writing, apiGroups: [""], resources: ["secrets"])
        ]

    private static let admin =
        edit + [
            PolicyRule(verbs: reading, apiGroups: [""], resources: ["secrets"]),
            PolicyRule(verbs: ["create"], apiGroups: [""], resources: ["serviceaccounts/token"]),
            PolicyRule(verbs: reading + writing, apiGroups: [group], resources: ["roles", "rolebindings"]),
        ]
}
