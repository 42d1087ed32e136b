public import Base

/// What a TLS client says before any key is chosen: enough to pick a filter chain (RFC 8446 §4.1.2).
public struct ClientHello: Equatable, Sendable {
    public enum Result: Equatable, Sendable {
        /// More bytes are needed; at most `ClientHello.bytesMax` in all.
        case incomplete
        /// The first byte is no TLS handshake record: plain traffic.
        case notTLS
        /// TLS, but broken or too large: refuse it.
        case malformed
        case hello(ClientHello)
    }

    /// A hello may span several records and carry large key shares, but not more than this.
    public static let bytesMax = 64 << 10
    /// Each arrival is read from the start again; a hello in crumbs would cost far more than it is.
    static let recordsMax = 128

    /// SNI in lower case, without a trailing dot; nil when the client sent none.
    public var serverName: String?
    /// ALPN protocol names in the client's order.
    public var applicationProtocols: [String] = []
    /// The client offers TLS 1.3.
    public var offersTLS13 = false

    public init() {}

    /// Reads the first bytes of a connection without consuming them.
    public static func parse(_ bytes: BytePointer, _ count: Int) -> Result {
        parse(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Result {
        guard let first = bytes.first else { return .incomplete }
        guard first == 22 else { return .notTLS }
        if bytes.count >= 2 && bytes[1] != 3 { return .notTLS }
        // Handshake bytes of all records so far, without the record headers.
        var body: [UInt8] = []
        var at = 0
        var records = 0
        while at + 5 <= bytes.count {
            records += 1
            guard records <= recordsMax else { return .malformed }
            guard bytes[at] == 22, bytes[at + 1] == 3 else { return .malformed }
            let length = Int(bytes[at + 3]) << 8 | Int(bytes[at + 4])
            guard length > 0, length <= (16 << 10) + 256 else { return .malformed }
            let end = min(at + 5 + length, bytes.count)
            body.append(contentsOf: bytes[(at + 5)..<end])
            if let result = message(body) { return result }
            guard end == at + 5 + length else { break }
            at = end
        }
        return bytes.count >= bytesMax ? .malformed : .incomplete
    }

    /// Nil while the handshake message is incomplete.
    private static func message(_ body: [UInt8]) -> Result? {
        guard body.count >= 4 else { return nil }
        guard body[0] == 1 else { return .malformed }
        let length = Int(body[1]) << 16 | Int(body[2]) << 8 | Int(body[3])
        guard length <= bytesMax else { return .malformed }
        guard body.count >= 4 + length else { return nil }
        var reader = HelloReader(body[4..<(4 + length)])
        guard let hello = reader.hello() else { return .malformed }
        return .hello(hello)
    }
}

/// A bounded cursor over one handshake message. Every read checks what is left.
private struct HelloReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) {
        rest = bytes
    }

    mutating func number(_ width: Int) -> Int? {
        guard rest.count >= width else { return nil }
        let value = rest.prefix(width).reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(width)
        return value
    }

    /// A vector with a length prefix of `width` bytes.
    mutating func vector(_ width: Int) -> ArraySlice<UInt8>? {
        guard let length = number(width), rest.count >= length else { return nil }
        let found = rest.prefix(length)
        rest = rest.dropFirst(length)
        return found
    }

    mutating func hello() -> ClientHello? {
        var hello = ClientHello()
        guard number(2) != nil, rest.count >= 32 else { return nil }
        rest = rest.dropFirst(32)
        guard vector(1) != nil, vector(2) != nil, vector(1) != nil else { return nil }
        if rest.isEmpty { return hello }
        guard let extensions = vector(2) else { return nil }
        var reader = HelloReader(extensions)
        var hasName = false
        while !reader.rest.isEmpty {
            guard let type = reader.number(2), let content = reader.vector(2) else { return nil }
            switch type {
            case 0:
                // Two names would let us and the back end choose differently.
                guard !hasName, let name = HelloReader.serverName(content) else { return nil }
                hasName = true
                hello.serverName = name
            case 16:
                guard let names = HelloReader.protocols(content) else { return nil }
                hello.applicationProtocols = names
            case 43:
                var versions = HelloReader(content)
                guard let list = versions.vector(1) else { return nil }
                var i = list.startIndex
                while i + 1 < list.endIndex {
                    if list[i] == 3 && list[i + 1] == 4 { hello.offersTLS13 = true }
                    i += 2
                }
            default: break
            }
        }
        return hello
    }

    private static func serverName(_ content: ArraySlice<UInt8>) -> String? {
        var outer = HelloReader(content)
        guard let list = outer.vector(2) else { return nil }
        var reader = HelloReader(list)
        guard reader.number(1) == 0, let name = reader.vector(2), (1...255).contains(name.count) else { return nil }
        guard name.allSatisfy({ isNameByte($0) }) else { return nil }
        let text = String(decoding: name.last == 46 ? name.dropLast() : name, as: UTF8.self)
        return text.isEmpty ? nil : text.lowercased()
    }

    private static func isNameByte(_ b: UInt8) -> Bool {
        (b >= 97 && b <= 122) || (b >= 65 && b <= 90) || (b >= 48 && b <= 58) || b == 45 || b == 46 || b == 95
    }

    private static func protocols(_ content: ArraySlice<UInt8>) -> [String]? {
        var outer = HelloReader(content)
        guard let list = outer.vector(2) else { return nil }
        var reader = HelloReader(list)
        var names: [String] = []
        while !reader.rest.isEmpty {
            guard let name = reader.vector(1), !name.isEmpty, names.count < 64 else { return nil }
            names.append(String(decoding: name, as: UTF8.self))
        }
        return names
    }
}
