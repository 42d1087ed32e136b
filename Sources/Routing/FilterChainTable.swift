public import Base
public import XDS

/// Picks the filter chain for a new connection from what is known before any filter ran.
///
/// Source: listener.v3.FilterChainMatch. The criteria are tried in a fixed order: destination port, destination
/// address, server name, transport protocol, application protocols, direct source, source type, source address, source
/// port. At each step the most specific entry wins and there is no way back: a connection that fails a later step
/// falls to the default chain, not to a less specific sibling.
public struct FilterChainTable: Sendable {
    /// What is known about a connection when its chain is chosen.
    public struct Connection {
        public var destination: SocketAddress
        /// Lower or mixed case; empty when the client sent no SNI or speaks no TLS.
        public var serverName: [UInt8]
        public var isTLS: Bool
        /// From ALPN, in the client's order; or what an HTTP inspector found (`http/1.1`, `h2c`).
        public var applicationProtocols: [[UInt8]]
        /// The other end of the TCP connection.
        public var directSource: SocketAddress
        /// The client as the PROXY protocol names it; otherwise the same.
        public var source: SocketAddress

        public init(
            destination: SocketAddress,
            serverName: [UInt8] = [],
            isTLS: Bool = false,
            applicationProtocols: [[UInt8]] = [],
            directSource: SocketAddress,
            source: SocketAddress
        ) {
            self.destination = destination
            self.serverName = serverName
            self.isTLS = isTLS
            self.applicationProtocols = applicationProtocols
            self.directSource = directSource
            self.source = source
        }
    }

    public enum Choice: Equatable, Sendable {
        /// Index into the listener's `filterChains`.
        case chain(Int)
        case defaultChain
        /// Close the connection; access log flag NR, `filter_chain_not_found`.
        case none
    }

    private let tree: FilterChainTree
    private let hasDefault: Bool

    /// - Throws: two chains that match the same connections, or a server name with an asterisk in the wrong place.
    public init(compiling listener: Listener) throws(CompileError) {
        var candidates: [FilterChainTree.Candidate] = []
        for (index, chain) in listener.filterChains.enumerated() {
            for (position, name) in chain.match.serverNames.enumerated() {
                guard Self.isServerName(name) else {
                    throw CompileError(
                        path: "filter_chains[\(index)].filter_chain_match.server_names[\(position)]",
                        message: "`\(name)` is neither a name nor `*.name`"
                    )
                }
            }
            candidates.append(FilterChainTree.Candidate(index: index, match: chain.match))
        }
        tree = try FilterChainTree(candidates)
        hasDefault = listener.defaultFilterChain != nil
    }

    /// An exact name, or an asterisk followed by a dot and a name.
    private static func isServerName(_ name: String) -> Bool {
        let bytes = name.utf8
        guard let star = bytes.firstIndex(of: 0x2A) else { return !bytes.isEmpty }
        return star == bytes.startIndex && bytes.dropFirst().first == 0x2E && bytes.count > 2
            && !bytes.dropFirst().contains(0x2A)
    }

    public func choose(_ connection: Connection) -> Choice {
        if let index = tree.find(connection) { return .chain(index) }
        return hasDefault ? .defaultChain : .none
    }

    /// True when some chain asks for TLS facts, so that the first bytes must be looked at before choosing.
    public var looksAtTLS: Bool { tree.looksAtTLS }
}

/// The criteria as nested tables, outermost first.
struct FilterChainTree: Sendable {
    struct Candidate {
        var index: Int
        var match: FilterChainMatch
    }

    /// One criterion: entries from the most to the least specific, then what asks for nothing.
    struct Level<Key: Hashable & Sendable, Next: Sendable>: Sendable {
        var entries: [(key: Key, next: Next)]
        var otherwise: Next?
    }

    typealias Ports = Level<UInt16, Int>
    typealias Sources = Level<CIDR, Ports>
    typealias SourceTypes = Level<FilterChainMatch.SourceType, Sources>
    typealias DirectSources = Level<CIDR, SourceTypes>
    typealias Applications = Level<[UInt8], DirectSources>
    typealias Transports = Level<String, Applications>

    struct ServerNames: Sendable {
        var table: HostTable
        var nexts: [Transports]
        var otherwise: Transports?
    }

    typealias Destinations = Level<CIDR, ServerNames>

    private let root: Level<UInt16, Destinations>
    let looksAtTLS: Bool

    init(_ candidates: [Candidate]) throws(CompileError) {
        looksAtTLS = candidates.contains {
            !$0.match.serverNames.isEmpty || !$0.match.transportProtocol.isEmpty
                || !$0.match.applicationProtocols.isEmpty
        }
        root = try Self.level(candidates, { $0.destinationPort.map { [$0] } ?? [] }) { list throws(CompileError) in
            try Self.level(list, \.destinationPrefixes, longestFirst) { list throws(CompileError) in
                try Self.serverNames(list)
            }
        }
    }

    private static func serverNames(_ candidates: [Candidate]) throws(CompileError) -> ServerNames {
        let level: Level<String, Transports> = try level(candidates, { $0.serverNames.map { $0.lowercased() } }) {
            list throws(CompileError) in try transports(list)
        }
        return ServerNames(
            table: try HostTable(domains: level.entries.map { [$0.key] }),
            nexts: level.entries.map(\.next),
            otherwise: level.otherwise
        )
    }

    private static func transports(_ candidates: [Candidate]) throws(CompileError) -> Transports {
        try level(candidates, { $0.transportProtocol.isEmpty ? [] : [$0.transportProtocol] }) {
            list throws(CompileError) in
            try level(list, { $0.applicationProtocols.map { Array($0.utf8) } }) { list throws(CompileError) in
                try level(list, \.directSourcePrefixes, longestFirst) { list throws(CompileError) in
                    try sourceTypes(list)
                }
            }
        }
    }

    private static func sourceTypes(_ candidates: [Candidate]) throws(CompileError) -> SourceTypes {
        try level(candidates, { $0.sourceType == .any ? [] : [$0.sourceType] }) { list throws(CompileError) in
            try level(list, \.sourcePrefixes, longestFirst) { list throws(CompileError) in
                try level(list, \.sourcePorts) { list throws(CompileError) in
                    guard list.count == 1, let only = list.first else {
                        let both = list.map(\.index)
                        throw CompileError(
                            path: "filter_chains[\(both[1])].filter_chain_match",
                            message: "matches the same connections as filter_chains[\(both[0])]"
                        )
                    }
                    return only.index
                }
            }
        }
    }

    /// Groups `candidates` by the keys they ask for, in order of first appearance or as `before` says.
    private static func level<Key: Hashable & Sendable, Next: Sendable>(
        _ candidates: [Candidate],
        _ keys: (FilterChainMatch) -> [Key],
        _ before: ((Key, Key) -> Bool)? = nil,
        _ next: ([Candidate]) throws(CompileError) -> Next
    ) throws(CompileError) -> Level<Key, Next> {
        var order: [Key] = []
        var groups: [Key: [Candidate]] = [:]
        var rest: [Candidate] = []
        for candidate in candidates {
            let asked = keys(candidate.match)
            if asked.isEmpty { rest.append(candidate) }
            for key in Set(asked) { groups[key, default: []].append(candidate) }
            for key in asked where !order.contains(key) { order.append(key) }
        }
        if let before { order.sort(by: before) }
        var entries: [(key: Key, next: Next)] = []
        for key in order { entries.append((key, try next(groups[key] ?? []))) }
        return Level(entries: entries, otherwise: rest.isEmpty ? nil : try next(rest))
    }

    func find(_ connection: FilterChainTable.Connection) -> Int? {
        guard let destinations = root.find({ $0 == connection.destination.port }),
            let names = destinations.find({ $0.contains(connection.destination.address) }),
            let transports = names.find(connection.serverName),
            let applications = transports.find({ $0 == (connection.isTLS ? "tls" : "raw_buffer") }),
            let directSources = Self.byProtocol(applications, connection.applicationProtocols),
            let types = directSources.find({ $0.contains(connection.directSource.address) }),
            let sources = types.find({ Self.isOf($0, connection) }),
            let ports = sources.find({ $0.contains(connection.source.address) })
        else { return nil }
        return ports.find { $0 == connection.source.port }
    }

    /// The client's order counts, not the listener's.
    private static func byProtocol(_ level: Applications, _ offered: [[UInt8]]) -> DirectSources? {
        for name in offered {
            for entry in level.entries where entry.key == name { return entry.next }
        }
        return level.otherwise
    }

    private static func isOf(_ type: FilterChainMatch.SourceType, _ connection: FilterChainTable.Connection) -> Bool {
        let source = connection.source.address
        let isLocal = source.isLoopback || source == connection.destination.address
        switch type {
        case .any: return true
        case .sameIPOrLoopback: return isLocal
        case .external: return !isLocal
        }
    }
}

private func longestFirst(_ a: CIDR, _ b: CIDR) -> Bool { a.prefixLength > b.prefixLength }

extension FilterChainTree.Level {
    /// The first entry whose key holds, else what asks for nothing.
    func find(_ holds: (Key) -> Bool) -> Next? {
        for entry in entries where holds(entry.key) { return entry.next }
        return otherwise
    }
}

extension FilterChainTree.ServerNames {
    func find(_ name: [UInt8]) -> FilterChainTree.Transports? {
        let index = name.withUnsafeBytes { table.find($0, ignoresPort: false) }
        return index.map { nexts[$0] } ?? otherwise
    }
}
