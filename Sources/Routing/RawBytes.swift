/// Borrowed bytes. Valid only for the duration of the call they are passed to; never stored.
typealias Bytes = UnsafeRawBufferPointer

extension UnsafeRawBufferPointer {
    /// Bytes `start ..< end`, clamped to what is there.
    @inline(__always)
    func part(_ start: Int, _ end: Int) -> UnsafeRawBufferPointer {
        let low = Swift.max(0, Swift.min(start, count))
        let high = Swift.max(low, Swift.min(end, count))
        return UnsafeRawBufferPointer(rebasing: self[low..<high])
    }

    @inline(__always)
    func dropping(_ length: Int) -> UnsafeRawBufferPointer { part(length, count) }

    /// Where `byte` first occurs at or after `start`; nil when it does not.
    @inline(__always)
    func position(of byte: UInt8, from start: Int = 0) -> Int? {
        var index = start
        while index < count {
            if self[index] == byte { return index }
            index &+= 1
        }
        return nil
    }

    @inline(__always)
    func equals(_ other: UnsafeRawBufferPointer) -> Bool {
        count == other.count && sameBytes(self, 0, other)
    }

    @inline(__always)
    func equalsIgnoringCase(_ other: UnsafeRawBufferPointer) -> Bool {
        count == other.count && sameLetters(self, 0, other)
    }

    @inline(__always)
    func starts(withBytes other: UnsafeRawBufferPointer) -> Bool {
        count >= other.count && sameBytes(self, 0, other)
    }

    /// Where `needle` first occurs; the empty needle occurs at 0.
    func firstOccurrence(of needle: UnsafeRawBufferPointer, ignoringCase: Bool) -> Int? {
        guard needle.count <= count else { return nil }
        for start in 0...(count &- needle.count) {
            if ignoringCase ? sameLetters(self, start, needle) : sameBytes(self, start, needle) { return start }
        }
        return nil
    }

    /// Without spaces and tabs at both ends.
    var trimmed: UnsafeRawBufferPointer {
        var low = 0
        var high = count
        while low < high, self[low] == 0x20 || self[low] == 0x09 { low &+= 1 }
        while high > low, self[high &- 1] == 0x20 || self[high &- 1] == 0x09 { high &-= 1 }
        return part(low, high)
    }

    /// A whole decimal number with an optional sign; nil when anything else is in it or it does not fit.
    var decimal: Int64? {
        var index = 0
        var isNegative = false
        if let first = self.first, first == 0x2D || first == 0x2B {
            isNegative = first == 0x2D
            index = 1
        }
        guard index < count, count <= 20 else { return nil }
        var value: Int64 = 0
        while index < count {
            let digit = self[index] &- 0x30
            guard digit < 10 else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = scaled.subtractingReportingOverflow(Int64(digit))
            guard !overflow, !carried else { return nil }
            value = sum
            index &+= 1
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }
}

/// ASCII lower case; other bytes unchanged.
@inline(__always)
func lowered(_ byte: UInt8) -> UInt8 { byte &- 65 < 26 ? byte | 0x20 : byte }

/// True when `a` holds `b` at offset `start`. The caller has checked that it fits.
@inline(__always)
func sameBytes(_ a: UnsafeRawBufferPointer, _ start: Int, _ b: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index &+ 8 <= b.count {
        let mine = a.loadUnaligned(fromByteOffset: start &+ index, as: UInt64.self)
        if mine != b.loadUnaligned(fromByteOffset: index, as: UInt64.self) { return false }
        index &+= 8
    }
    while index < b.count {
        if a[start &+ index] != b[index] { return false }
        index &+= 1
    }
    return true
}

@inline(__always)
func sameLetters(_ a: UnsafeRawBufferPointer, _ start: Int, _ b: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index < b.count {
        if lowered(a[start &+ index]) != lowered(b[index]) { return false }
        index &+= 1
    }
    return true
}

extension Array where Element == UInt8 {
    init(lowering text: some StringProtocol) { self = text.utf8.map(lowered) }
}
