/// One thing that is wrong with a resource, whatever else is stored.
///
/// Rule ids are stable: `gateway.servers.empty`, `schema.unknown-field`. Tests, documents and dashboards rely on them.
public struct Violation: Hashable, Sendable, CustomStringConvertible {
    /// The JSON path of the field, `spec.http[0].route[1].weight`.
    public var path: JSONPath
    public var rule: String
    /// A sentence for a person: what is wrong and, where known, what to write instead.
    public var message: String
    /// The line of the YAML or JSON body, counted from 1; nil when the body has gone through a store or a patch.
    public var line: Int?

    public init(path: JSONPath, rule: String, message: String, line: Int? = nil) {
        self.path = path
        self.rule = rule
        self.message = message
        self.line = line
    }

    public var field: String { path.description }

    public var description: String {
        let place = line.map { "line \($0): " } ?? ""
        return path.steps.isEmpty ? place + message : "\(place)\(path): \(message)"
    }
}

/// Something accepted that probably does not do what its author wants; goes out as a `Warning` header and in status.
public struct Warning: Hashable, Sendable, CustomStringConvertible {
    public var path: JSONPath
    /// Istio's code where it has one (`IST0101`), else a rule id of ours.
    public var code: String
    public var message: String

    public init(path: JSONPath, code: String, message: String) {
        self.path = path
        self.code = code
        self.message = message
    }

    public var field: String { path.description }

    public var description: String {
        path.steps.isEmpty ? "\(code): \(message)" : "\(code): \(path): \(message)"
    }
}

/// Why a document is not a resource.
public struct DecodeFailure: Error, Sendable, CustomStringConvertible {
    public enum Reason: Sendable, Equatable {
        /// Not JSON or YAML, or not an object: the whole body is unreadable (400).
        case syntax
        /// `apiVersion`/`kind` name something that is not served (404 or 422 by the caller's choice).
        case unknownKind(apiVersion: String, kind: String)
        /// Fields unknown or of the wrong type, or against the rules (422, or 400 under strict field validation).
        case invalid
    }

    public var reason: Reason
    public var violations: [Violation]

    public init(reason: Reason, violations: [Violation]) {
        self.reason = reason
        self.violations = violations
    }

    public var description: String { violations.map(\.description).joined(separator: "\n") }
}
