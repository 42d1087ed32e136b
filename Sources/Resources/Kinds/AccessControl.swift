/// What a role permits. Source: Kubernetes' rbac.authorization.k8s.io/v1 `PolicyRule`.
public struct PolicyRule: FieldObject, Hashable {
    public var apiGroups: [String] = []
    public var resources: [String] = []
    public var resourceNames: [String] = []
    public var verbs: [String] = []
    public var nonResourceURLs: [String] = []
    public init() {}
    public init(
        verbs: [String],
        apiGroups: [String] = [],
        resources: [String] = [],
        nonResourceURLs: [String] = []
    ) {
        self.verbs = verbs
        self.apiGroups = apiGroups
        self.resources = resources
        self.nonResourceURLs = nonResourceURLs
    }
    public static let fields: [Field<PolicyRule>] = [
        Field("apiGroups", \.apiGroups, "groups of the resources, \"\" for core, * for any"),
        Field("resources", \.resources, "plural names, with /subresource where meant, * for any"),
        Field("resourceNames", \.resourceNames, "objects by name; empty means all"),
        Field("verbs", \.verbs, "get, list, watch, create, update, patch, delete, deletecollection, or *"),
        Field("nonResourceURLs", \.nonResourceURLs, "paths outside of resources, a final * matches the rest"),
    ]

    /// In the shape of the API, empty members left out.
    public var json: JSONValue {
        var object = JSONObject()
        let members = [
            ("apiGroups", apiGroups), ("resources", resources), ("resourceNames", resourceNames), ("verbs", verbs),
            ("nonResourceURLs", nonResourceURLs),
        ]
        for (name, words) in members where !words.isEmpty { object[name] = .array(words.map { .string($0) }) }
        return .object(object)
    }
}

/// Permissions inside of one namespace.
public struct RoleSpec: FieldObject {
    public var rules: [PolicyRule] = []
    public init() {}
    public static let fields: [Field<RoleSpec>] = [Field("rules", \.rules, "what the role permits")]
}

/// Permissions everywhere, or in the namespace of the RoleBinding that refers to it.
public struct ClusterRoleSpec: FieldObject {
    public var rules: [PolicyRule] = []
    public init() {}
    public static let fields: [Field<ClusterRoleSpec>] = [Field("rules", \.rules, "what the role permits")]
}

/// Who gets a role.
public struct RoleSubject: FieldObject, Hashable {
    public enum Kind: String, FieldEnum {
        case user = "User"
        case group = "Group"
        case serviceAccount = "ServiceAccount"
    }

    public var kind: Kind?
    public var apiGroup: String?
    public var name = ""
    public var namespace: String?
    public init() {}
    public static let fields: [Field<RoleSubject>] = [
        Field("kind", \.kind, "User, Group or ServiceAccount", required: true),
        Field("apiGroup", \.apiGroup, "rbac.authorization.k8s.io for users and groups"),
        Field("name", \.name, "of the subject", required: true),
        Field("namespace", \.namespace, "of a ServiceAccount"),
    ]
}

/// Which role a binding gives.
public struct RoleReference: FieldObject, Hashable {
    public enum Kind: String, FieldEnum {
        case role = "Role"
        case clusterRole = "ClusterRole"
    }

    public var apiGroup: String?
    public var kind: Kind?
    public var name = ""
    public init() {}
    public static let fields: [Field<RoleReference>] = [
        Field("apiGroup", \.apiGroup, "rbac.authorization.k8s.io"),
        Field("kind", \.kind, "Role or ClusterRole", required: true),
        Field("name", \.name, "of the role", required: true),
    ]
}

/// Gives a role inside of one namespace.
public struct RoleBindingSpec: FieldObject {
    public var subjects: [RoleSubject] = []
    public var roleRef = RoleReference()
    public init() {}
    public static let fields: [Field<RoleBindingSpec>] = [
        Field("subjects", \.subjects, "who gets the role"),
        Field("roleRef", \.roleRef, "the role; never changes", required: true),
    ]
}

/// Gives a ClusterRole everywhere.
public struct ClusterRoleBindingSpec: FieldObject {
    public var subjects: [RoleSubject] = []
    public var roleRef = RoleReference()
    public init() {}
    public static let fields: [Field<ClusterRoleBindingSpec>] = [
        Field("subjects", \.subjects, "who gets the role"),
        Field("roleRef", \.roleRef, "the role; never changes", required: true),
    ]
}
