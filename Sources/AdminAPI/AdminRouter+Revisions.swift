internal import Resources
internal import Store

/// The history of the configuration: `gatehouse.io/v1` Revision.
extension AdminRouter {
    /// `GET …/revisions`, newest first.
    func listRevisions(_ call: Call) async throws -> AdminResponse {
        let records = try await configuration.store.revisions()
        let list = ComputedList(
            kind: "Revision",
            apiVersion: "gatehouse.io/v1",
            columns: RevisionRecord.columns,
            items: records.map { ($0.json, $0.cells(now: configuration.now())) },
            metadata: ["resourceVersion": .string(String(configuration.store.current.resourceVersion))]
        )
        return try list.response(call)
    }

    /// `GET …/revisions/{n}`: the request with what it did to each object.
    func getRevision(_ call: Call) async throws -> AdminResponse {
        let revision = try Self.revision(call.name)
        guard let record = try await configuration.store.revisions().first(where: { $0.revision == revision }) else {
            throw Self.unknownRevision(call.name)
        }
        guard case .object(var object) = record.json else { throw StatusError.internalError() }
        let (before, after) = try await states(revision > 0 ? revision - 1 : 0, revision)
        object["changes"] = ConfigurationDiff(from: before, to: after).json
        return try call.representation() == .yaml
            ? .yaml(.object(object)) : .json(.object(object), isPretty: call.isPretty)
    }

    /// `GET …/revisions/{n}/diff?to=m`: from m (default: the one before) to n.
    func diffRevision(_ call: Call) async throws -> AdminResponse {
        let revision = try Self.revision(call.name)
        let other = try call.query["to"].map { text throws(StatusError) in try Self.revision(text) }
        let (before, after) = try await states(other ?? (revision > 0 ? revision - 1 : 0), revision)
        let diff = ConfigurationDiff(from: before, to: after)
        let wanted = call.request.values(of: "accept").flatMap { $0.split(separator: ",") }
        if wanted.contains(where: { ["text/x-diff", "text/plain"].contains(MediaType(parsing: $0).name) }) {
            return .text(diff.unified, contentType: "text/x-diff; charset=utf-8")
        }
        let body: JSONValue = [
            "kind": "RevisionDiff", "apiVersion": "gatehouse.io/v1", "metadata": ["name": .string(call.name)],
            "from": .int(Int64(clamping: before.revision)), "to": .int(Int64(clamping: after.revision)),
            "items": diff.json,
        ]
        return try call.representation() == .yaml ? .yaml(body) : .json(body, isPretty: call.isPretty)
    }

    /// `POST …/revisions/{n}/rollback`: a new revision with the content of an old one.
    ///
    /// Objects that the appliance itself keeps (registered workloads) stay as they are.
    func rollback(_ call: Call) async throws -> AdminResponse {
        let revision = try Self.revision(call.name)
        guard let target = try await configuration.store.resources(at: revision) else {
            throw Self.unknownRevision(call.name)
        }
        var context = call.writeContext(verb: "rollback", isDryRun: try call.isDryRun)
        if context.message.isEmpty { context.message = "rollback to revision \(revision)" }
        let policy = try WritePolicy(call, now: configuration.now())
        let (admission, guardian) = (configuration.admission, try WriteGuard(call.request))
        let outcome = try await configuration.store.commit(context) { current in
            var actions = Self.actions(from: current, to: target)
            for index in actions.indices {
                try policy.authorize(actions[index], current)
                actions[index] = try policy.settled(actions[index], current)
            }
            return try admission.admit(Change(actions, ifRevision: guardian.revision), against: current)
        }
        var response = AdminResponse.json([
            "kind": "RollbackResult", "apiVersion": "gatehouse.io/v1", "metadata": [:],
            "status": [
                "revision": .int(Int64(clamping: outcome.revision)), "to": .int(Int64(clamping: revision)),
                "dryRun": .bool(context.isDryRun),
                "results": .array(outcome.change.results.map { Self.result($0, document: nil) }),
            ],
        ])
        response.setHeader("Gatehouse-Revision", String(outcome.revision))
        response.add(outcome.change.warnings)
        return response
    }

    private static func actions(from current: ResourceSet, to target: ResourceSet) -> [Change.Action] {
        let keys = ConfigurationDiff(from: current, to: target).items.map(\.key).filter { key in
            key.kind != .event && !isKept(current[key] ?? target[key])
        }
        // First what must exist for others, last what others are inside of.
        let puts = keys.compactMap { key -> Change.Action? in
            guard var resource = target[key] else { return nil }
            resource.metadata.resourceVersion = ""
            resource.metadata.uid = ""
            resource.metadata.managedFields = nil
            return .put(resource)
        }
        let deletes = keys.reversed().filter { target[$0] == nil }.map { Change.Action.delete($0) }
        return puts + deletes
    }

    /// Registered workloads come and go with their sidecars, not with revisions.
    private static func isKept(_ resource: Resource?) -> Bool {
        resource?.metadata.annotations["gatehouse.io/registered"] != nil
    }

    private func states(_ old: UInt64, _ new: UInt64) async throws -> (ResourceSet, ResourceSet) {
        guard let before = try await configuration.store.resources(at: old) else {
            throw Self.unknownRevision(String(old))
        }
        guard let after = try await configuration.store.resources(at: new) else {
            throw Self.unknownRevision(String(new))
        }
        return (before, after)
    }

    static func revision(_ text: String) throws(StatusError) -> UInt64 {
        guard let number = UInt64(text), text.utf8.count <= 19 else {
            throw .badRequest("a revision is a number, not \"\(text.prefix(40))\"")
        }
        return number
    }

    static func unknownRevision(_ text: String) -> StatusError {
        var error = StatusError.notFound("revisions.gatehouse.io \"\(text.prefix(40))\" not found, or no longer kept")
        error.kind = "revisions"
        error.group = "gatehouse.io"
        error.name = String(text.prefix(40))
        return error
    }
}

extension RevisionRecord {
    fileprivate var json: JSONValue {
        [
            "kind": "Revision", "apiVersion": "gatehouse.io/v1",
            "metadata": [
                "name": .string(String(revision)),
                "creationTimestamp": .string(Timestamp(secondsSinceEpoch: at).description),
            ],
            "status": [
                "revision": .int(Int64(clamping: revision)), "user": .string(user), "via": .string(via),
                "message": .string(message), "requestId": .string(requestID), "changes": .int(Int64(changes)),
            ],
        ]
    }

    fileprivate static let columns: [ComputedList.Column] = [
        .init(name: "Rev"), .init(name: "When"), .init(name: "Who"), .init(name: "Changes"), .init(name: "Message"),
        .init(name: "Via", isWide: true),
    ]

    fileprivate func cells(now: Int64) -> JSONValue {
        [
            .string(String(revision)), .string(Age.text(seconds: now - at)), .string(user), .string(String(changes)),
            .string(message), .string(via),
        ]
    }
}
