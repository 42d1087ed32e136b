import Base
import Routing
import Testing
import XDS

@Suite struct FilterChainTableTests {
    static func listener(_ matches: [FilterChainMatch], withDefault: Bool = false) throws -> Listener {
        func chain(_ match: FilterChainMatch) -> FilterChain {
            FilterChain(match: match, terminal: .tcp(TCPProxy(clusters: [.init(name: "a", weight: 1)])))
        }
        var listener = Listener(name: "l", address: .socket(try Make.address("127.0.0.1:443")))
        listener.filterChains = matches.map(chain)
        listener.defaultFilterChain = withDefault ? chain(FilterChainMatch()) : nil
        return listener
    }

    static func connection(
        name: String = "",
        isTLS: Bool = true,
        protocols: [String] = [],
        destination: String = "10.1.2.3:443",
        source: String = "192.168.1.1:5000"
    ) throws -> FilterChainTable.Connection {
        FilterChainTable.Connection(
            destination: try Make.address(destination),
            serverName: Array(name.utf8),
            isTLS: isTLS,
            applicationProtocols: protocols.map { Array($0.utf8) },
            directSource: try Make.address(source),
            source: try Make.address(source)
        )
    }

    struct NameRow: CustomTestStringConvertible, Sendable {
        var name: String
        var expect: FilterChainTable.Choice
        var testDescription: String { "server name `\(name)`" }
    }

    @Test(
        "server names pick exact, then the longest wildcard, then none",
        arguments: [
            NameRow(name: "a.example.com", expect: .chain(0)), NameRow(name: "A.Example.Com", expect: .chain(0)),
            NameRow(name: "b.example.com", expect: .chain(1)), NameRow(name: "x.y.example.com", expect: .chain(1)),
            NameRow(name: "x.api.example.com", expect: .chain(2)), NameRow(name: "example.com", expect: .chain(3)),
            NameRow(name: "other.org", expect: .chain(3)), NameRow(name: "", expect: .chain(3)),
        ]
    )
    func names(_ row: NameRow) throws {
        let table = try FilterChainTable(
            compiling: Self.listener([
                FilterChainMatch(serverNames: ["a.example.com"]), FilterChainMatch(serverNames: ["*.example.com"]),
                FilterChainMatch(serverNames: ["*.api.example.com"]), FilterChainMatch(),
            ])
        )
        #expect(try table.choose(Self.connection(name: row.name)) == row.expect)
    }

    @Test func `an unknown server name finds nothing, or the default chain`() throws {
        let match = [FilterChainMatch(serverNames: ["a.example.com"])]
        let closed = try FilterChainTable(compiling: Self.listener(match))
        #expect(try closed.choose(Self.connection(name: "b.example.com")) == .none)
        let open = try FilterChainTable(compiling: Self.listener(match, withDefault: true))
        #expect(try open.choose(Self.connection(name: "b.example.com")) == .defaultChain)
        #expect(closed.looksAtTLS)
    }

    @Test func `there is no way back from a more specific criterion`() throws {
        let table = try FilterChainTable(
            compiling: Self.listener([
                FilterChainMatch(serverNames: ["a.example.com"], applicationProtocols: ["h2"]), FilterChainMatch(),
            ])
        )
        #expect(try table.choose(Self.connection(name: "a.example.com", protocols: ["h2"])) == .chain(0))
        #expect(try table.choose(Self.connection(name: "a.example.com", protocols: ["http/1.1"])) == .none)
    }

    @Test func `transport and application protocols tell mesh, TLS and plain apart`() throws {
        let table = try FilterChainTable(
            compiling: Self.listener([
                FilterChainMatch(transportProtocol: "tls", applicationProtocols: ["istio", "istio-http/1.1"]),
                FilterChainMatch(transportProtocol: "tls"), FilterChainMatch(transportProtocol: "raw_buffer"),
            ])
        )
        #expect(try table.choose(Self.connection(protocols: ["istio-peer-exchange", "istio"])) == .chain(0))
        #expect(try table.choose(Self.connection(protocols: ["h2"])) == .chain(1))
        #expect(try table.choose(Self.connection(isTLS: false)) == .chain(2))
    }

    @Test func `ports and address blocks narrow, the longest block first`() throws {
        let table = try FilterChainTable(
            compiling: Self.listener([
                FilterChainMatch(destinationPort: 80),
                FilterChainMatch(destinationPrefixes: [Make.block("10.0.0.0/8")]),
                FilterChainMatch(destinationPrefixes: [Make.block("10.1.0.0/16")]),
                FilterChainMatch(
                    destinationPrefixes: [Make.block("10.1.0.0/16")],
                    sourcePrefixes: [Make.block("192.168.0.0/16")]
                ),
                FilterChainMatch(destinationPrefixes: [Make.block("10.1.0.0/16")], sourceType: .sameIPOrLoopback),
            ])
        )
        #expect(try table.choose(Self.connection(destination: "9.9.9.9:80")) == .chain(0))
        #expect(try table.choose(Self.connection(destination: "9.9.9.9:81")) == .none)
        #expect(try table.choose(Self.connection(destination: "10.2.0.1:81")) == .chain(1))
        #expect(try table.choose(Self.connection(destination: "10.1.0.1:81")) == .chain(3))
        #expect(try table.choose(Self.connection(destination: "10.1.0.1:81", source: "172.16.0.1:9")) == .chain(2))
        #expect(try table.choose(Self.connection(destination: "10.1.0.1:81", source: "127.0.0.1:9")) == .chain(4))
    }

    @Test func `two chains for the same connections are refused`() throws {
        let same = [
            FilterChainMatch(serverNames: ["a.com", "b.com"]), FilterChainMatch(serverNames: ["c.com", "B.com"]),
        ]
        let listener = try Self.listener(same)
        #expect(throws: CompileError.self) { try FilterChainTable(compiling: listener) }
    }

    @Test("a server name with an odd asterisk is refused", arguments: ["*", "*a.com", "a.*", "*.*.com", "", "*."])
    func refuses(_ name: String) throws {
        let listener = try Self.listener([FilterChainMatch(serverNames: [name])])
        #expect(throws: CompileError.self) { try FilterChainTable(compiling: listener) }
    }
}
