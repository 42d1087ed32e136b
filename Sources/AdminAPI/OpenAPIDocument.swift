public import Resources

/// The OpenAPI 3.1 description of what is served, made from the list of endpoints and the schema tables.
///
/// `openapi.yaml` in the repository is this document; a test holds the two together, and asks the router for every
/// path of the file.
public enum OpenAPIDocument {
    /// - Parameter version: the release, `0.1.0`.
    public static func document(version: String) -> JSONValue {
        var paths = JSONObject()
        for endpoint in Endpoint.all.sorted(by: { $0.template < $1.template }) {
            paths[endpoint.template.replacingRest()] = item(endpoint)
        }
        var builder = OpenAPISchemas()
        for kind in ResourceKind.allCases { builder.add(kind) }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Gatehouse admin API", "version": .string(version),
                "description": .string(
                    "Kubernetes API conventions for the resources of Istio and Gatehouse. "
                        + "A write is durable when answered."
                ),
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/"]],
            "security": [["bearer": []], ["basic": []], ["certificate": []]],
            "paths": .object(paths),
            "components": [
                "securitySchemes": [
                    "bearer": ["type": "http", "scheme": "bearer"],
                    "basic": ["type": "http", "scheme": "basic", "description": "any user, the token as password"],
                    "certificate": ["type": "mutualTLS"],
                ],
                "parameters": .object(OpenAPIOperation.parameters),
                "responses": [
                    "Error": [
                        "description": "refused; `reason` and `details.causes` say why",
                        "content": [
                            "application/json": ["schema": ["$ref": "#/components/schemas/Status"]],
                            "application/problem+json": ["schema": ["type": "object"]],
                        ],
                    ]
                ],
                "schemas": .object(builder.schemas),
            ],
        ]
    }

    /// The same as YAML: the text of `openapi.yaml`.
    public static func yaml(version: String) -> String { YAMLWriter.write(document(version: version)) }

    private static func item(_ endpoint: Endpoint) -> JSONValue {
        var item = JSONObject()
        let parameters = endpoint.parameters.map { parameter($0, of: endpoint) }
        if !parameters.isEmpty { item["parameters"] = .array(parameters) }
        for (method, operation) in endpoint.operations.sorted(by: { $0.key < $1.key }) {
            item[method.lowercased()] = OpenAPIOperation(operation, endpoint).body
        }
        return .object(item)
    }

    private static func parameter(_ parameter: Endpoint.Parameter, of endpoint: Endpoint) -> JSONValue {
        var schema: JSONObject = ["type": "string"]
        let name = endpoint.template.split(separator: "/").dropFirst().first.map(String.init) ?? ""
        if parameter == .version, APIGroup.named(name) != nil {
            schema["enum"] = .array((APIGroup.named(name)?.versions ?? []).map { .string($0) })
        }
        return [
            "name": .string(parameter == .rest ? "file" : parameter.rawValue), "in": "path", "required": true,
            "schema": .object(schema),
        ]
    }
}

extension String {
    /// `{rest...}` as OpenAPI can say it.
    fileprivate func replacingRest() -> String {
        hasSuffix("{rest...}") ? String(dropLast("{rest...}".count)) + "{file}" : self
    }
}

/// One operation of a path.
struct OpenAPIOperation {
    let operation: Operation
    let endpoint: Endpoint

    init(_ operation: Operation, _ endpoint: Endpoint) {
        self.operation = operation
        self.endpoint = endpoint
    }

    var body: JSONValue {
        let facts = facts
        var object: JSONObject = ["operationId": .string(facts.id), "summary": .string(facts.summary)]
        if operation.isPublic { object["security"] = .array([]) }
        if !facts.query.isEmpty {
            object["parameters"] = .array(facts.query.map { ["$ref": .string("#/components/parameters/\($0)")] })
        }
        if let content = facts.request { object["requestBody"] = content }
        object["responses"] = .object(responses(facts))
        return .object(object)
    }

    struct Facts {
        var id: String
        var summary: String
        var query: [String] = []
        var request: JSONValue?
        var status = "200"
        var response: JSONValue = ["type": "object"]
        var mediaTypes = ["application/json"]
    }

    private static let writeQuery = ["dryRun", "fieldManager", "fieldValidation", "message", "wait", "timeout"]
    private static let listQuery = [
        "labelSelector", "fieldSelector", "limit", "continue", "resourceVersion", "resourceVersionMatch", "watch",
        "allowWatchBookmarks", "timeoutSeconds",
    ]

    private var facts: Facts {
        switch operation {
        case .list(let kind), .listEverywhere(let kind):
            let scope = operation == .list(kind) ? "" : "Everywhere"
            return Facts(
                id: "list\(kind.rawValue)\(scope)",
                summary: "list or watch \(kind.descriptor.plural)\(scope.isEmpty ? "" : " of all namespaces")",
                query: Self.listQuery,
                response: Self.list(kind),
                mediaTypes: Self.objectTypes
            )
        case .create(let kind):
            return Facts(
                id: "create\(kind.rawValue)",
                summary: "create one of \(kind.descriptor.plural)",
                query: Self.writeQuery,
                request: Self.request(kind),
                status: "201",
                response: Self.reference(kind),
                mediaTypes: Self.objectTypes
            )
        case .get(let kind), .getStatus(let kind): return object("get", kind, isStatus: operation == .getStatus(kind))
        case .replace(let kind), .replaceStatus(let kind):
            var facts = object("replace", kind, isStatus: operation == .replaceStatus(kind))
            facts.query = Self.writeQuery
            facts.request = Self.request(kind)
            return facts
        case .patch(let kind), .patchStatus(let kind):
            var facts = object("patch", kind, isStatus: operation == .patchStatus(kind))
            facts.query = Self.writeQuery + ["force"]
            facts.request = Self.patch(kind)
            return facts
        case .delete(let kind):
            return Facts(
                id: "delete\(kind.rawValue)",
                summary: "delete one of \(kind.descriptor.plural)",
                query: ["dryRun"],
                response: ["$ref": "#/components/schemas/Status"]
            )
        case .deleteCollection(let kind):
            return Facts(
                id: "deleteCollection\(kind.rawValue)",
                summary: "delete \(kind.descriptor.plural) that match, in one revision",
                query: ["dryRun", "labelSelector", "fieldSelector"],
                response: Self.list(kind)
            )
        default: return fixed
        }
    }

    private func object(_ verb: String, _ kind: ResourceKind, isStatus: Bool) -> Facts {
        Facts(
            id: "\(verb)\(kind.rawValue)\(isStatus ? "Status" : "")",
            summary: "\(verb) \(isStatus ? "the status of " : "")one of \(kind.descriptor.plural)",
            response: Self.reference(kind),
            mediaTypes: Self.objectTypes
        )
    }

    private func responses(_ facts: Facts) -> JSONObject {
        var content = JSONObject()
        for type in facts.mediaTypes {
            content[type] = ["schema": type.hasPrefix("text/") ? ["type": "string"] : facts.response]
        }
        var responses: JSONObject = [facts.status: ["description": "done", "content": .object(content)]]
        if operation == .ready {
            responses["503"] = ["description": "not ready", "content": ["text/plain": ["schema": ["type": "string"]]]]
        }
        if !operation.isPublic { responses["default"] = ["$ref": "#/components/responses/Error"] }
        return responses
    }

    static let objectTypes = ["application/json", "application/yaml"]

    /// The query parameters by name.
    static let parameters: JSONObject = {
        var parameters = JSONObject()
        for name in (listQuery + writeQuery + ["force", "to", "verbose", "mode", "ifRevision", "prune"]).sorted() {
            parameters[name] = query(name)
        }
        return parameters
    }()

    private static func query(_ name: String) -> JSONValue {
        let schema: JSONValue =
            switch name {
            case "limit", "timeoutSeconds": ["type": "integer", "minimum": 0]
            case "watch", "allowWatchBookmarks", "force": ["type": "boolean"]
            case "dryRun": ["type": "string", "enum": ["All"]]
            case "fieldValidation": ["type": "string", "enum": ["Strict", "Warn", "Ignore"]]
            case "wait": ["type": "string", "enum": ["programmed"]]
            case "mode": ["type": "string", "enum": ["apply", "create", "replace", "delete"]]
            default: ["type": "string"]
            }
        return ["name": .string(name), "in": "query", "schema": schema]
    }

    private static func reference(_ kind: ResourceKind) -> JSONValue {
        ["$ref": .string("#/components/schemas/\(OpenAPISchemas.name(kind))")]
    }

    private static func list(_ kind: ResourceKind) -> JSONValue {
        [
            "type": "object",
            "properties": [
                "apiVersion": ["type": "string"], "kind": ["type": "string"], "metadata": ["type": "object"],
                "items": ["type": "array", "items": reference(kind)],
            ],
        ]
    }

    private static func request(_ kind: ResourceKind) -> JSONValue {
        content(reference(kind), objectTypes, isRequired: true)
    }

    private static func patch(_ kind: ResourceKind) -> JSONValue {
        var content: JSONObject = [
            "application/merge-patch+json": ["schema": ["type": "object"]],
            "application/json-patch+json": ["schema": ["type": "array", "items": ["type": "object"]]],
            "application/apply-patch+yaml": ["schema": ["type": "object"]],
        ]
        if kind.descriptor.group.isEmpty || kind.descriptor.group == BuiltInRoles.group {
            content["application/strategic-merge-patch+json"] = ["schema": ["type": "object"]]
        }
        return ["required": true, "content": .object(content)]
    }

    static func content(_ schema: JSONValue, _ types: [String], isRequired: Bool) -> JSONValue {
        var content = JSONObject()
        for type in types { content[type] = ["schema": schema] }
        return ["required": .bool(isRequired), "content": .object(content)]
    }
}
