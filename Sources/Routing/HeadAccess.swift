internal import HTTP

/// A header name as rules use it: pseudo headers and known fields are told apart once, when the rule is compiled.
enum HeaderName: Sendable, Equatable {
    case method
    case path
    case authority
    case scheme
    case status
    case known(KnownField)
    /// Lower case, without a slot of its own.
    case field([UInt8])

    init(_ text: String) {
        switch text {
        case ":method": self = .method
        case ":path": self = .path
        case ":scheme": self = .scheme
        case ":status": self = .status
        case ":authority": self = .authority
        default:
            let name = [UInt8](lowering: text)
            let known = KnownField.allCases.first {
                $0 != .other && UnsafeRawBufferPointer($0.name).elementsEqual(name)
            }
            self =
                switch known {
                case .host?: .authority
                case let known?: .known(known)
                case nil: .field(name)
                }
        }
    }
}

extension MessageHead {
    func has(_ name: HeaderName) -> Bool {
        switch name {
        case .method, .scheme: true
        case .path: !path.isEmpty
        case .authority: !authority.isEmpty
        case .status: status != 0
        case .known(let id): has(id)
        case .field(let name): name.withUnsafeBytes { nextIndex(of: $0, from: 0) != nil }
        }
    }

    /// Calls `body` with the value, several lines joined by `,` (RFC 9110 §5.3); with nil when there is none.
    @inline(__always)
    func withJoinedValue<R>(_ name: HeaderName, _ body: (Bytes?) -> R) -> R {
        switch name {
        case .method: return body(methodBytes)
        case .path: return body(path)
        case .authority: return body(authority.isEmpty ? nil : authority)
        case .scheme: return body(schemeBytes)
        case .status: return withStatus(body)
        case .known(let id):
            guard let first = value(id) else { return body(nil) }
            guard hasSecond(id) else { return body(first) }
            return withJoined(Bytes(id.name), body)
        case .field(let name):
            return name.withUnsafeBytes { name in
                guard let index = nextIndex(of: name, from: 0) else { return body(nil) }
                guard nextIndex(of: name, from: index &+ 1) != nil else { return body(value(at: index)) }
                return withJoined(name, body)
            }
        }
    }

    private func hasSecond(_ id: KnownField) -> Bool {
        var found = 0
        var index = 0
        while index < fieldCount {
            if self.id(at: index) == id, isLive(index) { found &+= 1 }
            index &+= 1
        }
        return found > 1
    }

    /// Several lines are rare: a temporary block, on the stack when it is small.
    private func withJoined<R>(_ name: Bytes, _ body: (Bytes?) -> R) -> R {
        var total = 0
        var next = nextIndex(of: name, from: 0)
        while let index = next {
            total &+= value(at: index).count &+ 1
            next = nextIndex(of: name, from: index &+ 1)
        }
        return withUnsafeTemporaryAllocation(byteCount: total, alignment: 1) { room in
            var used = 0
            var next = nextIndex(of: name, from: 0)
            while let index = next {
                if used > 0 {
                    room[used] = 0x2C
                    used &+= 1
                }
                for byte in value(at: index) {
                    room[used] = byte
                    used &+= 1
                }
                next = nextIndex(of: name, from: index &+ 1)
            }
            return body(Bytes(rebasing: Bytes(room)[0..<used]))
        }
    }

    private func withStatus<R>(_ body: (Bytes?) -> R) -> R {
        guard status >= 100, status < 1000 else { return body(nil) }
        return withUnsafeTemporaryAllocation(byteCount: 3, alignment: 1) { room in
            room[0] = UInt8(truncatingIfNeeded: status / 100) &+ 48
            room[1] = UInt8(truncatingIfNeeded: status / 10 % 10) &+ 48
            room[2] = UInt8(truncatingIfNeeded: status % 10) &+ 48
            return body(Bytes(room))
        }
    }

    var schemeBytes: Bytes { scheme == .https ? Bytes("https") : Bytes("http") }
}
