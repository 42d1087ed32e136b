internal import Base
internal import CSys

/// Field lines made once and added to many heads, each time by one copy and without looking at a byte again.
///
/// Shape: the lines in wire form, and the table entries that a head needs for them. For what a connection or a plan
/// says about every message: forwarding fields, the server's name.
public struct PreparedLines: Sendable {
    private(set) var bytes: [UInt8] = []
    private(set) var fields: [MessageHead.Field] = []

    public init() {}

    /// Adds a line under the rules of `MessageHead.append`.
    ///
    /// - Returns: false, with nothing added, for what is no field, and for fields that the codec owns (`Host`,
    ///   `Content-Length`, `Transfer-Encoding`).
    @discardableResult
    public mutating func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard let p = name.baseAddress?.assumingMemoryBound(to: UInt8.self), name.count < 1 << 15, isToken(name),
            isFieldValue(value)
        else { return false }
        let id = KnownField.of(p, name.count)
        guard id != .host, id != .contentLength, id != .transferEncoding else { return false }
        let line = bytes.count
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: ": ".utf8)
        let start = bytes.count
        bytes.append(contentsOf: value)
        let end = bytes.count
        bytes.append(contentsOf: "\r\n".utf8)
        fields.append(
            MessageHead.Field(
                line: UInt32(truncatingIfNeeded: line),
                lineEnd: UInt32(truncatingIfNeeded: bytes.count),
                value: UInt32(truncatingIfNeeded: start),
                valueEnd: UInt32(truncatingIfNeeded: end),
                nameLength: UInt16(truncatingIfNeeded: name.count),
                id: id.rawValue,
                isRemoved: false
            )
        )
        return true
    }

    @discardableResult
    public mutating func add(_ id: KnownField, _ value: UnsafeRawBufferPointer) -> Bool {
        add(UnsafeRawBufferPointer(id.name), value)
    }
}

extension MessageHead {
    /// Adds all lines behind the others. The caller has removed fields of the same names where one must be the only.
    ///
    /// - Returns: false, with nothing added, when the head would exceed 256 KiB.
    @discardableResult
    public func append(_ lines: PreparedLines) -> Bool {
        let offset = UInt32(truncatingIfNeeded: used)
        let count = lines.bytes.count
        guard reserve(count) else { return false }
        lines.bytes.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { memcpy(block + used, start, count) }
        }
        used &+= count
        for prepared in lines.fields {
            var field = prepared
            field.line &+= offset
            field.lineEnd &+= offset
            field.value &+= offset
            field.valueEnd &+= offset
            note(field)
        }
        return true
    }

    /// The lines in place of every field that has the name of the first of them.
    @discardableResult
    public func replace(_ id: KnownField, by lines: PreparedLines) -> Bool {
        if has(id) { remove(id) }
        return append(lines)
    }
}
