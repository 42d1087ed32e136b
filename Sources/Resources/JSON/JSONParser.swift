/// Why text is not JSON or YAML, and where.
public struct SyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
    public var message: String
    /// Both count from 1.
    public var line: Int
    public var column: Int

    public var description: String { "line \(line), column \(column): \(message)" }
}

extension JSONValue {
    /// Limits of a document from outside.
    public struct Limits: Sendable {
        public var bytesMax: Int
        public var depthMax: Int

        public init(bytesMax: Int = 8 << 20, depthMax: Int = 64) {
            self.bytesMax = bytesMax
            self.depthMax = depthMax
        }
    }

    /// Parses one JSON text (RFC 8259); duplicate keys, trailing text and invalid UTF-8 are errors.
    public init(parsing bytes: [UInt8], limits: Limits = .init()) throws(SyntaxError) {
        var parser = JSONParser(bytes: bytes, limits: limits, recordsSource: false)
        self = try parser.document().value
    }

    public init(parsing text: String, limits: Limits = .init()) throws(SyntaxError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }

    /// The same, with line and column of every value.
    public static func parse(
        _ bytes: [UInt8],
        limits: Limits = .init()
    ) throws(SyntaxError) -> (value: JSONValue, source: SourceMap) {
        var parser = JSONParser(bytes: bytes, limits: limits, recordsSource: true)
        return try parser.document()
    }
}

/// A recursive-descent reader with a depth limit.
struct JSONParser {
    private let bytes: [UInt8]
    private let limits: JSONValue.Limits
    private let recordsSource: Bool
    private var position = 0
    private var line = 1
    private var lineStart = 0
    private var depth = 0

    init(bytes: [UInt8], limits: JSONValue.Limits, recordsSource: Bool) {
        self.bytes = bytes
        self.limits = limits
        self.recordsSource = recordsSource
    }

    mutating func document() throws(SyntaxError) -> (value: JSONValue, source: SourceMap) {
        guard bytes.count <= limits.bytesMax else { throw failure("longer than \(limits.bytesMax) bytes") }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        let result = try value()
        skipSpace()
        guard position == bytes.count else { throw failure("text after the end of the JSON value") }
        return result
    }

    private func failure(_ message: String) -> SyntaxError {
        SyntaxError(message: message, line: line, column: position - lineStart + 1)
    }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0D:
                position += 1
            case 0x0A:
                position += 1
                line += 1
                lineStart = position
            default:
                return
            }
        }
    }

    private var here: SourceMap { SourceMap(line: line, column: position - lineStart + 1) }

    private mutating func value() throws(SyntaxError) -> (value: JSONValue, source: SourceMap) {
        skipSpace()
        guard position < bytes.count else { throw failure("the text ends where a value should be") }
        let start = here
        switch bytes[position] {
        case 0x7B: return try object(start)
        case 0x5B: return try array(start)
        case 0x22: return (.string(try string()), start)
        case 0x74: return (try word("true", .bool(true)), start)
        case 0x66: return (try word("false", .bool(false)), start)
        case 0x6E: return (try word("null", .null), start)
        case 0x2D, 0x30...0x39: return (try number(), start)
        default: throw failure("unexpected character; a JSON value starts with { [ \" a digit, true, false or null")
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(SyntaxError) -> JSONValue {
        let length = text.utf8CodeUnitCount
        let matches = text.withUTF8Buffer { expected in bytes[position...].prefix(length).elementsEqual(expected) }
        guard matches else { throw failure("unknown word; did you mean \(text)?") }
        position += length
        return value
    }

    private mutating func enter() throws(SyntaxError) {
        depth += 1
        guard depth <= limits.depthMax else { throw failure("nested deeper than \(limits.depthMax)") }
        position += 1
    }

    private mutating func object(_ start: SourceMap) throws(SyntaxError) -> (value: JSONValue, source: SourceMap) {
        try enter()
        var object = JSONObject()
        var source = start
        skipSpace()
        if position < bytes.count, bytes[position] == 0x7D {
            position += 1
            depth -= 1
            return (.object(object), source)
        }
        while true {
            skipSpace()
            guard position < bytes.count, bytes[position] == 0x22 else {
                throw failure("expected a member name in quotes")
            }
            let keyPlace = here
            let key = try string()
            guard object[key] == nil else {
                throw SyntaxError(
                    message: "the member \"\(key.prefix(80))\" is given twice",
                    line: keyPlace.line,
                    column: keyPlace.column
                )
            }
            skipSpace()
            guard position < bytes.count, bytes[position] == 0x3A else { throw failure("expected : after the name") }
            position += 1
            let member = try value()
            object[key] = member.value
            if recordsSource {
                var place = member.source
                place.line = keyPlace.line
                place.column = keyPlace.column
                source.children.append(place)
            }
            if try !next(closing: 0x7D, "}") { return (.object(object), source) }
        }
    }

    private mutating func array(_ start: SourceMap) throws(SyntaxError) -> (value: JSONValue, source: SourceMap) {
        try enter()
        var items: [JSONValue] = []
        var source = start
        skipSpace()
        if position < bytes.count, bytes[position] == 0x5D {
            position += 1
            depth -= 1
            return (.array(items), source)
        }
        while true {
            let item = try value()
            items.append(item.value)
            if recordsSource { source.children.append(item.source) }
            if try !next(closing: 0x5D, "]") { return (.array(items), source) }
        }
    }

    /// After an item: true when another follows a comma, false when the container is closed.
    private mutating func next(closing: UInt8, _ mark: String) throws(SyntaxError) -> Bool {
        skipSpace()
        guard position < bytes.count else { throw failure("the text ends before \(mark)") }
        if bytes[position] == 0x2C {
            position += 1
            return true
        }
        guard bytes[position] == closing else { throw failure("expected , or \(mark)") }
        position += 1
        depth -= 1
        return false
    }

    private mutating func number() throws(SyntaxError) -> JSONValue {
        let start = position
        var isInteger = true
        if bytes[position] == 0x2D { position += 1 }
        let whole = digits()
        guard whole > 0, whole == 1 || bytes[position - whole] != 0x30 else { throw failure("not a JSON number") }
        if position < bytes.count, bytes[position] == 0x2E {
            isInteger = false
            position += 1
            guard digits() > 0 else { throw failure("digits must follow the decimal point") }
        }
        if position < bytes.count, bytes[position] | 0x20 == 0x65 {
            isInteger = false
            position += 1
            if position < bytes.count, bytes[position] == 0x2B || bytes[position] == 0x2D { position += 1 }
            guard digits() > 0 else { throw failure("digits must follow the exponent") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let exact = Int64(text) { return .int(exact) }
        guard let value = Double(text), value.isFinite else { throw failure("the number is too large") }
        return .double(value)
    }

    private mutating func digits() -> Int {
        let start = position
        while position < bytes.count, (0x30...0x39).contains(bytes[position]) { position += 1 }
        return position - start
    }

    private mutating func string() throws(SyntaxError) -> String {
        position += 1
        let start = position
        while position < bytes.count, bytes[position] != 0x22, bytes[position] != 0x5C, bytes[position] >= 0x20 {
            position += 1
        }
        guard position < bytes.count else { throw failure("the text ends inside a string") }
        if bytes[position] == 0x22 {
            let text = try utf8(bytes[start..<position])
            position += 1
            return text
        }
        var unescaped = Array(bytes[start..<position])
        while true {
            guard position < bytes.count else { throw failure("the text ends inside a string") }
            let byte = bytes[position]
            switch byte {
            case 0x22:
                let text = try utf8(unescaped[...])
                position += 1
                return text
            case 0x5C:
                position += 1
                try escape(into: &unescaped)
            case 0..<0x20:
                throw failure("a control character must be escaped in a string")
            default:
                unescaped.append(byte)
                position += 1
            }
        }
    }

    private func utf8(_ slice: ArraySlice<UInt8>) throws(SyntaxError) -> String {
        guard let text = String(validating: slice, as: UTF8.self) else { throw failure("the string is not UTF-8") }
        return text
    }

    private mutating func escape(into output: inout [UInt8]) throws(SyntaxError) {
        guard position < bytes.count else { throw failure("the text ends inside a string") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: output.append(byte)
        case 0x62: output.append(0x08)
        case 0x66: output.append(0x0C)
        case 0x6E: output.append(0x0A)
        case 0x72: output.append(0x0D)
        case 0x74: output.append(0x09)
        case 0x75:
            var scalar = try hex4()
            if (0xD800..<0xDC00).contains(scalar) {
                guard position + 1 < bytes.count, bytes[position] == 0x5C, bytes[position + 1] == 0x75 else {
                    throw failure("half of a surrogate pair")
                }
                position += 2
                let low = try hex4()
                guard (0xDC00..<0xE000).contains(low) else { throw failure("half of a surrogate pair") }
                scalar = 0x10000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let character = Unicode.Scalar(scalar) else { throw failure("half of a surrogate pair") }
            output.append(contentsOf: String(Character(character)).utf8)
        default:
            throw failure("unknown escape")
        }
    }

    private mutating func hex4() throws(SyntaxError) -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure("four hexadecimal digits must follow \\u") }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x37)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x57)
            default: throw failure("four hexadecimal digits must follow \\u")
            }
        }
        position += 4
        return value
    }
}
