internal import Base
internal import Crypto

/// Addresses that stand for the hosts of ServiceEntries which have none, shown in `status.addresses`.
///
/// Source: Istio's automatic allocation from 240.240.0.0/16 (and an IPv6 block): a host gets an address when it is
/// first written, derived from its name so that it is the same after a restore, and keeps it while it exists.
public enum VirtualAddresses {
    static let optOut = "networking.istio.io/enable-autoallocate-ip"

    /// Host to its automatic addresses, as `status` lists them.
    public static func of(_ status: JSONValue?) -> [String: [String]] {
        var found: [String: [String]] = [:]
        for item in status?["addresses"]?.arrayValue ?? [] {
            guard let host = item["host"]?.stringValue, let value = item["value"]?.stringValue else { continue }
            found[host, default: []].append(value)
        }
        return found
    }

    /// Every address that some ServiceEntry holds, automatic or written.
    static func taken(in resources: ResourceSet) -> Set<String> {
        var taken: Set<String> = []
        for resource in resources.unordered(.serviceEntry) {
            for addresses in of(resource.status).values { taken.formUnion(addresses) }
            if case .serviceEntry(let spec) = resource.spec { taken.formUnion(spec.addresses) }
        }
        return taken
    }

    /// Gives `resource` the addresses it lacks, and takes away those it is not to have any more.
    static func assign(to resource: inout Resource, taken: inout Set<String>) {
        guard case .serviceEntry(let spec) = resource.spec else { return }
        let isWanted =
            spec.addresses.isEmpty && spec.effectiveResolution != .none
            && resource.metadata.labels[optOut] != "false"
        let old = of(resource.status)
        var list: [JSONValue] = []
        for host in isWanted ? spec.hosts : [] where !host.hasPrefix("*") {
            var own = old[host] ?? []
            if own.isEmpty {
                own = allocate("\(resource.metadata.namespace)/\(host)", taken)
                taken.formUnion(own)
            }
            list += own.map { ["value": .string($0), "host": .string(host)] }
        }
        var status = resource.status?.objectValue ?? [:]
        if list == status["addresses"]?.arrayValue ?? [] { return }
        status["addresses"] = list.isEmpty ? nil : .array(list)
        resource.status = status.isEmpty ? nil : .object(status)
    }

    /// The IPv4 address of a name and the IPv6 address beside it; the next free pair when they are taken.
    private static func allocate(_ name: String, _ taken: Set<String>) -> [String] {
        let digest = Digest.sha256(name)
        var offset = Int(digest[0]) << 8 | Int(digest[1])
        for _ in 0..<65_536 {
            let (high, low) = (offset >> 8 & 255, offset & 255)
            let address = "240.240.\(high).\(low)"
            // First and last addresses of a block look like networks and broadcasts to some software.
            if low != 0, low != 255, !taken.contains(address) {
                return [address, "2001:2::f0f0:\(String(offset & 0xFFFF, radix: 16))"]
            }
            offset = (offset + 1) & 0xFFFF
        }
        return []
    }
}
