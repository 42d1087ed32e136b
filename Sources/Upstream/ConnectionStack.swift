internal import HTTP

/// Connections of one pool, last in first out, each knowing its place by its `tag`.
///
/// Why not an array: pushing and popping happens for every request, and a pointer spares the uniqueness and exclusivity
/// checks. Lifetime: `deinitialize` on pop hands the reference to the caller.
struct ConnectionStack: ~Copyable {
    private var base: UnsafeMutablePointer<ClientConnection>
    private var capacity = 8
    private(set) var count = 0

    init() { base = .allocate(capacity: 8) }

    deinit {
        base.deinitialize(count: count)
        base.deallocate()
    }

    subscript(index: Int) -> ClientConnection {
        precondition(index >= 0 && index < count)
        return base[index]
    }

    mutating func push(_ connection: ClientConnection) {
        if count == capacity {
            let larger = UnsafeMutablePointer<ClientConnection>.allocate(capacity: capacity * 2)
            larger.moveInitialize(from: base, count: count)
            base.deallocate()
            base = larger
            capacity *= 2
        }
        connection.tag = count
        (base + count).initialize(to: connection)
        count &+= 1
    }

    mutating func pop() -> ClientConnection? {
        if count == 0 { return nil }
        count &-= 1
        let connection = (base + count).move()
        connection.tag = -1
        return connection
    }

    /// Removes a connection wherever it stands; false when it is not here. The order of the others stays.
    mutating func remove(_ connection: ClientConnection) -> Bool {
        let index = connection.tag
        guard index >= 0, index < count, base[index] === connection else { return false }
        connection.tag = -1
        (base + index).deinitialize(count: 1)
        (base + index).moveInitialize(from: base + index + 1, count: count - index - 1)
        count &-= 1
        for later in index..<count { base[later].tag = later }
        return true
    }
}
