/// `status.conditions`, read and written. Source: Kubernetes' condition conventions.
public enum Conditions {
    public enum State: String, Sendable { case yes = "True", no = "False", unknown = "Unknown" }

    /// One condition as it should be.
    public struct Wanted: Sendable, Equatable {
        /// `Accepted`, `ResolvedRefs`, `Programmed`, …
        public var type: String
        public var state: State
        /// One CamelCase word.
        public var reason: String
        public var message: String

        public init(_ type: String, _ state: State, reason: String, message: String = "") {
            self.type = type
            self.state = state
            self.reason = reason
            self.message = message
        }
    }

    /// The condition of a type; nil when nobody set it.
    public static func find(_ type: String, in status: JSONValue?) -> JSONValue? {
        status?["conditions"]?.arrayValue?.first { $0["type"]?.stringValue == type }
    }

    /// `status` with one condition set; `lastTransitionTime` moves only when the state changes.
    public static func setting(
        _ wanted: Wanted,
        in status: JSONValue?,
        generation: Int64,
        now: Timestamp
    ) -> JSONValue {
        var object = status?.objectValue ?? [:]
        var list = object["conditions"]?.arrayValue ?? []
        let position = list.firstIndex { $0["type"]?.stringValue == wanted.type }
        let previous = position.map { list[$0] }
        let isSame = previous?["status"]?.stringValue == wanted.state.rawValue
        let since = isSame ? previous?["lastTransitionTime"] : nil
        var condition: JSONObject = [
            "type": .string(wanted.type), "status": .string(wanted.state.rawValue),
            "lastTransitionTime": since ?? .string(now.description), "reason": .string(wanted.reason),
            "message": .string(wanted.message),
        ]
        if generation > 0 { condition["observedGeneration"] = .int(generation) }
        if let position { list[position] = .object(condition) } else { list.append(.object(condition)) }
        object["conditions"] = .array(list)
        return .object(object)
    }
}
