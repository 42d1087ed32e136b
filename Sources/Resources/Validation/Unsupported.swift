/// Fields of the API that this version does not carry out yet: nothing is accepted and then silently ignored.
///
/// One row per field; the row goes when the field works. `[]` stands for any index, `{@}` for keys of a map that begin
/// with `@`.
enum Unsupported {
    enum Answer: Sendable {
        /// 422 "not supported", because traffic would go another way than written.
        case refused
        /// A Warning, because traffic is the same without it.
        case warned
    }

    struct Row: Sendable {
        var kind: ResourceKind
        var path: String
        var answer: Answer
        var hint: String
    }

    static let rows: [Row] =
        [
            Row(
                kind: .gateway,
                path: "spec.servers[].defaultEndpoint",
                answer: .refused,
                hint: "Istio never carried it out"
            ),
            Row(kind: .virtualService, path: "spec.http[].match[].headers{@}", answer: .refused, hint: claims),
            Row(kind: .virtualService, path: "spec.http[].match[].withoutHeaders{@}", answer: .refused, hint: claims),
            Row(
                kind: .workloadGroup,
                path: "spec.probe",
                answer: .warned,
                hint: "the sidecar's connection says who lives"
            ),
            Row(kind: .workloadGroup, path: "spec.template.network", answer: .warned, hint: network),
            Row(
                kind: .workloadGroup,
                path: "spec.template.address",
                answer: .warned,
                hint: "the sidecar says where it is reached"
            ),
            Row(
                kind: .workloadGroup,
                path: "spec.template.serviceAccount",
                answer: .warned,
                hint: "the sidecar's certificate says whose it is"
            ),
            Row(kind: .workloadEntry, path: "spec.network", answer: .warned, hint: network),
            Row(kind: .serviceEntry, path: "spec.endpoints[].network", answer: .warned, hint: network),
            Row(kind: .proxyConfig, path: "spec.concurrency", answer: .warned, hint: "write --workers where it starts"),
            Row(
                kind: .proxyConfig,
                path: "spec.environmentVariables",
                answer: .warned,
                hint: "set them where it starts"
            ),
            Row(kind: .proxyConfig, path: "spec.image", answer: .warned, hint: "there is one program"),
            Row(
                kind: .service,
                path: "spec.loadBalancerSourceRanges",
                answer: .warned,
                hint: "nothing filters by source"
            ),
            Row(kind: .meshConfig, path: "spec.accessLogFormat", answer: .refused, hint: "the log is JSON"),
            Row(kind: .meshConfig, path: "spec.defaultConfig.concurrency", answer: .refused, hint: "write --workers"),
            Row(
                kind: .meshConfig,
                path: "spec.defaultConfig.drainDuration",
                answer: .refused,
                hint: "write --drain-timeout"
            ),
            Row(
                kind: .meshConfig,
                path: "spec.defaultConfig.terminationDrainDuration",
                answer: .refused,
                hint: "write --drain-timeout"
            ),
        ] + policies

    private static let network = "all endpoints are reached directly"
    private static let claims = "requests are not matched by JWT claims"

    /// What traffic policies may say, at each place where one can stand.
    private static let policies: [Row] = ["spec.trafficPolicy", "spec.subsets[].trafficPolicy"].map { base in
        Row(
            kind: .destinationRule,
            path: "\(base).retryBudget.budgetInterval",
            answer: .refused,
            hint: "active and pending requests are counted, not those of a time"
        )
    }

    static func check(_ resource: Resource, _ findings: inout Findings) {
        for row in rows where row.kind == resource.kind {
            let steps = row.path.split(separator: ".").map(String.init)
            walk(.object(resource.body), steps[...], row, &findings)
        }
    }

    private static func report(_ row: Row, _ findings: inout Findings) {
        switch row.answer {
        case .refused: findings.error("not-supported", "is not supported by this version; \(row.hint)")
        case .warned: findings.warn("GH0007", "has no effect in this version; \(row.hint)")
        }
    }

    /// Empty lists, `false` and Kubernetes' word for "no" ask for nothing.
    private static func asksForNothing(_ value: JSONValue) -> Bool {
        value.isNull || value == .array([]) || value == .bool(false) || value == "None" || value == ""
    }

    private static func walk(_ value: JSONValue, _ steps: ArraySlice<String>, _ row: Row, _ findings: inout Findings) {
        guard var step = steps.first else {
            guard !asksForNothing(value) else { return }
            return report(row, &findings)
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
                    findings.inside(key) { report(row, &$0) }
                }
            }
        } else if let member = value[step] {
            findings.inside(step) { walk(member, rest, row, &$0) }
        }
    }
}
