import Base
import Testing
import XDS

@testable import Proxy

/// Whom a server takes a client for: names by expression, pins, and peers that were let in without proof.
@Suite struct ClientIdentityTests {
    private static let name = "spiffe://cluster.local/ns/x/sa/y"

    /// A listener that ends TLS before TCP, and lets only one identity through.
    private static func listener(_ tls: DownstreamTLS) -> Listener {
        let owner = RBACPrincipal.authenticated(StringMatcher(pattern: .exact(name)))
        let policy = RBAC.Policy(name: "p", permissions: [.any], principals: [owner])
        return Listener(
            name: "main",
            address: .socket(SocketAddress(IPAddress(ipv4: 0x7F00_0001), port: 0)),
            listenerFilters: [.tlsInspector],
            filterChains: [
                FilterChain(
                    name: "c",
                    match: FilterChainMatch(serverNames: ["a.example"]),
                    tls: tls,
                    networkFilters: [.rbac(RBACFilter(rules: RBAC(action: .allow, policies: [policy])))],
                    terminal: .tcp(TCPProxy(clusters: [TCPProxy.WeightedCluster(name: "a", weight: 1)]))
                )
            ]
        )
    }

    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var isServed: Bool
        var change: @Sendable (inout CertificateValidation) -> Void
        var testDescription: String { says }
    }

    static let rows: [Row] = [
        Row(says: "an expression that covers the whole name", isServed: true) {
            $0.subjectNames = [.init(kind: .uri, matcher: StringMatcher(pattern: .regex("spiffe://.*/ns/x/sa/[a-z]+")))]
        },
        Row(says: "an expression that covers a part of the name", isServed: false) {
            $0.subjectNames = [.init(kind: .uri, matcher: StringMatcher(pattern: .regex("/ns/x/sa/y")))]
        },
        Row(says: "a pin of another certificate", isServed: false) {
            $0.certificateHashes = [String(repeating: "00", count: 32)]
        },
        Row(says: "no proof, where none is demanded: nobody's names", isServed: false) {
            $0.acceptsUntrusted = true
            $0.trustedCA = nil
        },
    ]

    @Test("a client is let through with", arguments: rows) func clients(_ row: Row) throws {
        let authority = try TestAuthority()
        let upstream = try ScriptedUpstream(body: "in")
        let proxy = try ProxyFixture()
        var tls = try authority.downstream(dns: ["a.example"], isMutual: true)
        var rules = CertificateValidation(trustedCA: .inline(Array(authority.pem.utf8)))
        row.change(&rules)
        tls.settings.validation = .inline(rules)
        try proxy.apply([Self.listener(tls)], clusters: [.fixed("a", [upstream.address])])
        let probe = try HTTPProbe(
            try proxy.address(),
            serverName: "a.example",
            trust: authority.pem,
            identity: try authority.identity(uri: [Self.name])
        )
        #expect((probe.request().body == "in") == row.isServed)
    }

    @Test func `ticket keys come as a secret, and pins that are none are refused by name`() throws {
        let authority = try TestAuthority()
        var tls = try authority.downstream(dns: ["a.example"])
        tls.tickets = .secret("session-tickets")
        let proxy = try ProxyFixture()
        var keys = Secret(name: "session-tickets", content: .ticketKeys([.inline([1, 2, 3])]))
        #expect(throws: ConfigurationError.self) {
            try proxy.apply([Self.listener(tls)], secrets: ["session-tickets": keys])
        }
        keys.content = .ticketKeys([.inline([UInt8](repeating: 7, count: 80))])
        try proxy.apply([Self.listener(tls)], secrets: ["session-tickets": keys])
        var rules = CertificateValidation(trustedCA: .inline(Array(authority.pem.utf8)))
        rules.publicKeyHashes = ["nonsense"]
        tls.settings.validation = .inline(rules)
        #expect(throws: ConfigurationError.self) { try proxy.apply([Self.listener(tls)]) }
    }
}
