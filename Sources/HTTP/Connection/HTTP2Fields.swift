internal import Base
internal import CNghttp2
internal import CSys

extension MessageHead {
    /// Enters a received field. False when it may not stand in a message.
    func appendReceived(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        guard let p = name.baseAddress?.assumingMemoryBound(to: UInt8.self), name.count < 1 << 15 else { return false }
        let id = KnownField.of(p, name.count)
        switch id {
        case .host:
            // Beside :authority it must say the same (RFC 9113 §8.3.1).
            if authorityRange.count > 0 { return authority.elementsEqual(value) }
            setAuthority(value)
            return true
        case .contentLength:
            guard contentLength == nil, let length = MessageHead.decimal(value) else { return false }
            contentLength = length
        case .transferEncoding: return false
        default: break
        }
        return appendLine(id, name, value)
    }

    /// Joins cookie crumbs, which HTTP/2 may send one by one (RFC 9113 §8.2.3).
    func joinCookies() {
        let first = Int(firsts[Int(KnownField.cookie.rawValue)])
        guard first > 0 else { return }
        let name = UnsafeRawBufferPointer(KnownField.cookie.name)
        guard nextIndex(of: name, from: first) != nil else { return }
        var joined = SpillBuffer()
        defer { joined.release() }
        var index = nextIndex(of: name, from: 0)
        while let i = index {
            if !joined.isEmpty { joined.append("; ") }
            let value = valueView(i)
            if let p = value.baseAddress { joined.append(p.assumingMemoryBound(to: UInt8.self), value.count) }
            index = nextIndex(of: name, from: i &+ 1)
        }
        remove(.cookie)
        append(.cookie, joined.bytes)
    }

    /// Builds nghttp2's list: `pseudo` entries written by `fill`, then every field that HTTP/2 may carry. Valid in
    /// `body` only.
    func withNameValues(
        pseudo: Int,
        fill: (UnsafeMutablePointer<nghttp2_nv>) -> Void,
        _ body: (UnsafePointer<nghttp2_nv>, Int) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: pseudo + fieldCount + 1) { list in
            guard let start = list.baseAddress else { return }
            fill(start)
            var count = pseudo
            for i in 0..<fieldCount where !fields[i].isRemoved {
                let field = fields[i]
                let id = KnownField(rawValue: field.id) ?? .other
                let value = block + Int(field.value), valueCount = Int(field.valueEnd &- field.value)
                switch id {
                case .connection, .keepAlive, .proxyConnection, .upgrade, .http2Settings, .transferEncoding, .host:
                    continue
                case .te where !MessageHead.listContains(valueView(i), "trailers"): continue
                case .other: gh_nv(start + count, block + Int(field.line), Int(field.nameLength), value, valueCount)
                default:
                    let name = id.name
                    gh_nv_static(start + count, name.utf8Start, name.utf8CodeUnitCount, value, valueCount)
                }
                count += 1
            }
            body(start, count)
        }
    }

    /// Whether path and authority may be forwarded; nil when they may.
    var targetFlaw: StaticString? {
        if authorityRange.count > 0 {
            guard Authority.isValid(block + Int(authorityRange.start), Int(authorityRange.count)) else {
                return "the authority is malformed"
            }
        }
        if method == .connect { return authorityRange.count > 0 ? nil : "no authority" }
        guard let start = path.first else { return "no path" }
        guard start == 47 || (path.count == 1 && start == 42 && method == .options) else {
            return "the path is malformed"
        }
        for b in path where b < 0x21 || b > 0x7E || b == 35 { return "the path is malformed" }
        return nil
    }
}

extension nghttp2_nv {
    /// Literals live as long as the program; values are copied by nghttp2 before their buffer goes away.
    static func put(_ slot: UnsafeMutablePointer<nghttp2_nv>, _ name: StaticString, _ value: UnsafeRawBufferPointer) {
        gh_nv_static(slot, name.utf8Start, name.utf8CodeUnitCount, value.baseAddress, value.count)
    }
}
