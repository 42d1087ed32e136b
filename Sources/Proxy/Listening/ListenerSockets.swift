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
    private let source: ListenerSource?
    private var bound: [String: Bound] = [:]

    init(workers: Int, source: ListenerSource?) {
        self.workers = workers
        self.source = source
    }

    var boundAddresses: [String: SocketAddress] { bound.compactMapValues(\.real) }

    /// Opens what `listeners` need beyond what is open. A listener that cannot be bound has no sockets, or those of
    /// before when it has moved; it is tried again at the next change. The others are not held up by it.
    ///
    /// - Returns: for each worker the sockets it has to take, and what could not be bound.
    mutating func change(to listeners: [String: ListenerPlan]) -> (sockets: [Worker.Sockets], failures: [String]) {
        var failures = duplicates(listeners)
        var next = bound.filter { listeners[$0.key] != nil }
        var change = [Worker.Sockets](repeating: Worker.Sockets(), count: workers)
        for name in listeners.keys.sorted() where failures[name] == nil {
            guard let plan = listeners[name], next[name]?.addresses != plan.addresses else { continue }
            do throws(BindError) {
                let (descriptors, real) = try openAll(plan.addresses)
                for (index, descriptor) in descriptors.enumerated() {
                    change[index % workers].descriptors[name, default: []].append(descriptor)
                }
                if next[name] != nil { for index in change.indices { change[index].moved.insert(name) } }
                next[name] = Bound(addresses: plan.addresses, real: real)
            } catch {
                failures[name] = error.detail
            }
        }
        release(keeping: next)
        bound = next
        return (change, failures.sorted { $0.key < $1.key }.map { "listener \($0.key): \($0.value)" })
    }

    /// All addresses of one listener, or none.
    private func openAll(_ addresses: [NetworkAddress]) throws(BindError) -> ([Int32], SocketAddress?) {
        var opened: [Int32] = []
        var real: SocketAddress?
        do throws(BindError) {
            for address in addresses {
                let (descriptors, first) = try open(address)
                // Worker by worker, as each address has its own share for each.
                opened += descriptors
                real = real ?? first
            }
        } catch {
            for descriptor in opened { close(descriptor) }
            throw error
        }
        return (opened, real)
    }

    /// The later one of two listeners, by name, that want one address.
    private func duplicates(_ listeners: [String: ListenerPlan]) -> [String: String] {
        var failures: [String: String] = [:]
        var seen: [NetworkAddress: String] = [:]
        for (name, plan) in listeners.sorted(by: { $0.key < $1.key }) {
            for address in plan.addresses {
                if case .ip(let socket) = address, socket.port == 0 { continue }
                if let other = seen[address] {
                    failures[name] = "\(address) is already taken by listener \(other)"
                } else {
                    seen[address] = name
                }
            }
        }
        return failures
    }

    /// Tells the supervisor which addresses nobody will ask for again.
    private func release(keeping next: [String: Bound]) {
        guard let source else { return }
        let kept = Set(next.values.flatMap(\.addresses))
        for case .ip(let address) in Set(bound.values.flatMap(\.addresses)) where !kept.contains(.ip(address)) {
            source.release(address)
        }
    }

    /// At least one socket per worker; all of those that a supervisor holds.
    private func open(_ address: NetworkAddress) throws(BindError) -> ([Int32], SocketAddress?) {
        if let source, case .ip(let asked) = address, asked.port != 0 {
            do throws(ListenerUnavailable) {
                return (try source.open(asked, workers), asked)
            } catch {
                throw BindError(detail: error.detail)
            }
        }
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

    private static func port(of descriptor: Int32) -> UInt16 {
        var raw = gh_address()
        return gh_local_address(descriptor, &raw) == 0 ? raw.port : 0
    }
}
