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
        // Two words, folded to lower case: most requests with a content type differ in the first.
        let fold: UInt64 = 0x2020_2020_2020_2020
        let applicat: UInt64 = 0x7461_6369_6C70_7061
        let ionGRPC: UInt64 = 0x6370_7267_2F6E_6F69
        guard value.loadUnaligned(fromByteOffset: 0, as: UInt64.self).littleEndian | fold == applicat,
            value.loadUnaligned(fromByteOffset: 8, as: UInt64.self).littleEndian | fold == ionGRPC
        else { return false }
        return value.count == 16 || value[16] == 0x2B || value[16] == 0x3B
    }
}
