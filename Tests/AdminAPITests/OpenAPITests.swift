import AdminAPI
import Foundation
import Resources
import Store
import Testing

/// `openapi.yaml` and the router, in both directions.
@Suite struct OpenAPITests {
    static let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "openapi.yaml")

    static func document() throws -> JSONValue {
        let documents = try Manifest.documents(Array(Data(contentsOf: file)), .yaml)
        return try #require(documents.first).value
    }

    /// Set GATEHOUSE_REWRITE to write the file anew; the difference is then reviewed.
    @Test func `the file describes what the router serves`() throws {
        let version = try Self.document().at("info", "version")?.stringValue ?? ""
        if ProcessInfo.processInfo.environment["GATEHOUSE_REWRITE"] != nil {
            try OpenAPIDocument.yaml(version: version).write(to: Self.file, atomically: true, encoding: .utf8)
        }
        let served = OpenAPIDocument.document(version: version)
        let written = try Self.document()
        for key in ["openapi", "info", "paths", "components"] {
            let isSame = try #require(written[key]).isEquivalent(to: try #require(served[key]))
            #expect(isSame, "\(key) differs: run the tests with GATEHOUSE_REWRITE=1 and review openapi.yaml")
        }
    }

    @Test func `the router answers every operation of the file, and no other method`() async throws {
        let fixture = try await APIFixture()
        let methods = ["get", "post", "put", "patch", "delete"]
        for (template, item) in try #require(Self.document()["paths"]?.objectValue) {
            let path = template.replacing("{version}", with: version(of: item))
                .replacing("{group}", with: "gatehouse.io").replacing("{namespace}", with: "default").replacing(
                    "{name}",
                    with: "nothing-here"
                )
            for method in methods {
                let answer = await fixture.send(method.uppercased(), path + "?dryRun=All", "not an object")
                let isDocumented = item[method] != nil
                #expect((answer.status != 405) == isDocumented, "\(method) \(path): \(answer.status)")
                let isUnknown = answer.message == "the server could not find the requested resource"
                #expect(!isUnknown, "\(method) \(path): \(answer.status)")
            }
        }
    }

    @Test func `every reference of the document leads somewhere`() throws {
        let document = try Self.document()
        var missing: [String] = []
        func walk(_ value: JSONValue) {
            switch value {
            case .array(let items): items.forEach(walk)
            case .object(let members):
                if let reference = members["$ref"]?.stringValue {
                    var target: JSONValue? = document
                    for key in reference.dropFirst(2).split(separator: "/") { target = target?[String(key)] }
                    if target == nil { missing.append(reference) }
                }
                for (_, member) in members { walk(member) }
            default: break
            }
        }
        walk(document)
        #expect(missing.isEmpty)
    }

    private func version(of item: JSONValue) -> String {
        let parameters = item["parameters"]?.arrayValue ?? []
        let version = parameters.first { $0["name"] == "version" }
        // The last one is the oldest: kinds with a single version have that one.
        return version?.at("schema", "enum")?[1]?.stringValue ?? version?.at("schema", "enum")?[0]?.stringValue ?? "v1"
    }
}
