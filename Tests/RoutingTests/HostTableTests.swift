import Routing
import Testing

@Suite struct HostTableTests {
    struct Row: CustomTestStringConvertible, Sendable {
        var says: String
        var authority: String
        var host: Int?
        var ignoresPort = true
        var testDescription: String { "\(says): \(authority)" }
    }

    static let domains = [
        ["a.example.com"], ["*.example.com"], ["*.api.example.com"], ["www.*"], ["*"], ["[::1]", "10.0.0.1:8443"],
        ["www.example.*", "*-shop.io"],
    ]

    static let rows: [Row] = [
        Row(says: "an exact name wins over a wildcard", authority: "a.example.com", host: 0),
        Row(says: "letters compare without case", authority: "A.Example.COM", host: 0),
        Row(says: "a port is ignored", authority: "a.example.com:8443", host: 0),
        Row(says: "a suffix covers any depth", authority: "x.y.example.com", host: 1),
        Row(says: "the longest suffix wins", authority: "v1.api.example.com", host: 2),
        Row(says: "a suffix wildcard does not cover the bare domain", authority: "example.com", host: 4),
        Row(says: "a suffix wins over a prefix", authority: "www.example.com", host: 1),
        Row(says: "a prefix wildcard takes what no suffix takes", authority: "www.other.org", host: 3),
        Row(says: "the longest prefix wins", authority: "www.example.org", host: 6),
        Row(says: "an asterisk stands for at least one character", authority: "www.", host: 4),
        Row(says: "a partial label may follow the asterisk", authority: "shoe-shop.io", host: 6),
        Row(says: "an asterisk needs a character before the suffix too", authority: "-shop.io", host: 4),
        Row(says: "everything else goes to the star", authority: "localhost", host: 4),
        Row(says: "an empty authority goes to the star", authority: "", host: 4),
        Row(says: "an IPv6 literal keeps its brackets", authority: "[::1]:80", host: 5),
        Row(says: "an IPv6 literal without port", authority: "[::1]", host: 5),
        Row(says: "a domain with a port needs the port", authority: "10.0.0.1:8443", host: 5, ignoresPort: false),
        Row(says: "a name with port is another name", authority: "a.example.com:1", host: 3 + 1, ignoresPort: false),
    ]

    @Test("virtual hosts are found in Envoy's order", arguments: rows) func finds(_ row: Row) throws {
        let table = try HostTable(domains: Self.domains)
        #expect(Make.bytes(row.authority) { table.find($0, ignoresPort: row.ignoresPort) } == row.host)
    }

    @Test func `without a star an unknown name finds nothing`() throws {
        let table = try HostTable(domains: [["a.example.com"]])
        #expect(Make.bytes("b.example.com") { table.find($0, ignoresPort: true) } == nil)
        #expect(Make.bytes("") { table.find($0, ignoresPort: true) } == nil)
    }

    @Test(
        "a table with these domains is refused",
        arguments: [[["a"], ["a"]], [["A"], ["a"]], [[""]], [["a*b"]], [["*a*"]], [["**"]], [["*"], ["*"]]]
    )
    func refuses(_ domains: [[String]]) {
        #expect(throws: CompileError.self) { try HostTable(domains: domains) }
    }

    @Test func `a thousand names are told apart`() throws {
        let table = try HostTable(domains: (0..<1000).map { ["host-\($0).example.com", "*.deep-\($0).example.com"] })
        for index in 0..<1000 {
            #expect(Make.bytes("host-\(index).example.com") { table.find($0, ignoresPort: true) } == index)
            #expect(Make.bytes("x.deep-\(index).example.com") { table.find($0, ignoresPort: true) } == index)
        }
    }
}
