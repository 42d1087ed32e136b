internal import ArgumentParser
internal import Foundation
internal import Resources

/// Shows one object with its conditions and what the analysis says about it.
struct DescribeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe",
        abstract: "Show one resource with its conditions."
    )

    @Argument(help: "Kind, for example virtualservice.")
    var kind: String

    @Argument(help: "Name of the object.")
    var name: String

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = try connection.client()
        let path = try KindPath.path(kind, namespace: client.namespace, name: name)
        let answer = try await client.send("GET", path)
        guard answer.isSuccess else { throw APIClient.refusal(answer, about: "\(kind)/\(name)") }
        let object = try answer.json()
        let metadata = object["metadata"]
        print("Name:        \(name)")
        print("Namespace:   \(metadata?["namespace"]?.stringValue ?? "")")
        print("Kind:        \(object["kind"]?.stringValue ?? "") (\(object["apiVersion"]?.stringValue ?? ""))")
        print("Created:     \(metadata?["creationTimestamp"]?.stringValue ?? "")")
        print("Generation:  \(metadata?["generation"]?.intValue ?? 0)")
        printMap("Labels", metadata?["labels"])
        printConditions(object["status"])
        let yaml = try await client.send("GET", path, accept: "application/yaml")
        let lines = yaml.text.split(separator: "\n", omittingEmptySubsequences: false)
        if let start = lines.firstIndex(where: { $0 == "spec:" }) {
            let end = lines[(start + 1)...].firstIndex { !$0.hasPrefix(" ") && !$0.hasPrefix("-") } ?? lines.endIndex
            print(lines[start..<end].joined(separator: "\n").replacing("spec:", with: "Spec:", maxReplacements: 1))
        }
    }

    private func printMap(_ title: String, _ value: JSONValue?) {
        guard let members = value?.objectValue, !members.isEmpty else { return }
        let pairs = members.map { "\($0.key)=\($0.value.stringValue ?? "")" }
        print("\(title):      \(pairs.joined(separator: ", "))")
    }

    private func printConditions(_ status: JSONValue?) {
        let conditions = status?["conditions"]?.arrayValue ?? []
        if !conditions.isEmpty { print("Conditions:") }
        for condition in conditions {
            let type = condition["type"]?.stringValue ?? ""
            let reason = condition["reason"]?.stringValue ?? ""
            let message = condition["message"]?.stringValue ?? ""
            print("  \(type)=\(condition["status"]?.stringValue ?? "")  \(reason)  \(message)")
        }
        for message in status?["validationMessages"]?.arrayValue ?? [] { print("  \(message.text(pretty: false))") }
    }
}
