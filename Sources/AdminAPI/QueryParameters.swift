/// The query of a request, decoded once.
///
/// Unknown parameters are kept and ignored, as Kubernetes does. A repeated parameter counts with its first value.
struct QueryParameters: Sendable {
    private let pairs: [(name: String, value: String)]

    init(_ text: String) {
        pairs = text.split(separator: "&", omittingEmptySubsequences: true).map { part in
            guard let equals = part.firstIndex(of: "=") else { return (Self.decode(part), "") }
            return (Self.decode(part[..<equals]), Self.decode(part[part.index(after: equals)...]))
        }
    }

    subscript(name: String) -> String? {
        pairs.first { $0.name == name }?.value
    }

    func all(_ name: String) -> [String] {
        pairs.compactMap { $0.name == name ? $0.value : nil }
    }

    /// True for `?watch`, `?watch=1` and `?watch=true`.
    func isSet(_ name: String) -> Bool {
        guard let value = self[name] else { return false }
        return value.isEmpty || value == "1" || value.lowercased() == "true"
    }

    /// Undoes form encoding: `+` is a space, `%XX` a byte. A malformed escape stays as it is.
    static func decode(_ text: some StringProtocol) -> String {
        PercentCoding.decode(text, isPlusSpace: true)
    }
}

/// Percent encoding of URLs (RFC 3986 §2.1).
enum PercentCoding {
    /// The text with `%XX` replaced by its byte. Malformed escapes stay; bytes that are not UTF-8 become U+FFFD.
    static func decode(_ text: some StringProtocol, isPlusSpace: Bool = false) -> String {
        let bytes = Array(text.utf8)
        guard bytes.contains(where: { $0 == 0x25 || $0 == 0x2B }) else { return String(text) }
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            if byte == 0x25, index + 2 < bytes.count,
                let high = hexDigit(bytes[index + 1]), let low = hexDigit(bytes[index + 2])
            {
                out.append(high << 4 | low)
                index += 3
                continue
            }
            out.append(isPlusSpace && byte == 0x2B ? 0x20 : byte)
            index += 1
        }
        return String(decoding: out, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x41 + 10
        case 0x61...0x66: byte - 0x61 + 10
        default: nil
        }
    }
}
