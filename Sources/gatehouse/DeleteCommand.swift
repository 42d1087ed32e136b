internal import ArgumentParser
internal import Foundation
internal import Resources

/// Removes objects by kind and name, or those that files name.
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "delete", abstract: "Delete resources.")

    @Argument(help: "Kind, for example virtualservice.")
    var kind: String?

    @Argument(help: "Names of objects of that kind.")
    var names: [String] = []

    @Option(name: [.customShort("f"), .customLong("filename")], help: "A file, a folder, or - for standard input.")
    var files: [String] = []

    @OptionGroup var connection: ConnectionOptions

    func validate() throws {
        if files.isEmpty, kind == nil || names.isEmpty {
            throw ValidationError("write a kind and a name (gatehouse delete virtualservice web), or -f FILE")
        }
        if !files.isEmpty, kind != nil { throw ValidationError("write either a kind and names, or -f FILE") }
    }

    func run() async throws {
        let client = try connection.client()
        var failures = 0
        for (subject, path) in try targets(client) {
            let answer = try await client.send("DELETE", path)
            if answer.isSuccess {
                print("\(subject) deleted")
            } else {
                failures += 1
                FileHandle.standardError.write(Data("\(APIClient.refusal(answer, about: subject))\n".utf8))
            }
        }
        if failures > 0 { throw ExitCode(1) }
    }

    private func targets(_ client: APIClient) throws -> [(subject: String, path: String)] {
        if let kind {
            return try names.map { name in
                ("\(kind)/\(name)", try KindPath.path(kind, namespace: client.namespace, name: name))
            }
        }
        return try ManifestFiles.documents(at: files).reversed().map { document in
            let subject = "\(document.kind.lowercased())/\(document.name)"
            guard let kind = ResourceKind(apiVersion: document.apiVersion, kind: document.kind) else {
                throw APIClient.Refused(description: "\(subject): kind not served")
            }
            let namespace = document.namespace ?? client.namespace
            return (subject, APIClient.path(kind, namespace: namespace, name: document.name))
        }
    }
}
