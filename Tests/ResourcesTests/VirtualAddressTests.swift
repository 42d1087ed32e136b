import Foundation
import Testing

@testable import Resources

@Suite struct VirtualAddressTests {
    private static func entry(_ name: String, _ spec: String) throws -> Resource {
        let yaml = """
            apiVersion: networking.istio.io/v1
            kind: ServiceEntry
            metadata: {name: \(name), namespace: default}
            spec: \(spec)
            """
        return try #require(try Manifest.resources(yaml: Array(yaml.utf8)).first).resource
    }

    private static let ports = "ports: [{number: 80, name: http, protocol: HTTP}]"

    @Test func `hosts without addresses get one pair each, the same every time`() throws {
        var taken: Set<String> = []
        var first = try Self.entry("a", "{hosts: [a.example, b.example], resolution: DNS, \(Self.ports)}")
        VirtualAddresses.assign(to: &first, taken: &taken)
        let addresses = VirtualAddresses.of(first.status)
        #expect(Set(addresses.keys) == ["a.example", "b.example"])
        #expect(addresses.values.allSatisfy { $0.count == 2 && $0[0].hasPrefix("240.240.") && $0[1].contains(":") })
        #expect(taken.count == 4)
        var again = try Self.entry("a", "{hosts: [a.example, b.example], resolution: DNS, \(Self.ports)}")
        var none: Set<String> = []
        VirtualAddresses.assign(to: &again, taken: &none)
        #expect(VirtualAddresses.of(again.status) == addresses)
    }

    @Test func `an address that is taken is not given twice`() throws {
        var none: Set<String> = []
        var first = try Self.entry("a", "{hosts: [a.example], resolution: DNS, \(Self.ports)}")
        VirtualAddresses.assign(to: &first, taken: &none)
        let wanted = VirtualAddresses.of(first.status)["a.example"] ?? []
        var taken = Set(wanted)
        var second = try Self.entry("a", "{hosts: [a.example], resolution: DNS, \(Self.ports)}")
        VirtualAddresses.assign(to: &second, taken: &taken)
        let other = VirtualAddresses.of(second.status)["a.example"] ?? []
        #expect(!other.isEmpty && Set(other).isDisjoint(with: wanted))
    }

    @Test(
        "entries that have or want none get none",
        arguments: [
            "{hosts: [a.example], addresses: [10.0.0.1], resolution: DNS, \(ports)}",
            "{hosts: [a.example], resolution: NONE, \(ports)}",
            "{hosts: [\"*.example\"], resolution: NONE, \(ports)}",
        ]
    )
    func without(_ spec: String) throws {
        var taken: Set<String> = []
        var entry = try Self.entry("a", spec)
        VirtualAddresses.assign(to: &entry, taken: &taken)
        #expect(entry.status == nil && taken.isEmpty)
    }

    @Test func `an address stays while its host does, and goes with it`() throws {
        var taken: Set<String> = []
        var entry = try Self.entry("a", "{hosts: [a.example, b.example], resolution: DNS, \(Self.ports)}")
        VirtualAddresses.assign(to: &entry, taken: &taken)
        let before = VirtualAddresses.of(entry.status)
        var changed = try Self.entry("a", "{hosts: [b.example], resolution: DNS, \(Self.ports)}")
        changed.status = entry.status
        VirtualAddresses.assign(to: &changed, taken: &taken)
        #expect(VirtualAddresses.of(changed.status) == ["b.example": before["b.example"] ?? []])
    }

    @Test func `two entries that disagree about a host or an address are told of each other`() throws {
        let first = try Self.entry("a", "{hosts: [a.example], addresses: [10.0.0.1], resolution: DNS, \(Self.ports)}")
        let set = ResourceSet([first])
        func codes(_ spec: String) throws -> [String] {
            let entry = try Self.entry("b", spec)
            guard case .serviceEntry(let body) = entry.spec else { return [] }
            return ServiceEntryConflicts(set).warnings(body, entry).map(\.code)
        }
        let other = "ports: [{number: 80, name: tcp, protocol: TCP}]"
        #expect(try codes("{hosts: [a.example], resolution: DNS, \(other)}") == ["IST0177"])
        #expect(try codes("{hosts: [b.example], addresses: [10.0.0.1], resolution: DNS, \(Self.ports)}") == ["GH0012"])
        #expect(try codes("{hosts: [a.example], resolution: DNS, \(Self.ports)}").isEmpty)
    }
}
