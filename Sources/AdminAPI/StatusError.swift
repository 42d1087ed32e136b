internal import Resources

/// A refusal, in the words of Kubernetes: becomes a `Status` body, or RFC 9457 problem details when the client asks
/// for them.
///
/// Source: the Kubernetes API conventions; reasons and codes as kubectl understands them.
public struct StatusError: Error, Equatable, Sendable {
    /// One thing that is wrong, with its place.
    public struct Cause: Equatable, Sendable {
        /// `FieldValueInvalid`, `FieldValueRequired`, `FieldValueNotSupported`, …
        public var reason: String
        public var message: String
        /// The JSON path, `spec.http[0].route[1].weight`.
        public var field: String
        /// The line of the body, counted from 1, when the body was YAML or JSON text of the client's.
        public var line: Int?

        public init(reason: String, message: String, field: String, line: Int? = nil) {
            self.reason = reason
            self.message = message
            self.field = field
            self.line = line
        }
    }

    public var code: Int
    public var reason: String
    public var message: String
    /// The plural name of the kind, as clients print it.
    public var kind: String?
    public var group: String?
    public var name: String?
    public var uid: String?
    public var causes: [Cause]
    /// Seconds after which a retry makes sense; also sent as Retry-After.
    public var retryAfterSeconds: Int?
    /// Further fields of the response, such as Allow.
    public var headers: [String: String]

    public init(
        code: Int,
        reason: String,
        message: String,
        kind: String? = nil,
        group: String? = nil,
        name: String? = nil,
        causes: [Cause] = [],
        retryAfterSeconds: Int? = nil,
        headers: [String: String] = [:]
    ) {
        self.code = code
        self.reason = reason
        self.message = message
        self.kind = kind
        self.group = group
        self.name = name
        self.causes = causes
        self.retryAfterSeconds = retryAfterSeconds
        self.headers = headers
    }
}

extension StatusError {
    static func badRequest(_ message: String, causes: [Cause] = []) -> StatusError {
        StatusError(code: 400, reason: "BadRequest", message: message, causes: causes)
    }

    static func unauthorized(_ message: String = "Unauthorized") -> StatusError {
        StatusError(
            code: 401,
            reason: "Unauthorized",
            message: message,
            headers: ["WWW-Authenticate": "Bearer realm=\"gatehouse\""]
        )
    }

    static func forbidden(_ message: String) -> StatusError {
        StatusError(code: 403, reason: "Forbidden", message: message)
    }

    static func notFound(_ message: String = "the server could not find the requested resource") -> StatusError {
        StatusError(code: 404, reason: "NotFound", message: message)
    }

    static func methodNotAllowed(_ allowed: [String]) -> StatusError {
        StatusError(
            code: 405,
            reason: "MethodNotAllowed",
            message: "the server does not allow this method on the requested resource",
            headers: ["Allow": allowed.joined(separator: ", ")]
        )
    }

    static func notAcceptable() -> StatusError {
        StatusError(
            code: 406,
            reason: "NotAcceptable",
            message: "only the following media types are accepted: application/json, application/yaml"
        )
    }

    static func expired(_ message: String) -> StatusError {
        StatusError(code: 410, reason: "Expired", message: message)
    }

    static func tooLarge() -> StatusError {
        StatusError(
            code: 413,
            reason: "RequestEntityTooLarge",
            message: "the request body is larger than \(AdminRequest.bodyBytesMax >> 20) MiB"
        )
    }

    static func unsupportedMediaType(_ message: String) -> StatusError {
        StatusError(code: 415, reason: "UnsupportedMediaType", message: message)
    }

    static func internalError() -> StatusError {
        StatusError(
            code: 500,
            reason: "InternalError",
            message: "an internal error occurred; see the log for this request id"
        )
    }

    /// The refusal with the object it is about.
    func about(kind: String, group: String, name: String?) -> StatusError {
        var copy = self
        copy.kind = kind
        copy.group = group
        copy.name = name
        return copy
    }

    /// The Kubernetes `Status` object.
    var status: JSONValue {
        var body: JSONObject = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "reason": .string(reason),
        ]
        var details = JSONObject()
        if let name { details["name"] = .string(name) }
        if let group, !group.isEmpty { details["group"] = .string(group) }
        if let kind { details["kind"] = .string(kind) }
        if let uid { details["uid"] = .string(uid) }
        if !causes.isEmpty { details["causes"] = .array(causes.map(\.json)) }
        if let retryAfterSeconds { details["retryAfterSeconds"] = .int(Int64(retryAfterSeconds)) }
        if !details.isEmpty { body["details"] = .object(details) }
        body["code"] = .int(Int64(code))
        return .object(body)
    }

    /// Problem details, RFC 9457.
    func problem(instance: String, requestID: String) -> JSONValue {
        var body: JSONObject = [
            "type": .string("/docs/problems/\(reason.lowercased())"),
            "title": .string(reason),
            "status": .int(Int64(code)),
            "detail": .string(message),
            "instance": .string(instance),
        ]
        if !causes.isEmpty { body["causes"] = .array(causes.map(\.json)) }
        body["requestId"] = .string(requestID)
        return .object(body)
    }
}

extension StatusError.Cause {
    var json: JSONValue {
        var cause: JSONObject = [
            "reason": .string(reason), "message": .string(message), "field": .string(field),
        ]
        if let line { cause["line"] = .int(Int64(line)) }
        return .object(cause)
    }
}
