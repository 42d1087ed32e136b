internal import Foundation
internal import Resources
internal import Yams

/// The documents of files and folders named with `-f`, each kept as its own text.
///
/// A document is sent with as many empty lines before it as stand above it in its file, so that the line numbers of the
/// server's errors are those of the file.
enum ManifestFiles {
    struct Document {
        var file: String
        var body: [UInt8]
        var contentType: String
        var apiVersion: String
        var kind: String
        var namespace: String?
        var name: String
    }

    struct Unreadable: Error, CustomStringConvertible {
        var description: String
    }

    static func documents(at paths: [String]) throws -> [Document] {
        var found: [Document] = []
        for path in try paths.flatMap(files) {
            let text =
                path == "-"
                ? String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
                : try String(contentsOfFile: path, encoding: .utf8)
            for piece in pieces(text) { found += try documents(in: piece, file: path) }
        }
        // Namespaces first, so that one folder can bring its own.
        return found.filter { $0.kind == "Namespace" } + found.filter { $0.kind != "Namespace" }
    }

    private static func files(_ path: String) throws -> [String] {
        if path == "-" { return [path] }
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw Unreadable(description: "\(path): no such file or folder")
        }
        guard isFolder.boolValue else { return [path] }
        return try FileManager.default.contentsOfDirectory(atPath: path).sorted()
            .filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") || $0.hasSuffix(".json") }
            .map { path + "/" + $0 }
    }

    private static func pieces(_ text: String) -> [String] {
        var pieces: [String] = []
        var piece = ""
        var linesAbove = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line == "---" || line.hasPrefix("--- ") {
                pieces.append(piece)
                piece = String(repeating: "\n", count: linesAbove + 1)
            } else {
                piece += line + "\n"
            }
            linesAbove += 1
        }
        pieces.append(piece)
        return pieces.filter { piece in
            piece.split(separator: "\n").contains { !$0.allSatisfy(\.isWhitespace) && !$0.hasPrefix("#") }
        }
    }

    private static func documents(in text: String, file: String) throws -> [Document] {
        let value: Any?
        do { value = try Yams.load(yaml: text) } catch { throw Unreadable(description: "\(file): \(error)") }
        guard let object = value as? [String: Any] else {
            throw Unreadable(description: "\(file): a document is not an object with apiVersion and kind")
        }
        guard let kind = object["kind"] as? String, let version = object["apiVersion"] as? String else {
            throw Unreadable(description: "\(file): a document has no apiVersion or no kind")
        }
        if kind.hasSuffix("List"), let items = object["items"] as? [[String: Any]] {
            return try items.map { try item($0, file: file) }
        }
        return [document(object, version, kind, Array(text.utf8), "application/yaml", file)]
    }

    private static func item(_ object: [String: Any], file: String) throws -> Document {
        guard let kind = object["kind"] as? String, let version = object["apiVersion"] as? String else {
            throw Unreadable(description: "\(file): an item has no apiVersion or no kind")
        }
        let body = try JSONSerialization.data(withJSONObject: object)
        return document(object, version, kind, Array(body), "application/json", file)
    }

    private static func document(
        _ object: [String: Any],
        _ version: String,
        _ kind: String,
        _ body: [UInt8],
        _ type: String,
        _ file: String
    ) -> Document {
        let metadata = object["metadata"] as? [String: Any]
        return Document(
            file: file,
            body: body,
            contentType: type,
            apiVersion: version,
            kind: kind,
            namespace: metadata?["namespace"] as? String,
            name: metadata?["name"] as? String ?? ""
        )
    }
}
