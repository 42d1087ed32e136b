internal import Crypto
internal import Resources
internal import Store

extension AdminRouter {
    /// What reads show: the present, or the state of the past that the path names.
    func resources(_ call: Call) -> ResourceSet { call.snapshot ?? configuration.store.current }

    func get(_ kind: ResourceKind, _ call: Call) throws(StatusError) -> AdminResponse {
        let apiVersion = try call.apiVersion(of: kind)
        guard let resource = resources(call)[call.key(kind)] else { throw .notFound(call.key(kind)) }
        let tag = "\"\(resource.metadata.resourceVersion)\""
        if let known = call.request.header("if-none-match"), known == "*" || known.contains(tag) {
            return AdminResponse(status: 304, headers: [("ETag", tag)])
        }
        return try respond(with: resource, call, apiVersion: apiVersion)
    }

    func list(_ kind: ResourceKind, namespace: String?, _ call: Call) async throws -> AdminResponse {
        let apiVersion = try call.apiVersion(of: kind)
        let selection = try Selection(kind, namespace: kind.descriptor.isNamespaced ? namespace : nil, call.query)
        if call.query.isSet("watch") { return try await watch(selection, call, apiVersion: apiVersion) }
        let representation = try call.representation()
        let set = resources(call)
        try check(resourceVersion: call.query["resourceVersion"], call.query["resourceVersionMatch"], set)
        let page = try ListPage(selection.resources(in: set), call.query, set)
        var metadata: JSONObject = ["resourceVersion": .string(String(page.resourceVersion))]
        if let token = page.continueToken {
            metadata["continue"] = .string(token)
            metadata["remainingItemCount"] = .int(Int64(page.remaining))
        }
        var response: AdminResponse
        switch representation {
        case .table(let version):
            let table = TableForm(kind: kind, version: version, now: configuration.now())
            let content = TableForm.Content(call.query["includeObject"])
            response = .json(table.table(page.items, apiVersion: apiVersion, content, metadata: metadata))
        case .metadataOnly:
            let items = page.items.map { Self.partial($0.json(apiVersion: apiVersion), metaVersion: "v1") }
            response = .json([
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": .object(metadata),
                "items": .array(items),
            ])
        case .json, .yaml:
            let body: JSONValue = [
                "kind": .string("\(kind.rawValue)List"), "apiVersion": .string(apiVersion),
                "metadata": .object(metadata),
                "items": .array(page.items.map { $0.json(apiVersion: apiVersion) }),
            ]
            response = representation == .yaml ? .yaml(body) : .json(body, isPretty: call.isPretty)
        }
        response.setHeader("ETag", "\"\(page.resourceVersion)\"")
        response.setHeader("Gatehouse-Revision", String(set.revision))
        return response
    }

    /// A list always shows the newest state, so any version that was given out is old enough; one that was not comes
    /// from another database, and its holder has to start over.
    private func check(resourceVersion: String?, _ match: String?, _ set: ResourceSet) throws(StatusError) {
        guard let resourceVersion, !resourceVersion.isEmpty else { return }
        guard let version = UInt64(resourceVersion) else {
            throw .badRequest("invalid resourceVersion \"\(resourceVersion.prefix(40))\"")
        }
        let isServed = match == "Exact" ? version == set.resourceVersion : version <= set.resourceVersion
        guard isServed else {
            throw .expired("resource version \(version) is not available, the newest is \(set.resourceVersion)")
        }
    }
}

/// One page of a list (`limit` and `continue`).
///
/// The token holds the resourceVersion of the first page and the last name given out. Later pages show the newest
/// state of what comes after that name, under the version of the first page: a watch from there then repeats whatever
/// changed between the pages, so nothing is missed. Source: Kubernetes' "inconsistent continue" has the same shape.
struct ListPage {
    var items: [Resource]
    var resourceVersion: UInt64
    var continueToken: String?
    var remaining: Int

    /// - Throws: 400 for a bad limit or token.
    init(_ all: [Resource], _ query: QueryParameters, _ set: ResourceSet) throws(StatusError) {
        resourceVersion = set.resourceVersion
        var rest = all[...]
        if let token = query["continue"], !token.isEmpty {
            let (version, namespace, name) = try Self.parse(token)
            resourceVersion = version
            rest = rest.drop { resource in
                (resource.metadata.namespace, resource.metadata.name) <= (namespace, name)
            }
        }
        var limit = Int.max
        if let text = query["limit"], !text.isEmpty {
            guard let value = Int(text), value >= 0 else { throw .badRequest("invalid limit \"\(text.prefix(40))\"") }
            if value > 0 { limit = value }
        }
        items = Array(rest.prefix(limit))
        remaining = rest.count - items.count
        continueToken = nil
        if remaining > 0, let last = items.last {
            let text = "1\n\(resourceVersion)\n\(last.metadata.namespace)\n\(last.metadata.name)"
            continueToken = Base64.encodeURL(Array(text.utf8))
        }
    }

    private static func parse(_ token: String) throws(StatusError) -> (version: UInt64, namespace: String, name: String)
    {
        let bytes = token.utf8.count <= 1024 ? Base64.decodeURL(token) : nil
        let parts = String(decoding: bytes ?? [], as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "1", let version = UInt64(parts[1]) else {
            throw .badRequest("continue key is not valid")
        }
        return (version, parts[2], parts[3])
    }
}
