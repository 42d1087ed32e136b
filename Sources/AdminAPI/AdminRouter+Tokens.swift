internal import Crypto
internal import Resources
internal import Store

extension AdminRouter {
    /// The shortest and longest life of a token that is asked for, in seconds.
    private static let lifeSeconds: ClosedRange<Int64> = 60...(365 * 86_400)
    private static let lifeSecondsDefault: Int64 = 3600

    /// `POST …/serviceaccounts/{name}/token`: a TokenRequest, as `kubectl create token` sends it.
    ///
    /// Audience `gatehouse-join` makes the single-use token for a workload's first certificate;
    /// without an audience, or with `gatehouse`, a bearer token for this API, which may do what the roles of the
    /// ServiceAccount permit. The secret is in this answer and nowhere else.
    func createToken(_ call: Call) async throws -> AdminResponse {
        let current = configuration.store.current
        let namespace = ResourceKey(.namespace, namespace: "", name: call.namespace)
        guard current.contains(namespace) else { throw StatusError.notFound(namespace) }
        let key = ResourceKey(.serviceAccount, namespace: call.namespace, name: call.name)
        guard Self.isAccountName(call.name) else { throw StatusError.notFound(key) }
        let request = try TokenRequest(call)
        let life = request.seconds ?? Self.lifeSecondsDefault
        guard Self.lifeSeconds.contains(life) else {
            throw Self.invalid("spec.expirationSeconds", "must be between 60 and 31536000", call)
        }
        let now = configuration.now()
        let isJoin = request.audience == TokenAudience.join
        if isJoin, let issue = configuration.issueJoinToken {
            let token = try await issue(call.namespace, call.name, life)
            return answer(request, token: token, expires: now + life, call)
        }
        let account = current[key]
        guard isJoin || account != nil else { throw StatusError.notFound(key) }
        let secret = SecureRandom.token()
        let record = TokenRecord(
            id: SecureRandom.uuid(),
            user: "system:serviceaccount:\(call.namespace):\(call.name)",
            namespace: call.namespace,
            serviceAccount: call.name,
            accountUID: isJoin ? "" : account?.metadata.uid ?? "",
            audience: request.audience,
            scope: isJoin ? "join" : "api",
            isSingleUse: isJoin,
            created: now,
            expires: now + life
        )
        if !(try call.isDryRun) { try await configuration.store.add(record, hash: Digest.sha256(secret)) }
        return answer(request, token: secret, expires: now + life, call)
    }

    /// `GET /apis/gatehouse.io/v1/tokens`: ids and owners, never secrets.
    func listTokens(_ call: Call) throws(StatusError) -> AdminResponse {
        let items: [JSONValue] = configuration.store.tokenRecords.map { record in
            var status: JSONObject = [
                "user": .string(record.user), "audience": .string(record.audience),
                "singleUse": .bool(record.isSingleUse),
            ]
            if let expires = record.expires {
                status["expires"] = .string(Timestamp(secondsSinceEpoch: expires).description)
            }
            return [
                "kind": "Token", "apiVersion": "gatehouse.io/v1",
                "metadata": [
                    "name": .string(record.id),
                    "creationTimestamp": .string(Timestamp(secondsSinceEpoch: record.created).description),
                ],
                "status": .object(status),
            ]
        }
        let body: JSONValue = [
            "kind": "TokenList", "apiVersion": "gatehouse.io/v1", "metadata": [:], "items": .array(items),
        ]
        return try call.representation() == .yaml ? .yaml(body) : .json(body, isPretty: call.isPretty)
    }

    /// `DELETE /apis/gatehouse.io/v1/tokens/{id}`: the token opens nothing from now on.
    func deleteToken(_ call: Call) async throws -> AdminResponse {
        let id = call.name
        guard try await configuration.store.removeTokens(where: { $0.id == id }) == 1 else {
            throw StatusError.notFound("tokens.gatehouse.io \"\(id.prefix(80))\" not found")
        }
        return .json([
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success",
            "details": ["name": .string(id), "group": "gatehouse.io", "kind": "tokens"],
        ])
    }

    private func answer(_ request: TokenRequest, token: String, expires: Int64, _ call: Call) -> AdminResponse {
        let body: JSONValue = [
            "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1",
            "metadata": ["name": .string(call.name), "namespace": .string(call.namespace)],
            "spec": [
                "audiences": [.string(request.audience)],
                "expirationSeconds": .int(expires - configuration.now()),
            ],
            "status": [
                "token": .string(token),
                "expirationTimestamp": .string(Timestamp(secondsSinceEpoch: expires).description),
            ],
        ]
        var response = AdminResponse.json(body, status: 201, isPretty: call.isPretty)
        response.setHeader("Cache-Control", "no-store")
        return response
    }

    fileprivate static func invalid(_ field: String, _ message: String, _ call: Call) -> StatusError {
        StatusError(
            code: 422,
            reason: "Invalid",
            message: "TokenRequest.authentication.k8s.io \"\(call.name)\" is invalid: \(field): \(message)",
            kind: "tokenrequests",
            group: "authentication.k8s.io",
            name: call.name,
            causes: [.init(reason: "FieldValueInvalid", message: message, field: field)]
        )
    }

    /// A DNS subdomain (RFC 1123), which every ServiceAccount name is.
    private static func isAccountName(_ name: String) -> Bool {
        let edges = [name.utf8.first, name.utf8.last]
        return (1...253).contains(name.utf8.count)
            && name.utf8.allSatisfy { 0x61...0x7A ~= $0 || 0x30...0x39 ~= $0 || $0 == 0x2D || $0 == 0x2E }
            && !edges.contains(0x2D) && !edges.contains(0x2E)
    }
}

/// What a TokenRequest asks for. An empty body asks for the defaults.
private struct TokenRequest {
    var audience = TokenAudience.api
    var seconds: Int64?

    init(_ call: Call) throws(StatusError) {
        guard !call.request.body.isEmpty else { return }
        let value = try BodyReader.document(call.request).value
        guard let object = value.objectValue else { throw .badRequest("a TokenRequest must be an object") }
        if let kind = object["kind"]?.stringValue, kind != "TokenRequest" {
            throw .badRequest("the body must be a TokenRequest, not \(kind.prefix(80))")
        }
        guard let spec = object["spec"], !spec.isNull else { return }
        if let audiences = spec["audiences"], !audiences.isNull {
            guard let items = audiences.arrayValue else {
                throw AdminRouter.invalid("spec.audiences", "must be a list", call)
            }
            guard items.count <= 1 else { throw AdminRouter.invalid("spec.audiences", "must have one audience", call) }
            if let item = items.first {
                guard let text = item.stringValue, text == TokenAudience.api || text == TokenAudience.join else {
                    throw AdminRouter.invalid(
                        "spec.audiences[0]",
                        "must be \(TokenAudience.api) or \(TokenAudience.join)",
                        call
                    )
                }
                audience = text
            }
        }
        if let life = spec["expirationSeconds"], !life.isNull {
            guard let number = life.intValue else {
                throw AdminRouter.invalid("spec.expirationSeconds", "must be a whole number of seconds", call)
            }
            seconds = number
        }
    }
}
