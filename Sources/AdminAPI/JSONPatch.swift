internal import Resources

/// JSON Patch: a list of operations, applied in order, all or none.
///
/// Source: RFC 6902; pointers RFC 6901.
struct JSONPatch: Sendable {
    /// Why a patch is refused.
    struct Failure: Error, Equatable {
        enum Reason: Equatable {
            /// Not a patch at all (400).
            case malformed
            /// The document does not have what the patch needs (422).
            case doesNotApply
        }

        var reason: Reason
        /// The operation, counted from 0; nil when the patch is not a list.
        var index: Int?
        var message: String
    }

    enum Operation: Sendable {
        case add(Pointer, JSONValue)
        case remove(Pointer)
        case replace(Pointer, JSONValue)
        case move(from: Pointer, to: Pointer)
        case copy(from: Pointer, to: Pointer)
        case test(Pointer, JSONValue)
    }

    /// A JSON Pointer, already unescaped.
    struct Pointer: Sendable, Equatable {
        var tokens: [String]

        init?(_ text: String) {
            if text.isEmpty {
                tokens = []
                return
            }
            guard text.hasPrefix("/") else { return nil }
            tokens = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map { token in
                String(token).replacingEscapes()
            }
        }
    }

    /// The most operations in one patch, as in Kubernetes.
    static let operationsMax = 10_000

    /// `copy` can double the document each time; this bounds how many values are copied in all.
    private static let copiesMax = 1_000

    var operations: [Operation]

    init(_ json: JSONValue) throws(Failure) {
        guard let items = json.arrayValue else {
            throw Failure(
                reason: .malformed,
                index: nil,
                message: "a JSON patch is a list of operations, not \(json.typeName)"
            )
        }
        guard items.count <= Self.operationsMax else {
            throw Failure(reason: .malformed, index: nil, message: "more than \(Self.operationsMax) operations")
        }
        operations = []
        for (index, item) in items.enumerated() { operations.append(try Self.operation(item, index)) }
    }

    func apply(to document: JSONValue) throws(Failure) -> JSONValue {
        var result = document
        var copies = 0
        for (index, operation) in operations.enumerated() {
            do throws(Missing) {
                switch operation {
                case .add(let pointer, let value):
                    try Self.add(value, at: pointer.tokens[...], in: &result)
                case .remove(let pointer):
                    try Self.remove(pointer.tokens[...], in: &result)
                case .replace(let pointer, let value):
                    try Self.replace(pointer.tokens[...], with: value, in: &result)
                case .move(let from, let to):
                    if to.tokens.starts(with: from.tokens), to != from {
                        throw Missing(message: "cannot move a value into itself")
                    }
                    let value = try Self.value(at: from, in: result)
                    try Self.remove(from.tokens[...], in: &result)
                    try Self.add(value, at: to.tokens[...], in: &result)
                case .copy(let from, let to):
                    copies += 1
                    guard copies <= Self.copiesMax else { throw Missing(message: "too many copies") }
                    try Self.add(try Self.value(at: from, in: result), at: to.tokens[...], in: &result)
                case .test(let pointer, let value):
                    guard try Self.value(at: pointer, in: result).isEquivalent(to: value) else {
                        throw Missing(message: "the test failed")
                    }
                }
            } catch {
                throw Failure(reason: .doesNotApply, index: index, message: error.message)
            }
        }
        return result
    }

    private struct Missing: Error {
        var message: String
    }

    private static func operation(_ json: JSONValue, _ index: Int) throws(Failure) -> Operation {
        func fail(_ message: String) -> Failure { Failure(reason: .malformed, index: index, message: message) }
        func pointer(_ name: String) throws(Failure) -> Pointer {
            guard let text = json[name]?.stringValue, let pointer = Pointer(text) else {
                throw fail("\"\(name)\" must be a JSON pointer such as \"/spec/hosts/0\"")
            }
            return pointer
        }
        func value() throws(Failure) -> JSONValue {
            guard let value = json["value"] else { throw fail("\"value\" is required") }
            return value
        }
        switch json["op"]?.stringValue {
        case "add": return .add(try pointer("path"), try value())
        case "remove": return .remove(try pointer("path"))
        case "replace": return .replace(try pointer("path"), try value())
        case "move": return .move(from: try pointer("from"), to: try pointer("path"))
        case "copy": return .copy(from: try pointer("from"), to: try pointer("path"))
        case "test": return .test(try pointer("path"), json["value"] ?? .null)
        default: throw fail("\"op\" must be add, remove, replace, move, copy or test")
        }
    }

    private static func value(at pointer: Pointer, in document: JSONValue) throws(Missing) -> JSONValue {
        var value = document
        for token in pointer.tokens {
            switch value {
            case .object(let members):
                guard let next = members[token] else { throw Missing(message: "there is no \"\(token.prefix(80))\"") }
                value = next
            case .array(let items):
                value = items[try index(token, count: items.count)]
            default:
                throw Missing(message: "\(value.typeName) has no member \"\(token.prefix(80))\"")
            }
        }
        return value
    }

    /// An index below `count`: digits without a leading zero.
    private static func index(_ token: String, count: Int) throws(Missing) -> Int {
        let isPlain =
            !token.isEmpty && token.utf8.allSatisfy { 0x30...0x39 ~= $0 } && (token == "0" || !token.hasPrefix("0"))
        guard isPlain, let index = Int(token), index < count else {
            throw Missing(message: "there is no item \"\(token.prefix(80))\" in a list of \(count)")
        }
        return index
    }

    /// Walks to the container of the last token and edits it there.
    private static func edit(
        _ tokens: ArraySlice<String>,
        in value: inout JSONValue,
        _ change: (inout JSONValue, String) throws(Missing) -> Void
    ) throws(Missing) {
        guard let token = tokens.first else { return }
        if tokens.count == 1 {
            try change(&value, token)
            return
        }
        switch value {
        case .object(var members):
            guard var next = members[token] else { throw Missing(message: "there is no \"\(token.prefix(80))\"") }
            try edit(tokens.dropFirst(), in: &next, change)
            members[token] = next
            value = .object(members)
        case .array(var items):
            let position = try index(token, count: items.count)
            try edit(tokens.dropFirst(), in: &items[position], change)
            value = .array(items)
        default:
            throw Missing(message: "\(value.typeName) has no member \"\(token.prefix(80))\"")
        }
    }

    private static func add(_ new: JSONValue, at tokens: ArraySlice<String>, in document: inout JSONValue)
        throws(Missing)
    {
        if tokens.isEmpty {
            document = new
            return
        }
        try edit(tokens, in: &document) { (value: inout JSONValue, token: String) throws(Missing) in
            switch value {
            case .object(var members):
                members[token] = new
                value = .object(members)
            case .array(var items):
                items.insert(new, at: token == "-" ? items.count : try index(token, count: items.count + 1))
                value = .array(items)
            default:
                throw Missing(message: "\(value.typeName) cannot take a member \"\(token.prefix(80))\"")
            }
        }
    }

    private static func remove(_ tokens: ArraySlice<String>, in document: inout JSONValue) throws(Missing) {
        if tokens.isEmpty {
            document = .null
            return
        }
        try edit(tokens, in: &document) { (value: inout JSONValue, token: String) throws(Missing) in
            switch value {
            case .object(var members):
                guard members[token] != nil else { throw Missing(message: "there is no \"\(token.prefix(80))\"") }
                members[token] = nil
                value = .object(members)
            case .array(var items):
                items.remove(at: try index(token, count: items.count))
                value = .array(items)
            default:
                throw Missing(message: "\(value.typeName) has no member \"\(token.prefix(80))\"")
            }
        }
    }

    private static func replace(
        _ tokens: ArraySlice<String>,
        with new: JSONValue,
        in document: inout JSONValue
    ) throws(Missing) {
        if tokens.isEmpty {
            document = new
            return
        }
        try edit(tokens, in: &document) { (value: inout JSONValue, token: String) throws(Missing) in
            switch value {
            case .object(var members):
                guard members[token] != nil else { throw Missing(message: "there is no \"\(token.prefix(80))\"") }
                members[token] = new
                value = .object(members)
            case .array(var items):
                items[try index(token, count: items.count)] = new
                value = .array(items)
            default:
                throw Missing(message: "\(value.typeName) has no member \"\(token.prefix(80))\"")
            }
        }
    }
}

extension String {
    /// `~1` is `/`, `~0` is `~`, in this order (RFC 6901 §4).
    fileprivate func replacingEscapes() -> String {
        guard contains("~") else { return self }
        var out = ""
        var isEscaped = false
        for character in self {
            if isEscaped {
                switch character {
                case "0": out += "~"
                case "1": out += "/"
                default: out += "~\(character)"
                }
                isEscaped = false
            } else if character == "~" {
                isEscaped = true
            } else {
                out.append(character)
            }
        }
        return isEscaped ? out + "~" : out
    }
}
