internal import Crypto
internal import Resources

/// The Table form of objects: what `kubectl get` prints. Source: what kubectl asks for.
struct TableForm {
    /// What each row carries beside its cells (`includeObject`).
    enum Content {
        case none, metadata, object

        init(_ text: String?) {
            switch text {
            case "None": self = .none
            case "Object": self = .object
            default: self = .metadata
            }
        }
    }

    let kind: ResourceKind
    /// `v1` or `v1beta1` of meta.k8s.io.
    let version: String
    /// Seconds since 1970.
    let now: Int64

    /// A whole table.
    /// - Parameter withColumns: watch events after the first leave them out.
    func table(
        _ resources: [Resource],
        apiVersion: String,
        _ content: Content,
        metadata: JSONObject,
        withColumns: Bool = true
    ) -> JSONValue {
        var body: JSONObject = [
            "kind": "Table", "apiVersion": .string("meta.k8s.io/\(version)"), "metadata": .object(metadata),
        ]
        body["columnDefinitions"] = withColumns ? .array(columns) : .array([])
        body["rows"] = .array(resources.map { row($0, apiVersion: apiVersion, content) })
        return .object(body)
    }

    private var columns: [JSONValue] {
        kind.descriptor.columns.map { column in
            [
                "name": .string(column.name), "type": .string(column.type),
                "format": column.path == ".metadata.name" ? "name" : "",
                "description": .string("from \(column.path)"), "priority": .int(Int64(column.priority)),
            ]
        }
    }

    private func row(_ resource: Resource, apiVersion: String, _ content: Content) -> JSONValue {
        let object = resource.json(apiVersion: apiVersion)
        var row: JSONObject = ["cells": .array(kind.descriptor.columns.map { cell($0, object, resource) })]
        switch content {
        case .none: break
        case .metadata: row["object"] = AdminRouter.partial(object, metaVersion: version)
        case .object: row["object"] = object
        }
        return .object(row)
    }

    private func cell(_ column: KindDescriptor.Column, _ object: JSONValue, _ resource: Resource) -> JSONValue {
        if column.path.hasPrefix("@") { return computed(column.path, object, resource) }
        guard let value = value(at: column.path, in: object) else { return "" }
        switch value {
        case .array, .object:
            return .string(value.text())
        case .string(let text) where column.type == "date":
            guard let time = Timestamp(text) else { return .string("<unknown>") }
            return .string(Age.text(seconds: now - time.secondsSinceEpoch))
        default:
            return value
        }
    }

    private func value(at path: String, in object: JSONValue) -> JSONValue? {
        var value: JSONValue? = object
        for key in path.split(separator: ".") { value = value?[String(key)] }
        return value
    }

    private func computed(_ path: String, _ object: JSONValue, _ resource: Resource) -> JSONValue {
        let parts = path.dropFirst().split(separator: ".", maxSplits: 1).map(String.init)
        switch (parts[0], parts.count > 1 ? parts[1] : "") {
        case ("condition", let type):
            let conditions = resource.status?["conditions"]?.arrayValue ?? []
            return conditions.first { $0["type"]?.stringValue == type }?["status"] ?? "Unknown"
        case ("count", let key):
            return .int(Int64(resource.body[key]?.objectValue?.count ?? 0))
        case ("secret", let fact):
            return .string(secretFact(fact, resource))
        case ("service", _):
            return .string(servicePorts(object))
        case ("endpoints", _):
            return .string(addresses(resource))
        default:
            return ""
        }
    }

    /// The subject or expiry of the leaf certificate; never anything of the key.
    private func secretFact(_ fact: String, _ resource: Resource) -> String {
        guard case .secret(let spec) = resource.spec, let chain = spec.certificateChain,
            let leaf = Self.leaf(chain)
        else { return "" }
        switch fact {
        case "subject": return leaf.subject
        case "expires":
            let seconds = leaf.notAfter - now
            return seconds < 0 ? "expired" : Age.text(seconds: seconds)
        default: return ""
        }
    }

    private static func leaf(_ chain: [UInt8]) -> Certificate? {
        do {
            return try Certificate.chain(pem: String(decoding: chain, as: UTF8.self)).first
        } catch {
            return nil
        }
    }

    private func servicePorts(_ object: JSONValue) -> String {
        let ports = object.at("spec", "ports")?.arrayValue ?? []
        let texts = ports.map { port in
            "\(port["port"]?.intValue ?? 0)/\(port["protocol"]?.stringValue ?? "TCP")"
        }
        return texts.isEmpty ? "<none>" : texts.joined(separator: ",")
    }

    /// The first three addresses with their ports, then how many more.
    private func addresses(_ resource: Resource) -> String {
        var texts: [String] = []
        for subset in resource.body["subsets"]?.arrayValue ?? [] {
            let ports = (subset["ports"]?.arrayValue ?? []).compactMap { $0["port"]?.intValue }
            for address in subset["addresses"]?.arrayValue ?? [] {
                guard let ip = address["ip"]?.stringValue else { continue }
                texts += ports.isEmpty ? [ip] : ports.map { "\(ip):\($0)" }
            }
        }
        for endpoint in resource.body["endpoints"]?.arrayValue ?? [] {
            texts += (endpoint["addresses"]?.arrayValue ?? []).compactMap(\.stringValue)
        }
        guard !texts.isEmpty else { return "<none>" }
        let shown = texts.prefix(3).joined(separator: ",")
        return texts.count > 3 ? "\(shown) + \(texts.count - 3) more..." : shown
    }
}
