internal import Resources
internal import Store

extension AdminRouter {
    /// PATCH with `application/apply-patch+yaml`: states the fields that the manager wants, creates the object when
    /// it is not there, and refuses to change what another manager owns unless `force=true`.
    ///
    /// Source: Kubernetes' server-side apply.
    func applyPatch(_ kind: ResourceKind, _ call: Call) async throws -> AdminResponse {
        let apiVersion = try call.apiVersion(of: kind)
        let key = call.key(kind)
        guard call.query["fieldManager"]?.isEmpty == false else {
            throw StatusError.badRequest("fieldManager is required for apply patch")
        }
        let document = try BodyReader.documentToApply(call.request)
        for field in ["apiVersion", "kind"] where document.value[field]?.stringValue == nil {
            throw StatusError.badRequest("\(field) must be set in an apply patch")
        }
        let configuration = try BodyReader.settle(document.value, for: key, apiVersion: apiVersion)
        if let fields = configuration.at("metadata", "managedFields"), !fields.isNull, fields != .array([]) {
            throw StatusError.badRequest("metadata.managedFields must be nil")
        }
        let validation = try BodyReader.FieldValidation(call.query["fieldValidation"])
        // Faults of the configuration are found in its own text, so that they have lines.
        let decoded = try BodyReader.decode(configuration, source: document.source, validation, key: key)
        let applied = decoded.resource.json(apiVersion: apiVersion)
        let isForced = call.query.isSet("force")
        let writer = try FieldTracking(call, now: self.configuration.now()).writer("Apply", apiVersion)
        let caller = call.caller
        let context = call.writeContext(verb: "patch", isDryRun: try call.isDryRun)
        let (admission, guardian) = (self.configuration.admission, try WriteGuard(call.request))
        let outcome = try await self.configuration.store.commit(context) { current in
            try guardian.check(key, current)
            let authorizer = Authorizer(caller: caller, resources: current)
            if !current.contains(key) {
                try authorizer.require(Access("create", kind, namespace: key.namespace, name: key.name))
            }
            let action = try Self.action(applying: applied, writer, isForced: isForced, key, current, validation)
            switch action {
            case .create(let resource, _), .update(let resource, _, _): try authorizer.checkEscalation(resource)
            default: break
            }
            return try admission.admit(Change([action], ifRevision: guardian.revision), against: current)
        }
        return try await answer(outcome, call, apiVersion, warnings: decoded.warnings)
    }

    private static func action(
        applying applied: JSONValue,
        _ writer: ManagedFields.Entry,
        isForced: Bool,
        _ key: ResourceKey,
        _ current: ResourceSet,
        _ validation: BodyReader.FieldValidation
    ) throws(StatusError) -> Change.Action {
        guard let live = current[key] else {
            var fields = ManagedFields()
            let merged = fields.apply(applied, to: .object([:]), by: writer)
            var resource = try BodyReader.decode(merged, source: nil, validation, key: key).resource
            resource.metadata.managedFields = fields.json
            return .create(resource)
        }
        let before = live.json(apiVersion: writer.apiVersion)
        var fields = ManagedFields(live.metadata.managedFields)
        let conflicts = fields.conflicts(applying: applied, to: before, by: writer)
        guard conflicts.isEmpty || isForced else { throw .fieldConflict(key, conflicts) }
        let merged = fields.apply(applied, to: before, by: writer)
        var resource = try BodyReader.decode(merged, source: nil, validation, key: key).resource
        let isSame = fields == ManagedFields(live.metadata.managedFields)
        resource.metadata.managedFields = isSame ? live.metadata.managedFields : fields.json
        let version = applied.at("metadata", "resourceVersion")?.stringValue ?? ""
        let uid = applied.at("metadata", "uid")?.stringValue ?? ""
        // The version of the merged object is the one it was merged with, in this very turn.
        resource.metadata.resourceVersion = version
        return .update(
            resource,
            .init(resourceVersion: version.isEmpty ? nil : version, uid: uid.isEmpty ? nil : uid)
        )
    }
}

extension StatusError {
    /// 409 with a cause per field, in the words that kubectl explains.
    fileprivate static func fieldConflict(_ key: ResourceKey, _ conflicts: [ManagedFields.Conflict]) -> StatusError {
        let causes = conflicts.map { conflict in
            Cause(
                reason: "FieldManagerConflict",
                message: "conflict with \"\(conflict.owner.manager)\""
                    + (conflict.owner.operation == "Update" ? " using \(conflict.owner.apiVersion)" : ""),
                field: conflict.path.map { ".\($0)" }.joined()
            )
        }
        let count = causes.count == 1 ? "1 conflict" : "\(causes.count) conflicts"
        let list = causes.map { "\($0.message): \($0.field)" }.joined(separator: "; ")
        return StatusError(
            code: 409,
            reason: "Conflict",
            message: "Apply failed with \(count): \(list)",
            kind: key.kind.descriptor.plural,
            group: key.kind.descriptor.group,
            name: key.name,
            causes: causes
        )
    }
}
