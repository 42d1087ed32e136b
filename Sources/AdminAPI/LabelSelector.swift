/// Which labels an object must have: `a=b,c!=d,e in (f,g),h notin (i),j,!k`; all requirements must hold.
///
/// Source: Kubernetes, "Labels and Selectors", set-based requirements. `!=` and `notin` also match objects without
/// the key.
struct LabelSelector: Sendable, Equatable {
    enum Requirement: Sendable, Equatable {
        case isIn(key: String, values: [String])
        case isNotIn(key: String, values: [String])
        case exists(key: String)
        case isAbsent(key: String)
    }

    /// What is wrong with a selector; the text goes into a 400.
    struct SyntaxError: Error, Equatable {
        var message: String
    }

    var requirements: [Requirement] = []

    static let everything = LabelSelector()

    var isEverything: Bool { requirements.isEmpty }

    init() {}

    init(parsing text: String) throws(SyntaxError) {
        for part in try Self.split(text) {
            requirements.append(try Self.requirement(part))
        }
    }

    func matches(_ labels: (String) -> String?) -> Bool {
        requirements.allSatisfy { requirement in
            switch requirement {
            case .isIn(let key, let values): labels(key).map(values.contains) ?? false
            case .isNotIn(let key, let values): labels(key).map { !values.contains($0) } ?? true
            case .exists(let key): labels(key) != nil
            case .isAbsent(let key): labels(key) == nil
            }
        }
    }

    /// Splits at commas outside of parentheses.
    private static func split(_ text: String) throws(SyntaxError) -> [String] {
        var parts: [String] = []
        var part = ""
        var depth = 0
        for character in text {
            switch character {
            case "(": depth += 1
            case ")": depth -= 1
            default: break
            }
            guard depth == 0 || depth == 1 else {
                throw SyntaxError(message: "unable to parse the label selector: unbalanced parentheses")
            }
            if character == ",", depth == 0 {
                parts.append(part)
                part = ""
            } else {
                part.append(character)
            }
        }
        guard depth == 0 else {
            throw SyntaxError(message: "unable to parse the label selector: unbalanced parentheses")
        }
        parts.append(part)
        let trimmed = parts.map(trim)
        return trimmed == [""] ? [] : trimmed
    }

    private static func requirement(_ text: String) throws(SyntaxError) -> Requirement {
        if text.hasPrefix("!"), !text.contains("=") { return .isAbsent(key: try key(text.dropFirst())) }
        if text.hasSuffix(")"), let open = text.firstIndex(of: "(") {
            let values = text[text.index(after: open)...].dropLast().split(
                separator: ",",
                omittingEmptySubsequences: false
            )
            .map { trim(String($0)) }
            let head = text[..<open].split(separator: " ").map(String.init)
            guard head.count == 2, head[1] == "in" || head[1] == "notin" else {
                throw SyntaxError(
                    message: "unable to parse requirement '\(text)': expected KEY in (…) or KEY notin (…)"
                )
            }
            let key = try key(head[0][...])
            return head[1] == "in" ? .isIn(key: key, values: values) : .isNotIn(key: key, values: values)
        }
        guard let equals = text.firstIndex(of: "=") else { return .exists(key: try key(text[...])) }
        var value = text[text.index(after: equals)...]
        let left = text[..<equals]
        if left.hasSuffix("!") {
            return .isNotIn(key: try key(left.dropLast()), values: [trim(String(value))])
        }
        if value.hasPrefix("=") { value = value.dropFirst() }
        return .isIn(key: try key(left), values: [trim(String(value))])
    }

    /// A key: letters, digits, `-`, `_`, `.`, and one `/` after a prefix.
    private static func key(_ text: Substring) throws(SyntaxError) -> String {
        let key = trim(String(text))
        let isValid =
            !key.isEmpty && key.utf8.count <= 317
            && key.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F: true
                default: false
                }
            }
        guard isValid else {
            throw SyntaxError(message: "unable to parse the label selector: '\(key)' is no label key")
        }
        return key
    }

    private static func trim(_ text: String) -> String {
        var slice = text[...]
        while slice.first == " " { slice.removeFirst() }
        while slice.last == " " { slice.removeLast() }
        return String(slice)
    }
}

/// Which fields an object must have: `metadata.name=a,metadata.namespace!=b`.
///
/// Source: Kubernetes, "Field Selectors": `=`, `==`, `!=`; which fields exist depends on the kind and is checked by
/// the caller.
struct FieldSelector: Sendable, Equatable {
    struct Requirement: Sendable, Equatable {
        var field: String
        var value: String
        var isEqual: Bool
    }

    var requirements: [Requirement] = []

    static let everything = FieldSelector()

    init() {}

    init(parsing text: String) throws(LabelSelector.SyntaxError) {
        for part in text.split(separator: ",") {
            guard let equals = part.firstIndex(of: "=") else {
                throw LabelSelector.SyntaxError(message: "invalid field selector '\(part)': expected FIELD=VALUE")
            }
            var value = part[part.index(after: equals)...]
            var field = part[..<equals]
            let isEqual = !field.hasSuffix("!")
            if !isEqual { field = field.dropLast() }
            if value.hasPrefix("=") { value = value.dropFirst() }
            requirements.append(Requirement(field: String(field), value: String(value), isEqual: isEqual))
        }
    }

    /// The one name that the selector asks for, if it does: lets a list look up instead of scan.
    var exactName: String? {
        requirements.first { $0.field == "metadata.name" && $0.isEqual }?.value
    }
}

extension LabelSelector {
    /// The selector that a query parameter holds.
    /// - Throws: 400 in the words of the syntax error.
    init(query text: String) throws(StatusError) {
        do throws(SyntaxError) {
            self = try LabelSelector(parsing: text)
        } catch {
            throw .badRequest(error.message)
        }
    }
}
