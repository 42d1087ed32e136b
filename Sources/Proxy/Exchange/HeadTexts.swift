internal import HTTP

extension UnsafeRawBufferPointer {
    /// Equal but for the case of ASCII letters.
    func equalsFolding(_ other: UnsafeRawBufferPointer) -> Bool {
        guard count == other.count else { return false }
        for index in 0..<count {
            let a = self[index]
            let b = other[index]
            let foldedA = a &- 65 < 26 ? a | 0x20 : a
            let foldedB = b &- 65 < 26 ? b | 0x20 : b
            if foldedA != foldedB { return false }
        }
        return true
    }
}

extension MessageHead {
    /// `content-type: application/grpc`, alone or followed by `+`.
    var isGRPC: Bool {
        guard let value = value(.contentType), value.count >= 16 else { return false }
        let expected = UnsafeRawBufferPointer("application/grpc")
        guard UnsafeRawBufferPointer(rebasing: value[..<16]).equalsFolding(expected) else { return false }
        return value.count == 16 || value[16] == 0x2B || value[16] == 0x3B
    }
}
