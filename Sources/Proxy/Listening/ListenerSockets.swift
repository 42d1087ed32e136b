internal import Base
internal import CSys
internal import Transport

/// Which addresses are bound, for all workers together: decides what a configuration opens and closes.
///
/// Not on any worker; `ProxyServer` guards it. Sockets are opened (or inherited ones duplicated) here, one per worker
/// and address, and handed to the workers, which close them.
struct ListenerSockets {
    struct BindError: Error {
        var detail: String
    }

    private struct Bound {
        /// As configured.
        var addresses: [NetworkAddress]
        /// As the kernel says, the first address only.
        var real: SocketAddress?
    }

    private let workers: Int
    private let adopted: [String: [Int32]]
    private var bound: [String: Bound] = [:]

    init(workers: Int, adopted: [String: [Int32]]) {
        self.workers = workers
        self.adopted = adopted
    }

    var boundAddresses: [String: SocketAddress] { bound.compactMapValues(\.real) }

    /// Opens what `listeners` need beyond what is open. All or nothing.
    ///
    /// - Returns: for each worker the sockets it has to take.
    mutating func change(to listeners: [String: ListenerPlan]) throws(BindError) -> [Worker.Sockets] {
        try refuseDuplicates(listeners)
        var next = bound.filter { listeners[$0.key] != nil }
        var change = [Worker.Sockets](repeating: Worker.Sockets(), count: workers)
        var opened: [Int32] = []
        for name in listeners.keys.sorted() {
            guard let plan = listeners[name], next[name]?.addresses != plan.addresses else { continue }
            let isMove = next[name] != nil
            var real: SocketAddress?
            for address in plan.addresses {
                do throws(BindError) {
                    let (descriptors, first) = try open(address)
                    opened += descriptors
                    real = real ?? first
                    for (index, descriptor) in descriptors.enumerated() {
                        change[index % workers].descriptors[name, default: []].append(descriptor)
                    }
                } catch {
                    for descriptor in opened { close(descriptor) }
                    throw BindError(detail: "listener \(name): \(error.detail)")
                }
            }
            if isMove { for index in change.indices { change[index].moved.insert(name) } }
            next[name] = Bound(addresses: plan.addresses, real: real)
        }
        bound = next
        return change
    }

    private func refuseDuplicates(_ listeners: [String: ListenerPlan]) throws(BindError) {
        var seen: [NetworkAddress: String] = [:]
        for (name, plan) in listeners.sorted(by: { $0.key < $1.key }) {
            for address in plan.addresses {
                if case .ip(let socket) = address, socket.port == 0 { continue }
                if let other = seen[address] {
                    throw BindError(detail: "listener \(name): \(address) is already taken by listener \(other)")
                }
                seen[address] = name
            }
        }
    }

    /// At least one socket per worker; inherited ones all of them.
    private func open(_ address: NetworkAddress) throws(BindError) -> ([Int32], SocketAddress?) {
        if let inherited = adopted["\(address)"], !inherited.isEmpty { return try duplicate(inherited) }
        var descriptors: [Int32] = []
        var current = address
        var real: SocketAddress?
        do throws(SocketError) {
            for index in 0..<workers {
                if case .unix = address, index > 0 { break }
                let descriptor = try ListeningSocket.open(current, reusesPort: true)
                descriptors.append(descriptor)
                if index == 0, case .ip(let asked) = address {
                    let port = asked.port == 0 ? Self.port(of: descriptor) : asked.port
                    real = SocketAddress(asked.address, port: port)
                    current = .ip(SocketAddress(asked.address, port: port))
                }
            }
        } catch {
            for descriptor in descriptors { close(descriptor) }
            throw BindError(detail: error.description)
        }
        return (descriptors, real)
    }

    private func duplicate(_ inherited: [Int32]) throws(BindError) -> ([Int32], SocketAddress?) {
        var descriptors: [Int32] = []
        for index in 0..<max(workers, inherited.count) {
            let descriptor = gh_duplicate(inherited[index % inherited.count])
            guard descriptor >= 0 else {
                for descriptor in descriptors { close(descriptor) }
                throw BindError(detail: "cannot duplicate an inherited socket")
            }
            descriptors.append(descriptor)
        }
        var raw = gh_address()
        guard gh_local_address(inherited[0], &raw) == 0 else { return (descriptors, nil) }
        switch raw.family {
        case 4:
            return (
                descriptors, SocketAddress(IPAddress(ipv4: UInt32(truncatingIfNeeded: raw.high >> 32)), port: raw.port)
            )
        case 6: return (descriptors, SocketAddress(IPAddress(ipv6High: raw.high, low: raw.low), port: raw.port))
        default: return (descriptors, nil)
        }
    }

    private static func port(of descriptor: Int32) -> UInt16 {
        var raw = gh_address()
        return gh_local_address(descriptor, &raw) == 0 ? raw.port : 0
    }
}
