internal import Resources

/// The documents by which clients learn what is served. Source: what kubectl asks for.
enum Discovery {
    /// `GET /api`.
    static let coreVersions: JSONValue = [
        "kind": "APIVersions", "versions": ["v1"],
        "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": ""]],
    ]

    /// `GET /apis`.
    static var groups: JSONValue {
        let named = APIGroup.all.filter { !$0.name.isEmpty }
        return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(named.map { .object(body($0)) })]
    }

    /// `GET /apis/{group}`.
    static func group(_ name: String) -> JSONValue? {
        guard let group = APIGroup.named(name) else { return nil }
        var object: JSONObject = ["kind": "APIGroup", "apiVersion": "v1"]
        for (key, value) in body(group) { object[key] = value }
        return .object(object)
    }

    /// `GET /api/v1`, `GET /apis/{group}/{version}`; nil for a version that the group does not have.
    static func kinds(group name: String, version: String) -> JSONValue? {
        guard let group = APIGroup.named(name), group.versions.contains(version) else { return nil }
        var resources: [JSONValue] = []
        for kind in ResourceKind.allCases {
            let descriptor = kind.descriptor
            guard descriptor.group == name, descriptor.versions.contains(version) else { continue }
            resources.append(resource(descriptor))
            if descriptor.hasStatus { resources.append(status(descriptor)) }
            if kind == .serviceAccount { resources.append(tokenRequest) }
        }
        resources += computed[name] ?? []
        return [
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": .string(name.isEmpty ? version : "\(name)/\(version)"), "resources": .array(resources),
        ]
    }

    private static func body(_ group: APIGroup) -> JSONObject {
        let versions: [JSONValue] = group.versions.map { version in
            ["groupVersion": .string("\(group.name)/\(version)"), "version": .string(version)]
        }
        return ["name": .string(group.name), "versions": .array(versions), "preferredVersion": versions[0]]
    }

    private static func resource(_ descriptor: KindDescriptor) -> JSONValue {
        var object: JSONObject = [
            "name": .string(descriptor.plural), "singularName": .string(descriptor.singular),
            "namespaced": .bool(descriptor.isNamespaced), "kind": .string(descriptor.kind.rawValue),
            "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        ]
        if !descriptor.shortNames.isEmpty {
            object["shortNames"] = .array(descriptor.shortNames.map { .string($0) })
        }
        if !descriptor.categories.isEmpty {
            object["categories"] = .array(descriptor.categories.map { .string($0) })
        }
        return .object(object)
    }

    private static func status(_ descriptor: KindDescriptor) -> JSONValue {
        [
            "name": .string("\(descriptor.plural)/status"), "singularName": "",
            "namespaced": .bool(descriptor.isNamespaced), "kind": .string(descriptor.kind.rawValue),
            "verbs": ["get", "patch", "update"],
        ]
    }

    private static let tokenRequest: JSONValue = [
        "name": "serviceaccounts/token", "singularName": "", "namespaced": true, "group": "authentication.k8s.io",
        "version": "v1", "kind": "TokenRequest", "verbs": ["create"],
    ]

    /// What is served without being stored, by group.
    private static let computed: [String: [JSONValue]] = [
        "gatehouse.io": [
            [
                "name": "proxies", "singularName": "proxy", "namespaced": false, "kind": "Proxy", "verbs": ["list"],
                "shortNames": ["px"], "categories": ["gatehouse"],
            ],
            [
                "name": "revisions", "singularName": "revision", "namespaced": false, "kind": "Revision",
                "verbs": ["get", "list"], "shortNames": ["rev"], "categories": ["gatehouse"],
            ],
            [
                "name": "auditevents", "singularName": "auditevent", "namespaced": false, "kind": "AuditEvent",
                "verbs": ["list"],
            ],
        ],
        ResourceDefinitions.group: [
            [
                "name": "customresourcedefinitions", "singularName": "customresourcedefinition", "namespaced": false,
                "kind": "CustomResourceDefinition", "verbs": ["get", "list"], "shortNames": ["crd", "crds"],
            ]
        ],
        "authorization.k8s.io": [
            review("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
            review("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        ],
        "authentication.k8s.io": [review("selfsubjectreviews", "SelfSubjectReview")],
    ]

    private static func review(_ plural: String, _ kind: String) -> JSONValue {
        [
            "name": .string(plural), "singularName": .string(kind.lowercased()), "namespaced": false,
            "kind": .string(kind), "verbs": ["create"],
        ]
    }
}

extension AdminRouter {
    func discovery(_ call: Call) throws(StatusError) -> AdminResponse {
        if call.operation == .coreVersions || call.operation == .groups,
            let form = AggregatedDiscovery(accept: call.request.values(of: "accept"))
        {
            return form.response(isCore: call.operation == .coreVersions)
        }
        let document: JSONValue?
        switch call.operation {
        case .coreVersions: document = Discovery.coreVersions
        case .groups: document = Discovery.groups
        case .group(let name): document = Discovery.group(name)
        case .kinds(let group):
            let version = call.version.isEmpty ? APIGroup.named(group)?.versions.first ?? "" : call.version
            document = Discovery.kinds(group: group, version: version)
        default: document = nil
        }
        guard let document else { throw .notFound() }
        return .json(document, isPretty: call.isPretty)
    }
}
