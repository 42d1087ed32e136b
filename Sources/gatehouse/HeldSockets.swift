internal import Base
internal import CSys
internal import Glibc

/// The listening sockets the supervisor keeps open for its gateways.
///
/// A gateway that dies leaves its sockets here with their queues of pending connections; its replacement asks for the
/// same address and goes on accepting. One address belongs to one gateway.
struct HeldSockets {
    struct Refusal: Error {
        var reason: String
    }

    private struct Holding {
        var owner: String
        var address: SocketAddress
        var descriptors: [Int32]
    }

    static let backlog: Int32 = 4096
    static let workersMax = 64

    private var holdings: [Holding] = []

    /// Descriptors of `count` sockets bound to `address`, opened now or held from before.
    /// - Throws: `Refusal` in words fit for the resource's status: who holds the address, or what the kernel said.
    mutating func sockets(at address: SocketAddress, count: Int, for owner: String) throws(Refusal) -> [Int32] {
        guard count > 0, count <= Self.workersMax else { throw Refusal(reason: "\(count) workers is out of range") }
        if let index = holdings.firstIndex(where: { $0.address == address && $0.owner == owner }) {
            while holdings[index].descriptors.count < count {
                holdings[index].descriptors.append(try Self.open(address))
            }
            return holdings[index].descriptors
        }
        if let holder = holdings.first(where: { Self.conflicts($0.address, address) }) {
            throw Refusal(reason: "PortConflict: \(address) is held by \(holder.owner) (\(holder.address))")
        }
        var descriptors: [Int32] = []
        // An unshared bind first: with SO_REUSEPORT alone a second appliance could share the port unnoticed.
        close(try Self.open(address, backlog: 0))
        for _ in 0..<count { descriptors.append(try Self.open(address)) }
        holdings.append(Holding(owner: owner, address: address, descriptors: descriptors))
        return descriptors
    }

    mutating func release(_ address: SocketAddress, owner: String) {
        for holding in holdings where holding.address == address && holding.owner == owner {
            for descriptor in holding.descriptors { close(descriptor) }
        }
        holdings.removeAll { $0.address == address && $0.owner == owner }
    }

    mutating func releaseAll() {
        for holding in holdings { for descriptor in holding.descriptors { close(descriptor) } }
        holdings = []
    }

    private static func conflicts(_ a: SocketAddress, _ b: SocketAddress) -> Bool {
        a.port == b.port && (a.address == b.address || a.address.isUnspecified || b.address.isUnspecified)
    }

    private static func open(_ address: SocketAddress, backlog: Int32 = backlog) throws(Refusal) -> Int32 {
        var bytes: [UInt8] = []
        if let v4 = address.address.ipv4 {
            for shift in [24, 16, 8, 0] as [UInt32] { bytes.append(UInt8(truncatingIfNeeded: v4 >> shift)) }
        } else {
            for half in [address.address.high, address.address.low] {
                for shift in stride(from: 56, through: 0, by: -8) {
                    bytes.append(UInt8(truncatingIfNeeded: half >> UInt64(shift)))
                }
            }
        }
        let descriptor = gh_bind_tcp(address.address.isIPv6 ? 6 : 4, bytes, address.port, backlog)
        guard descriptor >= 0 else {
            let code = gh_errno()
            let prefix = code == EADDRINUSE ? "PortConflict: " : ""
            throw Refusal(reason: "\(prefix)cannot listen on \(address): \(String(cString: strerror(code)))")
        }
        return descriptor
    }
}
