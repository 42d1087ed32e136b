/// A JSON document as it was written: member order and the difference between `1` and `1.0` survive.
///
/// Shape: integers that fit in 64 bits are `.int`; every other number is `.double`. Equality is exact, so `.int(1)` and
/// `.double(1)` differ, and objects with the same members in another order differ too (see `isEquivalent`).
public indirect enum JSONValue: Hashable, Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case double(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    public var stringValue: String? { if case .string(let text) = self { text } else { nil } }
    public var boolValue: Bool? { if case .bool(let flag) = self { flag } else { nil } }
    public var intValue: Int64? { if case .int(let number) = self { number } else { nil } }
    public var arrayValue: [JSONValue]? { if case .array(let items) = self { items } else { nil } }
    public var objectValue: JSONObject? { if case .object(let members) = self { members } else { nil } }
    public var isNull: Bool { self == .null }

    /// Any number as a double; integers beyond 2^53 lose digits.
    public var doubleValue: Double? {
        switch self {
        case .double(let number): number
        case .int(let number): Double(number)
        default: nil
        }
    }

    /// The member of an object; nil for another type or a missing key.
    public subscript(_ key: String) -> JSONValue? { objectValue?[key] }

    /// The item of an array; nil for another type or an index out of range.
    public subscript(_ index: Int) -> JSONValue? {
        guard let items = arrayValue, items.indices.contains(index) else { return nil }
        return items[index]
    }

    /// Walks keys of nested objects.
    public func at(_ keys: String...) -> JSONValue? {
        var value: JSONValue? = self
        for key in keys { value = value?[key] }
        return value
    }

    /// Equality that ignores the order of object members.
    public func isEquivalent(to other: JSONValue) -> Bool {
        switch (self, other) {
        case (.object(let mine), .object(let theirs)):
            mine.count == theirs.count
                && mine.allSatisfy { key, value in theirs[key].map { value.isEquivalent(to: $0) } ?? false }
        case (.array(let mine), .array(let theirs)):
            mine.count == theirs.count && zip(mine, theirs).allSatisfy { $0.isEquivalent(to: $1) }
        default:
            self == other
        }
    }

    /// The word an error message uses for this value's type.
    public var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .int: "an integer"
        case .double: "a number"
        case .string: "a string"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .int(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(nilLiteral: ()) { self = .null }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        var object = JSONObject()
        for (key, value) in elements { object[key] = value }
        self = .object(object)
    }
}

/// The members of a JSON object in written order; keys are unique.
public struct JSONObject: Hashable, Sendable, Sequence, ExpressibleByDictionaryLiteral {
    public typealias Element = (key: String, value: JSONValue)

    /// Up to this many members are searched one by one; more get an index.
    private static let scanMax = 16

    public private(set) var keys: [String] = []
    private var values: [JSONValue] = []
    private var index: [String: Int] = [:]

    public init() {}

    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        for (key, value) in elements { self[key] = value }
    }

    public var count: Int { keys.count }
    public var isEmpty: Bool { keys.isEmpty }

    /// Setting nil removes the member; setting a new key appends it.
    public subscript(_ key: String) -> JSONValue? {
        get { position(of: key).map { values[$0] } }
        set {
            switch (position(of: key), newValue) {
            case (let position?, let value?):
                values[position] = value
            case (let position?, nil):
                keys.remove(at: position)
                values.remove(at: position)
                reindex()
            case (nil, let value?):
                keys.append(key)
                values.append(value)
                if keys.count == Self.scanMax + 1 {
                    reindex()
                } else if keys.count > Self.scanMax {
                    index[key] = keys.count - 1
                }
            case (nil, nil):
                break
            }
        }
    }

    /// The member at a position in written order.
    public subscript(position position: Int) -> Element { (keys[position], values[position]) }

    public func position(of key: String) -> Int? {
        keys.count > Self.scanMax ? index[key] : keys.firstIndex(of: key)
    }

    public func makeIterator() -> AnyIterator<Element> {
        var next = 0
        return AnyIterator {
            guard next < keys.count else { return nil }
            defer { next += 1 }
            return (keys[next], values[next])
        }
    }

    public static func == (a: JSONObject, b: JSONObject) -> Bool { a.keys == b.keys && a.values == b.values }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(keys)
        hasher.combine(values)
    }

    private mutating func reindex() {
        index.removeAll(keepingCapacity: true)
        guard keys.count > Self.scanMax else { return }
        for (position, key) in keys.enumerated() { index[key] = position }
    }
}
