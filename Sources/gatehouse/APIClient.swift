internal import ArgumentParser
internal import Foundation
internal import Resources
internal import Serving

/// How the client commands find and address the admin API.
struct ConnectionOptions: ParsableArguments {
    @Option(help: "Kubeconfig file (default: $GATEHOUSE_KUBECONFIG, $KUBECONFIG, ~/.kube/config).")
    var kubeconfig: String?

    @Option(help: "URL of the admin API, in place of the kubeconfig's.")
    var server: String?

    @Option(help: "Bearer token, in place of the kubeconfig's.")
    var token: String?

    @Option(name: [.customShort("n"), .long], help: "Namespace of objects that name none.")
    var namespace: String?

    func client() throws -> APIClient {
        var config: Kubeconfig
        if let server, kubeconfig == nil {
            config = Kubeconfig(server: server)
        } else {
            config = try Kubeconfig.load(kubeconfig)
            if let server { config.server = server }
        }
        if let token { config.token = token }
        if let namespace { config.namespace = namespace }
        return try APIClient(config)
    }
}

/// A thin HTTP client of the admin API for the command line.
struct APIClient: Sendable {
    struct Answer: Sendable {
        var status: Int
        var headers: Serving.Headers
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var isSuccess: Bool { (200..<300).contains(status) }

        func json() throws -> JSONValue { try JSONValue(parsing: body) }
    }

    /// An answer that is not a success, in the words of its Status object.
    struct Refused: Error, CustomStringConvertible {
        var description: String
    }

    let namespace: String
    private let client: HTTPClient
    private let prefix: String
    private let authority: String
    private let token: String?

    init(_ config: Kubeconfig) throws {
        guard let url = URL(string: config.server), let host = url.host(), let scheme = url.scheme,
            scheme == "http" || scheme == "https"
        else { throw ValidationError("'\(config.server)' is not a URL such as https://127.0.0.1:9443") }
        let port = UInt16(clamping: url.port ?? (scheme == "https" ? 443 : 80))
        var options = HTTPClient.Options()
        if scheme == "https" { options.tls = ClientTLSOptions(trust: config.authority) }
        client = try HTTPClient(.host(host, port: port), options)
        prefix = url.path().hasSuffix("/") ? String(url.path().dropLast()) : url.path()
        authority = "\(host):\(port)"
        token = config.token
        namespace = config.namespace
    }

    func send(
        _ method: String,
        _ path: String,
        accept: String = "application/json",
        contentType: String = "application/json",
        headers extra: [(String, String)] = [],
        body: [UInt8] = []
    ) async throws -> Answer {
        var headers = Serving.Headers([("host", authority), ("accept", accept), ("user-agent", "gatehouse")])
        if let token { headers["authorization"] = "Bearer \(token)" }
        if !body.isEmpty { headers["content-type"] = contentType }
        for (name, value) in extra { headers[name] = value }
        do {
            let response = try await client.send(method, prefix + path, headers: headers, body: body)
            let bytes = try await response.body.collect(upTo: 256 << 20)
            return Answer(status: response.status, headers: response.headers, body: bytes)
        } catch let error as ClientError {
            throw Refused(description: "no answer from \(authority): \(error)")
        }
    }

    /// The words of a Status object, one line per cause.
    static func refusal(_ answer: Answer, about subject: String) -> Refused {
        guard let status = try? answer.json(), status["kind"]?.stringValue == "Status" else {
            return Refused(description: "\(subject): HTTP \(answer.status) \(answer.text.prefix(500))")
        }
        let reason = status["reason"]?.stringValue ?? "HTTP \(answer.status)"
        let causes = (status.at("details", "causes")?.arrayValue ?? []).map { cause in
            let line = cause["line"]?.intValue.map { "line \($0): " } ?? ""
            return "\n  \(line)\(cause["field"]?.stringValue ?? ""): \(cause["message"]?.stringValue ?? "")"
        }
        let message = causes.isEmpty ? ": \(status["message"]?.stringValue ?? "")" : ""
        return Refused(description: "\(subject): \(reason)\(message)\(causes.joined())")
    }

    /// `/apis/networking.istio.io/v1/namespaces/NS/virtualservices[/NAME]`.
    static func path(_ kind: ResourceKind, version: String? = nil, namespace: String?, name: String? = nil) -> String {
        let descriptor = kind.descriptor
        let version = version ?? descriptor.storageVersion
        var path = descriptor.group.isEmpty ? "/api/\(version)" : "/apis/\(descriptor.group)/\(version)"
        if descriptor.isNamespaced, let namespace { path += "/namespaces/\(escape(namespace))" }
        path += "/\(descriptor.plural)"
        if let name { path += "/\(escape(name))" }
        return path
    }

    static func escape(_ text: String) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~")
        return text.addingPercentEncoding(withAllowedCharacters: allowed) ?? text
    }
}
