internal import CSys

public typealias BytePointer = UnsafePointer<UInt8>
public typealias MutableBytePointer = UnsafeMutablePointer<UInt8>

/// Eight bytes at any alignment, lowest address in the lowest byte. The caller guarantees eight readable bytes.
@inlinable public func loadWord(_ p: BytePointer) -> UInt64 {
    UInt64(littleEndian: UnsafeRawPointer(p).loadUnaligned(as: UInt64.self))
}

/// Case-insensitive comparison with a lower-case ASCII literal made of letters, digits and '-' only.
///
/// `| 0x20` lower-cases letters and leaves digits and '-' alone; it also folds a few control characters onto digits, so
/// the text must already be known to hold token characters (a validated field name).
@inlinable public func equalsLowercased(_ p: BytePointer, _ count: Int, _ literal: StaticString) -> Bool {
    guard count == literal.utf8CodeUnitCount else { return false }
    let q = literal.utf8Start
    var i = 0
    while i < count {
        if p[i] | 0x20 != q[i] { return false }
        i &+= 1
    }
    return true
}

/// A growable block of bytes with a consumed front, freed by hand.
///
/// Why not `[UInt8]`: an idle connection must own nothing, a partly sent block must lose its front without moving the
/// rest, and growth must leave slack behind the end for word loads. Shape: a window `[offset, offset + count)` in a
/// malloc'd block. The owner calls `release()` in its deinit; copies of the struct share the block, so exactly one
/// copy stays in use.
public struct SpillBuffer {
    /// Readable bytes behind the end, for parsers that load whole words.
    public static let slack = 16

    @usableFromInline var base: MutableBytePointer?
    @usableFromInline var offset = 0
    @usableFromInline var capacity = 0
    public private(set) var count = 0

    @inlinable public init() {}

    @inlinable public var isEmpty: Bool { count == 0 }

    @inlinable public var hasBlock: Bool { base != nil }

    /// The first byte; valid until the next mutation. Nil when nothing was ever appended.
    @inlinable public var start: MutableBytePointer? {
        guard let base else { return nil }
        return base + offset
    }

    @inlinable public var bytes: UnsafeRawBufferPointer {
        guard let base, count > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: base + offset, count: count)
    }

    /// Makes room for `extra` bytes behind the end and returns where they go; `advance(by:)` makes them part of the
    /// content.
    public mutating func reserve(_ extra: Int) -> MutableBytePointer {
        precondition(extra >= 0)
        let needed = count + extra + SpillBuffer.slack
        if let base, offset + needed <= capacity { return base + offset + count }
        if let base, needed <= capacity {
            memmove(base, base + offset, count)
            offset = 0
            return base + count
        }
        var grown = max(capacity &* 2, 2048)
        while grown < needed { grown &*= 2 }
        let block = MutableBytePointer.allocate(capacity: grown)
        if let base {
            memcpy(block, base + offset, count)
            base.deallocate()
        }
        base = block
        offset = 0
        capacity = grown
        return block + count
    }

    public mutating func advance(by added: Int) {
        precondition(added >= 0 && offset + count + added <= capacity)
        count += added
    }

    public mutating func append(_ p: BytePointer, _ added: Int) {
        guard added > 0 else { return }
        memcpy(reserve(added), p, added)
        count &+= added
    }

    public mutating func append(_ literal: StaticString) {
        append(literal.utf8Start, literal.utf8CodeUnitCount)
    }

    public mutating func append(byte: UInt8) {
        reserve(1).pointee = byte
        count &+= 1
    }

    /// Forgets the first `dropped` bytes.
    public mutating func drop(_ dropped: Int) {
        precondition(dropped >= 0 && dropped <= count)
        count &-= dropped
        offset = count == 0 ? 0 : offset &+ dropped
    }

    /// Forgets the content and keeps the block.
    public mutating func clear() {
        offset = 0
        count = 0
    }

    /// Gives the block back to the allocator.
    public mutating func release() {
        base?.deallocate()
        self = SpillBuffer()
    }
}

/// Emptied blocks of one event loop, kept for the next small body instead of a visit to the allocator.
///
/// Why: a response body that waits for its frame lives for one event batch; its block is too large for malloc's
/// per-thread cache and took the slow path both ways.
public struct SpareBuffers: ~Copyable {
    /// Blocks kept, and the largest one worth keeping.
    public static let countMax = 64
    public static let bytesMax = 16 << 10

    private var buffers: [SpillBuffer] = []

    public init() {}

    deinit {
        for index in buffers.indices {
            var buffer = buffers[index]
            buffer.release()
        }
    }

    /// An empty buffer, with a block when one is at hand.
    public mutating func take() -> SpillBuffer { buffers.popLast() ?? SpillBuffer() }

    /// Takes the block of an emptied buffer; leaves `buffer` without one.
    public mutating func give(_ buffer: inout SpillBuffer) {
        guard buffer.hasBlock, buffer.capacity <= Self.bytesMax, buffers.count < Self.countMax else {
            buffer.release()
            return
        }
        buffer.clear()
        buffers.append(buffer)
        buffer = SpillBuffer()
    }
}
