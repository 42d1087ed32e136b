internal import CSys

/// An IPv4 or IPv6 address, without port or zone.
///
/// Shape: 16 bytes in network order; an IPv4 address occupies the first four, the rest are zero.
public struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    public var high: UInt64
    public var low: UInt64
    public var isIPv6: Bool

    /// The address in host order: `0x7F000001` is 127.0.0.1.
    public init(ipv4 value: UInt32) {
        high = UInt64(value) << 32
        low = 0
        isIPv6 = false
    }

    /// Both halves in host order. IPv4-mapped addresses (`::ffff:a.b.c.d`) become IPv4, so that one rule matches both.
    public init(ipv6High: UInt64, low: UInt64) {
        let isMapped = ipv6High == 0 && low >> 32 == 0xFFFF
        high = isMapped ? low << 32 : ipv6High
        self.low = isMapped ? 0 : low
        isIPv6 = !isMapped
    }

    /// Strict text form (`inet_pton`): no leading zeros in octets, no brackets, no zone, no port.
    public init?(_ text: some StringProtocol) {
        let string = String(text)
        guard string.utf8.count <= 45, !string.utf8.contains(0) else { return nil }
        var four = in_addr()
        if inet_pton(AF_INET, string, &four) == 1 {
            self.init(ipv4: UInt32(bigEndian: four.s_addr))
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, string, &six) == 1 else { return nil }
        let (high, low) = withUnsafeBytes(of: &six) { raw in
            (
                raw.loadUnaligned(fromByteOffset: 0, as: UInt64.self),
                raw.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            )
        }
        self.init(ipv6High: UInt64(bigEndian: high), low: UInt64(bigEndian: low))
    }

    /// The host-order IPv4 value, or nil for IPv6.
    public var ipv4: UInt32? { isIPv6 ? nil : UInt32(truncatingIfNeeded: high >> 32) }

    public var isLoopback: Bool {
        if let v4 = ipv4 { return v4 >> 24 == 127 }
        return high == 0 && low == 1
    }

    public var isUnspecified: Bool { high == 0 && low == 0 }

    /// RFC 3927 and RFC 4291 link-local ranges; cloud metadata services live there.
    public var isLinkLocal: Bool {
        if let v4 = ipv4 { return v4 >> 16 == 0xA9FE }
        return high >> 54 == 0x3FA
    }

    public var description: String {
        if let v4 = ipv4 { return "\(v4 >> 24).\(v4 >> 16 & 255).\(v4 >> 8 & 255).\(v4 & 255)" }
        var bytes = in6_addr()
        withUnsafeMutableBytes(of: &bytes) { raw in
            raw.storeBytes(of: high.bigEndian, as: UInt64.self)
            raw.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
        return withUnsafeTemporaryAllocation(of: CChar.self, capacity: 46) { text in
            guard inet_ntop(AF_INET6, &bytes, text.baseAddress, 46) != nil, let start = text.baseAddress else {
                return ""
            }
            return String(cString: start)
        }
    }
}

/// A block of addresses, `10.0.0.0/8`. Host bits below the prefix are ignored.
public struct CIDR: Hashable, Sendable, CustomStringConvertible {
    public let network: IPAddress
    public let prefixLength: Int

    /// `prefixLength` beyond the family's width (32, 128) or below zero gives nil.
    public init?(_ address: IPAddress, prefixLength: Int) {
        guard prefixLength >= 0, prefixLength <= (address.isIPv6 ? 128 : 32) else { return nil }
        self.prefixLength = prefixLength
        var network = address
        let (high, low) = Self.mask(prefixLength)
        network.high &= high
        network.low &= low
        self.network = network
    }

    /// `address/prefix`, or a plain address, which means the block of that one address.
    public init?(_ text: some StringProtocol) {
        guard let slash = text.firstIndex(of: "/") else {
            guard let address = IPAddress(text) else { return nil }
            self.init(address, prefixLength: address.isIPv6 ? 128 : 32)
            return
        }
        let digits = text[text.index(after: slash)...]
        guard digits.utf8.count <= 3, digits.utf8.allSatisfy({ (48...57).contains($0) }), let length = Int(digits),
            let address = IPAddress(text[..<slash])
        else { return nil }
        self.init(address, prefixLength: length)
    }

    public func contains(_ address: IPAddress) -> Bool {
        guard address.isIPv6 == network.isIPv6 else { return false }
        let (high, low) = Self.mask(prefixLength)
        return address.high & high == network.high && address.low & low == network.low
    }

    public var description: String { "\(network)/\(prefixLength)" }

    private static func mask(_ length: Int) -> (UInt64, UInt64) {
        let high: UInt64 = length == 0 ? 0 : length >= 64 ? .max : ~(UInt64.max >> UInt64(length))
        let low: UInt64 = length <= 64 ? 0 : length >= 128 ? .max : ~(UInt64.max >> UInt64(length - 64))
        return (high, low)
    }
}

/// Where a socket is bound or connected: an address and a port.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
    public var address: IPAddress
    public var port: UInt16

    public init(_ address: IPAddress, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// `127.0.0.1:80` or `[::1]:80`; nil when either part is missing or malformed.
    public init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard digits.utf8.count <= 5, digits.utf8.allSatisfy({ (48...57).contains($0) }), let port = UInt16(digits)
        else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]") else { return nil }
            host = host.dropFirst().dropLast()
            guard let address = IPAddress(host), address.isIPv6 else { return nil }
            self.init(address, port: port)
            return
        }
        guard let address = IPAddress(host), !address.isIPv6 else { return nil }
        self.init(address, port: port)
    }

    public var description: String { address.isIPv6 ? "[\(address)]:\(port)" : "\(address):\(port)" }
}
