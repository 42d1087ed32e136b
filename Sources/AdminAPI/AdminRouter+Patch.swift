internal import Resources
internal import Store

extension AdminRouter {
    /// PATCH: read, change and write in the writer's turn, so that two patches never undo each other.
    func patch(_ kind: ResourceKind, isStatus: Bool, _ call: Call) async throws -> AdminResponse {
        if !isStatus, BodyFormat(contentType: call.request.header("content-type")) == .applyPatch {
            return try await applyPatch(kind, call)
        }
        let apiVersion = try call.apiVersion(of: kind)
        let key = call.key(kind)
        let patch = try Patch(call.request, kind)
        let validation = try BodyReader.FieldValidation(call.query["fieldValidation"])
        let context = call.writeContext(verb: "patch", isDryRun: try call.isDryRun)
        let (admission, guardian) = (configuration.admission, try WriteGuard(call.request))
        let policy = try WritePolicy(call, now: configuration.now())
        let outcome = try await configuration.store.commit(context) { current in
            guard let existing = current[key] else { throw StatusError.notFound(key) }
            try guardian.check(key, current)
            let patched = try patch.apply(to: existing.json(apiVersion: apiVersion), key)
            let value = try BodyReader.settle(patched, for: key, apiVersion: apiVersion)
            let action: Change.Action
            if isStatus {
                let version = value.at("metadata", "resourceVersion")?.stringValue
                action = .updateStatus(key, try Self.status(in: value, key), .init(resourceVersion: version))
            } else {
                let resource = try BodyReader.decode(value, source: nil, validation, key: key).resource
                let version = resource.metadata.resourceVersion
                let uid = resource.metadata.uid
                action = .update(
                    resource,
                    .init(resourceVersion: version.isEmpty ? nil : version, uid: uid.isEmpty ? nil : uid)
                )
            }
            let owned = try policy.settled(action, current)
            return try admission.admit(Change([owned], ifRevision: guardian.revision), against: current)
        }
        return try await answer(outcome, call, apiVersion, warnings: [])
    }
}

/// A patch in one of the forms that are served. Source: what kubectl asks for.
enum Patch: Sendable {
    case merge(JSONValue)
    case strategic(JSONValue)
    case operations(JSONPatch)

    /// - Throws: 415 for a form that is not served, 400 for a body that is no patch.
    init(_ request: AdminRequest, _ kind: ResourceKind) throws(StatusError) {
        let format = BodyFormat(contentType: request.header("content-type"))
        switch format {
        case .mergePatch, .jsonPatch: break
        // Clients know merge keys only for the kinds they were built with.
        case .strategicMergePatch where kind.descriptor.group.isEmpty || kind.descriptor.group == BuiltInRoles.group:
            break
        case .strategicMergePatch, .applyPatch, .json, .yaml, .undeclared, .other:
            throw .unsupportedMediaType(
                "the body of a PATCH must be application/merge-patch+json, application/json-patch+json or "
                    + "application/apply-patch+yaml"
            )
        }
        let value: JSONValue
        do throws(SyntaxError) {
            value = try JSONValue(parsing: request.body)
        } catch {
            throw .badRequest(
                "the patch is not valid JSON: \(error)",
                causes: [.init(reason: "FieldValueInvalid", message: error.message, field: "", line: error.line)]
            )
        }
        if format != .jsonPatch {
            guard value.objectValue != nil else {
                throw .badRequest("a merge patch is an object, not \(value.typeName)")
            }
            self = format == .mergePatch ? .merge(value) : .strategic(value)
            return
        }
        do throws(JSONPatch.Failure) {
            self = .operations(try JSONPatch(value))
        } catch {
            throw .badRequest(error.sentence)
        }
    }

    func apply(to object: JSONValue, _ key: ResourceKey) throws(StatusError) -> JSONValue {
        switch self {
        case .merge(let patch):
            return MergePatch.apply(patch, to: object)
        case .strategic(let patch):
            return StrategicMergePatch.apply(patch, to: object)
        case .operations(let patch):
            do throws(JSONPatch.Failure) {
                return try patch.apply(to: object)
            } catch {
                let path = JSONPath([.index(error.index ?? 0)])
                throw .invalid(key, [Violation(path: path, rule: "patch.does-not-apply", message: error.sentence)])
            }
        }
    }
}

extension JSONPatch.Failure {
    fileprivate var sentence: String { index.map { "operation \($0): \(message)" } ?? message }
}
