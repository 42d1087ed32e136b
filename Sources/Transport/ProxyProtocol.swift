public import Base

/// A PROXY protocol header, versions 1 and 2 (haproxy.org, "The PROXY protocol", 2020/03/05).
public struct ProxyProtocolHeader: Equatable, Sendable {
    public enum Result: Equatable, Sendable {
        case incomplete
        /// The first bytes are no PROXY header.
        case absent
        /// It began as one and is broken: close.
        case malformed
        /// `length` bytes belong to the header.
        case header(ProxyProtocolHeader, length: Int)
    }

    /// Version 1 lines have at most 107 bytes; version 2 headers longer than this are refused.
    public static let bytesMax = 4096

    /// Both nil for LOCAL and UNKNOWN: the proxy's own connection (health checks), keep the socket's addresses.
    public var source: SocketAddress?
    public var destination: SocketAddress?

    public init(source: SocketAddress?, destination: SocketAddress?) {
        self.source = source
        self.destination = destination
    }

    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]

    public static func parse(_ bytes: BytePointer, _ count: Int) -> Result {
        parse(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    public static func parse(_ bytes: UnsafeRawBufferPointer) -> Result {
        if bytes.isEmpty { return .incomplete }
        if isPrefix(bytes, of: signature) { return bytes.count < 16 ? .incomplete : parseBinary(bytes) }
        if isPrefix(bytes, of: Array("PROXY ".utf8)) { return bytes.count < 8 ? .incomplete : parseText(bytes) }
        return .absent
    }

    /// The shorter of both agrees with the other's beginning.
    private static func isPrefix(_ bytes: UnsafeRawBufferPointer, of text: [UInt8]) -> Bool {
        zip(bytes, text).allSatisfy { $0 == $1 }
    }

    private static func parseText(_ bytes: UnsafeRawBufferPointer) -> Result {
        let window = bytes.prefix(107)
        guard let end = window.firstIndex(of: 13), end + 1 < bytes.count else {
            let isTooLong = window.firstIndex(of: 13) == nil && bytes.count >= 107
            return isTooLong ? .malformed : .incomplete
        }
        guard bytes[end + 1] == 10 else { return .malformed }
        let line = String(decoding: bytes[..<end], as: UTF8.self)
        let words = line.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count >= 2 else { return .malformed }
        if words[1] == "UNKNOWN" {
            return .header(ProxyProtocolHeader(source: nil, destination: nil), length: end + 2)
        }
        guard words.count == 6, words[1] == "TCP4" || words[1] == "TCP6",
            let from = IPAddress(words[2]), let to = IPAddress(words[3]),
            let fromPort = port(words[4]), let toPort = port(words[5])
        else { return .malformed }
        let header = ProxyProtocolHeader(
            source: SocketAddress(from, port: fromPort),
            destination: SocketAddress(to, port: toPort)
        )
        return .header(header, length: end + 2)
    }

    private static func port(_ text: Substring) -> UInt16? {
        guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt16(text)
    }

    private static func parseBinary(_ bytes: UnsafeRawBufferPointer) -> Result {
        let length = Int(bytes[14]) << 8 | Int(bytes[15])
        guard bytes[12] >> 4 == 2, 16 + length <= bytesMax else { return .malformed }
        guard bytes.count >= 16 + length else { return .incomplete }
        let local = ProxyProtocolHeader(source: nil, destination: nil)
        switch bytes[12] & 15 {
        case 0: return .header(local, length: 16 + length)
        case 1: break
        default: return .malformed
        }
        func half(_ at: Int) -> UInt64 { (at..<(at + 8)).reduce(0) { $0 << 8 | UInt64(bytes[$1]) } }
        func quarter(_ at: Int) -> UInt32 { UInt32(truncatingIfNeeded: half(at) >> 32) }
        func number(_ at: Int) -> UInt16 { UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1]) }
        switch bytes[13] >> 4 {
        case 1:
            // `half` reads four bytes beyond an IPv4 address; the ports behind it make that safe.
            guard length >= 12 else { return .malformed }
            let header = ProxyProtocolHeader(
                source: SocketAddress(IPAddress(ipv4: quarter(16)), port: number(24)),
                destination: SocketAddress(IPAddress(ipv4: quarter(20)), port: number(26))
            )
            return .header(header, length: 16 + length)
        case 2:
            guard length >= 36 else { return .malformed }
            let header = ProxyProtocolHeader(
                source: SocketAddress(IPAddress(ipv6High: half(16), low: half(24)), port: number(48)),
                destination: SocketAddress(IPAddress(ipv6High: half(32), low: half(40)), port: number(50))
            )
            return .header(header, length: 16 + length)
        default:
            return .header(local, length: 16 + length)
        }
    }

    /// The version 2 header to send. Addresses of different families, or missing ones, become LOCAL.
    public var version2: [UInt8] {
        var out = ProxyProtocolHeader.signature
        guard let source, let destination, source.address.isIPv6 == destination.address.isIPv6 else {
            return out + [0x20, 0, 0, 0]
        }
        let isV6 = source.address.isIPv6
        out += [0x21, isV6 ? 0x21 : 0x11, 0, isV6 ? 36 : 12]
        for address in [source.address, destination.address] {
            let count = isV6 ? 16 : 4
            for i in 0..<count {
                let half = i < 8 ? address.high : address.low
                out.append(UInt8(truncatingIfNeeded: half >> UInt64(56 - 8 * (i % 8))))
            }
        }
        for port in [source.port, destination.port] {
            out.append(UInt8(truncatingIfNeeded: port >> 8))
            out.append(UInt8(truncatingIfNeeded: port))
        }
        return out
    }

    /// The version 1 line to send.
    public var version1: [UInt8] {
        guard let source, let destination, source.address.isIPv6 == destination.address.isIPv6 else {
            return Array("PROXY UNKNOWN\r\n".utf8)
        }
        let family = source.address.isIPv6 ? "TCP6" : "TCP4"
        let line = "PROXY \(family) \(source.address) \(destination.address) \(source.port) \(destination.port)\r\n"
        return Array(line.utf8)
    }
}
