internal import Base
internal import HTTP
internal import Routing
internal import XDS

/// Route compilation and match, and the path normaliser in front of them.
///
/// Input of `route`, by lines: domains (by blanks); a path rule (`p`refix, `e`xact, `r`egex, `s`eparated prefix, then
/// its text); a header rule (`e`, `p`, `s`, `c`, `r`, name, `:`, text); the request's method, authority and target;
/// then its fields.
enum RoutingTargets {
    static func route(_ input: SlackedInput) throws(FuzzFinding) {
        let lines = input.array.split(separator: 10, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard lines.count >= 4 else { return }
        let words = lines[3].split(separator: " ", maxSplits: 2).map(String.init)
        guard words.count == 3, let table = table(lines) else { return }
        let head = request(words, lines.dropFirst(4))
        let found = name(table, head)
        try require(found == name(table, head), "two lookups differ")
        let shouted = request([words[0], words[1].asciiUppercased, words[2]], lines.dropFirst(4))
        try require(found == name(table, shouted), "the case of the host matters")
        // What covers a host and what routes it must agree, or coalesced connections reach other servers.
        if found != "none" { try require(table.covers(head.authority), "a routed host is not covered") }
    }

    private static func table(_ lines: [String]) -> RouteTable? {
        guard let kind = lines[1].first else { return nil }
        let text = String(lines[1].dropFirst())
        let path: RouteMatch.Path =
            switch kind {
            case "e": .exact(text)
            case "r": .regex(text)
            case "s": .separatedPrefix(text)
            default: .prefix(text)
            }
        var match = RouteMatch(path: path, isCaseSensitive: kind.isLowercase)
        if let rule = headerRule(lines[2]) { match.headers = [rule] }
        let first = Route(name: "first", match: match, action: .forward(RouteAction(destination: .cluster("a"))))
        let second = Route(
            name: "second",
            match: RouteMatch(path: .prefix("/")),
            action: .forward(RouteAction(destination: .cluster("b")))
        )
        let domains = lines[0].split(separator: " ").map(String.init)
        let configuration = RouteConfiguration(
            name: "fuzz",
            virtualHosts: [VirtualHost(name: "host", domains: domains, routes: [first, second])],
            ignoresPortInHost: lines[0].utf8.count % 2 == 0
        )
        do throws(CompileError) { return try RouteTable(compiling: configuration) } catch { return nil }
    }

    private static func headerRule(_ line: String) -> HeaderMatcher? {
        guard let kind = line.first, let colon = line.dropFirst().firstIndex(of: ":") else { return nil }
        let name = line.dropFirst()[..<colon].lowercased()
        let text = String(line[line.index(after: colon)...])
        let pattern: StringMatcher.Pattern =
            switch kind {
            case "p": .prefix(text)
            case "s": .suffix(text)
            case "c": .contains(text)
            case "r": .regex(text)
            default: .exact(text)
            }
        return HeaderMatcher(name: name, rule: .text(StringMatcher(pattern: pattern)), isInverted: text.isEmpty)
    }

    private static func request(_ words: [String], _ fields: ArraySlice<String>) -> MessageHead {
        let pairs = fields.compactMap { line -> (String, String)? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            return (String(line[..<colon]), String(line[line.index(after: colon)...]))
        }
        return .request(method: words[0], path: words[2], authority: words[1], fields: pairs)
    }

    private static func name(_ table: RouteTable, _ head: MessageHead) -> String {
        let address = SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 80)
        var random = SeededGenerator(seed: 1)
        switch table.match(head, connection: ConnectionFacts(directRemote: address, local: address), random: &random) {
        case .none: return "none"
        case .requiresTLS: return "tls"
        case .route(let entry): return entry.name
        }
    }

    // MARK: paths

    private static let levels: [PathNormalizer] = [
        PathNormalizer(normalizes: true, mergesSlashes: false, escapedSlashes: .keep),
        PathNormalizer(normalizes: true, mergesSlashes: true, escapedSlashes: .keep),
        PathNormalizer(normalizes: true, mergesSlashes: true, escapedSlashes: .forward),
        PathNormalizer(normalizes: false, mergesSlashes: true, escapedSlashes: .redirect),
        PathNormalizer(normalizes: true, mergesSlashes: true, escapedSlashes: .reject),
    ]

    /// A normal path stays as it is, and holds nothing that a back end could still resolve.
    static func path(_ input: SlackedInput) throws(FuzzFinding) {
        let target = [0x2F] + input.array
        for (index, level) in levels.enumerated() {
            var once: [UInt8] = []
            let outcome = target.withUnsafeBytes { level.normalize($0, into: &once) }
            if outcome == .rejected { continue }
            if outcome == .unchanged { once = target }
            var twice: [UInt8] = []
            let again = once.withUnsafeBytes { level.normalize($0, into: &twice) }
            try require(again == .unchanged, "level \(index) changes what it made itself")
            guard level.normalizes else { continue }
            let path = once.prefix { $0 != 0x3F && $0 != 0x23 }
            try require(path.first == 0x2F, "level \(index) lost the first slash")
            let segments = path.split(separator: 0x2F, omittingEmptySubsequences: false)
            try require(!segments.contains([0x2E]) && !segments.contains([0x2E, 0x2E]), "level \(index) left dots")
            try require(!path.contains { $0 == 0x5C || $0 <= 0x20 || $0 >= 0x7F }, "level \(index) left odd bytes")
            if level.escapedSlashes == .forward || level.escapedSlashes == .reject {
                let decoded = unescaped(path).split(separator: 0x2F, omittingEmptySubsequences: false)
                let isSafe = !decoded.contains([0x2E]) && !decoded.contains([0x2E, 0x2E])
                try require(isSafe, "level \(index) left dots for whoever decodes")
            }
            let isMerged = !level.mergesSlashes || !zip(path, path.dropFirst()).contains { $0 == 0x2F && $1 == 0x2F }
            try require(isMerged, "level \(index) left two slashes")
        }
    }
}

/// What a back end sees that decodes once.
private func unescaped(_ path: ArraySlice<UInt8>) -> [UInt8] {
    var out: [UInt8] = []
    var rest = path
    while let byte = rest.popFirst() {
        let digits = String(decoding: rest.prefix(2), as: UTF8.self)
        if byte == 0x25, digits.utf8.count == 2, digits.first != "+", digits.first != "-",
            let value = UInt8(digits, radix: 16)
        {
            out.append(value)
            rest = rest.dropFirst(2)
        } else {
            out.append(byte)
        }
    }
    return out
}

extension String {
    fileprivate var asciiUppercased: String {
        String(decoding: utf8.map { $0 >= 97 && $0 <= 122 ? $0 & 0xDF : $0 }, as: UTF8.self)
    }
}
