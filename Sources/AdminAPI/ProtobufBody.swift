internal import Crypto
internal import Resources

/// Reads the protobuf form in which newer kubectls send objects of the kinds they were built with.
///
/// Shape: the four bytes `k8s\0`, then `Unknown { typeMeta = 1 { apiVersion = 1, kind = 2 }, raw = 2 }`. Only what such
/// clients write is covered; answers stay JSON, which they accept. Source of the field numbers: the published message
/// definitions of Kubernetes' API types.
enum ProtobufBody {
    static let mediaType = "application/vnd.kubernetes.protobuf"

    /// The object as JSON.
    /// - Throws: 400 for bytes that are not such a message, 415 for a kind that is not read in this form.
    static func object(_ bytes: [UInt8]) throws(StatusError) -> JSONValue {
        guard bytes.starts(with: [0x6B, 0x38, 0x73, 0x00]) else { throw malformed }
        let outer = try decode(bytes[4...], unknown, depth: 0)
        let type = outer["typeMeta"] ?? [:]
        guard let kind = type["kind"]?.stringValue, let version = type["apiVersion"]?.stringValue else {
            throw malformed
        }
        guard let shape = shapes[kind] else {
            throw .unsupportedMediaType("\(kind.prefix(80)) is not read as protobuf; send application/json")
        }
        guard let raw = outer["raw"]?.stringValue, let content = Crypto.Base64.decode(raw) else { throw malformed }
        var object: JSONObject = ["apiVersion": .string(version), "kind": .string(kind)]
        for (key, value) in try decode(content[...], shape, depth: 0).objectValue ?? [:] { object[key] = value }
        return .object(object)
    }

    private static let malformed = StatusError.badRequest("the body is not a Kubernetes protobuf object")

    indirect enum Shape: Sendable {
        case text, flag, number, bytes
        case intOrString
        case list(Shape)
        case map(Shape)
        case message([UInt64: (name: String, shape: Shape)])
    }

    private static let depthMax = 16

    private static func decode(_ bytes: ArraySlice<UInt8>, _ shape: Shape, depth: Int) throws(StatusError) -> JSONValue
    {
        guard case .message(let fields) = shape, depth < depthMax else { throw malformed }
        var object = JSONObject()
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            guard let (name, shape) = fields[field.number] else { continue }
            switch shape {
            case .list(let item):
                let value = try value(field, item, depth: depth)
                object[name] = .array((object[name]?.arrayValue ?? []) + [value])
            case .map(let item):
                let entry = try decode(
                    field.bytes,
                    .message([1: ("key", .text), 2: ("value", item)]),
                    depth: depth + 1
                )
                var members = object[name]?.objectValue ?? [:]
                members[entry["key"]?.stringValue ?? ""] = entry["value"] ?? ""
                object[name] = .object(members)
            case .text, .flag, .number, .bytes, .intOrString, .message:
                let value = try value(field, shape, depth: depth)
                // The message writes what is not set as empty text; JSON leaves it out.
                if value != "" { object[name] = value }
            }
        }
        return .object(object)
    }

    private static func value(_ field: ProtobufReader.Field, _ shape: Shape, depth: Int) throws(StatusError)
        -> JSONValue
    {
        switch shape {
        case .text:
            guard let text = String(validating: field.bytes, as: UTF8.self) else { throw malformed }
            return .string(text)
        case .bytes: return .string(Crypto.Base64.encode(Array(field.bytes)))
        case .flag: return .bool(field.number64 != 0)
        case .number: return .int(Int64(bitPattern: field.number64))
        case .intOrString:
            let parts = try decode(
                field.bytes,
                .message([1: ("type", .number), 2: ("number", .number), 3: ("text", .text)]),
                depth: depth + 1
            )
            return parts["type"] == 1 ? parts["text"] ?? "" : parts["number"] ?? 0
        case .list, .map: throw malformed
        case .message: return try decode(field.bytes, shape, depth: depth + 1)
        }
    }

    // MARK: The kinds

    private static let unknown = Shape.message([
        1: ("typeMeta", .message([1: ("apiVersion", .text), 2: ("kind", .text)])), 2: ("raw", .bytes),
    ])

    private static let metadata = Shape.message([
        1: ("name", .text), 2: ("generateName", .text), 3: ("namespace", .text), 5: ("uid", .text),
        6: ("resourceVersion", .text), 11: ("labels", .map(.text)), 12: ("annotations", .map(.text)),
        14: ("finalizers", .list(.text)),
    ])

    private static let rules = Shape.list(
        .message([
            1: ("verbs", .list(.text)), 2: ("apiGroups", .list(.text)), 3: ("resources", .list(.text)),
            4: ("resourceNames", .list(.text)), 5: ("nonResourceURLs", .list(.text)),
        ])
    )

    private static let binding = Shape.message([
        1: ("metadata", metadata),
        2: (
            "subjects",
            .list(.message([1: ("kind", .text), 2: ("apiGroup", .text), 3: ("name", .text), 4: ("namespace", .text)]))
        ), 3: ("roleRef", .message([1: ("apiGroup", .text), 2: ("kind", .text), 3: ("name", .text)])),
    ])

    private static let servicePort = Shape.message([
        1: ("name", .text), 2: ("protocol", .text), 3: ("port", .number), 4: ("targetPort", .intOrString),
        5: ("nodePort", .number), 6: ("appProtocol", .text),
    ])

    private static let resourceAttributes = Shape.message([
        1: ("namespace", .text), 2: ("verb", .text), 3: ("group", .text), 4: ("version", .text),
        5: ("resource", .text), 6: ("subresource", .text), 7: ("name", .text),
    ])

    private static let shapes: [String: Shape] = [
        "Namespace": .message([1: ("metadata", metadata)]),
        "Secret": .message([
            1: ("metadata", metadata), 2: ("data", .map(.bytes)), 3: ("type", .text), 4: ("stringData", .map(.text)),
            5: ("immutable", .flag),
        ]),
        "ConfigMap": .message([
            1: ("metadata", metadata), 2: ("data", .map(.text)), 3: ("binaryData", .map(.bytes)),
            4: ("immutable", .flag),
        ]),
        "ServiceAccount": .message([1: ("metadata", metadata)]),
        "Service": .message([
            1: ("metadata", metadata),
            2: (
                "spec",
                .message([
                    1: ("ports", .list(servicePort)), 2: ("selector", .map(.text)), 3: ("clusterIP", .text),
                    4: ("type", .text), 7: ("sessionAffinity", .text), 10: ("externalName", .text),
                ])
            ),
        ]),
        "Role": .message([1: ("metadata", metadata), 2: ("rules", rules)]),
        "ClusterRole": .message([1: ("metadata", metadata), 2: ("rules", rules)]), "RoleBinding": binding,
        "ClusterRoleBinding": binding,
        "SelfSubjectAccessReview": .message([
            2: (
                "spec",
                .message([
                    1: ("resourceAttributes", resourceAttributes),
                    2: ("nonResourceAttributes", .message([1: ("path", .text), 2: ("verb", .text)])),
                ])
            )
        ]), "SelfSubjectRulesReview": .message([2: ("spec", .message([1: ("namespace", .text)]))]),
        "SelfSubjectReview": .message([:]),
        "TokenRequest": .message([
            1: ("metadata", metadata),
            2: ("spec", .message([1: ("audiences", .list(.text)), 4: ("expirationSeconds", .number)])),
        ]),
    ]
}

/// The fields of one protobuf message, in order. Nothing is read beyond the end, whatever the lengths say.
struct ProtobufReader {
    struct Field {
        var number: UInt64
        /// Of a varint or a fixed number.
        var number64: UInt64 = 0
        /// Of a length-delimited field.
        var bytes: ArraySlice<UInt8> = []
    }

    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    private static let malformed = StatusError.badRequest("the body is not valid protobuf")

    /// Nil at the end.
    mutating func next() throws(StatusError) -> Field? {
        guard !rest.isEmpty else { return nil }
        let tag = try varint()
        var field = Field(number: tag >> 3)
        switch tag & 7 {
        case 0: field.number64 = try varint()
        case 1: field.bytes = try take(8)
        case 2: field.bytes = try take(try varint())
        case 5: field.bytes = try take(4)
        default: throw Self.malformed
        }
        return field
    }

    private mutating func varint() throws(StatusError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: 0, through: 63, by: 7) {
            guard let byte = rest.popFirst() else { throw Self.malformed }
            value |= UInt64(byte & 0x7F) << UInt64(shift)
            if byte < 0x80 { return value }
        }
        throw Self.malformed
    }

    private mutating func take(_ count: UInt64) throws(StatusError) -> ArraySlice<UInt8> {
        guard count <= UInt64(rest.count) else { throw Self.malformed }
        defer { rest = rest.dropFirst(Int(count)) }
        return rest.prefix(Int(count))
    }
}
