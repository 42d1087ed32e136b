internal import Crypto
internal import Resources

/// What differs between two states of the configuration, object by object. Status and what the server counts do not
/// matter; values of Secrets appear as digests.
struct ConfigurationDiff {
    struct Item {
        var key: ResourceKey
        /// As the author sees it; nil when it is not there.
        var before: JSONValue?
        var after: JSONValue?

        var change: String { before == nil ? "added" : after == nil ? "removed" : "modified" }
    }

    let items: [Item]

    init(from old: ResourceSet, to new: ResourceSet) {
        let keys = Set(old.everything.map(\.key)).union(new.everything.map(\.key))
        items = keys.sorted().compactMap { key in
            let before = old[key].map(Self.view)
            let after = new[key].map(Self.view)
            if let before, let after, before.isEquivalent(to: after) { return nil }
            return Item(key: key, before: before, after: after)
        }
    }

    /// The object without what the server decides.
    static func view(_ resource: Resource) -> JSONValue {
        guard case .object(var object) = resource.json() else { return .null }
        object["status"] = Optional.none
        if var metadata = object["metadata"]?.objectValue {
            for key in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"] {
                metadata[key] = Optional.none
            }
            object["metadata"] = .object(metadata)
        }
        if resource.kind == .secret, let data = object["data"]?.objectValue {
            var redacted = JSONObject()
            for (key, value) in data {
                let digest = Hex.encode(Array(Digest.sha256(value.stringValue ?? "").prefix(8)))
                redacted[key] = .string("sha256:\(digest)")
            }
            object["data"] = .object(redacted)
        }
        return .object(object)
    }

    var json: JSONValue {
        .array(
            items.map { item in
                var object: JSONObject = ["kind": .string(item.key.kind.rawValue)]
                if !item.key.namespace.isEmpty { object["namespace"] = .string(item.key.namespace) }
                object["name"] = .string(item.key.name)
                object["change"] = .string(item.change)
                object["diff"] = .array(Self.operations(item.before, item.after))
                return .object(object)
            }
        )
    }

    var unified: String {
        items.map { item in
            LineDiff.unified(
                item.before.map(YAMLWriter.write) ?? "",
                item.after.map(YAMLWriter.write) ?? "",
                names: (
                    item.before == nil ? "/dev/null" : "\(item.key)", item.after == nil ? "/dev/null" : "\(item.key)"
                )
            )
        }.joined()
    }

    /// The changed places in the words of RFC 6902, with the old value beside the new one. Lists are compared item by
    /// item when they have the same length, else as a whole.
    static func operations(_ before: JSONValue?, _ after: JSONValue?, _ path: String = "") -> [JSONValue] {
        guard let before else { return after.map { [["op": "add", "path": .string(path), "value": $0]] } ?? [] }
        guard let after else { return [["op": "remove", "path": .string(path), "from": before]] }
        if before.isEquivalent(to: after) { return [] }
        if let old = before.objectValue, let new = after.objectValue {
            let keys = old.keys + new.keys.filter { old[$0] == nil }
            return keys.flatMap { key in
                let escaped = key.replacing("~", with: "~0").replacing("/", with: "~1")
                return operations(old[key], new[key], "\(path)/\(escaped)")
            }
        }
        if let old = before.arrayValue, let new = after.arrayValue, old.count == new.count {
            return old.indices.flatMap { operations(old[$0], new[$0], "\(path)/\($0)") }
        }
        return [["op": "replace", "path": .string(path), "from": before, "value": after]]
    }
}
