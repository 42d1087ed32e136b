internal import Resources
internal import Store

/// What a caller asks about itself: `kubectl auth can-i`, `auth can-i --list`, `auth whoami`.
extension AdminRouter {
    /// `POST …/selfsubjectaccessreviews`.
    func accessReview(_ call: Call) throws(StatusError) -> AdminResponse {
        let body = try Self.review(call, "SelfSubjectAccessReview")
        let spec = body["spec"] ?? [:]
        let access: Access
        if let attributes = spec["nonResourceAttributes"], !attributes.isNull {
            access = .path(verb: attributes["verb"]?.stringValue ?? "", path: attributes["path"]?.stringValue ?? "")
        } else if let attributes = spec["resourceAttributes"], !attributes.isNull {
            func text(_ key: String) -> String { attributes[key]?.stringValue ?? "" }
            let subresource = text("subresource")
            access = .resource(
                verb: text("verb"),
                group: text("group"),
                resource: subresource.isEmpty ? text("resource") : "\(text("resource"))/\(subresource)",
                namespace: text("namespace"),
                name: text("name")
            )
        } else {
            throw .badRequest("spec needs resourceAttributes or nonResourceAttributes")
        }
        let isAllowed = authorizer(call).permits(access)
        var status: JSONObject = ["allowed": .bool(isAllowed)]
        if !isAllowed { status["reason"] = "no role of the user permits it" }
        return try answer(body, .object(status), call)
    }

    /// `POST …/selfsubjectrulesreviews`.
    func rulesReview(_ call: Call) throws(StatusError) -> AdminResponse {
        let body = try Self.review(call, "SelfSubjectRulesReview")
        guard let namespace = body.at("spec", "namespace")?.stringValue, !namespace.isEmpty else {
            throw .badRequest("spec.namespace must be set")
        }
        let rules = authorizer(call).rules(namespace: namespace).map(\.json)
        let status: JSONValue = [
            "resourceRules": .array(rules.filter { $0["nonResourceURLs"] == nil }),
            "nonResourceRules": .array(
                rules.filter { $0["nonResourceURLs"] != nil } + [
                    [
                        "verbs": ["get"],
                        "nonResourceURLs": ["/api", "/api/*", "/apis", "/apis/*", "/openapi/*", "/version"],
                    ]
                ]
            ), "incomplete": false,
        ]
        return try answer(body, status, call)
    }

    /// `POST …/selfsubjectreviews`.
    func whoAmI(_ call: Call) throws(StatusError) -> AdminResponse {
        let body = try Self.review(call, "SelfSubjectReview")
        let groups = JSONValue.array(call.caller.groups.map { .string($0) })
        return try answer(body, ["userInfo": ["username": .string(call.caller.user), "groups": groups]], call)
    }

    private func authorizer(_ call: Call) -> Authorizer {
        Authorizer(caller: call.caller, resources: configuration.store.current)
    }

    private static func review(_ call: Call, _ kind: String) throws(StatusError) -> JSONValue {
        guard !call.request.body.isEmpty else { return ["kind": .string(kind)] }
        let value = try BodyReader.document(call.request).value
        guard value.objectValue != nil else { throw .badRequest("the body must be a \(kind)") }
        if let said = value["kind"]?.stringValue, said != kind {
            throw .badRequest("the kind in the data (\(said.prefix(80))) does not match the expected kind (\(kind))")
        }
        return value
    }

    private func answer(_ body: JSONValue, _ status: JSONValue, _ call: Call) throws(StatusError) -> AdminResponse {
        var object: JSONObject = [:]
        let group = call.request.path.split(separator: "/")
        object["kind"] = body["kind"]
        object["apiVersion"] = body["apiVersion"] ?? .string(group.dropFirst().prefix(2).joined(separator: "/"))
        object["metadata"] = ["creationTimestamp": .null]
        if let spec = body["spec"] { object["spec"] = spec }
        object["status"] = status
        if object["kind"] == nil {
            throw .badRequest("the body must name its kind")
        }
        if try call.representation() == .yaml { return .yaml(.object(object), status: 201) }
        return .json(.object(object), status: 201, isPretty: call.isPretty)
    }
}
