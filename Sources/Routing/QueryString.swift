/// The query part of a request target, read in place.
///
/// Source: Envoy matches the first occurrence of a key, compares names byte for byte and decodes nothing.
enum QueryString {
    /// What lies between `?` and `#`; nil without a `?`.
    static func of(target: Bytes) -> Bytes? {
        let end = target.position(of: 0x23) ?? target.count
        guard let question = target.position(of: 0x3F), question < end else { return nil }
        return target.part(question &+ 1, end)
    }

    /// The request target without query and fragment.
    @inline(__always)
    static func path(of target: Bytes) -> Bytes {
        var index = 0
        while index < target.count {
            let byte = target[index]
            if byte == 0x3F || byte == 0x23 { return target.part(0, index) }
            index &+= 1
        }
        return target
    }

    /// The value of the first parameter called `name`: empty for `?name` and `?name=`, nil when there is none.
    static func first(_ name: Bytes, in query: Bytes) -> Bytes? {
        var start = 0
        while start <= query.count {
            let end = query.position(of: 0x26, from: start) ?? query.count
            let pair = query.part(start, end)
            let equal = pair.position(of: 0x3D) ?? pair.count
            if pair.part(0, equal).equals(name) { return pair.part(equal &+ 1, pair.count) }
            start = end &+ 1
        }
        return nil
    }
}
