/// Finds HTTP rules that no request can reach because an earlier rule takes them all. Warnings only.
///
/// Source: Istio's analyzer messages IST0130 (rule never used) and IST0131 (a match of it never used).
enum Reachability {
    /// Beyond this many comparisons the check is left out; a generated resource of that size is not read by people.
    private static let comparisonsMax = 250_000

    static func check(_ rules: [HTTPRoute], _ findings: inout Findings) {
        let matches = rules.map { $0.match.isEmpty ? [HTTPMatchRequest()] : $0.match }
        let total = matches.reduce(0) { $0 + $1.count }
        guard total * total <= comparisonsMax else { return }
        for index in rules.indices.dropFirst() {
            let shadows = matches[index].map { match in
                // What a delegate does not match goes on to later rules.
                rules[..<index].indices.first { earlier in
                    rules[earlier].delegate == nil && matches[earlier].contains { covers($0, match) }
                }
            }
            guard shadows.contains(where: { $0 != nil }) else { continue }
            let isWholeRule = shadows.allSatisfy { $0 != nil }
            findings.inside("http") { findings in
                findings.at(index) { findings in
                    if isWholeRule, let shadow = shadows[0] {
                        findings.warn(
                            "IST0130",
                            "this rule is never used: \(describe(rules, shadow)) takes its requests"
                        )
                        return
                    }
                    for (item, shadow) in shadows.enumerated() {
                        guard let shadow else { continue }
                        findings.inside("match") { findings in
                            findings.at(item) {
                                $0.warn(
                                    "IST0131",
                                    "this match is never used: \(describe(rules, shadow)) takes its requests"
                                )
                            }
                        }
                    }
                }
            }
        }
    }

    private static func describe(_ rules: [HTTPRoute], _ index: Int) -> String {
        let name = rules[index].name.map { " (\($0))" } ?? ""
        return rules[index].match.isEmpty ? "http[\(index)]\(name), which matches everything," : "http[\(index)]\(name)"
    }

    /// True when every request that `later` matches is matched by `earlier`.
    private static func covers(_ earlier: HTTPMatchRequest, _ later: HTTPMatchRequest) -> Bool {
        coversURI(earlier, later)
            && (earlier.port == nil || earlier.port == later.port)
            && (earlier.method == nil || earlier.method == later.method)
            && (earlier.authority == nil || earlier.authority == later.authority)
            && (earlier.scheme == nil || earlier.scheme == later.scheme)
            && (earlier.sourceNamespace == nil || earlier.sourceNamespace == later.sourceNamespace)
            && (earlier.gateways.isEmpty || Set(later.gateways) == Set(earlier.gateways))
            && earlier.sourceLabels.allSatisfy { later.sourceLabels[$0] == $1 }
            && isSubset(earlier.headers, of: later.headers)
            && isSubset(earlier.withoutHeaders, of: later.withoutHeaders)
            && isSubset(earlier.queryParams, of: later.queryParams)
    }

    private static func isSubset(_ a: [String: StringMatch], of b: [String: StringMatch]) -> Bool {
        a.allSatisfy { b[$0] == $1 }
    }

    private static func coversURI(_ earlier: HTTPMatchRequest, _ later: HTTPMatchRequest) -> Bool {
        guard let uri = earlier.uri else { return true }
        if uri == .prefix("") || uri == .prefix("/") { return true }
        guard let other = later.uri else { return false }
        if uri == other { return earlier.ignoreUriCase || !later.ignoreUriCase }
        guard case .prefix(let prefix) = uri, !later.ignoreUriCase || earlier.ignoreUriCase else { return false }
        let fold = earlier.ignoreUriCase
        func isCovered(_ text: String) -> Bool {
            fold ? text.lowercased().hasPrefix(prefix.lowercased()) : text.hasPrefix(prefix)
        }
        switch other {
        case .exact(let text), .prefix(let text): return isCovered(text)
        case .regex, .present: return false
        }
    }
}
