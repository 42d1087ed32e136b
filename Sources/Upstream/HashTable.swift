internal import Routing

/// A consistent-hash lookup over the endpoints of one tier: a Ketama-like ring or a Maglev table.
///
/// Source: Envoy ring hash (xxHash64 of `address_index`) and Maglev (Eisenbud et al., NSDI 2016).
/// Shape: built when membership or health changes; a lookup is a binary search or one index.
struct HashTable {
    private enum Kind { case ring, maglev }

    private let kind: Kind
    private var points: [UInt64] = []
    private var owners: [Int32] = []

    /// - Parameter keys: one per endpoint, its address as text.
    static func ring(keys: [String], weights: [UInt32], minimumSize: Int, maximumSize: Int) -> HashTable {
        var table = HashTable(kind: .ring)
        let total = weights.reduce(UInt64(0)) { $0 + UInt64($1) }
        guard total > 0, let least = weights.filter({ $0 > 0 }).min() else { return table }
        let minimum = Double(least) / Double(total)
        let limit = Double(max(1, maximumSize))
        let scale = min(max(Double(minimumSize) * minimum, 1).rounded(.up) / minimum, limit)
        var entries: [(UInt64, Int32)] = []
        for (index, key) in keys.enumerated() {
            let count = Int(Double(weights[index]) / Double(total) * scale + 0.000_001)
            for copy in 0..<max(count, 1) {
                entries.append((XXHash64.hash("\(key)_\(copy)"), Int32(index)))
            }
        }
        entries.sort { $0.0 < $1.0 }
        table.points = entries.map(\.0)
        table.owners = entries.map(\.1)
        return table
    }

    static func maglev(keys: [String], weights: [UInt32], tableSize: Int) -> HashTable {
        var table = HashTable(kind: .maglev)
        let size = UInt64(max(tableSize, 2))
        guard !keys.isEmpty, let heaviest = weights.max(), heaviest > 0 else { return table }
        var owners = [Int32](repeating: -1, count: Int(size))
        let offsets = keys.map { XXHash64.hash($0) % size }
        let skips = keys.map { XXHash64.hash($0, seed: 1) % (size - 1) + 1 }
        var next = [UInt64](repeating: 0, count: keys.count)
        var credit = [Double](repeating: 0, count: keys.count)
        var filled = 0
        while filled < owners.count {
            for index in keys.indices where filled < owners.count {
                credit[index] += Double(weights[index]) / Double(heaviest)
                if credit[index] < 1 { continue }
                credit[index] -= 1
                var slot: Int
                repeat {
                    slot = Int((offsets[index] + next[index] * skips[index]) % size)
                    next[index] += 1
                } while owners[slot] >= 0
                owners[slot] = Int32(index)
                filled += 1
            }
        }
        table.owners = owners
        return table
    }

    private init(kind: Kind) { self.kind = kind }

    /// The endpoint's index for `hash`; nil for an empty table.
    func owner(of hash: UInt64) -> Int? {
        if owners.isEmpty { return nil }
        switch kind {
        case .maglev: return Int(owners[Int(hash % UInt64(owners.count))])
        case .ring:
            var low = 0
            var high = points.count
            while low < high {
                let middle = (low &+ high) / 2
                if points[middle] < hash { low = middle &+ 1 } else { high = middle }
            }
            return Int(owners[low == points.count ? 0 : low])
        }
    }
}

extension XXHash64 {
    static func hash(_ text: String, seed: UInt64 = 0) -> UInt64 {
        var text = text
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0), seed: seed) }
    }
}
