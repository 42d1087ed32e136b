internal import Yams

/// YAML text to JSON values with lines, by the YAML 1.2 core schema (`yes` is a string, `0o17` is not octal).
enum YAMLReader {
    static func documents(_ bytes: [UInt8]) throws(SyntaxError) -> [Manifest.Document] { [] }
}
