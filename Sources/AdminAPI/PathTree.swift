/// Finds the entry whose template matches a path. Templates are made of literal segments, `{name}` for one segment, and
/// `{name...}` at the end for the rest of the path.
///
/// A literal wins over a parameter at the same place; there is no backtracking, so two templates must not depend on it.
struct PathTree<Entry: Sendable>: Sendable {
    /// What a path matched: the entry, and the decoded values of its parameters in the order of the template.
    struct Match {
        var entry: Entry
        var parameters: [String]
    }

    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var parameter: Int?
        var rest: Entry?
        var entry: Entry?
    }

    private var nodes = [Node()]

    mutating func insert(_ template: String, _ entry: Entry) {
        var at = 0
        for segment in template.split(separator: "/") {
            if segment.hasSuffix("...}") {
                nodes[at].rest = entry
                return
            }
            if let next = segment.hasPrefix("{") ? nodes[at].parameter : nodes[at].literals[String(segment)] {
                at = next
                continue
            }
            nodes.append(Node())
            let next = nodes.count - 1
            if segment.hasPrefix("{") { nodes[at].parameter = next } else { nodes[at].literals[String(segment)] = next }
            at = next
        }
        nodes[at].entry = entry
    }

    /// - Parameter path: the raw path. One trailing slash is tolerated; an empty segment elsewhere matches nothing,
    ///   and so do segments with `.` or `..` alone: a path has one spelling.
    func match(_ path: String) -> Match? {
        guard path.hasPrefix("/") else { return nil }
        var segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        if segments.last?.isEmpty == true { segments.removeLast() }
        var at = 0
        var parameters: [String] = []
        for (index, raw) in segments.enumerated() {
            let segment = PercentCoding.decode(raw)
            if let next = nodes[at].literals[segment] {
                at = next
                continue
            }
            if let rest = nodes[at].rest {
                let tail = path.dropFirst().split(separator: "/", maxSplits: index, omittingEmptySubsequences: false)
                return Match(entry: rest, parameters: parameters + [tail.count > index ? String(tail[index]) : ""])
            }
            guard let next = nodes[at].parameter, !segment.isEmpty, segment != ".", segment != ".." else { return nil }
            parameters.append(segment)
            at = next
        }
        if let entry = nodes[at].entry { return Match(entry: entry, parameters: parameters) }
        return nodes[at].rest.map { Match(entry: $0, parameters: parameters + [""]) }
    }
}
