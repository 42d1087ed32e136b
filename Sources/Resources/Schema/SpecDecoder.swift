/// Reads JSON into the structs of the API and collects every violation on the way.
public struct SpecDecoder {
    /// Where the value being read stands.
    public var path: JSONPath
    public private(set) var violations: [Violation] = []

    /// Enough to show what is wrong; a body of a million unknown fields does not make a million sentences.
    private static let violationsMax = 100

    public init(path: JSONPath = JSONPath()) { self.path = path }

    public mutating func violate(_ rule: String, _ message: String) {
        guard violations.count < Self.violationsMax else { return }
        violations.append(Violation(path: path, rule: rule, message: message))
    }

    public mutating func mismatch(expected: String, got: JSONValue) {
        let shown: String =
            switch got {
            case .string(let text): "the string \"\(text.prefix(40))\""
            case .int(let number): "the number \(number)"
            case .double(let number): "the number \(number)"
            case .bool(let flag): "\(flag)"
            default: got.typeName
            }
        violate("schema.type", "must be \(expected), not \(shown)")
    }

    public mutating func at<Result>(_ step: JSONPath.Step, _ body: (inout SpecDecoder) -> Result) -> Result {
        path.steps.append(step)
        defer { path.steps.removeLast() }
        return body(&self)
    }

    mutating func readMembers<Root: FieldObject>(of object: JSONObject, into root: inout Root) {
        let fields = Root.fields
        var seen = Set<Int>()
        for (key, value) in object {
            guard let position = fields.firstIndex(where: { $0.name == key || $0.aliases.contains(key) }) else {
                at(.key(key)) { $0.unknown(key, among: fields.map(\.name)) }
                continue
            }
            let field = fields[position]
            guard seen.insert(position).inserted else {
                at(.key(key)) { $0.violate("schema.duplicate-field", "\"\(field.name)\" is given twice") }
                continue
            }
            at(.key(key)) { field.read(&root, value, &$0) }
        }
        for (position, field) in fields.enumerated() where field.isRequired && !seen.contains(position) {
            at(.key(field.name)) { $0.violate("schema.required", "is required") }
        }
    }

    private mutating func unknown(_ key: String, among names: [String]) {
        let hint = Spelling.nearest(to: key, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
        violate("schema.unknown-field", "unknown field \"\(key.prefix(80))\"\(hint)")
    }
}

/// Finds the word that was probably meant.
enum Spelling {
    /// The nearest of `words` when at most a third of its letters differ; nil when nothing is near.
    static func nearest(to text: String, among words: [String]) -> String? {
        guard text.utf8.count <= 64 else { return nil }
        let wanted = Array(text.lowercased().utf8.filter { $0 != 0x5F && $0 != 0x2D })
        var best: (word: String, distance: Int)?
        for word in words {
            let distance = editDistance(wanted, Array(word.lowercased().utf8))
            if distance < best?.distance ?? Int.max { best = (word, distance) }
        }
        guard let best, best.distance <= max(1, best.word.utf8.count / 3) else { return nil }
        return best.word
    }

    private static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = x == y ? diagonal : min(diagonal, above, row[j]) + 1
                diagonal = above
            }
        }
        return row[b.count]
    }
}
