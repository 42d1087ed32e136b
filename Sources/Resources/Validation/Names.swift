internal import Base

/// The grammars of names. Sources: RFC 1123 §2.1, RFC 9110 §5.6.2, Kubernetes' label syntax, Istio's validation.
enum Names {
    static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
    }

    static func isLowerAlphanumeric(_ byte: UInt8) -> Bool { isAlphanumeric(byte) && !(65...90).contains(byte) }

    /// 1 to 63 letters, digits and hyphens, no hyphen at either end; upper case is allowed.
    static func isLabel(_ text: some StringProtocol) -> Bool {
        guard (1...63).contains(text.utf8.count) else { return false }
        var previous: UInt8 = 0x2D
        for byte in text.utf8 {
            guard isAlphanumeric(byte) || byte == 0x2D else { return false }
            previous = byte
        }
        return previous != 0x2D && text.utf8.first != 0x2D
    }

    /// The same in lower case: names of namespaces.
    static func isLowerLabel(_ text: some StringProtocol) -> Bool {
        isLabel(text) && !text.utf8.contains { (65...90).contains($0) }
    }

    /// Names of objects: up to 253 lower-case labels joined by dots (RFC 1123 subdomain).
    static func isSubdomain(_ text: some StringProtocol) -> Bool {
        (1...253).contains(text.utf8.count)
            && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { isLowerLabel($0) }
    }

    /// A DNS name of up to 255 bytes; its last label is not a number (that would be an address), one final dot is fine.
    static func isDomain(_ text: some StringProtocol) -> Bool {
        guard (1...255).contains(text.utf8.count) else { return false }
        var labels = text.split(separator: ".", omittingEmptySubsequences: false)
        if labels.count > 1, labels.last?.isEmpty == true { labels.removeLast() }
        guard let top = labels.last, !top.utf8.allSatisfy({ (48...57).contains($0) }) else { return false }
        return labels.allSatisfy { isLabel($0) }
    }

    /// A domain, `*`, or a domain whose first label begins with an asterisk.
    static func isWildcardDomain(_ text: String) -> Bool {
        guard text.utf8.first == 0x2A else { return isDomain(text) }
        guard text != "*" else { return true }
        guard text.utf8.count <= 255 else { return false }
        var rest = text.dropFirst()
        if rest.utf8.first == 0x2E { return isDomain(rest.dropFirst()) }
        if rest.utf8.first == 0x2D { rest = rest.dropFirst() }
        return isDomain(rest)
    }

    /// `*foo.com`: an asterisk that is not a whole label.
    static func isPartialWildcard(_ text: String) -> Bool {
        text.utf8.first == 0x2A && text != "*" && !text.hasPrefix("*.")
    }

    /// `outbound_.PORT_.SUBSET_.HOST`, the server names of AUTO_PASSTHROUGH.
    static func isMeshServerName(_ text: String) -> Bool {
        let parts = text.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, parts[0] == "outbound_" || parts[0] == "inbound_", parts[1].hasSuffix("_"),
            parts[2].hasSuffix("_"), let port = UInt32(parts[1].dropLast()), (1...65535).contains(port)
        else { return false }
        return isDomain(parts[3])
    }

    static func isAddress(_ text: some StringProtocol) -> Bool { IPAddress(text) != nil }

    /// An address or a CIDR block.
    static func isSubnet(_ text: some StringProtocol) -> Bool { CIDR(text) != nil }

    /// RFC 9110 token.
    static func isToken(_ text: some StringProtocol) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy(isTokenByte)
    }

    /// A byte of a token (RFC 9110 §5.6.2).
    static func isTokenByte(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }

    /// `[prefix/]name`: prefix a DNS subdomain, name up to 63 of letters, digits, `-`, `_`, `.`.
    static func isLabelKey(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let name = parts.last, isQualified(name) else { return false }
        return parts.count == 1 || isSubdomain(parts[0].lowercased())
    }

    static func isLabelValue(_ text: String) -> Bool { text.isEmpty || isQualified(text[...]) }

    private static func isQualified(_ text: Substring) -> Bool {
        guard (1...63).contains(text.utf8.count), let first = text.utf8.first, let last = text.utf8.last else {
            return false
        }
        return isAlphanumeric(first) && isAlphanumeric(last)
            && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == 0x2D || $0 == 0x5F || $0 == 0x2E }
    }

    /// True when the unix address is an absolute path or an abstract name.
    static func isUnixPath(_ text: String) -> Bool {
        guard text.hasPrefix("unix://") else { return false }
        let path = text.dropFirst(7)
        return path.count > 1 && (path.hasPrefix("/") || path.hasPrefix("@"))
    }

    static func isPort(_ number: UInt32) -> Bool { (1...65535).contains(number) }

    /// Protocols of Istio's `protocol` fields, in upper case.
    static let protocols: Set<String> = [
        "HTTP", "HTTPS", "GRPC", "GRPC-WEB", "HTTP2", "MONGO", "MYSQL", "REDIS", "TCP", "TLS", "UDP", "HBONE",
        "DOUBLE-HBONE", "AUTO", "HTTP_PROXY", "HTTP-PROXY",
    ]
    static let httpProtocols: Set<String> = ["HTTP", "HTTP2", "GRPC", "GRPC-WEB", "HTTP_PROXY", "HTTP-PROXY"]
    static let tlsProtocols: Set<String> = ["HTTPS", "TLS"]
}
