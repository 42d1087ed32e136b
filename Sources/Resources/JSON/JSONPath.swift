/// Where a value stands in a document: `spec.http[0].route[1].weight`.
///
/// Keys that are not plain names are written in brackets: `metadata.labels["app.kubernetes.io/name"]`. A dot in a key
/// is left as it is (`data.tls.key`), as people write it.
public struct JSONPath: Hashable, Sendable, CustomStringConvertible {
    public enum Step: Hashable, Sendable {
        case key(String)
        case index(Int)
    }

    public var steps: [Step]

    public init(_ steps: [Step] = []) { self.steps = steps }

    public static func / (path: JSONPath, key: String) -> JSONPath { JSONPath(path.steps + [.key(key)]) }

    public subscript(_ index: Int) -> JSONPath { JSONPath(steps + [.index(index)]) }

    /// True when `other` is this place or one inside it.
    public func contains(_ other: JSONPath) -> Bool { other.steps.starts(with: steps) }

    public var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .index(let index):
                text += "[\(index)]"
            case .key(let key) where Self.isPlain(key):
                text += text.isEmpty ? key : ".\(key)"
            case .key(let key):
                text += "[\"\(key)\"]"
            }
        }
        return text
    }

    /// The same text with every index as `[]` and every map key kept; the form of the tables of this room.
    public var pattern: String {
        var text = ""
        for step in steps {
            switch step {
            case .index: text += "[]"
            case .key(let key): text += text.isEmpty ? key : ".\(key)"
            }
        }
        return text
    }

    private static func isPlain(_ key: String) -> Bool {
        !key.isEmpty && key.utf8.first != 0x2E && key.utf8.last != 0x2E
            && key.utf8.allSatisfy { byte in
                (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
                    || [0x5F, 0x2D, 0x2E, 0x24, 0x40].contains(byte)
            }
    }
}

/// Line and column of every value of a parsed document, beside the value itself.
///
/// Units: both count from 1; columns count bytes for JSON and characters for YAML.
public struct SourceMap: Hashable, Sendable {
    public var line: Int
    public var column: Int
    /// In the order of the array's items or the object's members.
    public var children: [SourceMap]

    public init(line: Int, column: Int, children: [SourceMap] = []) {
        self.line = line
        self.column = column
        self.children = children
    }

    /// The line of the value at `path`, or of the nearest enclosing value that exists.
    public func line(of path: JSONPath, in document: JSONValue) -> Int {
        var map = self
        var value = document
        for step in path.steps {
            let position: Int?
            let next: JSONValue?
            switch step {
            case .key(let key):
                position = value.objectValue?.position(of: key)
                next = value[key]
            case .index(let index):
                position = index
                next = value[index]
            }
            guard let position, let next, map.children.indices.contains(position) else { return map.line }
            map = map.children[position]
            value = next
        }
        return map.line
    }
}
