extension String: FieldValue {
    public static var emptyStringIsAbsent: Bool { true }
    public static var schema: SchemaNode { .string }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> String? {
        if let text = json.stringValue { return text }
        switch json {
        case .int, .double, .bool: decoder.mismatch(expected: "a string (write it in quotes)", got: json)
        default: decoder.mismatch(expected: "a string", got: json)
        }
        return nil
    }
}

extension Bool: FieldValue {
    public static var schema: SchemaNode { .boolean }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Bool? {
        if let flag = json.boolValue { return flag }
        decoder.mismatch(expected: "true or false", got: json)
        return nil
    }
}

extension Double: FieldValue {
    public static var schema: SchemaNode { .number }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Double? {
        if let number = json.doubleValue { return number }
        decoder.mismatch(expected: "a number", got: json)
        return nil
    }
}

/// The integers of the API; a whole number written with a fraction (`80.0`) is the same number.
public protocol FieldInteger: FieldValue, FixedWidthInteger {}

extension FieldInteger {
    public static var schema: SchemaNode {
        .integer(minimum: Int64(clamping: Self.min), maximum: Int64(clamping: Self.max))
    }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Self? {
        let number: Int64
        switch json {
        case .int(let value):
            number = value
        case .double(let value):
            guard let exact = Int64(exactly: value) else {
                decoder.mismatch(expected: "a whole number", got: json)
                return nil
            }
            number = exact
        default:
            decoder.mismatch(expected: "a number\(json.stringValue == nil ? "" : " without quotes")", got: json)
            return nil
        }
        guard let value = Self(exactly: number) else {
            decoder.violate("schema.range", "must be between \(Self.min) and \(Self.max), not \(number)")
            return nil
        }
        return value
    }
}

extension Int32: FieldInteger {}
extension UInt32: FieldInteger {}
extension Int64: FieldInteger {}

extension Array: FieldValue where Element: FieldValue {
    public static var schema: SchemaNode { .list(Element.schema) }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> [Element]? {
        guard let items = json.arrayValue else {
            decoder.mismatch(expected: "a list (start the item with \"- \")", got: json)
            return nil
        }
        var result: [Element] = []
        result.reserveCapacity(items.count)
        for (index, item) in items.enumerated() {
            if let value = decoder.at(.index(index), { Element.decode(item, &$0) }) { result.append(value) }
        }
        return result
    }
}

extension Dictionary: FieldValue where Key == String, Value: FieldValue {
    public static var schema: SchemaNode { .map(Value.schema) }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> [String: Value]? {
        guard let members = json.objectValue else {
            decoder.mismatch(expected: "an object (a map of names to values)", got: json)
            return nil
        }
        var result: [String: Value] = [:]
        for (key, item) in members {
            if let value = decoder.at(.key(key), { Value.decode(item, &$0) }) { result[key] = value }
        }
        return result
    }
}

extension JSONValue: FieldValue {
    public static var schema: SchemaNode { .any }
    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> JSONValue? { json }
}

/// Bytes that travel as base64 text.
public struct Base64Data: FieldValue, Hashable {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public static var schema: SchemaNode { .bytes }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Base64Data? {
        guard let text = json.stringValue else {
            decoder.mismatch(expected: "base64 text", got: json)
            return nil
        }
        guard let bytes = Base64.decode(text) else {
            decoder.violate("schema.base64", "is not base64 (RFC 4648 §4, with padding)")
            return nil
        }
        return Base64Data(bytes)
    }
}

/// A port by number or by name (`targetPort` of a Service).
public enum IntOrString: FieldValue, Hashable {
    case int(Int32)
    case string(String)

    public static var schema: SchemaNode { .intOrString }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> IntOrString? {
        if let text = json.stringValue { return .string(text) }
        return Int32.decode(json, &decoder).map { .int($0) }
    }
}

extension Duration: FieldValue {
    public static var schema: SchemaNode { .duration }

    public static func decode(_ json: JSONValue, _ decoder: inout SpecDecoder) -> Duration? {
        guard let text = json.stringValue else {
            decoder.mismatch(expected: "a duration such as \"10s\" or \"100ms\"", got: json)
            return nil
        }
        guard let duration = Duration(apiText: text) else {
            decoder.violate(
                "schema.duration",
                "\"\(text.prefix(40))\" is not a duration; write 10s, 1.5s, 100ms or 1h30m"
            )
            return nil
        }
        return duration
    }

    /// Go's duration form: one or more decimal numbers with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`); a sign may lead.
    public init?(apiText text: String) {
        var rest = Array(text.utf8)[...]
        guard rest.count <= 40 else { return nil }
        let isNegative = rest.first == 0x2D
        if isNegative || rest.first == 0x2B { rest = rest.dropFirst() }
        guard !rest.isEmpty else { return nil }
        var nanoseconds: Double = 0
        var whole: Int64 = 0
        while !rest.isEmpty {
            let digits = rest.prefix { (48...57).contains($0) || $0 == 0x2E }
            guard !digits.isEmpty, digits.filter({ $0 == 0x2E }).count <= 1, digits.contains(where: { $0 != 0x2E }),
                let number = Double("0" + String(decoding: digits, as: UTF8.self))
            else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = String(decoding: rest.prefix { !((48...57).contains($0) || $0 == 0x2E) }, as: UTF8.self)
            rest = rest.dropFirst(unit.utf8.count)
            guard let scale = Self.unitNanoseconds[unit] else { return nil }
            if let exact = Int64(exactly: number), exact < 1 << 20 {
                whole += exact * scale
            } else {
                nanoseconds += (number * Double(scale)).rounded()
            }
        }
        guard nanoseconds < 9e18, let fraction = Int64(exactly: nanoseconds) else { return nil }
        let (sum, overflow) = whole.addingReportingOverflow(fraction)
        guard !overflow else { return nil }
        self = .nanoseconds(isNegative ? -sum : sum)
    }

    private static let unitNanoseconds: [String: Int64] = [
        "ns": 1, "us": 1000, "µs": 1000, "ms": 1_000_000, "s": 1_000_000_000, "m": 60_000_000_000,
        "h": 3_600_000_000_000,
    ]

    /// Whole nanoseconds; the API's durations fit in 64 bits.
    public var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return seconds < 0 ? .min : .max }
        return product &+ attoseconds / 1_000_000_000
    }
}
