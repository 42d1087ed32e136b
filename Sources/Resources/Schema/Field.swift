/// One member of an object of the API: its name, meaning, type, and how it gets into the struct.
///
/// The table of a type's fields is the only place that names them; strict decoding and the published schema both read
/// it.
public struct Field<Root>: Sendable {
    public let name: String
    /// Old spellings that are still accepted (`mirror_percent`).
    public let aliases: [String]
    public let doc: String
    public let isRequired: Bool
    let read: @Sendable (inout Root, JSONValue, inout SpecDecoder) -> Void
    let node: @Sendable () -> SchemaNode

    public init<Value: FieldValue>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value> & Sendable,
        _ doc: String,
        required: Bool = false,
        aliases: [String] = []
    ) {
        self.name = name
        self.aliases = aliases
        self.doc = doc
        isRequired = required
        node = { Value.schema }
        read = { root, json, decoder in
            if json.isNull, !required { return }
            if let value = Value.decode(json, &decoder) { root[keyPath: path] = value }
        }
    }

    /// - Parameter keepsEmpty: an empty string counts as present; by default it means "not set", as in proto3.
    public init<Value: FieldValue>(
        _ name: String,
        _ path: any WritableKeyPath<Root, Value?> & Sendable,
        _ doc: String,
        required: Bool = false,
        aliases: [String] = [],
        keepsEmpty: Bool = false
    ) {
        self.name = name
        self.aliases = aliases
        self.doc = doc
        isRequired = required
        node = { Value.schema }
        read = { root, json, decoder in
            if json.isNull, !required { return }
            if !keepsEmpty, Value.emptyStringIsAbsent, json == .string("") { return }
            if let value = Value.decode(json, &decoder) { root[keyPath: path] = value }
        }
    }
}

extension Field {
    private init(
        name: String,
        aliases: [String],
        doc: String,
        isRequired: Bool,
        node: @escaping @Sendable () -> SchemaNode,
        read: @escaping @Sendable (inout Root, JSONValue, inout SpecDecoder) -> Void
    ) {
        self.name = name
        self.aliases = aliases
        self.doc = doc
        self.isRequired = isRequired
        self.node = node
        self.read = read
    }

    /// The same member of an object that embeds this one: `path` leads to where the value is kept.
    func lifted<Outer>(through path: any WritableKeyPath<Outer, Root> & Sendable) -> Field<Outer> {
        let read = read
        return Field<Outer>(name: name, aliases: aliases, doc: doc, isRequired: isRequired, node: node) {
            outer,
            json,
            decoder in
            read(&outer[keyPath: path], json, &decoder)
        }
    }
}

/// A type that a member of an object can have.
public protocol FieldValue: Sendable {
    /// Nil after recording a violation.
    static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Self?
    static var schema: SchemaNode { get }
    static var emptyStringIsAbsent: Bool { get }
}

extension FieldValue {
    public static var emptyStringIsAbsent: Bool { false }
}

/// An object of the API with a table of fields.
public protocol FieldObject: FieldValue, Equatable {
    init()
    static var fields: [Field<Self>] { get }
}

extension FieldObject {
    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Self? {
        guard let object = json.objectValue else {
            decoder.mismatch(expected: "an object", got: json)
            return nil
        }
        var result = Self()
        decoder.readMembers(of: object, into: &result)
        return result
    }

    public static var schema: SchemaNode {
        .object(
            name: "\(Self.self)",
            fields: fields.map { SchemaField(name: $0.name, doc: $0.doc, isRequired: $0.isRequired, node: $0.node()) }
        )
    }
}

/// An enumeration whose raw values are the words of the API.
public protocol FieldEnum: FieldValue, RawRepresentable, CaseIterable, Equatable where RawValue == String {}

extension FieldEnum {
    public static var emptyStringIsAbsent: Bool { true }
    public static var schema: SchemaNode { .enumeration(allCases.map(\.rawValue)) }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Self? {
        guard let text = json.stringValue else {
            decoder.mismatch(expected: "one of \(allCases.map(\.rawValue).joined(separator: ", "))", got: json)
            return nil
        }
        if let value = Self(rawValue: text) { return value }
        let words = allCases.map(\.rawValue)
        let hint = Spelling.nearest(to: text, among: words).map { "; did you mean \"\($0)\"?" } ?? ""
        decoder.violate(
            "schema.enum",
            "\"\(text)\" is not one of \(words.joined(separator: ", "))\(hint)"
        )
        return nil
    }
}

/// The published shape of a field, source of the OpenAPI documents.
public indirect enum SchemaNode: Sendable, Equatable {
    case string
    case boolean
    case integer(minimum: Int64, maximum: Int64)
    case number
    /// A Go-style duration, `1.5s`, `100ms`, `1h`.
    case duration
    /// Base64 (RFC 4648 §4).
    case bytes
    case intOrString
    case enumeration([String])
    case list(SchemaNode)
    case map(SchemaNode)
    case object(name: String, fields: [SchemaField])
    /// Any JSON, kept as written.
    case any
}

/// One row of an object's published shape.
public struct SchemaField: Sendable, Equatable {
    public var name: String
    public var doc: String
    public var isRequired: Bool
    public var node: SchemaNode
}
