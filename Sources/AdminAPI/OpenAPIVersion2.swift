internal import Crypto
internal import Resources

/// `/openapi/v2`: one Swagger 2.0 document of every group, as JSON and as the protobuf message that kubectl reads.
///
/// kubectl up to 1.26 validates, explains and dry-runs by it. The operations carry
/// `x-kubernetes-group-version-kind`, because such a kubectl asks there whether PATCH knows `dryRun`.
enum OpenAPIVersion2 {
    static let json: [UInt8] = document.serialized()
    static let protobuf: [UInt8] = OpenAPIProtobuf.encode(document)
    /// Tells a client that kept the document that it is still the same.
    static let etag = "\"" + Hex.encode(Array(Digest.sha256(json).prefix(16))) + "\""

    static let document: JSONValue = {
        var paths = JSONObject()
        var definitions = JSONObject()
        for group in APIGroup.all {
            for version in group.versions {
                guard let part = OpenAPIGroups.document(group: group.name, version: version) else { continue }
                let prefix = group.name.isEmpty ? version : "\(group.name).\(version)"
                for (path, item) in part["paths"]?.objectValue ?? [:] { paths[path] = Self.item(item, prefix) }
                for (name, schema) in part.at("components", "schemas")?.objectValue ?? [:] {
                    definitions["\(prefix).\(name)"] = mergeable(converted(schema, prefix), name)
                }
            }
        }
        return [
            "swagger": "2.0", "info": ["title": "Gatehouse", "version": "v1"], "paths": .object(paths),
            "definitions": .object(definitions),
        ]
    }()

    /// Lists that clients merge item by item, with the key that tells items apart; lists of plain words have none.
    private static let merges: [(definition: String, property: String, key: String?)] = [
        ("ServiceSpec", "ports", "port"), ("ServiceAccount", "secrets", "name"), ("ObjectMeta", "finalizers", nil),
        ("ObjectMeta", "ownerReferences", "uid"),
    ]

    private static func mergeable(_ schema: JSONValue, _ name: String) -> JSONValue {
        guard var object = schema.objectValue, var properties = object["properties"]?.objectValue else { return schema }
        for merge in merges where merge.definition == name {
            guard var property = properties[merge.property]?.objectValue else { continue }
            property["x-kubernetes-patch-strategy"] = "merge"
            if let key = merge.key { property["x-kubernetes-patch-merge-key"] = .string(key) }
            properties[merge.property] = .object(property)
        }
        object["properties"] = .object(properties)
        return .object(object)
    }

    private static func item(_ item: JSONValue, _ prefix: String) -> JSONValue {
        var result = JSONObject()
        for (method, operation) in item.objectValue ?? [:] {
            var copy = operation.objectValue ?? [:]
            var parameters: [JSONValue] = (copy["parameters"]?.arrayValue ?? []).map { parameter in
                ["name": parameter["name"] ?? "", "in": "query", "type": "string"]
            }
            let body = copy["requestBody"]?.at("content", "application/json", "schema")
            copy["requestBody"] = Optional.none
            if method == "patch" || body != nil {
                let schema = body.map { converted($0, prefix) } ?? ["type": "object"]
                parameters.append(["name": "body", "in": "body", "required": true, "schema": schema])
            }
            copy["parameters"] = .array(parameters)
            var responses = JSONObject()
            for (code, response) in copy["responses"]?.objectValue ?? [:] {
                var answer: JSONObject = ["description": response["description"] ?? ""]
                if let schema = response.at("content", "application/json", "schema") {
                    answer["schema"] = converted(schema, prefix)
                }
                responses[code] = .object(answer)
            }
            copy["responses"] = .object(responses)
            result[method] = .object(copy)
        }
        return .object(result)
    }

    /// A 3.0 schema in the words of 2.0: references point elsewhere, and unions of types have no type.
    private static func converted(_ schema: JSONValue, _ prefix: String) -> JSONValue {
        switch schema {
        case .array(let items): return .array(items.map { converted($0, prefix) })
        case .object(let members):
            let text = members["description"]
            // kubectl follows a bare reference only.
            if let single = members["allOf"]?.arrayValue, single.count == 1 {
                var reference = converted(single[0], prefix).objectValue ?? [:]
                reference["description"] = text
                return .object(reference)
            }
            var result = JSONObject()
            for (key, value) in members {
                if key == "$ref", let name = value.stringValue?.split(separator: "/").last {
                    result[key] = .string("#/definitions/\(prefix).\(name)")
                } else if key == "minimum" || key == "maximum"
                    || key == "additionalProperties" && value.boolValue != nil
                {
                    continue
                } else {
                    result[key] = converted(value, prefix)
                }
            }
            return .object(result)
        default: return schema
        }
    }
}

extension AdminRouter {
    /// JSON, or the protobuf form for those who ask for it by name. The type of the answer has a dot where the one of
    /// the request has an `@`: clients of that age cannot read the latter in an answer.
    func openAPIVersion2(_ call: Call) -> AdminResponse {
        let wanted = call.request.values(of: "accept").joined(separator: ",")
        let isProtobuf = wanted.contains("com.github.proto-openapi.spec.v2")
        var headers = [("ETag", OpenAPIVersion2.etag), ("Vary", "Accept")]
        if call.request.header("if-none-match")?.contains(OpenAPIVersion2.etag) == true {
            return AdminResponse(status: 304, headers: headers)
        }
        let type = isProtobuf ? "application/com.github.proto-openapi.spec.v2.v1.0+protobuf" : "application/json"
        headers.append(("Content-Type", type))
        let body = isProtobuf ? OpenAPIVersion2.protobuf : OpenAPIVersion2.json
        return AdminResponse(status: 200, headers: headers, body: .bytes(body))
    }
}

/// Writes a Swagger 2.0 document as the protobuf message `openapi.v2.Document`.
///
/// Source of the field numbers: the OpenAPIv2 message definitions that Kubernetes clients decode with. Only what
/// `OpenAPIVersion2` writes is covered.
enum OpenAPIProtobuf {
    static func encode(_ document: JSONValue) -> [UInt8] {
        var out = ProtobufWriter()
        out.text(1, document["swagger"])
        out.message(2) { info in
            info.text(1, document.at("info", "title"))
            info.text(2, document.at("info", "version"))
        }
        out.message(8) { paths in
            for (path, item) in document["paths"]?.objectValue ?? [:] {
                paths.message(2) { named in
                    named.text(1, .string(path))
                    named.message(2) { pathItem(item, &$0) }
                }
            }
        }
        out.message(9) { namedSchemas(document["definitions"], &$0) }
        return out.bytes
    }

    private static func pathItem(_ item: JSONValue, _ out: inout ProtobufWriter) {
        for (number, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
            guard let value = item[method] else { continue }
            out.message(number) { operation(value, &$0) }
        }
    }

    private static func operation(_ value: JSONValue, _ out: inout ProtobufWriter) {
        for parameter in value["parameters"]?.arrayValue ?? [] {
            out.message(8) { item in item.message(1) { self.parameter(parameter, &$0) } }
        }
        out.message(9) { responses in
            for (code, response) in value["responses"]?.objectValue ?? [:] {
                responses.message(1) { named in
                    named.text(1, .string(code))
                    named.message(2) { choice in
                        choice.message(1) { body in
                            body.text(1, response["description"])
                            if let schema = response["schema"] {
                                body.message(2) { item in item.message(1) { self.schema(schema, &$0) } }
                            }
                        }
                    }
                }
            }
        }
        extensions(value, 13, &out)
    }

    private static func parameter(_ value: JSONValue, _ out: inout ProtobufWriter) {
        if value["in"] == "body" {
            out.message(1) { body in
                body.text(2, value["name"])
                body.text(3, "body")
                body.flag(4, value["required"]?.boolValue ?? false)
                body.message(5) { schema(value["schema"] ?? [:], &$0) }
            }
            return
        }
        out.message(2) { choice in
            choice.message(3) { query in
                query.text(2, "query")
                query.text(4, value["name"])
                query.text(6, value["type"])
            }
        }
    }

    private static func schema(_ value: JSONValue, _ out: inout ProtobufWriter) {
        out.text(1, value["$ref"])
        out.text(2, value["format"])
        out.text(4, value["description"])
        for name in value["required"]?.arrayValue ?? [] { out.text(19, name) }
        for word in value["enum"]?.arrayValue ?? [] { out.message(20) { $0.text(2, .string(word.text())) } }
        if let additional = value["additionalProperties"] {
            out.message(21) { item in item.message(1) { schema(additional, &$0) } }
        }
        if let type = value["type"] { out.message(22) { $0.text(1, type) } }
        if let items = value["items"] {
            out.message(23) { item in item.message(1) { schema(items, &$0) } }
        }
        if let properties = value["properties"] { out.message(25) { namedSchemas(properties, &$0) } }
        extensions(value, 31, &out)
    }

    private static func namedSchemas(_ value: JSONValue?, _ out: inout ProtobufWriter) {
        for (name, value) in value?.objectValue ?? [:] {
            out.message(1) { named in
                named.text(1, .string(name))
                named.message(2) { schema(value, &$0) }
            }
        }
    }

    /// Members that begin with `x-`, each with its value as YAML text, of which JSON is a part.
    private static func extensions(_ value: JSONValue, _ number: Int, _ out: inout ProtobufWriter) {
        for (name, value) in value.objectValue ?? [:] where name.hasPrefix("x-") {
            out.message(number) { named in
                named.text(1, .string(name))
                named.message(2) { $0.text(2, .string(value.text())) }
            }
        }
    }
}

/// Protobuf's wire format, as far as the document needs it: strings, flags and nested messages.
struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func delimited(_ number: Int, _ content: some Collection<UInt8>) {
        varint(UInt64(number) << 3 | 2)
        varint(UInt64(content.count))
        bytes += content
    }

    /// Nothing when the value is no string.
    mutating func text(_ number: Int, _ value: JSONValue?) {
        if let text = value?.stringValue { delimited(number, text.utf8) }
    }

    mutating func flag(_ number: Int, _ value: Bool) {
        guard value else { return }
        varint(UInt64(number) << 3)
        varint(1)
    }

    mutating func message(_ number: Int, _ write: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        write(&inner)
        delimited(number, inner.bytes)
    }
}
