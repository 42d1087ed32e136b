internal import ArgumentParser
internal import Foundation
internal import Resources
internal import Serving

/// Creates what is not there and replaces what is, document by document, in the order of the files.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Create or change the resources of files or folders."
    )

    @Option(name: [.customShort("f"), .customLong("filename")], help: "A file, a folder, or - for standard input.")
    var files: [String]

    @Flag(help: "Let the server check everything and store nothing.")
    var dryRun = false

    @OptionGroup var connection: ConnectionOptions

    func run() async throws {
        let client = try connection.client()
        var failures = 0
        for document in try ManifestFiles.documents(at: files) {
            do {
                try await apply(document, client)
            } catch {
                failures += 1
                FileHandle.standardError.write(Data("\(document.file): \(error)\n".utf8))
            }
        }
        if failures > 0 { throw ExitCode(1) }
    }

    private func apply(_ document: ManifestFiles.Document, _ client: APIClient) async throws {
        let subject = "\(document.kind.lowercased())/\(document.name)"
        guard let kind = ResourceKind(apiVersion: document.apiVersion, kind: document.kind) else {
            throw APIClient.Refused(description: "\(subject): kind not served: \(document.apiVersion) \(document.kind)")
        }
        let version = document.apiVersion.split(separator: "/").last.map(String.init)
        let namespace = document.namespace ?? client.namespace
        let query = dryRun ? "?dryRun=All" : ""
        let item = APIClient.path(kind, version: version, namespace: namespace, name: document.name)
        let current = try await client.send("GET", item)
        let answer: APIClient.Answer
        if current.status == 404 || document.name.isEmpty {
            let list = APIClient.path(kind, version: version, namespace: namespace)
            answer = try await client.send("POST", list + query, contentType: document.contentType, body: document.body)
        } else {
            answer = try await client.send(
                "PUT",
                item + query,
                contentType: document.contentType,
                headers: [("if-match", "*")],
                body: document.body
            )
        }
        for warning in answer.headers.values(of: "warning") {
            FileHandle.standardError.write(Data("Warning: \(Self.text(ofWarning: warning))\n".utf8))
        }
        guard answer.isSuccess else { throw APIClient.refusal(answer, about: subject) }
        let before = current.isSuccess ? try current.json().at("metadata", "resourceVersion")?.stringValue : nil
        let after = try answer.json().at("metadata", "resourceVersion")?.stringValue
        let outcome = current.status == 404 ? "created" : before == after ? "unchanged" : "configured"
        print("\(subject) \(outcome)\(dryRun ? " (dry run)" : "")")
    }

    /// `299 - "text"` without its frame.
    static func text(ofWarning header: String) -> String {
        guard let first = header.firstIndex(of: "\""), let last = header.lastIndex(of: "\""), first < last else {
            return header
        }
        return header[header.index(after: first)..<last].replacingOccurrences(of: "\\\"", with: "\"")
    }
}
