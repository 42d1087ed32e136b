/// A snapshot as bytes: equal snapshots give equal bytes.
///
/// Shape: the magic line, the version, then per type in the order of `ResourceType` a count and the resources sorted by
/// name, each as name and content. All numbers are big endian, 64 bits the version, 32 bits the others.
extension Snapshot {
    private static let magic = [UInt8]("gatehouse snapshot 1\n".utf8)

    public func encoded() -> [UInt8] {
        var out = Self.magic
        let size = resources.values.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.bytes.count + 64 } }
        out.reserveCapacity(out.count + size + 64)
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            out.append(UInt8(truncatingIfNeeded: version >> shift))
        }
        for type in ResourceType.allCases {
            let items = all(type)
            Self.append(UInt32(items.count), to: &out)
            for item in items {
                let name = Array(item.name.utf8)
                Self.append(UInt32(name.count), to: &out)
                out += name
                Self.append(UInt32(item.bytes.count), to: &out)
                out += item.bytes
            }
        }
        return out
    }

    /// - Throws: for anything but the output of `encoded()`; the file is damaged or of another version. Ignore it.
    public init(decoding bytes: [UInt8]) throws(DecodeError) {
        var reader = Reader(bytes: bytes)
        guard try reader.take(Self.magic.count, "magic") == Self.magic else {
            throw DecodeError(path: "magic", reason: "not a snapshot of this version")
        }
        self.init(version: try reader.number(8, "version"))
        for type in ResourceType.allCases {
            let count = try reader.number(4, "count")
            for _ in 0..<count {
                let name = try reader.block("name")
                guard let text = String(validating: name, as: UTF8.self) else {
                    throw DecodeError(path: "name", reason: "not UTF-8")
                }
                insert(EncodedResource(name: text, bytes: try reader.block("content")), as: type)
            }
        }
        guard reader.isAtEnd else { throw DecodeError(path: "", reason: "bytes after the end") }
    }

    private static func append(_ value: UInt32, to out: inout [UInt8]) {
        for shift in stride(from: UInt32(24), through: 0, by: -8) {
            out.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    private struct Reader {
        let bytes: [UInt8]
        var position = 0

        var isAtEnd: Bool { position == bytes.count }

        mutating func take(_ count: Int, _ what: String) throws(DecodeError) -> [UInt8] {
            guard count <= bytes.count - position else { throw DecodeError(path: what, reason: "cut short") }
            defer { position += count }
            return Array(bytes[position..<position + count])
        }

        mutating func number(_ count: Int, _ what: String) throws(DecodeError) -> UInt64 {
            try take(count, what).reduce(0) { $0 << 8 | UInt64($1) }
        }

        mutating func block(_ what: String) throws(DecodeError) -> [UInt8] {
            try take(Int(number(4, what)), what)
        }
    }
}
