internal import Resources

/// Writes objects and lists the way the client asked for.
extension AdminRouter {
    func respond(
        with resource: Resource,
        _ call: Call,
        apiVersion: String,
        status: Int = 200,
        warnings: [Warning] = []
    ) throws(StatusError) -> AdminResponse {
        let object = resource.json(apiVersion: apiVersion)
        var response: AdminResponse
        switch try call.representation() {
        case .json: response = .json(object, status: status, isPretty: call.isPretty)
        case .yaml: response = .yaml(object, status: status)
        case .metadataOnly:
            response = .json(Self.partial(object, metaVersion: "v1"), status: status)
        case .table(let version):
            let table = TableForm(kind: resource.kind, version: version, now: configuration.now())
            let content = TableForm.Content(call.query["includeObject"])
            let body = table.table([resource], apiVersion: apiVersion, content, metadata: listMetadata(resource))
            response = .json(body, status: status)
        }
        if !resource.metadata.resourceVersion.isEmpty {
            response.setHeader("ETag", "\"\(resource.metadata.resourceVersion)\"")
        }
        response.add(warnings)
        return response
    }

    private func listMetadata(_ resource: Resource) -> JSONObject {
        ["resourceVersion": .string(resource.metadata.resourceVersion)]
    }

    /// PartialObjectMetadata: what tools need that handle any kind.
    static func partial(_ object: JSONValue, metaVersion: String) -> JSONValue {
        [
            "kind": "PartialObjectMetadata", "apiVersion": .string("meta.k8s.io/\(metaVersion)"),
            "metadata": object["metadata"] ?? [:],
        ]
    }
}

extension AdminResponse {
    static func yaml(_ value: JSONValue, status: Int = 200) -> AdminResponse {
        AdminResponse(
            status: status,
            headers: [("Content-Type", "application/yaml")],
            body: .bytes(Array(YAMLWriter.write(value).utf8))
        )
    }

    /// The most warnings in one answer; more would only grow the head.
    private static let warningsMax = 20

    /// Warnings as kubectl prints them: `Warning: 299 - "text"` (RFC 7234 §5.5), ASCII only because names in the text
    /// are the client's.
    mutating func add(_ warnings: [Warning]) {
        add(warnings: warnings.map(\.description))
    }

    mutating func add(warnings: [String]) {
        for text in warnings.prefix(Self.warningsMax) {
            var quoted = ""
            for scalar in text.unicodeScalars.prefix(400) {
                switch scalar {
                case "\"": quoted += "\\\""
                case "\\": quoted += "\\\\"
                case " "..."~": quoted.unicodeScalars.append(scalar)
                default: quoted += "?"
                }
            }
            headers.append(("Warning", "299 - \"\(quoted)\""))
        }
    }
}
