internal import Base
internal import CSys

/// A request head, a response head or a trailer section, for HTTP/1 and HTTP/2 alike.
///
/// Shape: one block of bytes that holds field lines in wire form (`name: value\r\n`) and the few other texts, and a
/// table of references into it. Received heads are copied in by one memcpy; unchanged lines leave again as maximal
/// runs. `Host` is not among the fields: it is `authority`, as in HTTP/2, and is written first by the HTTP/1 codec.
/// `Transfer-Encoding` is never among them either: framing belongs to the codec. A `Content-Length` field and
/// `contentLength` always agree.
///
/// Byte views returned from here are valid until the head is changed.
public final class MessageHead {
    struct Field {
        var line: UInt32
        var lineEnd: UInt32
        var value: UInt32
        var valueEnd: UInt32
        var nameLength: UInt16
        var id: UInt8
        var isRemoved: Bool
    }

    struct Range {
        var start: UInt32 = 0
        var count: UInt32 = 0
    }

    public enum Scheme: UInt8, Sendable { case http, https }

    /// Most bytes a head may take in its block, ours and theirs together.
    static let bytesMax = 256 << 10

    var block: MutableBytePointer
    var blockCapacity: Int
    var used = 0
    var fields: UnsafeMutablePointer<Field>
    var fieldCapacity: Int
    /// Table entries, removed ones included.
    public internal(set) var fieldCount = 0
    /// Per known field: index of its first living entry plus one, or zero.
    let firsts: UnsafeMutablePointer<UInt16>

    public internal(set) var method = Method.get
    /// Zero in requests and trailers.
    public var status: UInt16 = 0
    public var scheme = Scheme.http
    /// The request's HTTP/1 minor version: 0 or 1; HTTP/2 requests have 1.
    public internal(set) var minorVersion: UInt8 = 1
    /// The value of `Content-Length`; nil when there is none.
    public internal(set) var contentLength: UInt64?
    /// `Content-Length` announces content.
    var hasContent: Bool { (contentLength ?? 0) > 0 }
    var methodRange = Range()
    var pathRange = Range()
    var authorityRange = Range()
    var reasonRange = Range()
    /// Bytes of the block that came from the peer; what stands behind them is ours.
    var receivedCount = 0
    /// Where the name of the Host field stands; 0 when there was none.
    var hostNameStart: UInt32 = 0
    /// Field names listed in `Connection` beyond close, keep-alive and upgrade.
    var hasNominations = false

    /// One pooled block holds the lookup table, the field table and the bytes of an ordinary head.
    private let storage: UnsafeMutableRawPointer
    private static let fieldsOffset = KnownField.slots * MemoryLayout<UInt16>.stride
    private static let inlineFields = 24
    private static let bytesOffset = fieldsOffset + inlineFields * MemoryLayout<Field>.stride
    private static let inlineBytes = Int(gh_block_bytes) - bytesOffset - SpillBuffer.slack

    /// - Parameter byteCapacity: room to make at once; an ordinary head has about 1,400 bytes anyway.
    public init(byteCapacity: Int = 0) {
        storage = gh_block_take()
        firsts = storage.bindMemory(to: UInt16.self, capacity: KnownField.slots)
        firsts.initialize(repeating: 0, count: KnownField.slots)
        fields = (storage + Self.fieldsOffset).bindMemory(to: Field.self, capacity: Self.inlineFields)
        fieldCapacity = Self.inlineFields
        block = (storage + Self.bytesOffset).bindMemory(to: UInt8.self, capacity: Self.inlineBytes)
        blockCapacity = Self.inlineBytes
        if byteCapacity > Self.inlineBytes {
            block = .allocate(capacity: byteCapacity + SpillBuffer.slack)
            blockCapacity = byteCapacity
        }
    }

    deinit {
        releaseBlock()
        releaseFields()
        gh_block_give(storage)
    }

    private func releaseBlock() {
        if UnsafeMutableRawPointer(block) != storage + Self.bytesOffset { block.deallocate() }
    }

    private func releaseFields() {
        if UnsafeMutableRawPointer(fields) != storage + Self.fieldsOffset { fields.deallocate() }
    }

    // MARK: Start line

    public var methodBytes: UnsafeRawBufferPointer {
        method == .other ? view(methodRange) : UnsafeRawBufferPointer(method.name)
    }

    /// Path and query, `*` for OPTIONS *, empty for CONNECT.
    public var path: UnsafeRawBufferPointer { view(pathRange) }

    /// `host[:port]` as the client wrote it, without user information; empty when a 1.0 request named none.
    public var authority: UnsafeRawBufferPointer { view(authorityRange) }

    /// The reason phrase a response came with; may be empty.
    public var reason: UnsafeRawBufferPointer { view(reasonRange) }

    public func setMethod(_ new: Method) {
        precondition(new != .other)
        method = new
    }

    public func setMethod(_ text: UnsafeRawBufferPointer) {
        guard let p = text.baseAddress, text.count > 0 else { return }
        method = Method.of(p.assumingMemoryBound(to: UInt8.self), text.count)
        methodRange = method == .other ? store(text) : Range()
    }

    public func setPath(_ text: UnsafeRawBufferPointer) { pathRange = store(text) }

    /// Shows another path during `body`, which must not change the head.
    public func withPath<R>(_ text: UnsafeRawBufferPointer, _ body: () -> R) -> R {
        let saved = pathRange
        let mark = used
        pathRange = store(text)
        defer {
            pathRange = saved
            used = mark
        }
        return body()
    }

    public func setAuthority(_ text: UnsafeRawBufferPointer) { authorityRange = store(text) }

    // MARK: Reading fields

    /// The first value of a known field, without surrounding blanks.
    public func value(_ id: KnownField) -> UnsafeRawBufferPointer? {
        let first = firsts[Int(id.rawValue)]
        return first == 0 || id == .other ? nil : valueView(Int(first) &- 1)
    }

    public func has(_ id: KnownField) -> Bool { firsts[Int(id.rawValue)] != 0 && id != .other }

    /// The first value of any field, compared without case. A linear search unless the name is a known one.
    public func value(named name: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard let index = nextIndex(of: name, from: 0) else { return nil }
        return valueView(index)
    }

    /// The index of the next living field with this name at or after `start`; for fields that repeat.
    public func nextIndex(of name: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let p = name.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return nil }
        let id = isToken(name) ? KnownField.of(p, name.count) : .other
        var i = start
        if id != .other {
            let first = Int(firsts[Int(id.rawValue)])
            if first == 0 { return nil }
            i = max(i, first &- 1)
        }
        while i < fieldCount {
            let field = fields[i]
            if !field.isRemoved && Int(field.nameLength) == name.count
                && strncasecmp(block + Int(field.line), p, name.count) == 0
            {
                return i
            }
            i &+= 1
        }
        return nil
    }

    /// Whether table entry `index` is part of the message. Walk 0..<fieldCount and skip those that are not.
    public func isLive(_ index: Int) -> Bool {
        precondition(index >= 0 && index < fieldCount)
        return !fields[index].isRemoved
    }

    /// The name as it was received or set; compare without case.
    public func name(at index: Int) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && index < fieldCount)
        return UnsafeRawBufferPointer(start: block + Int(fields[index].line), count: Int(fields[index].nameLength))
    }

    public func value(at index: Int) -> UnsafeRawBufferPointer {
        precondition(index >= 0 && index < fieldCount)
        return valueView(index)
    }

    public func id(at index: Int) -> KnownField {
        precondition(index >= 0 && index < fieldCount)
        return KnownField(rawValue: fields[index].id) ?? .other
    }

    /// Bytes of living field lines, for limits and logs.
    public var fieldBytes: Int {
        var sum = 0
        for i in 0..<fieldCount where !fields[i].isRemoved { sum &+= Int(fields[i].lineEnd &- fields[i].line) }
        return sum
    }

    // MARK: Inside

    func view(_ range: Range) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: block + Int(range.start), count: Int(range.count))
    }

    func valueView(_ index: Int) -> UnsafeRawBufferPointer {
        let field = fields[index]
        return UnsafeRawBufferPointer(start: block + Int(field.value), count: Int(field.valueEnd &- field.value))
    }

    /// Room for `extra` bytes behind the content.
    func reserve(_ extra: Int) -> Bool {
        if used &+ extra <= blockCapacity { return true }
        guard used &+ extra <= MessageHead.bytesMax else { return false }
        var grown = blockCapacity &* 2
        while grown < used &+ extra { grown &*= 2 }
        let larger = MutableBytePointer.allocate(capacity: grown + SpillBuffer.slack)
        memcpy(larger, block, used)
        releaseBlock()
        block = larger
        blockCapacity = grown
        return true
    }

    /// Copies a text into the block. It may be a view of this same block.
    func store(_ text: UnsafeRawBufferPointer) -> Range {
        guard let p = text.baseAddress, text.count > 0 else { return Range() }
        let low = UInt(bitPattern: p), start = UInt(bitPattern: UnsafeRawPointer(block))
        let isOwn = low >= start && low < start &+ UInt(used)
        let offset = isOwn ? Int(low &- start) : 0
        guard reserve(text.count) else { return Range() }
        memmove(block + used, isOwn ? UnsafeRawPointer(block + offset) : p, text.count)
        let range = Range(start: UInt32(truncatingIfNeeded: used), count: UInt32(truncatingIfNeeded: text.count))
        used &+= text.count
        return range
    }

    func growFields() {
        let larger = UnsafeMutablePointer<Field>.allocate(capacity: fieldCapacity * 2)
        larger.update(from: fields, count: fieldCount)
        releaseFields()
        fields = larger
        fieldCapacity *= 2
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes of a literal, which live as long as the program.
    @inlinable public init(_ literal: StaticString) {
        self.init(start: literal.utf8Start, count: literal.utf8CodeUnitCount)
    }
}

extension UnsafeRawBufferPointer {
    /// Byte for byte, without the generic machinery of `elementsEqual`.
    func isSame(as literal: StaticString) -> Bool {
        guard count == literal.utf8CodeUnitCount, let p = baseAddress else { return count == literal.utf8CodeUnitCount }
        return memcmp(p, literal.utf8Start, count) == 0
    }
}

/// Whether every byte may stand in a field name (RFC 9110 §5.6.2), and there is at least one.
func isToken(_ text: UnsafeRawBufferPointer) -> Bool {
    guard let p = text.baseAddress?.assumingMemoryBound(to: UInt8.self), text.count > 0 else { return false }
    var i = 0
    while i < text.count {
        let b = UInt64(p[i])
        // One bit for each of 128 characters: digits and `!#$%&'*+-.`, letters and `^_`|~`.
        let allowed: UInt64 = b < 64 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
        if b > 127 || allowed >> (b & 63) & 1 == 0 { return false }
        i &+= 1
    }
    return true
}

/// Whether every byte may stand in a field value: no control characters but tab.
func isFieldValue(_ text: UnsafeRawBufferPointer) -> Bool {
    var i = 0
    while i &+ 8 <= text.count {
        let x = text.loadUnaligned(fromByteOffset: i, as: UInt64.self)
        let y = x ^ 0x7F7F_7F7F_7F7F_7F7F
        let low = (x &- 0x2020_2020_2020_2020) & ~x
        let del = (y &- 0x0101_0101_0101_0101) & ~y
        // Eight at a time while nothing looks suspicious; a tab, or a false alarm, is judged byte by byte.
        if (low | del) & 0x8080_8080_8080_8080 != 0 { break }
        i &+= 8
    }
    while i < text.count {
        let b = text[i]
        if (b < 0x20 && b != 9) || b == 0x7F { return false }
        i &+= 1
    }
    return true
}
