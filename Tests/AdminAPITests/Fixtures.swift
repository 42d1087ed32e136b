import AdminAPI
import Crypto
import Foundation
import Resources
import Store

/// A router over a store in a folder of its own.
final class APIFixture: Sendable {
    static let adminToken = "correct-horse-battery-staple"
    static let now: Int64 = 1_700_000_000

    let directory: String
    let store: ResourceStore
    let router: AdminRouter

    init(publicDirectory: String? = nil) async throws {
        let url = FileManager.default.temporaryDirectory.appending(path: "gatehouse-api-\(SecureRandom.uuid())")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        directory = url.path(percentEncoded: false)
        let admission = Admission(.init(now: { Self.now }, makeUID: SecureRandom.uuid))
        store = try ResourceStore(directory: directory, now: { Self.now })
        try await store.storeDefaults(admission)
        router = AdminRouter(
            AdminConfiguration(
                store: store,
                admission: admission,
                adminTokenHash: Digest.sha256(Self.adminToken),
                publicDirectory: publicDirectory,
                version: "0.1.0",
                now: { Self.now },
                readiness: { [.init(name: "store", isReady: true)] },
                metrics: { "gatehouse_up 1\n" },
                proxies: { [Self.proxy] }
            )
        )
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private static let proxy = ProxyReport(
        name: "istio-ingressgateway",
        role: "gateway",
        address: "unix",
        revision: 1,
        isSynced: true,
        connectedAt: now - 10
    )

    /// Sends one request; through the development door unless told otherwise.
    @discardableResult
    func send(
        _ method: String,
        _ target: String,
        _ body: String = "",
        type: String? = nil,
        headers: [(name: String, value: String)] = [],
        door: AdminRequest.Door = .development
    ) async -> Answer {
        let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
        var fields = headers
        if let type { fields.append(("Content-Type", type)) }
        let request = AdminRequest(
            method: method,
            path: parts[0],
            query: parts.count > 1 ? parts[1] : "",
            headers: fields,
            body: Array(body.utf8),
            door: door
        )
        return Answer(response: await router.handle(request))
    }
}

/// An answer with its body read.
struct Answer: Sendable {
    let response: AdminResponse

    var status: Int { response.status }

    var bytes: [UInt8] {
        if case .bytes(let bytes) = response.body { bytes } else { [] }
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var json: JSONValue { (try? JSONValue(parsing: bytes)) ?? .null }
    var reason: String? { json["reason"]?.stringValue }
    var message: String { json["message"]?.stringValue ?? "" }
    var causes: [JSONValue] { json.at("details", "causes")?.arrayValue ?? [] }
    var fields: [String] { causes.compactMap { $0["field"]?.stringValue } }

    /// The objects of a watch, one per line.
    var lines: AsyncStream<JSONValue> {
        guard case .stream(let pieces) = response.body else { return AsyncStream { $0.finish() } }
        let (stream, continuation) = AsyncStream.makeStream(of: JSONValue.self)
        let task = Task {
            for await piece in pieces {
                for line in piece.split(separator: 0x0A) {
                    continuation.yield((try? JSONValue(parsing: Array(line))) ?? .null)
                }
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}

let virtualServices = "/apis/networking.istio.io/v1/namespaces/default/virtualservices"
let configMaps = "/api/v1/namespaces/default/configmaps"

let webYAML = """
    apiVersion: networking.istio.io/v1
    kind: VirtualService
    metadata:
      name: web
      labels: {app: web}
    spec:
      hosts: [web.example.com]
      http:
      - route:
        - destination: {host: web.example.com}
    """

func configMap(_ name: String, _ value: String = "1", labels: JSONObject = [:]) -> String {
    var metadata: JSONObject = ["name": .string(name)]
    if !labels.isEmpty { metadata["labels"] = .object(labels) }
    let body: JSONValue = [
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": .object(metadata), "data": ["value": .string(value)],
    ]
    return body.text()
}
