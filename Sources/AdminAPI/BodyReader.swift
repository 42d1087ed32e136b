internal import Resources

/// Reads the one object that the body of a request holds.
struct BodyReader {
    /// What happens to fields that the schema does not know (`fieldValidation`).
    enum FieldValidation: Sendable {
        case strict, warn, ignore

        init(_ text: String?) throws(StatusError) {
            switch text {
            case nil, "", "Strict": self = .strict
            case "Warn": self = .warn
            case "Ignore": self = .ignore
            default: throw .badRequest("invalid fieldValidation: use Strict, Warn or Ignore")
            }
        }
    }

    /// The documents of the body in the format its Content-Type says.
    /// - Throws: 400 with line and column, 415.
    static func documents(_ request: AdminRequest) throws(StatusError) -> [Manifest.Document] {
        let format: Manifest.Format
        switch BodyFormat(contentType: request.header("content-type")) {
        case .json: format = .json
        case .yaml: format = .yaml
        case .undeclared: format = Manifest.sniff(request.body)
        case .other(ProtobufBody.mediaType):
            return try parse(ProtobufBody.object(request.body).serialized(), .json)
        default:
            throw .unsupportedMediaType("the body of this request must be application/json or application/yaml")
        }
        return try parse(request.body, format)
    }

    private static func parse(_ body: [UInt8], _ format: Manifest.Format) throws(StatusError) -> [Manifest.Document] {
        do throws(SyntaxError) {
            return try Manifest.documents(body, format)
        } catch {
            let name = format == .json ? "JSON" : "YAML"
            throw .badRequest(
                "the body is not valid \(name): \(error)",
                causes: [.init(reason: "FieldValueInvalid", message: error.message, field: "", line: error.line)]
            )
        }
    }

    /// The single document of the body.
    static func document(_ request: AdminRequest) throws(StatusError) -> Manifest.Document {
        try single(documents(request))
    }

    private static func single(_ documents: [Manifest.Document]) throws(StatusError) -> Manifest.Document {
        guard let first = documents.first else { throw .badRequest("the body is empty") }
        guard documents.count == 1 else {
            throw .badRequest("the body has \(documents.count) documents; POST several to /apis/gatehouse.io/v1/apply")
        }
        return first
    }

    /// The single document of an apply patch, which is YAML (of which JSON is a part).
    static func documentToApply(_ request: AdminRequest) throws(StatusError) -> Manifest.Document {
        try single(parse(request.body, .yaml))
    }

    /// Fills in what the path says, and refuses what contradicts it.
    static func settle(_ value: JSONValue, for key: ResourceKey, apiVersion: String) throws(StatusError) -> JSONValue {
        guard case .object(var object) = value else {
            throw .badRequest("the body must be an object, not \(value.typeName)")
        }
        let said = (object["apiVersion"]?.stringValue, object["kind"]?.stringValue)
        if let kind = said.1, kind != key.kind.rawValue {
            throw .badRequest(
                "the kind in the data (\(kind.prefix(80))) does not match the expected kind (\(key.kind.rawValue))"
            )
        }
        if let version = said.0, version != apiVersion {
            throw .badRequest(
                "the API version in the data (\(version.prefix(80))) does not match the expected API version "
                    + "(\(apiVersion))"
            )
        }
        if object["apiVersion"] == nil { object["apiVersion"] = .string(apiVersion) }
        if object["kind"] == nil { object["kind"] = .string(key.kind.rawValue) }
        guard var metadata = (object["metadata"] ?? [:]).objectValue else { return .object(object) }
        if key.kind.descriptor.isNamespaced {
            if let namespace = metadata["namespace"]?.stringValue, !namespace.isEmpty, namespace != key.namespace {
                throw .badRequest(
                    "the namespace of the provided object does not match the namespace sent on the request"
                )
            }
            metadata["namespace"] = .string(key.namespace)
        }
        if !key.name.isEmpty {
            if let name = metadata["name"]?.stringValue, name != key.name {
                throw .badRequest(
                    "the name of the object (\(name.prefix(253))) does not match the name on the URL "
                        + "(\(key.name.prefix(253)))"
                )
            }
            metadata["name"] = .string(key.name)
        }
        object["metadata"] = .object(metadata)
        return .object(object)
    }

    /// Decodes one object, with the client's wish about unknown fields.
    /// - Throws: 400 when the only fault is fields that nobody knows, 422 with every violation otherwise.
    static func decode(
        _ value: JSONValue,
        source: SourceMap?,
        _ validation: FieldValidation,
        key: ResourceKey
    ) throws(StatusError) -> DecodedResource {
        do throws(DecodeFailure) {
            return try decode(value, source: source, validation)
        } catch {
            throw status(error, key)
        }
    }

    /// The same for callers that collect failures themselves.
    static func decode(
        _ value: JSONValue,
        source: SourceMap?,
        _ validation: FieldValidation
    ) throws(DecodeFailure) -> DecodedResource {
        do throws(DecodeFailure) {
            return try Resource.decode(json: value, source: source)
        } catch {
            let unknown = error.violations.filter { $0.rule == unknownField }
            guard validation != .strict, !unknown.isEmpty else { throw error }
            var stripped = value
            for violation in unknown { stripped = stripped.removing(violation.path.steps[...]) }
            var decoded = try decode(stripped, source: nil, validation)
            if validation == .warn {
                decoded.warnings += unknown.map { Warning(path: $0.path, code: $0.rule, message: $0.message) }
            }
            return decoded
        }
    }

    private static let unknownField = "schema.unknown-field"

    private static func status(_ failure: DecodeFailure, _ key: ResourceKey) -> StatusError {
        if case .unknownKind(let apiVersion, let kind) = failure.reason {
            return .badRequest("\(kind) in \(apiVersion) is not served")
        }
        guard failure.reason != .syntax, !failure.violations.allSatisfy({ $0.rule == unknownField }) else {
            let sentences = failure.violations.map { violation in
                let place = violation.line.map { " (line \($0))" } ?? ""
                return violation.rule == unknownField
                    ? "unknown field \"\(violation.field)\"\(place)" : violation.sentence
            }
            return .badRequest(
                "strict decoding error: \(sentences.joined(separator: ", "))",
                causes: failure.violations.map { .init($0) }
            ).about(key)
        }
        return .invalid(key, failure.violations)
    }
}

extension JSONValue {
    /// The document without the value at a path.
    fileprivate func removing(_ steps: ArraySlice<JSONPath.Step>) -> JSONValue {
        guard let step = steps.first else { return self }
        switch (self, step) {
        case (.object(var members), .key(let key)):
            guard let value = members[key] else { return self }
            members[key] = steps.count == 1 ? Optional.none : value.removing(steps.dropFirst())
            return .object(members)
        case (.array(var items), .index(let index)):
            guard items.indices.contains(index) else { return self }
            items[index] = items[index].removing(steps.dropFirst())
            return .array(items)
        default:
            return self
        }
    }
}
