/// Reads bodies of requests and files: JSON or YAML in, resources out.
public enum Manifest {
    public enum Format: Sendable { case json, yaml }

    /// One document of a body, before it is taken for a resource.
    public struct Document: Sendable {
        public var value: JSONValue
        public var source: SourceMap
    }

    /// What a manifest that says no namespace gets.
    public static let defaultNamespace = "default"

    /// The documents of a body. JSON has one; YAML may have several between `---` lines, empty ones are dropped.
    public static func documents(_ bytes: [UInt8], _ format: Format) throws(SyntaxError) -> [Document] {
        switch format {
        case .json:
            let (value, source) = try JSONValue.parse(bytes)
            return [Document(value: value, source: source)]
        case .yaml:
            return try YAMLReader.documents(bytes)
        }
    }

    /// JSON when the first visible character says so, else YAML.
    public static func sniff(_ bytes: [UInt8]) -> Format {
        let first = bytes.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
        return first == 0x7B || first == 0x5B ? .json : .yaml
    }
}
