internal import Yams

/// YAML text to JSON values with lines, by the YAML 1.2 core schema: `yes` is a string, `true` is not, `~` is null.
struct YAMLReader {
    /// Aliases may repeat a node many times; a document that unfolds to more values than this is refused.
    private static let valuesMax = 500_000

    private let limits: JSONValue.Limits
    private var count = 0

    static func documents(
        _ bytes: [UInt8],
        limits: JSONValue.Limits = .init()
    ) throws(SyntaxError) -> [Manifest.Document] {
        guard bytes.count <= limits.bytesMax else {
            throw SyntaxError(message: "longer than \(limits.bytesMax) bytes", line: 1, column: 1)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw SyntaxError(message: "the text is not UTF-8", line: 1, column: 1)
        }
        var reader = YAMLReader(limits: limits)
        var documents: [Manifest.Document] = []
        let parser: Parser
        do {
            parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
        } catch {
            throw syntaxError(from: error)
        }
        while true {
            let root: Node?
            do {
                root = try parser.nextRoot()
            } catch {
                throw syntaxError(from: error)
            }
            guard let root else { return documents }
            let (value, source) = try reader.convert(root, depth: 0)
            if !value.isNull { documents.append(Manifest.Document(value: value, source: source)) }
        }
    }

    private init(limits: JSONValue.Limits) { self.limits = limits }

    private typealias Converted = (value: JSONValue, source: SourceMap)

    private mutating func convert(_ node: Node, depth: Int) throws(SyntaxError) -> Converted {
        let place = SourceMap(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
        count += 1
        guard count <= Self.valuesMax else { throw Self.failure("more than \(Self.valuesMax) values", place) }
        guard depth <= limits.depthMax else { throw Self.failure("nested deeper than \(limits.depthMax)", place) }
        switch node {
        case .scalar(let scalar):
            return (try Self.scalar(scalar, place), place)
        case .sequence(let items):
            var values: [JSONValue] = []
            var source = place
            for item in items {
                let converted = try convert(item, depth: depth + 1)
                values.append(converted.value)
                source.children.append(converted.source)
            }
            return (.array(values), source)
        case .mapping(let members):
            return try mapping(members, place, depth: depth)
        case .alias:
            throw Self.failure("unresolved alias", place)
        }
    }

    private mutating func mapping(
        _ members: Node.Mapping,
        _ place: SourceMap,
        depth: Int
    ) throws(SyntaxError) -> Converted {
        var object = JSONObject()
        var source = place
        var merged: [Converted] = []
        for (key, value) in members {
            guard case .scalar(let name) = key else { throw Self.failure("a key must be a plain word", place) }
            var member = try convert(value, depth: depth + 1)
            if name.string == "<<", name.style == .plain {
                merged.append(member)
                continue
            }
            guard object[name.string] == nil else {
                throw Self.failure("the key \"\(name.string)\" is given twice", place)
            }
            object[name.string] = member.value
            if let mark = key.mark {
                member.source.line = mark.line
                member.source.column = mark.column
            }
            source.children.append(member.source)
        }
        for extra in merged {
            guard let members = extra.value.objectValue else {
                throw Self.failure("only a mapping can be merged with <<", place)
            }
            for (index, member) in members.enumerated() where object[member.key] == nil {
                object[member.key] = member.value
                source.children.append(extra.source.children[index])
            }
        }
        return (.object(object), source)
    }

    private static func scalar(_ scalar: Node.Scalar, _ place: SourceMap) throws(SyntaxError) -> JSONValue {
        let tag = scalar.tag.rawValue
        let text = scalar.string
        switch tag {
        case "tag:yaml.org,2002:str", "!":
            return .string(text)
        case "", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:bool",
            "tag:yaml.org,2002:null":
            guard scalar.style == .plain || scalar.style == .any else { return .string(text) }
            return try plain(text, place)
        default:
            throw failure("the tag \(tag.prefix(60)) has no meaning here", place)
        }
    }

    private static func plain(_ text: String, _ place: SourceMap) throws(SyntaxError) -> JSONValue {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        case ".inf", ".Inf", ".INF", "+.inf", "-.inf", ".nan", ".NaN", ".NAN":
            throw failure("\(text) is not a number of JSON", place)
        default: break
        }
        guard let first = text.utf8.first, (48...57).contains(first) || [0x2B, 0x2D, 0x2E].contains(first) else {
            return .string(text)
        }
        return number(text) ?? .string(text)
    }

    /// Nil when the text is not a number of the core schema.
    private static func number(_ text: String) -> JSONValue? {
        if text.hasPrefix("0x"), let value = Int64(text.dropFirst(2), radix: 16) { return .int(value) }
        if text.hasPrefix("0o"), let value = Int64(text.dropFirst(2), radix: 8) { return .int(value) }
        var digits = 0
        var dots = 0
        var exponents = 0
        var previous: UInt8 = 0
        for (index, byte) in text.utf8.enumerated() {
            switch byte {
            case 48...57: digits += 1
            case 0x2E where dots == 0 && exponents == 0: dots += 1
            case 0x65 where digits > 0 && exponents == 0, 0x45 where digits > 0 && exponents == 0: exponents += 1
            case 0x2B, 0x2D:
                guard index == 0 || previous | 0x20 == 0x65 else { return nil }
            default: return nil
            }
            previous = byte
        }
        guard digits > 0, (48...57).contains(previous) || previous == 0x2E else { return nil }
        if dots == 0, exponents == 0, let value = Int64(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else { return nil }
        return .double(value)
    }

    private static func failure(_ message: String, _ place: SourceMap) -> SyntaxError {
        SyntaxError(message: message, line: place.line, column: place.column)
    }

    private static func syntaxError(from error: any Error) -> SyntaxError {
        guard let error = error as? YamlError else {
            return SyntaxError(message: "unreadable YAML", line: 1, column: 1)
        }
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let around = context.map { " (\($0.text) that starts in line \($0.mark.line))" } ?? ""
            return SyntaxError(
                message: "\(problem)\(around); check the indentation here and in the line before",
                line: mark.line,
                column: mark.column
            )
        case .reader(let problem, let offset, _, let yaml):
            let before = yaml.utf8.prefix(max(0, offset ?? 0))
            return SyntaxError(message: problem, line: before.count(where: { $0 == 0x0A }) + 1, column: 1)
        case .duplicatedKeysInMapping(let names, let context):
            return SyntaxError(
                message: "the key \"\(names.first ?? "")\" is given twice",
                line: context.mark.line,
                column: context.mark.column
            )
        default:
            return SyntaxError(message: "unreadable YAML", line: 1, column: 1)
        }
    }
}
