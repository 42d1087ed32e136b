extension Resource {
    /// Strict decoding of one object: every unknown or mistyped field and every broken rule, all at once.
    ///
    /// - Parameter source: the lines of the text that `json` came from; violations then name their line.
    /// - Throws: `.unknownKind` when apiVersion and kind name nothing that is served, `.invalid` with all violations.
    ///   Paths start at the object: `metadata.name`, `spec.http[0].route[1].weight`.
    public static func decode(
        json: JSONValue,
        source: SourceMap? = nil
    ) throws(DecodeFailure) -> DecodedResource {
        var (resource, violations) = try read(json, source)
        var findings = Findings(namespace: resource.metadata.namespace)
        Rules.check(resource, &findings)
        let spoiled = violations.map(\.path)
        violations += findings.violations.filter { finding in
            !spoiled.contains { $0 == finding.path || (!$0.steps.isEmpty && $0.contains(finding.path)) }
        }
        guard violations.isEmpty else {
            throw DecodeFailure(reason: .invalid, violations: locate(violations, json, source))
        }
        resource.metadata.deletionGracePeriodSeconds = nil
        resource.metadata.selfLink = nil
        return DecodedResource(resource: resource, warnings: findings.warnings, source: source)
    }

    /// Decodes what the store has accepted before: strict about types, without asking the rules again.
    public static func restore(json: JSONValue, creationSequence: UInt64) throws(DecodeFailure) -> Resource {
        var (resource, violations) = try read(json, nil)
        guard violations.isEmpty else { throw DecodeFailure(reason: .invalid, violations: violations) }
        resource.creationSequence = creationSequence
        return resource
    }

    /// The same object with another body (`spec`, or `data`…), decoded and checked again; used by patches.
    public func replacing(body: JSONObject) throws(DecodeFailure) -> DecodedResource {
        var copy = self
        copy.body = body
        var decoded = try Resource.decode(json: copy.json())
        decoded.resource.creationSequence = creationSequence
        return decoded
    }

    /// A new object from its typed parts, for objects that controllers write. `body` is the JSON form of the spec.
    public init(
        kind: ResourceKind,
        metadata: ObjectMeta,
        body: JSONObject
    ) throws(DecodeFailure) {
        let placeholder = Resource(
            kind: kind,
            apiVersion: kind.descriptor.storageAPIVersion,
            metadata: metadata,
            body: body,
            spec: .event(.init()),
            status: nil
        )
        self = try Resource.decode(json: placeholder.json()).resource
    }

    private static func read(
        _ json: JSONValue,
        _ source: SourceMap?
    ) throws(DecodeFailure) -> (resource: Resource, violations: [Violation]) {
        guard let object = json.objectValue else {
            let violation = Violation(
                path: JSONPath(),
                rule: "schema.type",
                message: "a resource is an object with apiVersion, kind and metadata, not \(json.typeName)",
                line: source?.line
            )
            throw DecodeFailure(reason: .syntax, violations: [violation])
        }
        let kind = try kind(of: object, json, source)
        let descriptor = kind.descriptor
        var decoder = SpecDecoder()
        let metadata = decoder.at(.key("metadata")) { decoder in
            ObjectMeta.decode(object["metadata"] ?? .object([:]), &decoder) ?? ObjectMeta()
        }
        var body = JSONObject()
        for (key, value) in object where !["apiVersion", "kind", "metadata", "status"].contains(key) {
            body[key] = value
        }
        let spec = read(body, of: kind, &decoder)
        var status = object["status"]
        if status?.isNull == true || status == .object([:]) { status = nil }
        if let given = status, given.objectValue == nil {
            decoder.at(.key("status")) { $0.mismatch(expected: "an object", got: given) }
        }
        var resource = Resource(
            kind: kind,
            apiVersion: object["apiVersion"]?.stringValue ?? descriptor.storageAPIVersion,
            metadata: metadata,
            body: body,
            spec: spec,
            status: status
        )
        if !kind.isNamespaced { resource.metadata.namespace = "" }
        return (resource, decoder.violations)
    }

    private static func read(_ body: JSONObject, of kind: ResourceKind, _ decoder: inout SpecDecoder) -> Spec {
        guard let type = Spec.type(of: kind) else {
            var opaque = OpaqueSpec()
            opaque.json = body
            return .event(opaque)
        }
        guard kind.descriptor.hasSpec else { return type.read(.object(body), &decoder) }
        for key in body.keys where key != "spec" {
            decoder.at(.key(key)) { decoder in
                let isNear = Spelling.nearest(to: key, among: ["spec", "metadata", "status"]) ?? "spec"
                decoder.violate(
                    "schema.unknown-field",
                    "unknown field \"\(key.prefix(80))\"; did you mean \"\(isNear)\"?"
                )
            }
        }
        let value = body["spec"] ?? .null
        return decoder.at(.key("spec")) { type.read(value.isNull ? .object([:]) : value, &$0) }
    }

    private static func kind(
        of object: JSONObject,
        _ json: JSONValue,
        _ source: SourceMap?
    ) throws(DecodeFailure) -> ResourceKind {
        var violations: [Violation] = []
        func text(_ key: String) -> String {
            let path = JSONPath() / key
            switch object[key] {
            case .string(let text)? where !text.isEmpty:
                return text
            case nil, .null?, .string?:
                violations.append(Violation(path: path, rule: "schema.required", message: "is required"))
            case let other?:
                violations.append(
                    Violation(path: path, rule: "schema.type", message: "must be a string, not \(other.typeName)")
                )
            }
            return ""
        }
        let apiVersion = text("apiVersion")
        let word = text("kind")
        guard violations.isEmpty else {
            throw DecodeFailure(reason: .syntax, violations: locate(violations, json, source))
        }
        if let kind = ResourceKind(apiVersion: apiVersion, kind: word) { return kind }
        let unserved = Unserved.explain(apiVersion: apiVersion, kind: word)
        let violation = Violation(path: JSONPath() / unserved.field, rule: "kind.not-served", message: unserved.message)
        throw DecodeFailure(
            reason: .unknownKind(apiVersion: apiVersion, kind: word),
            violations: locate([violation], json, source)
        )
    }

    static func locate(_ violations: [Violation], _ json: JSONValue, _ source: SourceMap?) -> [Violation] {
        guard let source else { return violations }
        return violations.map { violation in
            var copy = violation
            copy.line = source.line(of: violation.path, in: json)
            return copy
        }
    }
}

extension ResourceSpec {
    fileprivate static func read(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Spec {
        (decode(json, &decoder) ?? Self()).wrapped
    }
}

/// Why a kind is not served, and what does its job.
enum Unserved {
    private static let instead: [String: String] = [
        "EnvoyFilter": "write what it should do with VirtualService, DestinationRule, Gateway or MeshConfig",
        "Ingress": "write a Gateway and a VirtualService",
        "HTTPRoute": "write a Gateway and a VirtualService",
    ]

    static func explain(apiVersion: String, kind: String) -> (field: String, message: String) {
        let shown = kind.prefix(80)
        if let known = ResourceKind(rawValue: kind) {
            let descriptor = known.descriptor
            let served = descriptor.versions.map { descriptor.apiVersion($0) }.joined(separator: ", ")
            return ("apiVersion", "\(shown) is served as \(served), not as \(apiVersion.prefix(80))")
        }
        if let hint = instead[kind] { return ("kind", "\(shown) is not served; \(hint)") }
        let near = Spelling.nearest(to: kind, among: ResourceKind.allCases.map(\.rawValue))
        return ("kind", "\(shown) is not served\(near.map { "; did you mean \($0)?" } ?? "")")
    }
}
