/// ServiceEntries that claim the same thing differently. Warnings only: both are stored, one wins.
struct ServiceEntryConflicts {
    let resources: ResourceSet

    init(_ resources: ResourceSet) { self.resources = resources }

    func warnings(_ spec: ServiceEntrySpec, _ resource: Resource) -> [Warning] {
        var found: [Warning] = []
        for other in resources.all(.serviceEntry) where other.key != resource.key {
            guard case .serviceEntry(let theirs) = other.spec else { continue }
            found += protocols(spec, theirs, other) + addresses(spec, theirs, other)
            if found.count > 20 { break }
        }
        return found
    }

    /// IST0177: one host and port with two protocols.
    private func protocols(_ spec: ServiceEntrySpec, _ theirs: ServiceEntrySpec, _ other: Resource) -> [Warning] {
        guard !Set(spec.hosts).isDisjoint(with: theirs.hosts) else { return [] }
        return spec.ports.enumerated().compactMap { index, port in
            let same = theirs.ports.first { $0.number == port.number }
            guard let same, (same.protocol ?? "TCP").uppercased() != (port.protocol ?? "TCP").uppercased() else {
                return nil
            }
            return Warning(
                path: (JSONPath() / "spec" / "ports")[index],
                code: "IST0177",
                message: "\(other.key) has the same host and port with protocol \(same.protocol ?? "TCP")"
            )
        }
    }

    /// One written address and port for two different hosts: connections cannot be told apart.
    private func addresses(_ spec: ServiceEntrySpec, _ theirs: ServiceEntrySpec, _ other: Resource) -> [Warning] {
        guard Set(spec.hosts) != Set(theirs.hosts) else { return [] }
        let ports = Set(theirs.ports.map(\.number))
        guard spec.ports.contains(where: { ports.contains($0.number) }) else { return [] }
        return spec.addresses.enumerated().compactMap { index, address in
            guard theirs.addresses.contains(address) else { return nil }
            return Warning(
                path: (JSONPath() / "spec" / "addresses")[index],
                code: "GH0012",
                message: "\(other.key) has the address \(address) on the same port; the older one is used"
            )
        }
    }
}
