internal import Resources
internal import Store

/// The trail of who wrote, tried to write, or was refused: `gatehouse.io/v1` AuditEvent.
extension AdminRouter {
    private static let pageMax = 500

    /// `GET …/auditevents?limit=&continue=&fieldSelector=user=bot`, oldest first.
    func listAuditEvents(_ call: Call) async throws -> AdminResponse {
        var limit = Self.pageMax
        if let text = call.query["limit"], !text.isEmpty {
            guard let value = Int(text), value >= 0 else {
                throw StatusError.badRequest("invalid limit \"\(text.prefix(40))\"")
            }
            if value > 0 { limit = min(value, Self.pageMax) }
        }
        var after: Int64 = 0
        if let token = call.query["continue"], !token.isEmpty {
            guard let value = Int64(token) else { throw StatusError.badRequest("continue key is not valid") }
            after = value
        }
        let wanted = try Self.selector(call.query["fieldSelector"])
        let records = try await configuration.store.auditRecords(after: after, limit: limit)
        var metadata: JSONObject = ["resourceVersion": .string(String(records.last?.id ?? after))]
        if records.count == limit, let last = records.last { metadata["continue"] = .string(String(last.id)) }
        let items = records.filter { record in wanted.allSatisfy { record.value($0.key) == $0.value } }.map(\.json)
        let body: JSONValue = [
            "kind": "AuditEventList", "apiVersion": "gatehouse.io/v1", "metadata": .object(metadata),
            "items": .array(items),
        ]
        return try call.representation() == .yaml ? .yaml(body) : .json(body, isPretty: call.isPretty)
    }

    /// `GET …/auditevents/verify`: walks the chain of hashes.
    func verifyAudit(_ call: Call) async throws -> AdminResponse {
        let violation = try await configuration.store.auditViolation()
        var status: JSONObject = ["intact": .bool(violation == nil)]
        if let violation { status["violation"] = .string(violation) }
        return .json(
            ["kind": "AuditVerification", "apiVersion": "gatehouse.io/v1", "metadata": [:], "status": .object(status)],
            isPretty: call.isPretty
        )
    }

    private static func selector(_ text: String?) throws(StatusError) -> [(key: String, value: String)] {
        var terms: [(key: String, value: String)] = []
        for term in (text ?? "").split(separator: ",") {
            let parts = term.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, ["user", "verb", "code"].contains(parts[0]) else {
                throw .badRequest("fieldSelector knows user, verb and code")
            }
            terms.append((parts[0], parts[1]))
        }
        return terms
    }

    /// Keeps what the store does not keep by itself: refusals, failures, and changes outside of revisions.
    func audit(_ request: AdminRequest, _ requestID: String, _ caller: Caller?, _ operation: Operation?, _ code: Int)
        async
    {
        let isRead = ["GET", "HEAD", "OPTIONS"].contains(request.method)
        let isRefusal = code == 401 || code == 403 || code == 429
        let isOutsideOfRevisions = operation == .createToken || operation == .deleteToken
        guard isRefusal || (!isRead && code >= 400) || (isOutsideOfRevisions && code < 300) else { return }
        let context = WriteContext(
            user: caller?.user ?? Caller.anonymous.user,
            source: request.peerAddress,
            agent: String((request.header("user-agent") ?? "").prefix(200)),
            verb: request.method.lowercased(),
            uri: String(request.path.prefix(1000)),
            requestID: requestID
        )
        await configuration.store.audit(context, code: code)
    }
}

extension AuditRecord {
    fileprivate func value(_ key: String) -> String {
        switch key {
        case "user": user
        case "verb": verb
        default: String(code)
        }
    }

    fileprivate var json: JSONValue {
        var status: JSONObject = [
            "requestID": .string(requestID), "user": .string(user), "sourceIP": .string(source),
            "userAgent": .string(agent), "verb": .string(verb), "requestURI": .string(uri), "code": .int(Int64(code)),
        ]
        if let revision { status["revision"] = .int(Int64(clamping: revision)) }
        status["hash"] = .string(hash)
        return [
            "kind": "AuditEvent", "apiVersion": "gatehouse.io/v1",
            "metadata": [
                "name": .string(String(id)),
                "creationTimestamp": .string(Timestamp(secondsSinceEpoch: at).description),
            ],
            "status": .object(status),
        ]
    }
}
