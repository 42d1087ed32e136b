internal import Resources

/// What a request does, once its path and method are known.
enum Operation: Sendable, Equatable {
    case live
    case ready
    case version
    case metrics
    case openAPI
    /// `/openapi/v3`: where the documents of the groups are.
    case openAPIGroups
    /// `/openapi/v3/…`: the document of one group and version, for kubectl.
    case openAPIGroup(isCore: Bool)
    /// `/openapi/v2`: one document of all groups, for older kubectls.
    case openAPIVersion2
    case page
    case coreVersions
    case groups
    case group(String)
    case kinds(group: String)
    /// In one namespace, or of a kind outside of namespaces.
    case list(ResourceKind)
    case listEverywhere(ResourceKind)
    case create(ResourceKind)
    case deleteCollection(ResourceKind)
    case get(ResourceKind)
    case replace(ResourceKind)
    case patch(ResourceKind)
    case delete(ResourceKind)
    case getStatus(ResourceKind)
    case replaceStatus(ResourceKind)
    case patchStatus(ResourceKind)
    case createToken
    case listTokens
    case deleteToken
    case applyBatch
    case listProxies
    case listDefinitions
    case getDefinition
    case accessReview
    case rulesReview
    case whoAmI
    case listRevisions
    case getRevision
    case diffRevision
    case rollback
    case listAuditEvents
    case verifyAudit

    /// Probes answer anybody, so that orchestrators need no credentials; they say nothing but yes or no.
    var isPublic: Bool { self == .live || self == .ready }

    /// True when nothing is changed by it.
    var isRead: Bool {
        switch self {
        case .create, .deleteCollection, .replace, .patch, .delete, .replaceStatus, .patchStatus, .createToken,
            .deleteToken, .applyBatch, .rollback:
            false
        default: true
        }
    }

}

/// One path template with what its methods do.
struct Endpoint: Sendable {
    var template: String
    var operations: [String: Operation]
    /// What the parameters of the template mean, in its order.
    var parameters: [Parameter]

    enum Parameter: String, Sendable {
        case group, version, namespace, name, rest
    }

    init(_ template: String, _ operations: [String: Operation]) {
        self.template = template
        self.operations = operations
        parameters = template.split(separator: "/").filter { $0.hasPrefix("{") }.compactMap { segment in
            segment.hasSuffix("...}") ? .rest : Parameter(rawValue: String(segment.dropFirst().dropLast()))
        }
    }

    /// Methods that the path answers, in the order of the Allow field.
    var allowedMethods: [String] {
        var methods = operations.keys.sorted()
        if operations["GET"] != nil { methods.append("HEAD") }
        return methods + ["OPTIONS"]
    }

    /// Every endpoint that is served. The router, the discovery documents and openapi.yaml all come from this list.
    static let all: [Endpoint] = fixed + ResourceKind.allCases.flatMap(endpoints)

    private static let fixed: [Endpoint] =
        [
            Endpoint("/livez", ["GET": .live]),
            Endpoint("/healthz", ["GET": .live]),
            Endpoint("/readyz", ["GET": .ready]),
            Endpoint("/version", ["GET": .version]),
            Endpoint("/metrics", ["GET": .metrics]),
            Endpoint("/openapi.json", ["GET": .openAPI]),
            Endpoint("/openapi/v2", ["GET": .openAPIVersion2]),
            Endpoint("/openapi/v3", ["GET": .openAPIGroups]),
            Endpoint("/openapi/v3/api/{version}", ["GET": .openAPIGroup(isCore: true)]),
            Endpoint("/openapi/v3/apis/{group}/{version}", ["GET": .openAPIGroup(isCore: false)]),
            Endpoint("/ui/{rest...}", ["GET": .page]),
            Endpoint("/api", ["GET": .coreVersions]),
            Endpoint("/apis", ["GET": .groups]),
            Endpoint("/api/v1", ["GET": .kinds(group: "")]),
            Endpoint("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", ["POST": .createToken]),
            Endpoint("/apis/\(ResourceDefinitions.group)/v1/customresourcedefinitions", ["GET": .listDefinitions]),
            Endpoint("/apis/\(ResourceDefinitions.group)/v1/customresourcedefinitions/{name}", ["GET": .getDefinition]),
            Endpoint("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", ["POST": .accessReview]),
            Endpoint("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", ["POST": .rulesReview]),
            Endpoint("/apis/authentication.k8s.io/{version}/selfsubjectreviews", ["POST": .whoAmI]),
            Endpoint("/apis/gatehouse.io/v1/apply", ["POST": .applyBatch]),
            Endpoint("/apis/gatehouse.io/v1/revisions", ["GET": .listRevisions]),
            Endpoint("/apis/gatehouse.io/v1/revisions/{name}", ["GET": .getRevision]),
            Endpoint("/apis/gatehouse.io/v1/revisions/{name}/diff", ["GET": .diffRevision]),
            Endpoint("/apis/gatehouse.io/v1/revisions/{name}/rollback", ["POST": .rollback]),
            Endpoint("/apis/gatehouse.io/v1/auditevents", ["GET": .listAuditEvents]),
            Endpoint("/apis/gatehouse.io/v1/auditevents/verify", ["GET": .verifyAudit]),
            Endpoint("/apis/gatehouse.io/v1/proxies", ["GET": .listProxies]),
            Endpoint("/apis/gatehouse.io/v1/tokens", ["GET": .listTokens]),
            Endpoint("/apis/gatehouse.io/v1/tokens/{name}", ["DELETE": .deleteToken]),
        ]
        + APIGroup.all.filter { !$0.name.isEmpty }.flatMap { group in
            [
                Endpoint("/apis/\(group.name)", ["GET": .group(group.name)]),
                Endpoint("/apis/\(group.name)/\(group.versionSegment)", ["GET": .kinds(group: group.name)]),
            ]
        }

    private static func endpoints(of kind: ResourceKind) -> [Endpoint] {
        let descriptor = kind.descriptor
        let root = APIGroup.root(of: descriptor.group)
        let collection =
            descriptor.isNamespaced
            ? "\(root)/namespaces/{namespace}/\(descriptor.plural)" : "\(root)/\(descriptor.plural)"
        var endpoints = [
            Endpoint(
                collection,
                ["GET": .list(kind), "POST": .create(kind), "DELETE": .deleteCollection(kind)]
            ),
            Endpoint(
                "\(collection)/{name}",
                ["GET": .get(kind), "PUT": .replace(kind), "PATCH": .patch(kind), "DELETE": .delete(kind)]
            ),
        ]
        if descriptor.isNamespaced {
            endpoints.append(Endpoint("\(root)/\(descriptor.plural)", ["GET": .listEverywhere(kind)]))
        }
        if descriptor.hasStatus {
            endpoints.append(
                Endpoint(
                    "\(collection)/{name}/status",
                    ["GET": .getStatus(kind), "PUT": .replaceStatus(kind), "PATCH": .patchStatus(kind)]
                )
            )
        }
        return endpoints
    }
}

/// A group of the API with the versions it is served in, the preferred one first.
struct APIGroup: Sendable {
    var name: String
    var versions: [String]

    /// Groups of which nothing is stored.
    private static let computed: [APIGroup] = [
        APIGroup(name: ResourceDefinitions.group, versions: ["v1"]),
        APIGroup(name: "authorization.k8s.io", versions: ["v1"]),
        APIGroup(name: "authentication.k8s.io", versions: ["v1", "v1beta1"]),
    ]

    static let all: [APIGroup] = {
        var groups: [APIGroup] = []
        for kind in ResourceKind.allCases {
            let descriptor = kind.descriptor
            if let position = groups.firstIndex(where: { $0.name == descriptor.group }) {
                for version in descriptor.versions where !groups[position].versions.contains(version) {
                    groups[position].versions.append(version)
                }
            } else {
                groups.append(APIGroup(name: descriptor.group, versions: descriptor.versions))
            }
        }
        return groups + computed
    }()

    static func named(_ name: String) -> APIGroup? { all.first { $0.name == name } }

    /// A group with one version has it in its templates; one with several has a parameter there.
    var versionSegment: String { versions.count == 1 ? versions[0] : "{version}" }

    static func root(of group: String) -> String {
        group.isEmpty ? "/api/v1" : "/apis/\(group)/\(named(group)?.versionSegment ?? "v1")"
    }
}
