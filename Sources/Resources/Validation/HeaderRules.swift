extension Findings {
    mutating func checkHeaders(_ headers: Headers?) {
        inside("headers", headers) { headers, findings in
            findings.inside("request", headers.request) { $1.checkOperations($0, allowsHost: true) }
            findings.inside("response", headers.response) { $1.checkOperations($0, allowsHost: false) }
        }
    }

    private mutating func checkOperations(_ operations: HeaderOperations, allowsHost: Bool) {
        for (key, values) in [("set", operations.set), ("add", operations.add)] {
            each(key, values) { name, value, findings in
                findings.checkOperationName(name, allowsHost: allowsHost)
                if let fault = HeaderFormat.fault(in: value) { findings.error("header.value", fault) }
            }
        }
        each("remove", operations.remove) { name, findings in
            findings.checkOperationName(name, allowsHost: false)
        }
    }

    private mutating func checkOperationName(_ name: String, allowsHost: Bool) {
        let lower = name.lowercased()
        if lower == "host" || lower == ":authority" {
            if !allowsHost {
                error("header.host", "the host can only be changed by headers.request.set or add, or rewrite.authority")
            }
            return
        }
        if lower.hasPrefix(":") {
            return error("header.pseudo", "\"\(name.prefix(80))\" is a pseudo-header and cannot be changed")
        }
        checkHeaderName(name)
    }
}

/// Values of header operations may contain command operators, `%HOSTNAME%` or `%REQ(x-user)%`.
enum HeaderFormat {
    /// Why the value is not a format; nil when it is. A percent sign that means itself is written twice.
    static func fault(in value: String) -> String? {
        if value.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F }) {
            return "control characters are not allowed in header values"
        }
        var rest = Array(value.utf8)[...]
        while let percent = rest.firstIndex(of: 0x25) {
            rest = rest[(percent + 1)...]
            if rest.first == 0x25 {
                rest = rest.dropFirst()
                continue
            }
            let name = rest.prefix { (65...90).contains($0) || (48...57).contains($0) || $0 == 0x5F }
            guard !name.isEmpty, !(48...57).contains(name.first ?? 48) else {
                return "a percent sign starts an operator such as %HOSTNAME%; write %% for the sign itself"
            }
            rest = rest.dropFirst(name.count)
            if rest.first == 0x28 {
                guard let close = rest.firstIndex(of: 0x29) else { return "the operator's ( is not closed" }
                rest = rest[(close + 1)...]
            }
            if rest.first == 0x3A { rest = rest.dropFirst().drop { (48...57).contains($0) } }
            guard rest.first == 0x25 else {
                return "the operator %\(String(decoding: name, as: UTF8.self)) is not closed by a percent sign"
            }
            rest = rest.dropFirst()
        }
        return nil
    }
}
