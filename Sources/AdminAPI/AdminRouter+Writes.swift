internal import Crypto
internal import Resources
internal import Store

extension AdminRouter {
    func create(_ kind: ResourceKind, _ call: Call) async throws -> AdminResponse {
        let apiVersion = try call.apiVersion(of: kind)
        let key = ResourceKey(kind, namespace: call.namespace, name: "")
        let document = try BodyReader.document(call.request)
        let value = try BodyReader.settle(document.value, for: key, apiVersion: apiVersion)
        let context = call.writeContext(verb: "create", isDryRun: try call.isDryRun)
        let guardian = try WriteGuard(call.request)
        // A generated name may be taken; a second one is not, but for very bad luck.
        for attempt in 1...3 {
            let named = Self.generatingName(value)
            let decoded = try decode(named, document.source, call, key: key)
            do {
                return try await store(
                    .create(decoded.resource, source: document.source),
                    decoded,
                    call,
                    context,
                    apiVersion,
                    guardian
                )
            } catch AdmissionError.alreadyExists(let key) {
                guard named != value, attempt < 3 else { throw AdmissionError.alreadyExists(key) }
            }
        }
        throw StatusError.internalError()
    }

    func replace(_ kind: ResourceKind, _ call: Call) async throws -> AdminResponse {
        let apiVersion = try call.apiVersion(of: kind)
        let key = call.key(kind)
        let document = try BodyReader.document(call.request)
        let value = try BodyReader.settle(document.value, for: key, apiVersion: apiVersion)
        let decoded = try decode(value, document.source, call, key: key)
        let context = call.writeContext(verb: "update", isDryRun: try call.isDryRun)
        if call.request.header("if-none-match") == "*" {
            return try await store(
                .create(decoded.resource, source: document.source),
                decoded,
                call,
                context,
                apiVersion
            )
        }
        let guardian = try WriteGuard(call.request)
        let version = decoded.resource.metadata.resourceVersion
        guard !version.isEmpty || guardian.isExplicit else {
            let path = JSONPath() / "metadata" / "resourceVersion"
            let message = "must be specified for an update (or send If-Match, `If-Match: *` to force)"
            throw StatusError.invalid(key, [Violation(path: path, rule: "schema.required", message: message)])
        }
        let conditions = Change.Preconditions(
            resourceVersion: version.isEmpty ? nil : version,
            uid: decoded.resource.metadata.uid.isEmpty ? nil : decoded.resource.metadata.uid
        )
        let action = Change.Action.update(decoded.resource, conditions, source: document.source)
        return try await store(action, decoded, call, context, apiVersion, guardian, key)
    }

    func replaceStatus(_ kind: ResourceKind, _ call: Call) async throws -> AdminResponse {
        let apiVersion = try call.apiVersion(of: kind)
        let key = call.key(kind)
        let document = try BodyReader.document(call.request)
        let value = try BodyReader.settle(document.value, for: key, apiVersion: apiVersion)
        let version = value.at("metadata", "resourceVersion")?.stringValue
        let status = try Self.status(in: value, key)
        let context = call.writeContext(verb: "update", isDryRun: try call.isDryRun)
        let action = Change.Action.updateStatus(key, status, .init(resourceVersion: version))
        return try await store(action, nil, call, context, apiVersion, try WriteGuard(call.request), key)
    }

    func delete(_ kind: ResourceKind, _ call: Call) async throws -> AdminResponse {
        _ = try call.apiVersion(of: kind)
        let options = try DeleteOptions(call)
        let key = call.key(kind)
        let (admission, guardian) = (configuration.admission, try WriteGuard(call.request))
        let context = call.writeContext(verb: "delete", isDryRun: options.isDryRun)
        let outcome = try await configuration.store.commit(context) { current in
            try guardian.check(key, current)
            let isInUse = kind == .namespace && !current.filter { $0.metadata.namespace == key.name }.isEmpty
            let action: Change.Action =
                isInUse ? .terminate(key, options.preconditions) : .delete(key, options.preconditions)
            let change = Change([action], ifRevision: guardian.revision)
            return try admission.admit(change, against: current)
        }
        if kind == .namespace, !options.isDryRun { empty(key, context) }
        let deleted = outcome.change.results.first { $0.key == key }
        var details: JSONObject = ["name": .string(key.name)]
        if !kind.descriptor.group.isEmpty { details["group"] = .string(kind.descriptor.group) }
        details["kind"] = .string(kind.descriptor.plural)
        details["uid"] = .string(deleted?.resource.metadata.uid ?? "")
        let body: JSONValue = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success", "details": .object(details),
        ]
        var response: AdminResponse
        switch try call.representation() {
        case .yaml: response = .yaml(body)
        default: response = .json(body, isPretty: call.isPretty)
        }
        response.setHeader("Gatehouse-Revision", String(outcome.revision))
        response.add(outcome.change.warnings)
        return response
    }

    /// A namespace goes a moment after it was told to, so that the objects inside, which a client deletes in the same
    /// breath, are still there to be deleted. Source: `kubectl delete -f` with a Namespace before its contents.
    private func empty(_ key: ResourceKey, _ context: WriteContext) {
        let (store, admission) = (configuration.store, configuration.admission)
        Task {
            try await Task.sleep(for: .seconds(3))
            _ = try await store.commit(context) { current in
                // One that was made anew under the name is another.
                guard let namespace = current[key], namespace.metadata.deletionTimestamp != nil,
                    namespace.metadata.finalizers.isEmpty
                else {
                    return try admission.admit(Change([]), against: current)
                }
                return try admission.admit(Change([.delete(key)]), against: current)
            }
        }
    }

    func deleteCollection(_ kind: ResourceKind, _ call: Call) async throws -> AdminResponse {
        let apiVersion = try call.apiVersion(of: kind)
        let options = try DeleteOptions(call)
        let namespace = kind.descriptor.isNamespaced ? call.namespace : nil
        let selection = try Selection(kind, namespace: namespace, call.query)
        let (admission, guardian) = (configuration.admission, try WriteGuard(call.request))
        let context = call.writeContext(verb: "deletecollection", isDryRun: options.isDryRun)
        let outcome = try await configuration.store.commit(context) { current in
            let doomed = selection.resources(in: current).map { Change.Action.delete($0.key) }
            return try admission.admit(Change(doomed, ifRevision: guardian.revision), against: current)
        }
        let items = outcome.change.deletes.filter { $0.kind == kind }.map { $0.json(apiVersion: apiVersion) }
        let body: JSONValue = [
            "kind": .string("\(kind.rawValue)List"), "apiVersion": .string(apiVersion),
            "metadata": ["resourceVersion": .string(String(outcome.change.resulting.resourceVersion))],
            "items": .array(items),
        ]
        var response = AdminResponse.json(body, isPretty: call.isPretty)
        response.setHeader("Gatehouse-Revision", String(outcome.revision))
        return response
    }

    // MARK: Steps that the handlers share

    func decode(
        _ value: JSONValue,
        _ source: SourceMap?,
        _ call: Call,
        key: ResourceKey
    ) throws(StatusError) -> DecodedResource {
        let named = ResourceKey(
            key.kind,
            namespace: key.namespace,
            name: value.at("metadata", "name")?.stringValue ?? key.name
        )
        return try BodyReader.decode(value, source: source, try .init(call.query["fieldValidation"]), key: named)
    }

    /// Commits one action and answers with the object it leaves.
    func store(
        _ action: Change.Action,
        _ decoded: DecodedResource?,
        _ call: Call,
        _ context: WriteContext,
        _ apiVersion: String,
        _ guardian: WriteGuard = WriteGuard(),
        _ key: ResourceKey? = nil
    ) async throws -> AdminResponse {
        let admission = configuration.admission
        let policy = try WritePolicy(call, now: configuration.now())
        let outcome = try await configuration.store.commit(context) { current in
            if let key { try guardian.check(key, current) }
            let owned = try policy.settled(action, current)
            return try admission.admit(Change([owned], ifRevision: guardian.revision), against: current)
        }
        return try await answer(outcome, call, apiVersion, warnings: decoded?.warnings ?? [])
    }

    func answer(
        _ outcome: CommitOutcome,
        _ call: Call,
        _ apiVersion: String,
        warnings: [Warning]
    ) async throws(StatusError) -> AdminResponse {
        guard let result = outcome.change.results.first else { throw .internalError() }
        var status = result.outcome == .created ? 201 : 200
        var notes: [Warning] = []
        for warning in warnings + result.warnings where !notes.contains(warning) { notes.append(warning) }
        var late: String?
        if call.query["wait"] == "programmed", !outcome.events.isEmpty, let wait = configuration.waitUntilProgrammed {
            let limit = call.query["timeout"].flatMap { Duration(apiText: $0) } ?? .seconds(5)
            let isProgrammed = await wait([result.key], outcome.revision, min(limit, .seconds(60)))
            if !isProgrammed {
                status = 202
                late = "stored, but not programmed on every proxy within the time"
            }
        }
        var response = try respond(with: result.resource, call, apiVersion: apiVersion, status: status, warnings: notes)
        if let late { response.add(warnings: [late]) }
        response.setHeader("Gatehouse-Revision", String(outcome.revision))
        return response
    }

    /// The status member; an object without one clears it.
    static func status(in value: JSONValue, _ key: ResourceKey) throws(StatusError) -> JSONValue? {
        guard let status = value["status"], !status.isNull else { return nil }
        guard status.objectValue != nil else {
            let path = JSONPath() / "status"
            throw .invalid(key, [Violation(path: path, rule: "schema.type", message: "must be an object")])
        }
        return status
    }

    /// The object with a name made of `generateName` and five random letters, when it has no name of its own.
    private static func generatingName(_ value: JSONValue) -> JSONValue {
        guard case .object(var object) = value, var metadata = object["metadata"]?.objectValue,
            metadata["name"]?.stringValue ?? "" == "",
            let prefix = metadata["generateName"]?.stringValue, !prefix.isEmpty
        else { return value }
        // Kubernetes' alphabet: no vowels and no look-alikes.
        let letters = Array("bcdfghjklmnpqrstvwxz2456789")
        let suffix = SecureRandom.bytes(5).map { letters[Int($0) % letters.count] }
        metadata["name"] = .string(String(prefix.prefix(58)) + String(suffix))
        object["metadata"] = .object(metadata)
        return .object(object)
    }
}

/// The conditions in the head of a request: `If-Match` on the object, `If-Match-Revision` on the whole configuration.
struct WriteGuard: Sendable {
    /// `If-Match`: the tags that are fine; nil without the field. `*` stands for any.
    private var tags: [String]?
    private(set) var revision: UInt64?

    init() {}

    /// - Throws: 400 for a revision that is no number.
    init(_ request: AdminRequest) throws(StatusError) {
        let fields = request.values(of: "if-match")
        if !fields.isEmpty {
            tags = fields.flatMap { $0.split(separator: ",") }.map { $0.filter { $0 != "\"" && $0 != " " } }
        }
        if let text = request.header("if-match-revision") {
            guard let number = UInt64(text) else { throw .badRequest("If-Match-Revision must be a number") }
            revision = number
        }
    }

    /// True when the client sent `If-Match` in any form.
    var isExplicit: Bool { tags != nil }

    /// - Throws: 412 when the object exists in another version.
    func check(_ key: ResourceKey, _ current: ResourceSet) throws(StatusError) {
        guard let tags, !tags.contains("*"), let existing = current[key] else { return }
        guard tags.contains(existing.metadata.resourceVersion) else {
            throw .preconditionFailed(
                "\(key.kind.resource) \"\(key.name)\" is at version \(existing.metadata.resourceVersion)"
            ).about(key)
        }
    }
}

/// The body and query of a DELETE.
struct DeleteOptions: Sendable {
    var isDryRun: Bool
    var preconditions = Change.Preconditions()

    init(_ call: Call) throws(StatusError) {
        isDryRun = try call.isDryRun
        guard !call.request.body.isEmpty else { return }
        let value = try BodyReader.document(call.request).value
        guard let options = value.objectValue else { throw .badRequest("DeleteOptions must be an object") }
        if let kind = options["kind"]?.stringValue, kind != "DeleteOptions" {
            throw .badRequest("the body of a DELETE must be DeleteOptions, not \(kind.prefix(80))")
        }
        if let dryRun = options["dryRun"], !dryRun.isNull {
            guard let values = dryRun.arrayValue, values.allSatisfy({ $0 == "All" }) else {
                throw .badRequest("invalid dryRun: only [\"All\"] is supported")
            }
            isDryRun = isDryRun || !values.isEmpty
        }
        if let conditions = options["preconditions"], !conditions.isNull {
            preconditions = .init(
                resourceVersion: conditions["resourceVersion"]?.stringValue,
                uid: conditions["uid"]?.stringValue
            )
        }
    }
}
