internal import Base
internal import HTTP
internal import Transport

/// Reads the list of addresses in `x-forwarded-for`, the last of which the nearest proxy has written.
///
/// Several fields of this name are one list (RFC 9110 §5.3), and only its end was written by anybody known.
enum ForwardedFor {
    /// Addresses looked at, at most.
    private static let addressesMax = 64

    /// The address `hops` places from the end; nil for none, and when it is not there or no address.
    static func address(_ head: MessageHead, fromEnd hops: Int) -> SocketAddress? {
        guard hops > 0 else { return nil }
        var left = hops
        var found: IPAddress?
        walk(head) { text in
            left -= 1
            if left == 0 { found = IPAddress(bytes: text) }
            return left > 0
        }
        return found.map { SocketAddress($0, port: 0) }
    }

    /// The last address that is not one of the proxies', or the first of all when every one is.
    ///
    /// Source: Envoy's `xff_trusted_cidrs`. What is no address ends the part that can be believed.
    static func client(_ head: MessageHead, behind proxies: [CIDR]) -> SocketAddress? {
        var found: IPAddress?
        walk(head) { text in
            guard let address = IPAddress(bytes: text) else { return false }
            found = address
            return proxies.contains { $0.contains(address) }
        }
        return found.map { SocketAddress($0, port: 0) }
    }

    /// Calls `visit` with every element, the last first, until it returns false.
    private static func walk(_ head: MessageHead, _ visit: (UnsafeRawBufferPointer) -> Bool) {
        guard head.has(.xForwardedFor) else { return }
        var seen = 0
        var index = head.fieldCount
        while index > 0 {
            index &-= 1
            guard head.isLive(index), head.id(at: index) == .xForwardedFor else { continue }
            let value = head.value(at: index)
            var end = value.count
            while true {
                var start = end
                while start > 0, value[start &- 1] != 0x2C { start &-= 1 }
                var low = start
                var high = end
                while low < high, value[low] == 32 || value[low] == 9 { low &+= 1 }
                while high > low, value[high &- 1] == 32 || value[high &- 1] == 9 { high &-= 1 }
                seen &+= 1
                guard seen <= addressesMax, visit(UnsafeRawBufferPointer(rebasing: value[low..<high])) else { return }
                if start == 0 { break }
                end = start &- 1
            }
        }
    }
}
