internal import ArgumentParser
internal import Foundation
internal import Resources

/// Shows one object or a list.
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "get", abstract: "Show resources.")

    enum Output: String, ExpressibleByArgument, CaseIterable { case table, json, yaml, name }

    @Argument(help: "Kind: virtualservices, vs, gateways, gw, …; or proxies.")
    var kind: String

    @Argument(help: "Name of one object.")
    var name: String?

    @Option(name: [.customShort("o"), .long], help: "table, json, yaml or name.")
    var output = Output.table

    @Flag(name: [.customShort("A"), .customLong("all-namespaces")], help: "Objects of every namespace.")
    var everywhere = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = try connection.client()
        let path = try KindPath.path(kind, namespace: everywhere ? nil : client.namespace, name: name)
        let accept =
            switch output {
            case .table: "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
            case .yaml: "application/yaml"
            case .json, .name: "application/json"
            }
        let answer = try await client.send("GET", path, accept: accept)
        guard answer.isSuccess else {
            throw APIClient.refusal(answer, about: name.map { "\(kind)/\($0)" } ?? kind)
        }
        switch output {
        case .yaml: print(answer.text, terminator: answer.text.hasSuffix("\n") ? "" : "\n")
        case .json: print(try answer.json().text(pretty: true))
        case .name:
            let value = try answer.json()
            for item in value["items"]?.arrayValue ?? [value] {
                print("\(kind)/\(item.at("metadata", "name")?.stringValue ?? "")")
            }
        case .table: printTable(try answer.json())
        }
    }

    private func printTable(_ table: JSONValue) {
        let definitions = table["columnDefinitions"]?.arrayValue ?? []
        let shown = definitions.indices.filter { (definitions[$0]["priority"]?.intValue ?? 0) == 0 }
        var lines = [shown.map { (definitions[$0]["name"]?.stringValue ?? "").uppercased() }]
        if everywhere { lines[0].insert("NAMESPACE", at: 0) }
        for row in table["rows"]?.arrayValue ?? [] {
            var cells = shown.map { Self.text(row["cells"]?[$0] ?? .null) }
            if everywhere { cells.insert(row.at("object", "metadata", "namespace")?.stringValue ?? "", at: 0) }
            lines.append(cells)
        }
        if lines.count == 1 {
            FileHandle.standardError.write(Data("No resources found\n".utf8))
            return
        }
        let widths = lines[0].indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        for line in lines {
            let padded = zip(line, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            print(padded.joined(separator: "   ").trimmingCharacters(in: .whitespaces))
        }
    }

    private static func text(_ cell: JSONValue) -> String {
        switch cell {
        case .string(let text): text
        case .null: "<none>"
        default: cell.text(pretty: false)
        }
    }
}

/// URLs from the words of a command line.
enum KindPath {
    static func path(_ word: String, namespace: String?, name: String?) throws -> String {
        if ["proxies", "proxy"].contains(word.lowercased()) {
            return "/apis/gatehouse.io/v1/proxies" + (name.map { "/" + APIClient.escape($0) } ?? "")
        }
        guard let kind = ResourceKind(word: word) else {
            let known = ResourceKind.allCases.map(\.descriptor.plural).joined(separator: ", ")
            throw ValidationError("no kind '\(word)'; known are \(known), proxies")
        }
        return APIClient.path(kind, namespace: namespace, name: name)
    }
}
