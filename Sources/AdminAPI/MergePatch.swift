internal import Resources

/// JSON Merge Patch.
///
/// Source: RFC 7396 §2: objects merge member by member, `null` removes, everything else replaces.
enum MergePatch {
    static func apply(_ patch: JSONValue, to target: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var result = target.objectValue ?? JSONObject()
        for (key, value) in changes {
            // `.none` and not `nil`, which would be JSON's null here.
            result[key] = value.isNull ? Optional.none : apply(value, to: result[key] ?? .null)
        }
        return .object(result)
    }
}
