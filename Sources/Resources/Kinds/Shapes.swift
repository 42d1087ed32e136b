/// How a string is compared. Source: Istio `StringMatch`; a regular expression is RE2 and matches the whole value.
public enum StringMatch: FieldValue, Hashable {
    case exact(String)
    case prefix(String)
    case regex(String)
    /// `{}`: the value is there, whatever it is. Only in header and query maps.
    case present

    private struct Raw: FieldObject {
        var exact: String?
        var prefix: String?
        var regex: String?
        static let fields: [Field<Raw>] = [
            Field("exact", \.exact, "the whole value", keepsEmpty: true),
            Field("prefix", \.prefix, "how the value starts", keepsEmpty: true),
            Field("regex", \.regex, "an RE2 expression that matches the whole value", keepsEmpty: true),
        ]
    }

    public static var schema: SchemaNode { Raw.schema }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> StringMatch? {
        if let text = json.stringValue {
            decoder.violate("schema.type", "must be an object such as {exact: \"\(text.prefix(40))\"}, not a string")
            return nil
        }
        guard let raw = Raw.decode(json, &decoder) else { return nil }
        let set = [
            raw.exact.map { StringMatch.exact($0) }, raw.prefix.map { .prefix($0) }, raw.regex.map { .regex($0) },
        ]
        let given = set.compactMap { $0 }
        guard given.count <= 1 else {
            decoder.violate("schema.oneof", "only one of exact, prefix and regex can be set")
            return given.first
        }
        if given.isEmpty, json.objectValue?.isEmpty == false { return nil }
        return given.first ?? .present
    }
}

/// A port by its number.
public struct PortSelector: FieldObject, Hashable {
    public var number: UInt32?
    public init() {}
    public init(number: UInt32) { self.number = number }
    public static let fields: [Field<PortSelector>] = [Field("number", \.number, "1 to 65535")]
}

/// A registry host, and which of its endpoints.
public struct Destination: FieldObject, Hashable {
    public var host = ""
    public var subset: String?
    public var port: PortSelector?
    public init() {}
    public static let fields: [Field<Destination>] = [
        Field("host", \.host, "name in the registry; short names in the resource's namespace", required: true),
        Field("subset", \.subset, "subset named by a DestinationRule"),
        Field("port", \.port, "service port; may be left out when the service has one port"),
    ]
}

/// A share of traffic, 0 to 100; `0.1` is one in a thousand.
public struct Percent: FieldObject, Hashable {
    public var value: Double?
    public init() {}
    public init(value: Double) { self.value = value }
    public static let fields: [Field<Percent>] = [Field("value", \.value, "0.0 to 100.0, in steps of 0.0001")]
}

/// Changes to the headers of a request or a response.
public struct HeaderOperations: FieldObject, Hashable {
    public var set: [String: String] = [:]
    public var add: [String: String] = [:]
    public var remove: [String] = []
    public init() {}
    public static let fields: [Field<HeaderOperations>] = [
        Field("set", \.set, "overwrite"),
        Field("add", \.add, "append another line"),
        Field("remove", \.remove, "take away"),
    ]
}

/// Header changes in both directions.
public struct Headers: FieldObject, Hashable {
    public var request: HeaderOperations?
    public var response: HeaderOperations?
    public init() {}
    public static let fields: [Field<Headers>] = [
        Field("request", \.request, "before the request goes upstream"),
        Field("response", \.response, "before the response goes downstream"),
    ]
}

/// Picks workloads by label; the networking kinds' older form.
public struct WorkloadSelector: FieldObject, Hashable {
    public var labels: [String: String] = [:]
    public init() {}
    public static let fields: [Field<WorkloadSelector>] = [Field("labels", \.labels, "all must be equal")]
}

/// Picks workloads by label; the policy kinds' form.
public struct PolicyWorkloadSelector: FieldObject, Hashable {
    public var matchLabels: [String: String] = [:]
    public init() {}
    public static let fields: [Field<PolicyWorkloadSelector>] = [
        Field("matchLabels", \.matchLabels, "all must be equal")
    ]
}

/// A port with its name and protocol.
public struct Port: FieldObject, Hashable {
    public var number: UInt32 = 0
    public var `protocol`: String?
    public var name: String?
    public var targetPort: UInt32?
    public init() {}
    public static let fields: [Field<Port>] = [
        Field("number", \.number, "port number"),
        Field("protocol", \.protocol, "HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, MYSQL, REDIS, TCP or TLS"),
        Field("name", \.name, "label of the port"),
        Field("targetPort", \.targetPort, "port of the endpoints, where it differs"),
    ]
}
