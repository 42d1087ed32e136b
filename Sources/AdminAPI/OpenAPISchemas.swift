internal import Resources

/// Turns the schema tables into components, one per kind and per named object type.
struct OpenAPISchemas {
    /// OpenAPI 3.1 has JSON Schema 2020-12; the 3.0 that kubectl reads has neither `const` nor lists of types.
    enum Dialect {
        case openAPI31, openAPI30
    }

    var dialect = Dialect.openAPI31
    private(set) var schemas: JSONObject = [
        "Status": [
            "type": "object", "required": ["kind", "apiVersion", "status"],
            "properties": [
                "kind": ["type": "string", "enum": ["Status"]], "apiVersion": ["type": "string", "enum": ["v1"]],
                "metadata": ["type": "object"],
                "status": ["type": "string", "enum": ["Success", "Failure"]], "message": ["type": "string"],
                "reason": ["type": "string"], "code": ["type": "integer"], "details": ["type": "object"],
            ],
        ]
    ]
    /// Component names by shape, so that two types with one name do not overwrite each other.
    private var names: [String: SchemaNode] = [:]

    static func name(_ kind: ResourceKind) -> String {
        let group = kind.descriptor.group.split(separator: ".").first.map { "\($0)." } ?? ""
        return "\(group)\(kind.rawValue)"
    }

    /// - Parameter extensions: further members of the kind's own component.
    mutating func add(_ kind: ResourceKind, extensions: JSONObject = [:]) {
        let descriptor = kind.descriptor
        let shape = descriptor.schema()
        var properties: JSONObject = [
            "apiVersion": [
                "type": "string", "enum": .array(descriptor.versions.map { .string(descriptor.apiVersion($0)) }),
            ],
            "kind": ["type": "string", "enum": [.string(kind.rawValue)]],
            "metadata": schema(ObjectMeta.schema),
        ]
        if descriptor.hasSpec {
            properties["spec"] = schema(shape)
        } else if case .object(_, let fields) = shape {
            for field in fields { properties[field.name] = described(field) }
        }
        if descriptor.hasStatus { properties["status"] = ["type": "object"] }
        var body: JSONObject = [
            "type": "object", "required": ["apiVersion", "kind", "metadata"], "properties": .object(properties),
        ]
        for (key, value) in extensions { body[key] = value }
        schemas[Self.name(kind)] = .object(body)
    }

    private mutating func schema(_ node: SchemaNode) -> JSONValue {
        switch node {
        case .string: return ["type": "string"]
        case .boolean: return ["type": "boolean"]
        case .integer(let minimum, let maximum):
            return ["type": "integer", "minimum": .int(minimum), "maximum": .int(maximum)]
        case .number: return ["type": "number"]
        case .duration: return ["type": "string", "description": "a duration such as 1.5s, 100ms or 1h"]
        case .bytes where dialect == .openAPI30: return ["type": "string", "format": "byte"]
        case .bytes: return ["type": "string", "contentEncoding": "base64"]
        case .intOrString where dialect == .openAPI30: return ["x-kubernetes-int-or-string": true]
        case .intOrString: return ["type": ["integer", "string"]]
        case .enumeration(let words): return ["type": "string", "enum": .array(words.map { .string($0) })]
        case .list(let item): return ["type": "array", "items": schema(item)]
        case .map(let value): return ["type": "object", "additionalProperties": schema(value)]
        case .any: return [:]
        case .object(let name, let fields): return component(name, node, fields)
        }
    }

    private mutating func component(_ name: String, _ node: SchemaNode, _ fields: [SchemaField]) -> JSONValue {
        var unique = name
        var number = 2
        while let known = names[unique], known != node {
            unique = "\(name)\(number)"
            number += 1
        }
        let reference: JSONValue = ["$ref": .string("#/components/schemas/\(unique)")]
        guard names[unique] == nil else { return reference }
        names[unique] = node
        // The place is taken first, so that components stand in the order in which they are met.
        schemas[unique] = [:]
        var properties = JSONObject()
        for field in fields { properties[field.name] = described(field) }
        var body: JSONObject = ["type": "object", "properties": .object(properties), "additionalProperties": false]
        let required = fields.filter(\.isRequired).map { JSONValue.string($0.name) }
        if !required.isEmpty { body["required"] = .array(required) }
        schemas[unique] = .object(body)
        return reference
    }

    private mutating func described(_ field: SchemaField) -> JSONValue {
        guard case .object(var object) = schema(field.node) else { return [:] }
        if dialect == .openAPI30, object["$ref"] != nil {
            // There a reference may have no neighbours.
            return ["description": .string(field.doc), "allOf": [.object(object)]]
        }
        object["description"] = .string(field.doc)
        return .object(object)
    }
}
