/// Finds the virtual host of an authority.
///
/// Source: Envoy's order (route.v3.VirtualHost.domains): exact name, longest `*suffix`, longest `prefix*`, `*`.
/// Names compare without regard to ASCII case; an asterisk stands for at least one character.
///
/// Shape: built once; a lookup reads the authority at most three times and allocates nothing.
public struct HostTable: Sendable {
    /// One open-addressed table of names of one form.
    private struct Names: Sendable {
        struct Slot: Sendable {
            var hash: UInt64
            var name: [UInt8]
            var value: Int32
        }

        var slots: [Slot] = []
        private var mask = 0
        var lengths: [Int] = []

        var isEmpty: Bool { lengths.isEmpty }

        init(_ names: [(name: [UInt8], value: Int32)], fromEnd: Bool) {
            guard !names.isEmpty else { return }
            var size = 4
            while size < names.count * 2 { size *= 2 }
            slots = Array(repeating: Slot(hash: 0, name: [], value: -1), count: size)
            mask = size - 1
            for (name, value) in names {
                let hash = name.withUnsafeBytes { HostTable.hash($0, fromEnd: fromEnd) }
                var index = Int(truncatingIfNeeded: hash) & mask
                while slots[index].value >= 0 { index = (index &+ 1) & mask }
                slots[index] = Slot(hash: hash, name: name, value: value)
            }
            lengths = Set(names.map(\.name.count)).sorted()
        }

        /// The value stored for `name`, whose hash is `hash`; -1 when absent.
        func find(_ name: Bytes, hash: UInt64) -> Int32 {
            guard !slots.isEmpty else { return -1 }
            var index = Int(truncatingIfNeeded: hash) & mask
            while slots[index].value >= 0 {
                if slots[index].hash == hash, slots[index].name.withUnsafeBytes({ name.equalsIgnoringCase($0) }) {
                    return slots[index].value
                }
                index = (index &+ 1) & mask
            }
            return -1
        }
    }

    private let exact: Names
    private let suffixes: Names
    private let prefixes: Names
    private let fallback: Int32
    /// Some domain is more than `*`.
    private let hasNames: Bool

    /// - Parameter domains: for each virtual host, in order, its domains.
    /// - Throws: a domain that occurs twice, is empty, or has an asterisk in the middle or on both sides.
    public init(domains: [[String]]) throws(CompileError) {
        var exact: [(name: [UInt8], value: Int32)] = []
        var suffixes: [(name: [UInt8], value: Int32)] = []
        var prefixes: [(name: [UInt8], value: Int32)] = []
        var fallback: Int32 = -1
        var seen = Set<[UInt8]>()
        for (host, names) in domains.enumerated() {
            for (position, text) in names.enumerated() {
                let path = "[\(host)].domains[\(position)]"
                var name = [UInt8](lowering: text)
                guard !name.isEmpty else { throw CompileError(path: path, message: "a domain must not be empty") }
                guard seen.insert(name).inserted else {
                    throw CompileError(path: path, message: "domain `\(text)` is already taken")
                }
                let stars = name.count { $0 == 0x2A }
                if stars > 1 || (stars == 1 && name.first != 0x2A && name.last != 0x2A) {
                    throw CompileError(path: path, message: "domain `\(text)`: one `*`, first or last, is allowed")
                }
                if name == [0x2A] {
                    fallback = Int32(host)
                } else if name.first == 0x2A {
                    name.removeFirst()
                    suffixes.append((name, Int32(host)))
                } else if name.last == 0x2A {
                    name.removeLast()
                    prefixes.append((name, Int32(host)))
                } else {
                    exact.append((name, Int32(host)))
                }
            }
        }
        self.exact = Names(exact, fromEnd: true)
        self.suffixes = Names(suffixes, fromEnd: true)
        self.prefixes = Names(prefixes, fromEnd: false)
        self.fallback = fallback
        hasNames = !exact.isEmpty || !suffixes.isEmpty || !prefixes.isEmpty
    }

    /// The index of the virtual host for `authority`; nil when none takes it.
    ///
    /// - Parameter ignoresPort: whether `:8080` at the end is cut off before looking.
    public func find(_ authority: UnsafeRawBufferPointer, ignoresPort: Bool) -> Int? {
        if !hasNames { return fallback < 0 ? nil : Int(fallback) }
        let host = ignoresPort ? Self.withoutPort(authority) : authority
        var best = findFromEnd(host)
        if best < 0, !prefixes.isEmpty { best = findFromStart(host) }
        if best < 0 { best = fallback }
        return best < 0 ? nil : Int(best)
    }

    /// `authority` without `:port`. Brackets of an IPv6 literal stay; what is not a port number stays too.
    static func withoutPort(_ authority: Bytes) -> Bytes {
        var index = authority.count
        while index > 0, authority[index &- 1] &- 0x30 < 10 { index &-= 1 }
        guard index > 0, index < authority.count, authority[index &- 1] == 0x3A else { return authority }
        let host = authority.part(0, index &- 1)
        if host.position(of: 0x3A) != nil, host.last != 0x5D { return authority }
        return host
    }

    /// One pass from the last byte: the hash at every suffix length, and at the end that of the whole name.
    private func findFromEnd(_ host: Bytes) -> Int32 {
        var best: Int32 = -1
        var hash = Self.seed
        var next = 0
        let lengths = suffixes.lengths
        var length = 0
        while length < host.count {
            hash = Self.step(hash, host[host.count &- 1 &- length])
            length &+= 1
            if next < lengths.count, lengths[next] == length {
                next &+= 1
                if length < host.count {
                    let found = suffixes.find(host.part(host.count &- length, host.count), hash: hash)
                    if found >= 0 { best = found }
                }
            }
        }
        let whole = exact.find(host, hash: hash)
        return whole >= 0 ? whole : best
    }

    private func findFromStart(_ host: Bytes) -> Int32 {
        var best: Int32 = -1
        var hash = Self.seed
        var next = 0
        let lengths = prefixes.lengths
        var length = 0
        while length &+ 1 < host.count, next < lengths.count {
            hash = Self.step(hash, host[length])
            length &+= 1
            if lengths[next] == length {
                next &+= 1
                let found = prefixes.find(host.part(0, length), hash: hash)
                if found >= 0 { best = found }
            }
        }
        return best
    }

    private static var seed: UInt64 { 0xCBF2_9CE4_8422_2325 }

    /// FNV-1a. Hostile names cost at most a longer probe among configured names, which an attacker does not choose.
    @inline(__always)
    private static func step(_ hash: UInt64, _ byte: UInt8) -> UInt64 {
        (hash ^ UInt64(lowered(byte))) &* 0x0000_0100_0000_01B3
    }

    private static func hash(_ name: Bytes, fromEnd: Bool) -> UInt64 {
        var hash = seed
        for index in 0..<name.count { hash = step(hash, name[fromEnd ? name.count &- 1 &- index : index]) }
        return hash
    }
}
