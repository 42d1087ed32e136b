internal import Resources
internal import Store

extension StatusError {
    init(_ error: StoreError) {
        switch error.reason {
        case .full:
            self.init(
                code: 507,
                reason: "InsufficientStorage",
                message: "the disk is full; nothing was stored",
                retryAfterSeconds: 10
            )
        case .expired(let oldest):
            self = .expired("\(error.detail) (\(oldest))")
        case .readOnly, .unavailable, .corrupt, .wrongKey, .closed:
            self.init(
                code: 503,
                reason: "ServiceUnavailable",
                message: "the store cannot be written at the moment; nothing was stored",
                retryAfterSeconds: 5
            )
        }
    }

    init(_ error: AdmissionError) {
        switch error {
        case .alreadyExists(let key):
            self = StatusError(
                code: 409,
                reason: "AlreadyExists",
                message: "\(key.kind.resource) \"\(key.name)\" already exists"
            ).about(key)
        case .notFound(let key):
            self = .notFound(key)
        case .conflict(let key, let message):
            self = StatusError(
                code: 409,
                reason: "Conflict",
                message: "Operation cannot be fulfilled on \(key.kind.resource) \"\(key.name)\": \(message)"
            ).about(key)
        case .revisionMismatch(let wanted, let current):
            self = .preconditionFailed("the configuration is at revision \(current), not \(wanted)")
        case .forbidden(let key, let message):
            self = StatusError.forbidden("\(key.kind.resource) \"\(key.name)\" is forbidden: \(message)").about(key)
        case .invalid(let objects):
            self = .invalid(objects.map { ($0.key, $0.violations) })
        }
    }

    static func notFound(_ key: ResourceKey) -> StatusError {
        notFound("\(key.kind.resource) \"\(key.name)\" not found").about(key)
    }

    static func preconditionFailed(_ message: String) -> StatusError {
        StatusError(code: 412, reason: "PreconditionFailed", message: message)
    }

    static func invalid(_ key: ResourceKey, _ violations: [Violation]) -> StatusError { invalid([(key, violations)]) }

    /// 422 for one object or the first of several, with all causes.
    private static func invalid(_ objects: [(key: ResourceKey, violations: [Violation])]) -> StatusError {
        let violations = objects.flatMap(\.violations)
        guard let first = objects.first else { return .badRequest("the change is invalid") }
        let group = first.key.kind.descriptor.group
        let kind = group.isEmpty ? first.key.kind.rawValue : "\(first.key.kind.rawValue).\(group)"
        let sentences = violations.map(\.sentence)
        let list = sentences.count == 1 ? sentences[0] : "[\(sentences.joined(separator: ", "))]"
        return StatusError(
            code: 422,
            reason: "Invalid",
            message: "\(kind) \"\(first.key.name)\" is invalid: \(list)",
            causes: violations.map { Cause($0) }
        ).about(first.key)
    }

    func about(_ key: ResourceKey) -> StatusError {
        about(kind: key.kind.descriptor.plural, group: key.kind.descriptor.group, name: key.name)
    }
}

extension StatusError.Cause {
    /// - Parameter prefix: where the object stands in a batch, `documents[2]`.
    init(_ violation: Violation, prefix: String = "") {
        let field = violation.field
        self.init(
            reason: Self.reason(of: violation.rule),
            message: violation.message,
            field: prefix.isEmpty ? field : field.isEmpty ? prefix : "\(prefix).\(field)",
            line: violation.line
        )
    }

    private static func reason(of rule: String) -> String {
        switch rule {
        case "schema.required": "FieldValueRequired"
        case "schema.type": "FieldValueTypeInvalid"
        case "schema.enum": "FieldValueNotSupported"
        case "schema.duplicate-field": "FieldValueDuplicate"
        case let rule where rule.hasSuffix("not-supported"): "FieldValueForbidden"
        default: "FieldValueInvalid"
        }
    }
}

extension Violation {
    /// Place and cause in one line.
    var sentence: String {
        let place = field.isEmpty ? message : "\(field): \(message)"
        return line.map { "\(place) (line \($0))" } ?? place
    }
}

extension ResourceKind {
    /// `virtualservices.networking.istio.io`, as Kubernetes names resources in messages.
    var resource: String {
        descriptor.group.isEmpty ? descriptor.plural : "\(descriptor.plural).\(descriptor.group)"
    }
}
