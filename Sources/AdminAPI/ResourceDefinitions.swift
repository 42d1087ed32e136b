internal import Resources
internal import Store

/// The kinds outside of core Kubernetes as CustomResourceDefinitions, read-only: newer kubectls look there for what a
/// kind can do, and people with `kubectl get crd`.
enum ResourceDefinitions {
    static let group = "apiextensions.k8s.io"
    private static let builtIn: Set<String> = ["", "discovery.k8s.io", BuiltInRoles.group]

    static let all: [JSONValue] = ResourceKind.allCases.map(\.descriptor)
        .filter { !builtIn.contains($0.group) }
        .sorted { ($0.group, $0.plural) < ($1.group, $1.plural) }
        .map(definition)

    static func named(_ name: String) -> JSONValue? {
        all.first { $0.at("metadata", "name")?.stringValue == name }
    }

    private static func definition(_ descriptor: KindDescriptor) -> JSONValue {
        var names: JSONObject = [
            "plural": .string(descriptor.plural), "singular": .string(descriptor.singular),
            "kind": .string(descriptor.kind.rawValue), "listKind": .string("\(descriptor.kind.rawValue)List"),
        ]
        if !descriptor.shortNames.isEmpty { names["shortNames"] = .array(descriptor.shortNames.map { .string($0) }) }
        if !descriptor.categories.isEmpty { names["categories"] = .array(descriptor.categories.map { .string($0) }) }
        let versions = descriptor.versions.enumerated().map { index, version -> JSONValue in
            var object: JSONObject = ["name": .string(version), "served": true, "storage": .bool(index == 0)]
            object["schema"] = [
                "openAPIV3Schema": ["type": "object", "x-kubernetes-preserve-unknown-fields": true]
            ]
            if descriptor.hasStatus { object["subresources"] = ["status": [:]] }
            object["additionalPrinterColumns"] = .array(
                descriptor.columns.filter { $0.path.hasPrefix(".") && $0.name != "Name" }.map { column in
                    ["name": .string(column.name), "type": .string(column.type), "jsonPath": .string(column.path)]
                }
            )
            return .object(object)
        }
        let name = "\(descriptor.plural).\(descriptor.group)"
        return [
            "apiVersion": .string("\(group)/v1"), "kind": "CustomResourceDefinition",
            "metadata": [
                "name": .string(name), "uid": .string(name), "resourceVersion": "1",
                "creationTimestamp": "1970-01-01T00:00:00Z",
            ],
            "spec": [
                "group": .string(descriptor.group), "names": .object(names),
                "scope": descriptor.isNamespaced ? "Namespaced" : "Cluster", "versions": .array(versions),
            ],
            "status": [
                "acceptedNames": .object(names), "storedVersions": [.string(descriptor.storageVersion)],
                "conditions": [
                    condition("NamesAccepted", "NoConflicts", "no conflicts found"),
                    condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
                ],
            ],
        ]
    }

    private static func condition(_ type: String, _ reason: String, _ message: String) -> JSONValue {
        [
            "type": .string(type), "status": "True", "reason": .string(reason), "message": .string(message),
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        ]
    }
}

extension AdminRouter {
    func definitions(_ call: Call) throws(StatusError) -> AdminResponse {
        let selector = try call.query["labelSelector"].map { text throws(StatusError) in
            try LabelSelector(query: text)
        }
        let wanted = call.query["fieldSelector"].flatMap { $0.split(separator: "=").last.map(String.init) }
        // Definitions have no labels.
        let items = ResourceDefinitions.all.filter { item in
            (selector?.matches({ _ in nil }) ?? true)
                && (wanted == nil || item.at("metadata", "name")?.stringValue == wanted)
        }
        return try Self.list(items).response(call)
    }

    func definition(_ call: Call) throws(StatusError) -> AdminResponse {
        guard let item = ResourceDefinitions.named(call.name) else {
            throw .notFound(
                "customresourcedefinitions.\(ResourceDefinitions.group) \"\(call.name.prefix(253))\" not found"
            )
        }
        switch try call.representation() {
        case .table(let version): return .json(Self.list([item]).table(version))
        case .yaml: return .yaml(item)
        case .json, .metadataOnly: return .json(item, isPretty: call.isPretty)
        }
    }

    private static func list(_ items: [JSONValue]) -> ComputedList {
        ComputedList(
            kind: "CustomResourceDefinition",
            apiVersion: "\(ResourceDefinitions.group)/v1",
            columns: [.init(name: "Name"), .init(name: "Created At", format: "date")],
            items: items.map { item in
                (item, [item.at("metadata", "name") ?? "", item.at("metadata", "creationTimestamp") ?? ""])
            },
            metadata: ["resourceVersion": "1"]
        )
    }
}
