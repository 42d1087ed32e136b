/// Fields of the API that this version does not carry out yet. They are refused: nothing is accepted and then ignored.
///
/// One row per field; the row goes when the field works. `[]` stands for any index, `{}` for any key of a map.
enum Unsupported {
    struct Row: Sendable {
        var kind: ResourceKind
        var path: String
        var hint: String
    }

    static let rows: [Row] = [
        Row(kind: .gateway, path: "spec.servers[].defaultEndpoint", hint: "Istio never implemented it either"),
        Row(
            kind: .sidecar,
            path: "spec.outboundTrafficPolicy.egressProxy",
            hint: "write a VirtualService to the egress gateway"
        ),
        Row(kind: .virtualService, path: "spec.http[].match[].headers{@}", hint: "routing by JWT claims"),
        Row(kind: .virtualService, path: "spec.http[].match[].withoutHeaders{@}", hint: "routing by JWT claims"),
    ]

    static func check(_ resource: Resource, _ findings: inout Findings) {
        for row in rows where row.kind == resource.kind {
            let steps = row.path.split(separator: ".").map(String.init)
            walk(.object(resource.body), steps[...], row, &findings)
        }
    }

    private static func walk(_ value: JSONValue, _ steps: ArraySlice<String>, _ row: Row, _ findings: inout Findings) {
        guard var step = steps.first else {
            guard !value.isNull else { return }
            return findings.error("not-supported", "is not supported by this version; \(row.hint)")
        }
        let rest = steps.dropFirst()
        if step.hasSuffix("[]") {
            step.removeLast(2)
            findings.inside(step) { findings in
                for (index, item) in (value[step]?.arrayValue ?? []).enumerated() {
                    findings.at(index) { walk(item, rest, row, &$0) }
                }
            }
        } else if step.hasSuffix("{@}") {
            step.removeLast(3)
            findings.inside(step) { findings in
                for key in value[step]?.objectValue?.keys ?? [] where key.hasPrefix("@") {
                    findings.error(at: key, "not-supported", "is not supported by this version; \(row.hint)")
                }
            }
        } else if let member = value[step] {
            findings.inside(step) { walk(member, rest, row, &$0) }
        }
    }
}
