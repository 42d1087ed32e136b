internal import Base
internal import CSys

extension MessageHead {
    /// Removes what must not be forwarded (RFC 9110 §7.6.1): `Connection` and the fields it nominates, `Keep-Alive`,
    /// `Proxy-Connection`, `TE` unless it says `trailers`, `HTTP2-Settings`, and a request's `Proxy` (httpoxy). Call
    /// it once per forwarded head, before policies edit it.
    ///
    /// - Parameter keepingUpgrade: leaves `Upgrade` in place; the codecs then ask for or confirm the upgrade themselves
    ///   (`Connection: upgrade` in HTTP/1, extended CONNECT in HTTP/2). `h2c` is never kept.
    ///
    /// Nominating a field that frames, addresses or authenticates the message does not remove it: that would let a
    /// client strip what we or the back end rely on.
    public func removeHopByHopFields(keepingUpgrade: Bool) {
        if hasNominations { removeNominated() }
        if has(.connection) { remove(.connection) }
        if has(.keepAlive) { remove(.keepAlive) }
        if has(.proxyConnection) { remove(.proxyConnection) }
        if has(.http2Settings) { remove(.http2Settings) }
        if has(.te), let value = value(.te) {
            let isTrailers = MessageHead.listContains(value, "trailers")
            remove(.te)
            if isTrailers { append(.te, "trailers") }
        }
        if status == 0 && has(.proxy) { remove(.proxy) }
        if let value = value(.upgrade), !keepingUpgrade || MessageHead.listContains(value, "h2c") { remove(.upgrade) }
    }

    private func removeNominated() {
        for i in 0..<fieldCount where !fields[i].isRemoved && fields[i].id == KnownField.connection.rawValue {
            MessageHead.forEachElement(valueView(i)) { element in
                guard let p = element.baseAddress?.assumingMemoryBound(to: UInt8.self), isToken(element) else { return }
                switch KnownField.of(p, element.count) {
                case .connection, .upgrade, .te, .host, .contentLength, .contentType, .transferEncoding, .authorization,
                    .cookie,
                    .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort, .xForwardedClientCert,
                    .xRequestID,
                    .trailer, .cacheControl:
                    break
                case .other: removeNamed(element)
                case let id: remove(id)
                }
            }
        }
    }

    private func removeNamed(_ name: UnsafeRawBufferPointer) {
        var i = 0
        while let found = nextIndex(of: name, from: i) {
            removeEntry(found)
            i = found &+ 1
        }
    }

    /// Whether a comma-separated list has this element; parameters after `;` are ignored. Compared without case.
    static func listContains(_ list: UnsafeRawBufferPointer, _ literal: StaticString) -> Bool {
        var isFound = false
        forEachElement(list) { element in
            let name = element.firstIndex(of: 0x3B).map { UnsafeRawBufferPointer(rebasing: element[..<$0]) } ?? element
            if let p = name.baseAddress, trimmedCount(name) == literal.utf8CodeUnitCount,
                strncasecmp(p, literal.utf8Start, literal.utf8CodeUnitCount) == 0
            {
                isFound = true
            }
        }
        return isFound
    }

    private static func trimmedCount(_ text: UnsafeRawBufferPointer) -> Int {
        var end = text.count
        while end > 0 && (text[end &- 1] == 32 || text[end &- 1] == 9) { end &-= 1 }
        return end
    }

    /// Calls `body` with every non-empty element of a comma-separated list, blanks removed.
    static func forEachElement(_ list: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var i = 0
        while i < list.count {
            while i < list.count && (list[i] == 32 || list[i] == 9 || list[i] == 44) { i &+= 1 }
            let start = i
            while i < list.count && list[i] != 44 { i &+= 1 }
            let element = UnsafeRawBufferPointer(rebasing: list[start..<i])
            let count = trimmedCount(element)
            if count > 0 { body(UnsafeRawBufferPointer(rebasing: element[..<count])) }
        }
    }
}
