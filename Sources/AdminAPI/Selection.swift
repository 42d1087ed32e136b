internal import Resources

/// Which objects a list, watch or deletion is about.
struct Selection: Sendable {
    let kind: ResourceKind
    /// Nil: all namespaces.
    let namespace: String?
    let labels: LabelSelector
    let fields: FieldSelector

    /// - Throws: 400 for a selector that does not parse, or a field that cannot be selected by.
    init(_ kind: ResourceKind, namespace: String?, _ query: QueryParameters) throws(StatusError) {
        self.kind = kind
        self.namespace = namespace
        do throws(LabelSelector.SyntaxError) {
            labels = try LabelSelector(parsing: query["labelSelector"] ?? "")
            fields = try FieldSelector(parsing: query["fieldSelector"] ?? "")
        } catch {
            throw .badRequest(error.message)
        }
        for requirement in fields.requirements where !Self.isSupported(requirement.field, kind) {
            throw .badRequest("field label not supported: \(requirement.field.prefix(80))")
        }
    }

    func matches(_ resource: Resource) -> Bool {
        guard resource.kind == kind, namespace == nil || resource.metadata.namespace == namespace else { return false }
        guard labels.matches({ resource.metadata.labels[$0] }) else { return false }
        return fields.requirements.allSatisfy { requirement in
            (Self.value(requirement.field, resource) == requirement.value) == requirement.isEqual
        }
    }

    /// All that match, ordered by namespace and name.
    func resources(in set: ResourceSet) -> [Resource] {
        if let name = fields.exactName, let namespace = namespace ?? (kind.descriptor.isNamespaced ? nil : "") {
            return set[kind, namespace: namespace, name: name].map { matches($0) ? [$0] : [] } ?? []
        }
        return set.all(kind, namespace: namespace).filter(matches)
    }

    private static func isSupported(_ field: String, _ kind: ResourceKind) -> Bool {
        switch field {
        case "metadata.name", "metadata.namespace": true
        case "type": kind == .secret || kind == .event
        case "status.phase": kind == .namespace
        case "reason", "reportingComponent", "source": kind == .event
        case let field where field.hasPrefix("involvedObject."): kind == .event
        default: false
        }
    }

    private static func value(_ field: String, _ resource: Resource) -> String {
        switch field {
        case "metadata.name": return resource.metadata.name
        case "metadata.namespace": return resource.metadata.namespace
        case "status.phase": return resource.status?["phase"]?.stringValue ?? ""
        default:
            var value: JSONValue? = .object(resource.body)
            for key in field.split(separator: ".") { value = value?[String(key)] }
            return value?.stringValue ?? ""
        }
    }
}
