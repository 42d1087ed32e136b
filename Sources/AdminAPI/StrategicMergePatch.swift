internal import Resources

/// Kubernetes' strategic merge patch, for the kinds that kubectl knows by itself (the core group).
///
/// Objects merge member by member as in RFC 7396. A list with a merge key merges item by item, a list of words that
/// is a set merges by value, any other list is replaced. Directives: `$patch` (`replace`, `delete`),
/// `$deleteFromPrimitiveList/F`, `$setElementOrder/F`, `$retainKeys`. Source: kubectl's requests and Kubernetes'
/// "strategic-merge-patch" design note.
enum StrategicMergePatch {
    /// The member that tells the items of a list apart, by the name of the list.
    private static let mergeKeys: [String: String] = [
        "ports": "port", "secrets": "name", "imagePullSecrets": "name", "ownerReferences": "uid", "conditions": "type",
    ]
    /// Lists of words that are sets.
    private static let sets: Set<String> = ["finalizers"]

    static func apply(_ patch: JSONValue, to target: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        if changes["$patch"] == "replace" { return .object(withoutDirectives(changes)) }
        if changes["$patch"] == "delete" { return [:] }
        var result = target.objectValue ?? JSONObject()
        if let kept = changes["$retainKeys"]?.arrayValue {
            for key in result.keys where !kept.contains(.string(key)) { result[key] = Optional.none }
        }
        for (key, value) in changes where !key.hasPrefix("$") {
            if value.isNull {
                result[key] = Optional.none
            } else if case .array(let items) = value {
                result[key] = .array(list(items, named: key, into: result[key]?.arrayValue ?? []))
            } else if value["$patch"] == "delete" {
                result[key] = Optional.none
            } else {
                result[key] = apply(value, to: result[key] ?? .null)
            }
        }
        for (directive, value) in changes {
            if let name = directive.suffix(after: "$deleteFromPrimitiveList/"), let items = result[name]?.arrayValue {
                let doomed = value.arrayValue ?? []
                result[name] = .array(items.filter { !doomed.contains($0) })
            }
            if let name = directive.suffix(after: "$setElementOrder/"), let items = result[name]?.arrayValue {
                result[name] = .array(ordered(items, by: value.arrayValue ?? [], key: mergeKeys[name]))
            }
        }
        return .object(result)
    }

    private static func list(_ changes: [JSONValue], named name: String, into items: [JSONValue]) -> [JSONValue] {
        if sets.contains(name) { return items + changes.filter { !items.contains($0) } }
        guard let key = mergeKeys[name], changes.allSatisfy({ $0.objectValue != nil }),
            !changes.contains(where: { $0["$patch"] == "replace" })
        else {
            return changes.filter { $0["$patch"] != "replace" }
        }
        var result = items
        for change in changes {
            let position = result.firstIndex { $0[key] == change[key] }
            if change["$patch"] == "delete" {
                if let position { result.remove(at: position) }
            } else if let position {
                result[position] = apply(change, to: result[position])
            } else {
                result.append(apply(change, to: [:]))
            }
        }
        return result
    }

    /// The items in the order that the client lists; those it does not list keep their place behind their predecessor.
    private static func ordered(_ items: [JSONValue], by order: [JSONValue], key: String?) -> [JSONValue] {
        func rank(_ item: JSONValue) -> Int? {
            order.firstIndex { listed in key.map { listed[$0] == item[$0] } ?? (listed == item) }
        }
        var last = -1
        let ranked = items.enumerated().map { index, item -> (rank: Int, index: Int, item: JSONValue) in
            if let rank = rank(item) { last = rank }
            return (rank(item) ?? last, index, item)
        }
        return ranked.sorted { ($0.rank, $0.index) < ($1.rank, $1.index) }.map(\.item)
    }

    private static func withoutDirectives(_ object: JSONObject) -> JSONObject {
        var result = object
        for key in object.keys where key.hasPrefix("$") { result[key] = Optional.none }
        return result
    }
}

extension String {
    fileprivate func suffix(after prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
