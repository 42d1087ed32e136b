internal import Resources

/// The operations that belong to no stored kind.
extension OpenAPIOperation {
    var fixed: Facts {
        switch operation {
        case .live:
            Facts(
                id: endpoint.template == "/livez" ? "live" : "health",
                summary: "the process answers",
                mediaTypes: ["text/plain"]
            )
        case .ready: Facts(id: "ready", summary: "ready for traffic", query: ["verbose"], mediaTypes: ["text/plain"])
        case .version: Facts(id: "version", summary: "the release")
        case .metrics:
            Facts(id: "metrics", summary: "Prometheus metrics of all proxies of this host", mediaTypes: ["text/plain"])
        case .openAPI: Facts(id: "openAPI", summary: "this document")
        case .openAPIVersion2:
            Facts(
                id: "openAPIVersion2",
                summary: "all groups as Swagger 2.0, for older kubectls",
                mediaTypes: ["application/json", "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"]
            )
        case .listDefinitions:
            Facts(
                id: "listDefinitions",
                summary: "the kinds as CustomResourceDefinitions, read-only",
                query: ["labelSelector", "fieldSelector"],
                mediaTypes: Self.objectTypes
            )
        case .getDefinition:
            Facts(id: "getDefinition", summary: "one kind as a CustomResourceDefinition", mediaTypes: Self.objectTypes)
        case .listRevisions:
            Facts(id: "listRevisions", summary: "accepted requests, newest first", mediaTypes: Self.objectTypes)
        case .getRevision:
            Facts(id: "getRevision", summary: "one request and what it changed", mediaTypes: Self.objectTypes)
        case .diffRevision:
            Facts(
                id: "diffRevision",
                summary:
                    "what differs between two revisions; /revisions/N/ before any path reads the state of the past",
                query: ["to"],
                mediaTypes: Self.objectTypes + ["text/x-diff"]
            )
        case .rollback:
            Facts(
                id: "rollback",
                summary: "make a new revision with the content of an old one",
                query: ["dryRun", "message"]
            )
        case .listAuditEvents:
            Facts(
                id: "listAuditEvents",
                summary: "who wrote, tried to write, or was refused, oldest first",
                query: ["fieldSelector", "limit", "continue"],
                mediaTypes: Self.objectTypes
            )
        case .verifyAudit: Facts(id: "verifyAudit", summary: "walk the hash chain of the audit trail")
        case .accessReview: review("accessReview", "may the caller do this (kubectl auth can-i)")
        case .rulesReview: review("rulesReview", "what the caller may do in a namespace (kubectl auth can-i --list)")
        case .whoAmI: review("whoAmI", "who the caller is (kubectl auth whoami)")
        case .openAPIGroups: Facts(id: "openAPIGroups", summary: "where the OpenAPI 3.0 documents of the groups are")
        case .openAPIGroup(let isCore):
            Facts(
                id: isCore ? "openAPICore" : "openAPIGroup",
                summary: "the OpenAPI 3.0 document of one group and version, as kubectl reads it"
            )
        case .page: Facts(id: "page", summary: "the console's files", mediaTypes: ["text/html"])
        case .coreVersions: Facts(id: "coreVersions", summary: "versions of the core group")
        case .groups: Facts(id: "groups", summary: "the groups that are served")
        case .group(let name): Facts(id: "group_\(name)", summary: "the versions of \(name)")
        case .kinds(let group):
            Facts(
                id: "kinds_\(group.isEmpty ? "core" : group)",
                summary: "the kinds of \(group.isEmpty ? "the core group" : group)"
            )
        case .createToken:
            Facts(
                id: "createToken",
                summary: "make a bearer token, or a single-use join token (audience gatehouse-join)",
                query: ["dryRun"],
                request: Self.content(["type": "object"], ["application/json", "application/yaml"], isRequired: false),
                status: "201"
            )
        case .listTokens: Facts(id: "listTokens", summary: "ids and owners of tokens", mediaTypes: Self.objectTypes)
        case .deleteToken: Facts(id: "deleteToken", summary: "revoke a token")
        case .applyBatch:
            Facts(
                id: "apply",
                summary: "apply several documents as one revision, all or none",
                query: ["mode", "dryRun", "fieldValidation", "ifRevision", "message", "prune"],
                request: Self.content(["type": "object"], ["application/yaml", "application/json"], isRequired: true)
            )
        case .listProxies:
            Facts(id: "listProxies", summary: "connected proxies and what they run", mediaTypes: Self.objectTypes)
        default: Facts(id: "unknown", summary: "")
        }
    }

    private func review(_ id: String, _ summary: String) -> Facts {
        Facts(
            id: id,
            summary: summary,
            request: Self.content(["type": "object"], Self.objectTypes, isRequired: true),
            status: "201",
            mediaTypes: Self.objectTypes
        )
    }
}
