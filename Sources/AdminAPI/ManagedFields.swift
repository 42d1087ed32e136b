internal import Resources

/// Who wrote which fields of an object (`metadata.managedFields`), and what follows from it for the next write.
///
/// Source: Kubernetes' server-side apply. An *Update* owns what it changed; an *Apply* owns what it states, and gives
/// up what it no longer states.
struct ManagedFields: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var manager: String
        /// `Apply` or `Update`.
        var operation: String
        var apiVersion: String
        /// RFC 3339, when the set last changed.
        var time: String
        var fields: FieldSet
        /// `status`, or empty.
        var subresource: String

        /// The same writer in the same way.
        func isSameWriter(as other: Entry) -> Bool {
            manager == other.manager && operation == other.operation && subresource == other.subresource
        }
    }

    /// More writers than this are not told apart: the oldest entries go. Source: Kubernetes caps Updates at 10.
    private static let updatesMax = 10

    private(set) var entries: [Entry] = []

    init() {}

    /// What a client or the store holds. An entry that is no entry (`{}`) stands for nothing, as in Kubernetes, where
    /// `[{}]` clears the list.
    init(_ json: JSONValue?) {
        entries = (json?.arrayValue ?? []).compactMap { item in
            guard let manager = item["manager"]?.stringValue, let operation = item["operation"]?.stringValue,
                operation == "Apply" || operation == "Update"
            else { return nil }
            let fields = FieldSet(fieldsV1: item["fieldsV1"] ?? .null)
            guard !fields.isEmpty else { return nil }
            return Entry(
                manager: manager,
                operation: operation,
                apiVersion: item["apiVersion"]?.stringValue ?? "",
                time: item["time"]?.stringValue ?? "",
                fields: fields,
                subresource: item["subresource"]?.stringValue ?? ""
            )
        }
    }

    /// Nil when nobody owns anything.
    var json: JSONValue? {
        guard !entries.isEmpty else { return nil }
        return .array(
            entries.map { entry in
                var object: JSONObject = [
                    "manager": .string(entry.manager), "operation": .string(entry.operation),
                    "apiVersion": .string(entry.apiVersion),
                ]
                if !entry.time.isEmpty { object["time"] = .string(entry.time) }
                object["fieldsType"] = "FieldsV1"
                object["fieldsV1"] = entry.fields.fieldsV1
                if !entry.subresource.isEmpty { object["subresource"] = .string(entry.subresource) }
                return .object(object)
            }
        )
    }

    // MARK: Update

    /// After a create, replace or patch: the writer owns what differs from before, and nobody owns what is gone.
    mutating func update(from live: JSONValue?, to new: JSONValue, by writer: Entry) {
        let before = live.map { FieldSet(of: $0) } ?? FieldSet()
        let after = FieldSet(of: new)
        let changed = after.filter { path in
            guard let old = live?.value(at: path), let value = new.value(at: path) else { return true }
            return !old.isEquivalent(to: value)
        }
        let gone = before.filter { new.value(at: $0) == nil }
        let lost = changed.union(gone)
        var own = writer
        var known = FieldSet()
        entries = entries.compactMap { entry in
            var copy = entry
            if entry.isSameWriter(as: writer) {
                known = entry.fields
                own.time = entry.time
                return nil
            }
            copy.fields = entry.fields.subtracting(lost)
            return copy.fields.isEmpty ? nil : copy
        }
        own.fields = known.subtracting(lost).union(changed)
        if own.fields != known || own.time.isEmpty { own.time = writer.time }
        if !own.fields.isEmpty { entries.append(own) }
        let updates = entries.indices.filter { entries[$0].operation == "Update" }
        if updates.count > Self.updatesMax { entries.remove(at: updates[0]) }
    }

    // MARK: Apply

    /// A field that the configuration would change although somebody else owns it.
    struct Conflict: Equatable, Sendable {
        var owner: Entry
        var path: FieldSet.Path
    }

    /// Fields of others that `configuration` would give another value, in a stable order.
    func conflicts(applying configuration: JSONValue, to live: JSONValue, by writer: Entry) -> [Conflict] {
        let wanted = FieldSet(of: configuration)
        var conflicts: [Conflict] = []
        for entry in entries where !entry.isSameWriter(as: writer) {
            for path in entry.fields.intersection(wanted).paths {
                guard let value = configuration.value(at: path), let old = live.value(at: path) else { continue }
                if !value.isEquivalent(to: old) { conflicts.append(Conflict(owner: entry, path: path)) }
            }
        }
        return conflicts.sorted { a, b in
            (a.owner.manager, a.path.joined(separator: ".")) < (b.owner.manager, b.path.joined(separator: "."))
        }
    }

    /// Merges `configuration` into the object: its fields win, and those that the writer stated before, states no
    /// longer and shares with nobody, go.
    mutating func apply(_ configuration: JSONValue, to live: JSONValue, by writer: Entry) -> JSONValue {
        let wanted = FieldSet(of: configuration)
        let previous = entries.first { $0.isSameWriter(as: writer) }
        let taken = conflicts(applying: configuration, to: live, by: writer)
        var others = entries.filter { !$0.isSameWriter(as: writer) }
        for index in others.indices {
            let lost = taken.filter { $0.owner.isSameWriter(as: others[index]) }.map(\.path)
            others[index].fields = others[index].fields.subtracting(FieldSet(lost))
        }
        others.removeAll { $0.fields.isEmpty }
        var merged = Self.merge(configuration, into: live)
        let shared = others.reduce(into: FieldSet()) { $0 = $0.union($1.fields) }
        for path in previous?.fields.paths ?? [] where !shared.paths.contains(path) {
            if configuration.value(at: path) == nil { merged = merged.removing(path[...]) }
        }
        var own = writer
        own.fields = wanted
        if let previous, previous.fields == wanted { own.time = previous.time }
        entries = others + (wanted.isEmpty ? [] : [own])
        return merged
    }

    private static func merge(_ configuration: JSONValue, into live: JSONValue) -> JSONValue {
        guard let wanted = configuration.objectValue, var members = live.objectValue else { return configuration }
        for (key, value) in wanted {
            members[key] = members[key].map { merge(value, into: $0) } ?? value
        }
        return .object(members)
    }
}

extension Call {
    /// The most characters of a manager's name. Source: Kubernetes.
    private static let managerBytesMax = 128

    /// The name under which this request owns fields: `fieldManager`, else the first word of the User-Agent.
    /// - Throws: 400 for a name that cannot be shown.
    var fieldManager: String {
        get throws(StatusError) {
            if let name = query["fieldManager"], !name.isEmpty {
                guard name.utf8.count <= Self.managerBytesMax, name.utf8.allSatisfy({ 0x20...0x7E ~= $0 }) else {
                    throw .badRequest(
                        "invalid fieldManager: at most \(Self.managerBytesMax) printable characters"
                    )
                }
                return name
            }
            let agent = request.header("user-agent")?.split(separator: "/").first ?? ""
            let word = String(agent.prefix(Self.managerBytesMax)).filter { $0.isASCII && !$0.isNewline }
            return word.isEmpty ? "unknown" : word
        }
    }
}

/// Keeps `metadata.managedFields` true in the writes of one request.
struct FieldTracking: Sendable {
    let manager: String
    /// Seconds since 1970.
    let now: Int64

    init(_ call: Call, now: Int64) throws(StatusError) {
        manager = try call.fieldManager
        self.now = now
    }

    func writer(_ operation: String, _ apiVersion: String) -> ManagedFields.Entry {
        ManagedFields.Entry(
            manager: manager,
            operation: operation,
            apiVersion: apiVersion,
            time: Timestamp(secondsSinceEpoch: now).description,
            fields: FieldSet(),
            subresource: ""
        )
    }

    /// The action with the owners of its fields.
    func owned(_ action: Change.Action, _ current: ResourceSet) -> Change.Action {
        switch action {
        case .create(let resource, let source): .create(owned(resource, nil), source: source)
        case .update(let resource, let conditions, let source):
            .update(owned(resource, current[resource.key]), conditions, source: source)
        case .put(let resource, let source): .put(owned(resource, current[resource.key]), source: source)
        case .updateStatus, .delete, .terminate: action
        }
    }

    /// A client that sends the list back as it got it, or leaves it out, leaves it to the server; another list, also
    /// an empty one, replaces what was known.
    func owned(_ resource: Resource, _ live: Resource?) -> Resource {
        var copy = resource
        let sent = resource.metadata.managedFields
        var fields = ManagedFields(sent ?? live?.metadata.managedFields)
        let isReplaced = sent != nil && fields != ManagedFields(live?.metadata.managedFields)
        let before = live?.json(apiVersion: resource.apiVersion)
        fields.update(from: before, to: resource.json(), by: writer("Update", resource.apiVersion))
        copy.metadata.managedFields = fields.json
        // Nothing but times would differ: then the write is no change.
        if !isReplaced, let live, fields == ManagedFields(live.metadata.managedFields) {
            copy.metadata.managedFields = live.metadata.managedFields
        }
        return copy
    }
}
