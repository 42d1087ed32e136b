internal import Base
internal import Transport

/// What is read of a connection before anything is decided: the ClientHello and the PROXY protocol header.
enum PeekTargets {
    static func clientHello(_ input: SlackedInput) throws(FuzzFinding) {
        let whole = ClientHello.parse(input.start, input.count)
        let step = max(1, input.count / 128)
        for length in stride(from: 1, to: input.count, by: step) {
            let part = input.prefix(length)
            let result = ClientHello.parse(part.start, length)
            part.release()
            guard result != .incomplete else { continue }
            // The one thing more bytes may show is that the protocol was none of ours.
            try require(result == whole || whole == .notTLS, "\(length) bytes say something else than all of them")
        }
        guard case .hello(let hello) = whole, let name = hello.serverName else { return }
        try require(!name.isEmpty && name.utf8.count <= 255, "a server name of \(name.utf8.count) bytes")
        try require(name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a server name with strange bytes")
    }

    static func proxyProtocol(_ input: SlackedInput) throws(FuzzFinding) {
        let whole = ProxyProtocolHeader.parse(input.start, input.count)
        let step = max(1, input.count / 256)
        for length in stride(from: 1, to: input.count, by: step) {
            let part = input.prefix(length)
            let result = ProxyProtocolHeader.parse(part.start, length)
            part.release()
            guard result != .incomplete else { continue }
            try require(result == whole, "\(length) bytes say something else than all of them")
        }
        guard case .header(let header, let length) = whole else { return }
        try require(length > 0 && length <= input.count, "a header of \(length) bytes")
        guard let source = header.source, let destination = header.destination else {
            try require(header.source == nil && header.destination == nil, "one address without the other")
            return
        }
        guard source.address.isIPv6 == destination.address.isIPv6 else { return }
        for form in [header.version1, header.version2] {
            let again = form.withUnsafeBytes { ProxyProtocolHeader.parse($0) }
            try require(again == .header(header, length: form.count), "the header does not survive encoding")
        }
    }
}
