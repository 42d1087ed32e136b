internal import Resources

/// `/openapi/v3`: an OpenAPI 3.0 document per group and version, in the form that kubectl from 1.27 on reads for
/// `apply`, `explain` and `--dry-run=server`. Source: what kubectl asks for.
enum OpenAPIGroups {
    /// `GET /openapi/v3`. The address carries the version of the schema, so that clients may keep a document for ever.
    static let index: JSONValue = {
        var paths = JSONObject()
        for group in APIGroup.all {
            for version in group.versions {
                let place = group.name.isEmpty ? "api/\(version)" : "apis/\(group.name)/\(version)"
                paths[place] = ["serverRelativeURL": .string("/openapi/v3/\(place)?hash=1")]
            }
        }
        return ["paths": .object(paths)]
    }()

    /// The document of one group and version; nil when it is not served.
    static func document(group name: String, version: String) -> JSONValue? {
        guard let group = APIGroup.named(name), group.versions.contains(version) else { return nil }
        let root = name.isEmpty ? "/api/\(version)" : "/apis/\(name)/\(version)"
        var paths = JSONObject()
        var schemas = OpenAPISchemas()
        schemas.dialect = .openAPI30
        for kind in ResourceKind.allCases {
            let descriptor = kind.descriptor
            guard descriptor.group == name, descriptor.versions.contains(version) else { continue }
            let identity: JSONValue = [
                "group": .string(name), "version": .string(version), "kind": .string(kind.rawValue),
            ]
            schemas.add(kind, extensions: ["x-kubernetes-group-version-kind": [identity]])
            let collection = "\(root)\(descriptor.isNamespaced ? "/namespaces/{namespace}" : "")/\(descriptor.plural)"
            paths[collection] = operations(["get": "list", "post": "post"], kind, identity)
            paths["\(collection)/{name}"] = operations(
                ["get": "get", "put": "put", "patch": "patch", "delete": "delete"],
                kind,
                identity
            )
        }
        return [
            "openapi": "3.0.0", "info": ["title": "Gatehouse", "version": .string(version)], "paths": .object(paths),
            "components": ["schemas": .object(schemas.schemas)],
        ]
    }

    private static func operations(
        _ actions: KeyValuePairs<String, String>,
        _ kind: ResourceKind,
        _ identity: JSONValue
    ) -> JSONValue {
        let reference: JSONValue = ["$ref": .string("#/components/schemas/\(OpenAPISchemas.name(kind))")]
        let content: JSONValue = ["application/json": ["schema": reference]]
        var item = JSONObject()
        for (method, action) in actions {
            var operation: JSONObject = [
                "x-kubernetes-action": .string(action), "x-kubernetes-group-version-kind": identity,
                "responses": ["200": ["description": "OK", "content": content]],
            ]
            if method != "get" {
                let names = method == "delete" ? ["dryRun"] : ["dryRun", "fieldManager", "fieldValidation"]
                operation["parameters"] = .array(
                    names.map { ["name": .string($0), "in": "query", "schema": ["type": "string"]] }
                )
            }
            if method == "post" || method == "put" { operation["requestBody"] = ["content": content] }
            item[method] = .object(operation)
        }
        return .object(item)
    }
}

extension AdminRouter {
    func openAPIGroup(isCore: Bool, _ call: Call) throws(StatusError) -> AdminResponse {
        guard isCore || !call.group.isEmpty,
            let document = OpenAPIGroups.document(group: isCore ? "" : call.group, version: call.version)
        else { throw .notFound("there is no such group and version") }
        return .json(document)
    }
}
