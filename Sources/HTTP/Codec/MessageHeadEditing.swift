internal import Base
internal import CSys

extension MessageHead {
    /// Adds a field behind the others.
    ///
    /// - Returns: false, with nothing added, for a name that is no token or a value with control characters: what
    ///   policies
    ///   and users compose must never split a message. Also when the head would exceed 256 KiB.
    @discardableResult
    public func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard let p = name.baseAddress?.assumingMemoryBound(to: UInt8.self), name.count < 1 << 15, isToken(name) else {
            return false
        }
        return append(KnownField.of(p, name.count), name, value)
    }

    @discardableResult
    public func append(_ id: KnownField, _ value: UnsafeRawBufferPointer) -> Bool {
        precondition(id != .other)
        return append(id, UnsafeRawBufferPointer(id.name), value)
    }

    @discardableResult
    public func append(_ id: KnownField, _ value: StaticString) -> Bool {
        append(id, UnsafeRawBufferPointer(value))
    }

    private func append(_ id: KnownField, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard isFieldValue(value) else { return false }
        switch id {
        case .host:
            setAuthority(value)
            return true
        case .transferEncoding: return false
        case .contentLength:
            guard let length = MessageHead.decimal(value) else { return false }
            contentLength = length
            removeAll(.contentLength)
        default: break
        }
        return appendLine(id, name, value)
    }

    /// Adds a line whose parts are known to be valid. Views of this same head are allowed.
    func appendLine(_ id: KnownField, _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        let size = name.count &+ value.count &+ 4
        let start = used
        var nameSource = name.baseAddress
        var valueSource = value.baseAddress
        if start &+ size > blockCapacity {
            // The block moves, and with it what are views of ourselves.
            let owns = valueSource.map { owned($0) } ?? nil
            let ownsName = nameSource.map { owned($0) } ?? nil
            guard reserve(size) else { return false }
            if let ownsName { nameSource = UnsafeRawPointer(block + ownsName) }
            if let owns { valueSource = UnsafeRawPointer(block + owns) }
        }
        let out = block + start
        if let nameSource { memcpy(out, nameSource, name.count) }
        out[name.count] = 58
        out[name.count &+ 1] = 32
        let valueStart = name.count &+ 2
        if let valueSource, !value.isEmpty { memcpy(out + valueStart, valueSource, value.count) }
        out[valueStart &+ value.count] = 13
        out[valueStart &+ value.count &+ 1] = 10
        used &+= size
        note(
            Field(
                line: UInt32(truncatingIfNeeded: start),
                lineEnd: UInt32(truncatingIfNeeded: start &+ size),
                value: UInt32(truncatingIfNeeded: start &+ valueStart),
                valueEnd: UInt32(truncatingIfNeeded: start &+ valueStart &+ value.count),
                nameLength: UInt16(truncatingIfNeeded: name.count),
                id: id.rawValue,
                isRemoved: false
            )
        )
        return true
    }

    private func owned(_ p: UnsafeRawPointer) -> Int? {
        let low = UInt(bitPattern: p), start = UInt(bitPattern: UnsafeRawPointer(block))
        return low >= start && low < start &+ UInt(used) ? Int(low &- start) : nil
    }

    /// Enters a line that is already in the block.
    func note(_ field: Field) {
        if fieldCount == fieldCapacity { growFields() }
        fields[fieldCount] = field
        fieldCount &+= 1
        let slot = Int(field.id)
        if slot != 0 && firsts[slot] == 0 { firsts[slot] = UInt16(truncatingIfNeeded: fieldCount) }
    }

    /// Replaces every field of this name by one.
    @discardableResult
    public func set(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard let p = name.baseAddress?.assumingMemoryBound(to: UInt8.self), name.count < 1 << 15, isToken(name) else {
            return false
        }
        let id = KnownField.of(p, name.count)
        if id != .other { return set(id, value) }
        // Added before the old ones go: the value may be a view of one of them.
        let before = fieldCount
        guard append(.other, name, value) else { return false }
        var i = 0
        while let found = nextIndex(of: name, from: i), found < before {
            removeEntry(found)
            i = found &+ 1
        }
        return true
    }

    /// The usual case in a proxy: no name is compared, and nothing is searched unless there is a field to replace.
    @discardableResult
    public func set(_ id: KnownField, _ value: UnsafeRawBufferPointer) -> Bool {
        precondition(id != .other)
        let first = Int(firsts[Int(id.rawValue)])
        let before = fieldCount
        guard append(id, UnsafeRawBufferPointer(id.name), value) else { return false }
        guard first != 0 else { return true }
        var i = first &- 1
        while i < before {
            if fields[i].id == id.rawValue { removeEntry(i) }
            i &+= 1
        }
        return true
    }

    @discardableResult
    public func set(_ id: KnownField, _ value: StaticString) -> Bool { set(id, UnsafeRawBufferPointer(value)) }

    /// Removes every field of this name; does nothing when there is none.
    public func remove(_ id: KnownField) {
        if id == .host { authorityRange = Range() }
        if id == .contentLength { contentLength = nil }
        removeAll(id)
    }

    private func removeAll(_ id: KnownField) {
        while firsts[Int(id.rawValue)] != 0 && id != .other { removeEntry(Int(firsts[Int(id.rawValue)]) &- 1) }
    }

    public func remove(_ name: UnsafeRawBufferPointer) {
        guard let p = name.baseAddress?.assumingMemoryBound(to: UInt8.self), isToken(name) else { return }
        let id = KnownField.of(p, name.count)
        if id != .other {
            remove(id)
            return
        }
        var i = 0
        while let found = nextIndex(of: name, from: i) {
            removeEntry(found)
            i = found &+ 1
        }
    }

    /// Removes table entry `index` while walking the fields.
    public func remove(at index: Int) {
        precondition(index >= 0 && index < fieldCount)
        if fields[index].id == KnownField.contentLength.rawValue { contentLength = nil }
        removeEntry(index)
    }

    func removeEntry(_ index: Int) {
        guard !fields[index].isRemoved else { return }
        fields[index].isRemoved = true
        let slot = Int(fields[index].id)
        guard slot != 0, Int(firsts[slot]) == index &+ 1 else { return }
        firsts[slot] = 0
        var i = index &+ 1
        while i < fieldCount {
            if Int(fields[i].id) == slot && !fields[i].isRemoved {
                firsts[slot] = UInt16(truncatingIfNeeded: i &+ 1)
                return
            }
            i &+= 1
        }
    }

    /// Forgets everything, for reuse.
    public func clear() {
        used = 0
        fieldCount = 0
        firsts.update(repeating: 0, count: KnownField.slots)
        method = .get
        status = 0
        scheme = .http
        minorVersion = 1
        contentLength = nil
        methodRange = Range()
        pathRange = Range()
        authorityRange = Range()
        reasonRange = Range()
        hasNominations = false
        receivedCount = 0
        hostNameStart = 0
    }

    /// A head of its own with the same content; removed lines are left behind. For retries and logs.
    public func copy() -> MessageHead {
        let other = MessageHead(byteCapacity: used &+ 256)
        other.method = method
        other.status = status
        other.scheme = scheme
        other.minorVersion = minorVersion
        other.contentLength = contentLength
        other.hasNominations = hasNominations
        other.methodRange = other.store(view(methodRange))
        other.pathRange = other.store(path)
        other.authorityRange = other.store(authority)
        other.reasonRange = other.store(reason)
        for i in 0..<fieldCount where !fields[i].isRemoved {
            _ = other.appendLine(id(at: i), name(at: i), valueView(i))
        }
        return other
    }

    /// One or more digits that fit 63 bits (RFC 9110 §8.6).
    static func decimal(_ text: UnsafeRawBufferPointer) -> UInt64? {
        guard !text.isEmpty else { return nil }
        var value: UInt64 = 0
        for b in text {
            guard b >= 48, b <= 57 else { return nil }
            let (product, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowed) = product.addingReportingOverflow(UInt64(b &- 48))
            guard !overflow, !overflowed, sum <= UInt64(Int64.max) else { return nil }
            value = sum
        }
        return value
    }
}
