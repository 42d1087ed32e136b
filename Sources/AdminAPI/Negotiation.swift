/// A media type with its parameters, `type/subtype;name=value`, in lower case except for parameter values.
struct MediaType: Equatable, Sendable {
    var name: String
    var parameters: [String: String]
    /// 0 to 1000. Source: RFC 9110 §12.4.2 (three decimals).
    var quality: Int

    init(parsing text: some StringProtocol) {
        var parts = text.split(separator: ";", omittingEmptySubsequences: true).map { Self.trim($0) }
        name = parts.isEmpty ? "" : parts.removeFirst().lowercased()
        parameters = [:]
        quality = 1000
        for part in parts {
            guard let equals = part.firstIndex(of: "=") else { continue }
            let key = Self.trim(part[..<equals]).lowercased()
            var value = Self.trim(part[part.index(after: equals)...])
            if value.count >= 2, value.hasPrefix("\""), value.hasSuffix("\"") {
                value = String(value.dropFirst().dropLast())
            }
            if key == "q" {
                quality = Self.quality(value)
            } else {
                parameters[key] = value
            }
        }
    }

    private static func quality(_ text: String) -> Int {
        guard let value = Double(text), value >= 0, value <= 1 else { return 0 }
        return Int((value * 1000).rounded())
    }

    private static func trim(_ text: some StringProtocol) -> String {
        var slice = Substring(text)
        while let first = slice.first, first == " " || first == "\t" { slice.removeFirst() }
        while let last = slice.last, last == " " || last == "\t" { slice.removeLast() }
        return String(slice)
    }
}

/// The shape in which an object, a list or an error is written.
enum Representation: Equatable, Sendable {
    case json
    case yaml
    /// `meta.k8s.io` Table, in version `v1` or `v1beta1`.
    case table(version: String)
    /// PartialObjectMetadata or its list.
    case metadataOnly

    /// What the client prefers among what is served; nil when nothing it accepts is served (406).
    ///
    /// Kubernetes clients list several JSON profiles in order of preference at equal quality, so the order of the
    /// list decides between equals. Source: what kubectl asks for.
    static func preferred(_ accept: [String]) -> Representation? {
        let ranges = accept.flatMap { $0.split(separator: ",") }.map { MediaType(parsing: $0) }.filter {
            $0.quality > 0
        }
        if ranges.isEmpty { return accept.isEmpty || accept.allSatisfy(\.isEmpty) ? .json : nil }
        for range in ranges.enumerated().sorted(by: {
            ($1.element.quality, $0.offset) < ($0.element.quality, $1.offset)
        }) {
            if let representation = representation(of: range.element) { return representation }
        }
        return nil
    }

    private static func representation(of range: MediaType) -> Representation? {
        switch range.name {
        case "application/json":
            guard let profile = range.parameters["as"] else { return .json }
            guard range.parameters["g"] ?? "meta.k8s.io" == "meta.k8s.io" else { return nil }
            switch profile {
            case "Table": return .table(version: range.parameters["v"] ?? "v1")
            case "PartialObjectMetadata", "PartialObjectMetadataList": return .metadataOnly
            default: return nil
            }
        case "*/*", "application/*": return .json
        case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml": return .yaml
        case "application/problem+json": return .json
        default: return nil
        }
    }

    /// True when the client asks for RFC 9457 errors by name.
    static func wantsProblemDetails(_ accept: [String]) -> Bool {
        accept.flatMap { $0.split(separator: ",") }.contains {
            MediaType(parsing: $0).name == "application/problem+json"
        }
    }
}

/// How a request body is written, from its Content-Type.
enum BodyFormat: Equatable, Sendable {
    case json
    case yaml
    /// No type declared: JSON when it starts with `{` or `[`, else YAML. Source: what kubectl asks for.
    case undeclared
    case mergePatch
    case jsonPatch
    case applyPatch
    case strategicMergePatch
    case other(String)

    init(contentType: String?) {
        guard let contentType, !contentType.isEmpty else {
            self = .undeclared
            return
        }
        let name = MediaType(parsing: contentType).name
        switch name {
        case "application/json": self = .json
        case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml": self = .yaml
        case "application/merge-patch+json": self = .mergePatch
        case "application/json-patch+json": self = .jsonPatch
        case "application/apply-patch+yaml": self = .applyPatch
        case "application/strategic-merge-patch+json": self = .strategicMergePatch
        // curl -d without a header says this; nobody posts a form here.
        case "application/x-www-form-urlencoded": self = .undeclared
        default: self = .other(name)
        }
    }
}
