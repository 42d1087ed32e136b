internal import Resources

/// Discovery in one answer instead of one per group and version, as kubectl from 1.27 on asks for it first.
///
/// Source: the media type `application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList` of Kubernetes, whose
/// parameters the answer must repeat.
struct AggregatedDiscovery {
    /// `v2` or `v2beta1`.
    private let version: String

    /// Nil unless the client prefers this form to a plain one.
    init?(accept: [String]) {
        let ranges = accept.flatMap { $0.split(separator: ",") }.map { MediaType(parsing: $0) }
        guard
            let range = ranges.first(where: { $0.parameters["as"] == "APIGroupDiscoveryList" && $0.quality > 0 }),
            range.name == "application/json", range.parameters["g"] == "apidiscovery.k8s.io",
            let version = range.parameters["v"], ["v2", "v2beta1"].contains(version)
        else { return nil }
        self.version = version
    }

    func response(isCore: Bool) -> AdminResponse {
        let groups = APIGroup.all.filter { $0.name.isEmpty == isCore }
        let body: JSONValue = [
            "kind": "APIGroupDiscoveryList", "apiVersion": .string("apidiscovery.k8s.io/\(version)"), "metadata": [:],
            "items": .array(groups.map(Self.item)),
        ]
        var response = AdminResponse.json(body)
        response.setHeader(
            "Content-Type",
            "application/json;g=apidiscovery.k8s.io;v=\(version);as=APIGroupDiscoveryList"
        )
        return response
    }

    private static func item(_ group: APIGroup) -> JSONValue {
        var metadata: JSONObject = ["creationTimestamp": .null]
        if !group.name.isEmpty { metadata["name"] = .string(group.name) }
        let versions = group.versions.map { version -> JSONValue in
            let listed = Discovery.kinds(group: group.name, version: version)?["resources"]?.arrayValue ?? []
            return [
                "version": .string(version), "freshness": "Current",
                "resources": .array(resources(listed, group: group.name, version: version)),
            ]
        }
        return ["metadata": .object(metadata), "versions": .array(versions)]
    }

    /// The flat list, with `name/subresource` below `name`.
    private static func resources(_ listed: [JSONValue], group: String, version: String) -> [JSONValue] {
        listed.compactMap { entry in
            guard let name = entry["name"]?.stringValue, !name.contains("/") else { return nil }
            let below = listed.compactMap { other -> JSONValue? in
                guard let full = other["name"]?.stringValue, full.hasPrefix("\(name)/") else { return nil }
                return [
                    "subresource": .string(String(full.dropFirst(name.count + 1))),
                    "responseKind": kind(other, group: group, version: version), "verbs": other["verbs"] ?? [],
                ]
            }
            var object: JSONObject = [
                "resource": .string(name), "responseKind": kind(entry, group: group, version: version),
                "scope": entry["namespaced"] == true ? "Namespaced" : "Cluster",
                "singularResource": entry["singularName"] ?? "", "verbs": entry["verbs"] ?? [],
            ]
            for key in ["shortNames", "categories"] { object[key] = entry[key] }
            if !below.isEmpty { object["subresources"] = .array(below) }
            return .object(object)
        }
    }

    private static func kind(_ entry: JSONValue, group: String, version: String) -> JSONValue {
        [
            "group": entry["group"] ?? .string(group), "version": entry["version"] ?? .string(version),
            "kind": entry["kind"] ?? "",
        ]
    }
}
