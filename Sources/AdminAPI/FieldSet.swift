internal import Resources

/// A set of fields of an object, each named by the keys that lead to it.
///
/// Shape: members are leaves. Objects are granular, lists and scalars are leaves: no kind that is served declares how
/// its list items are told apart. Source: the FieldsV1 format of Kubernetes' server-side apply.
struct FieldSet: Equatable, Sendable {
    typealias Path = [String]

    private(set) var paths: Set<Path> = []

    init() {}

    init(_ paths: some Sequence<Path>) { self.paths = Set(paths) }

    var isEmpty: Bool { paths.isEmpty }

    /// The fields of an object that somebody can own: not what the server alone decides.
    init(of object: JSONValue) {
        Self.collect(object, [], &paths)
    }

    private static func collect(_ value: JSONValue, _ path: Path, _ paths: inout Set<Path>) {
        guard let members = value.objectValue, !members.isEmpty else {
            if !path.isEmpty { paths.insert(path) }
            return
        }
        for (key, member) in members {
            let place = path + [key]
            if !isServerOwned(place) { collect(member, place, &paths) }
        }
    }

    private static let serverOwnedMetadata: Set<String> = [
        "name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp",
        "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "managedFields",
    ]

    private static func isServerOwned(_ path: Path) -> Bool {
        switch path.count {
        case 1: path[0] == "apiVersion" || path[0] == "kind" || path[0] == "status"
        case 2: path[0] == "metadata" && serverOwnedMetadata.contains(path[1])
        default: false
        }
    }

    func union(_ other: FieldSet) -> FieldSet { FieldSet(paths.union(other.paths)) }
    func intersection(_ other: FieldSet) -> FieldSet { FieldSet(paths.intersection(other.paths)) }
    func filter(_ isWanted: (Path) -> Bool) -> FieldSet { FieldSet(paths.filter(isWanted)) }

    /// Without the members of `other`, and without what lies below or above one of them: an object that became a
    /// scalar takes its members along.
    func subtracting(_ other: FieldSet) -> FieldSet {
        guard !other.isEmpty else { return self }
        let roots = other.paths
        return filter { path in
            if roots.contains(path) { return false }
            for length in 1..<max(path.count, 1) where roots.contains(Array(path.prefix(length))) { return false }
            return true
        }
    }

    // MARK: FieldsV1

    /// The deepest nesting that is read; deeper is not a field of any kind.
    private static let depthMax = 64

    /// Members below `.` and the `f:` keys; list items (`k:`, `v:`, `i:`) count as their list.
    init(fieldsV1 value: JSONValue) {
        Self.read(value, [], &paths)
    }

    private static func read(_ value: JSONValue, _ path: Path, _ paths: inout Set<Path>) {
        guard let members = value.objectValue, path.count < depthMax else { return }
        var hasFields = false
        for (key, member) in members where key.hasPrefix("f:") {
            hasFields = true
            read(member, path + [String(key.dropFirst(2))], &paths)
        }
        if !hasFields, !path.isEmpty { paths.insert(path) }
    }

    var fieldsV1: JSONValue {
        var root = Node()
        for path in paths { root.insert(path[...]) }
        return root.json
    }

    private struct Node {
        var children: [String: Node] = [:]

        mutating func insert(_ path: ArraySlice<String>) {
            guard let first = path.first else { return }
            children[first, default: Node()].insert(path.dropFirst())
        }

        var json: JSONValue {
            var object = JSONObject()
            for (key, child) in children.sorted(by: { $0.key < $1.key }) { object["f:\(key)"] = child.json }
            return .object(object)
        }
    }
}

extension JSONValue {
    /// The value at a path of keys; nil when there is none.
    func value(at path: FieldSet.Path) -> JSONValue? {
        var value: JSONValue? = self
        for key in path { value = value?[key] }
        return value
    }

    /// Without the member at a path, and without objects that this leaves empty.
    func removing(_ path: ArraySlice<String>) -> JSONValue {
        guard let first = path.first, var members = objectValue, let member = members[first] else { return self }
        let rest = path.dropFirst()
        let left: JSONValue? = rest.isEmpty ? Optional.none : member.removing(rest)
        if let left, left.objectValue?.isEmpty != true || left == member {
            members[first] = left
        } else {
            members[first] = Optional.none
        }
        return .object(members)
    }
}
