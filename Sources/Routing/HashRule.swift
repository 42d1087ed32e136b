public import Base
public import HTTP

/// One way to derive the hash for consistent load balancing (`RouteAction.HashPolicy`).
public struct HashRule: Sendable {
    public enum Source: Sendable {
        case header(name: [UInt8], rewrite: PathRewrite?)
        /// `ttl` nil: the cookie is only read. Otherwise it is made when absent; `.zero` makes a session cookie.
        /// `attributes` are further ones of a cookie that is made, with their separators: `; Secure; SameSite=Lax`.
        case cookie(name: [UInt8], ttl: Duration?, path: [UInt8], attributes: [UInt8])
        case sourceAddress
        case queryParameter([UInt8])
    }

    public let source: Source
    /// Stop here when this rule (or an earlier one) produced a hash.
    public let isTerminal: Bool

    /// The hash of a request under all of `rules`; nil when none of them finds a value (the balancer then draws).
    ///
    /// Source: Envoy rotates what it has by one bit and mixes in each further hash.
    public static func hash(of head: MessageHead, facts: RequestFacts, rules: [HashRule]) -> UInt64? {
        var result: UInt64?
        var index = 0
        while index < rules.count {
            if let next = rules[index].hash(head, facts) {
                result = result.map { ($0 << 1 | $0 >> 63) ^ next } ?? next
            }
            if rules[index].isTerminal, result != nil { return result }
            index &+= 1
        }
        return result
    }

    private func hash(_ head: MessageHead, _ facts: RequestFacts) -> UInt64? {
        switch source {
        case .header(let name, let rewrite):
            return name.withUnsafeBytes { name in
                head.value(named: name).flatMap { Self.hash($0, rewrite) }
            }
        case .cookie(let name, _, _, _):
            return name.withUnsafeBytes { name in
                head.value(.cookie).flatMap { Self.cookie(name, in: $0) }.map { XXHash64.hash($0) }
            }
        case .sourceAddress:
            return XXHash64.hash(address: facts.remote.address)
        case .queryParameter(let name):
            guard let query = QueryString.of(target: head.path) else { return nil }
            return name.withUnsafeBytes { QueryString.first($0, in: query) }.map { XXHash64.hash($0) }
        }
    }

    private static func hash(_ value: Bytes, _ rewrite: PathRewrite?) -> UInt64? {
        guard case .expression(let expression, let substitution)? = rewrite else { return XXHash64.hash(value) }
        var changed: [UInt8] = []
        let isFine = expression.replaceAll(
            in: value,
            with: substitution,
            appendingTo: &changed,
            bytesMax: PathRewrite.pathBytesMax
        )
        return isFine ? changed.withUnsafeBytes { XXHash64.hash($0) } : nil
    }

    /// RFC 6265 §4.2: pairs separated by `; `. Quotes around a value are dropped.
    static func cookie(_ name: Bytes, in header: Bytes) -> Bytes? {
        var start = 0
        while start < header.count {
            let end = header.position(of: 0x3B, from: start) ?? header.count
            let pair = header.part(start, end).trimmed
            if let equal = pair.position(of: 0x3D), pair.part(0, equal).equals(name) {
                let value = pair.dropping(equal &+ 1)
                let isQuoted = value.count >= 2 && value.first == 0x22 && value.last == 0x22
                return isQuoted ? value.part(1, value.count &- 1) : value
            }
            start = end &+ 1
        }
        return nil
    }
}

/// xxHash, 64 bit, seed 0: what Envoy hashes header values with, so that both pick the same host of a ring.
///
/// Source: the xxHash fast digest algorithm specification, version 0.1.1.
public enum XXHash64 {
    private static var p1: UInt64 { 0x9E37_79B1_85EB_CA87 }
    private static var p2: UInt64 { 0xC2B2_AE3D_27D4_EB4F }
    private static var p3: UInt64 { 0x1656_67B1_9E37_79F9 }
    private static var p4: UInt64 { 0x85EB_CA77_C2B2_AE63 }
    private static var p5: UInt64 { 0x27D4_EB2F_1656_67C5 }

    public static func hash(_ input: UnsafeRawBufferPointer, seed: UInt64 = 0) -> UInt64 {
        var index = 0
        var hash: UInt64
        if input.count >= 32 {
            var lanes = (seed &+ p1 &+ p2, seed &+ p2, seed, seed &- p1)
            while index &+ 32 <= input.count {
                lanes.0 = round(lanes.0, word(input, index))
                lanes.1 = round(lanes.1, word(input, index &+ 8))
                lanes.2 = round(lanes.2, word(input, index &+ 16))
                lanes.3 = round(lanes.3, word(input, index &+ 24))
                index &+= 32
            }
            hash = rotate(lanes.0, 1) &+ rotate(lanes.1, 7) &+ rotate(lanes.2, 12) &+ rotate(lanes.3, 18)
            hash = merge(hash, lanes.0)
            hash = merge(hash, lanes.1)
            hash = merge(hash, lanes.2)
            hash = merge(hash, lanes.3)
        } else {
            hash = seed &+ p5
        }
        hash &+= UInt64(input.count)
        while index &+ 8 <= input.count {
            hash = rotate(hash ^ round(0, word(input, index)), 27) &* p1 &+ p4
            index &+= 8
        }
        if index &+ 4 <= input.count {
            let half = UInt64(UInt32(littleEndian: input.loadUnaligned(fromByteOffset: index, as: UInt32.self)))
            hash = rotate(hash ^ (half &* p1), 23) &* p2 &+ p3
            index &+= 4
        }
        while index < input.count {
            hash = rotate(hash ^ (UInt64(input[index]) &* p5), 11) &* p1
            index &+= 1
        }
        return avalanche(hash)
    }

    /// The hash of an address: that of its text, as Envoy takes it.
    public static func hash(address: IPAddress) -> UInt64 {
        var text = address.description
        return text.withUTF8 { hash(UnsafeRawBufferPointer($0)) }
    }

    private static func word(_ input: UnsafeRawBufferPointer, _ index: Int) -> UInt64 {
        UInt64(littleEndian: input.loadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 { value << bits | value >> (64 &- bits) }

    private static func round(_ lane: UInt64, _ input: UInt64) -> UInt64 { rotate(lane &+ input &* p2, 31) &* p1 }

    private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 { (hash ^ round(0, lane)) &* p1 &+ p4 }

    private static func avalanche(_ value: UInt64) -> UInt64 {
        var hash = value
        hash = (hash ^ hash >> 33) &* p2
        hash = (hash ^ hash >> 29) &* p3
        return hash ^ hash >> 32
    }
}
