internal import CRE2

// Rules that several kinds share.
extension Findings {
    mutating func checkDuration(_ key: String, _ value: Duration?, allowsZero: Bool = false) {
        guard let value, !(allowsZero && value == .zero) else { return }
        if value < .milliseconds(1) {
            error(at: key, "duration.too-short", "must be at least 1ms")
        } else if value.wholeNanoseconds % 1_000_000 != 0 {
            error(at: key, "duration.precision", "must be whole milliseconds")
        }
    }

    mutating func checkPort(_ key: String, _ value: UInt32?) {
        guard let value, !Names.isPort(value) else { return }
        error(at: key, "port.range", "must be between 1 and 65535, not \(value)")
    }

    mutating func checkPercent(_ key: String, _ value: Percent?) {
        guard let number = value?.value else { return }
        inside(key) { findings in
            guard number < 0 || number > 100 || (number > 0 && number < 0.0001) else { return }
            findings.error(at: "value", "percent.range", "must be 0, or between 0.0001 and 100, not \(number)")
        }
    }

    /// Warns where the author probably wrote a fraction for a percentage.
    mutating func warnSmallPercent(_ key: String, _ value: Percent?) {
        guard let number = value?.value, number > 0, number < 1 else { return }
        let meant = (number * 1_000_000).rounded() / 10_000
        let shown = meant == meant.rounded() ? String(Int(meant)) : "\(meant)"
        inside(key) { findings in
            findings.warn(at: "value", "GH0001", "\(number) means \(number) %; for \(shown) percent write \(shown)")
        }
    }

    mutating func checkNotNegative(_ key: String, _ value: Int32?) {
        guard let value, value < 0 else { return }
        error(at: key, "number.negative", "must not be negative, not \(value)")
    }

    mutating func checkRegex(_ expression: String) {
        guard !expression.isEmpty else { return error("regex.empty", "must not be empty") }
        guard expression.utf8.count <= 1024 else { return error("regex.length", "must have at most 1024 characters") }
        if let reason = RegularExpression.fault(in: expression) {
            error("regex.syntax", "\"\(expression.prefix(80))\" is not an RE2 expression: \(reason)")
        }
    }

    mutating func checkMatch(_ key: String, _ match: StringMatch?, allowsEmptyPrefix: Bool = false, inMap: Bool = false)
    {
        guard let match else { return }
        inside(key) { findings in
            switch match {
            case .exact:
                break
            case .prefix(let prefix):
                guard prefix.isEmpty, !allowsEmptyPrefix else { return }
                findings.error(at: "prefix", "match.empty-prefix", "must not be empty")
            case .regex("*") where inMap:
                break
            case .regex(let expression):
                findings.inside("regex") { $0.checkRegex(expression) }
            case .present:
                guard !inMap else { return }
                findings.error("match.empty", "needs one of exact, prefix and regex")
            }
        }
    }

    /// Labels of workloads: syntax of Kubernetes.
    mutating func checkLabels(_ key: String, _ labels: [String: String]) {
        each(key, labels) { name, value, findings in
            if !Names.isLabelKey(name) {
                findings.error("labels.key", "\"\(name.prefix(80))\" is not a label key ([prefix/]name)")
            }
            if !Names.isLabelValue(value) {
                findings.error(
                    "labels.value",
                    "\"\(value.prefix(80))\" is not a label value (63 letters, digits, - _ . at most)"
                )
            }
        }
    }

    /// Selectors: label syntax, no wildcards; a selector that is there but empty is doubtful.
    mutating func checkSelector(_ key: String, _ labels: [String: String]?, warnsWhenEmpty: Bool = true) {
        guard let labels else { return }
        if labels.isEmpty, warnsWhenEmpty {
            warn("GH0002", "the selector is empty, so this applies to the whole namespace")
        }
        each(key, labels) { name, value, findings in
            if name.isEmpty {
                findings.error("selector.key", "a key must not be empty")
            } else if name.contains("*") || value.contains("*") {
                findings.error("selector.wildcard", "wildcards are not supported in selectors")
            } else if !Names.isLabelKey(name) {
                findings.error("labels.key", "\"\(name.prefix(80))\" is not a label key ([prefix/]name)")
            } else if !Names.isLabelValue(value) {
                findings.error("labels.value", "\"\(value.prefix(80))\" is not a label value")
            }
        }
    }

    mutating func checkExportTo(_ namespaces: [String], allowsNone: Bool = false, ownNamespaceOnly: Bool = false) {
        var seen = Set<String>()
        let own = namespace
        each("exportTo", namespaces) { name, findings in
            if name != ".", name != "*", !(name == "~" && allowsNone), !Names.isLowerLabel(name) {
                findings.error("export-to.name", "must be \".\", \"*\" or a namespace, not \"\(name.prefix(80))\"")
            }
            if !seen.insert(name == "." ? own : name).inserted {
                findings.error("export-to.duplicate", "\"\(name)\" is given twice")
            }
            if ownNamespaceOnly, name != ".", name != own {
                findings.error("export-to.selector", "with workloadSelector only the own namespace \".\" is allowed")
            }
        }
        if namespaces.count > 1, namespaces.contains("*") || namespaces.contains("~") {
            error(at: "exportTo", "export-to.mixed", "\"*\" and \"~\" stand alone")
        }
    }

    mutating func checkDestination(_ destination: Destination) {
        let host = destination.host
        if host.isEmpty {
            error(at: "host", "destination.host", "is required")
        } else if host.contains("*") {
            error(at: "host", "destination.host", "must be one host, not the wildcard \"\(host.prefix(80))\"")
        } else if !Names.isDomain(host) && !Names.isAddress(host) {
            error(at: "host", "destination.host", "\"\(host.prefix(80))\" is not a host name")
        }
        if let subset = destination.subset, !Names.isLabel(subset) {
            error(at: "subset", "destination.subset", "\"\(subset.prefix(80))\" is not a DNS label")
        }
        inside("port", destination.port) { port, findings in
            findings.checkPort("number", port.number ?? 0)
        }
    }

    mutating func checkWeights(_ key: String, _ weights: [Int32]) {
        for (index, weight) in weights.enumerated() where weight < 0 {
            inside(key) { findings in
                findings.at(index) { $0.error(at: "weight", "route.weight", "must not be negative, not \(weight)") }
            }
        }
        if weights.count > 1, weights.allSatisfy({ $0 == 0 }) {
            error(at: key, "route.weight-sum", "all weights are 0; give at least one destination a weight above 0")
        }
    }

    mutating func checkHeaderName(_ name: String) {
        guard !Names.isToken(name) else { return }
        error(
            "header.name",
            name.isEmpty ? "a header name must not be empty" : "\"\(name.prefix(80))\" is not a header name"
        )
    }
}

/// RE2, asked about an expression once and not kept.
enum RegularExpression {
    /// Why it is not RE2 syntax; nil when it is.
    static func fault(in expression: String) -> String? {
        var expression = expression
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { reason in
            guard let start = reason.baseAddress else { return nil }
            start[0] = 0
            let compiled = expression.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { gh_re2_new($0.baseAddress, $0.count, start, 256) }
            }
            guard let compiled else { return String(cString: start) }
            gh_re2_free(compiled)
            return nil
        }
    }

    /// Why `rewrite` does not go with `expression`; nil when it does, or when the expression is at fault itself.
    static func fault(inRewrite rewrite: String, of expression: String) -> String? {
        var expression = expression
        var rewrite = rewrite
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { reason in
            guard let start = reason.baseAddress else { return nil }
            start[0] = 0
            let compiled = expression.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) { gh_re2_new($0.baseAddress, $0.count, start, 256) }
            }
            guard let compiled else { return nil }
            defer { gh_re2_free(compiled) }
            let isLegal = rewrite.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    gh_re2_check_rewrite(compiled, $0.baseAddress, $0.count, start, 256)
                }
            }
            return isLegal == 1 ? nil : String(cString: start)
        }
    }
}
