internal import Base

/// Where the ports that Gateway resources declare are really bound on this host.
///
/// Written `GATEWAY/PORT:[ADDR:]PORT,…`; GATEWAY is `ingress` or `egress`, and `ingress` when left out. A port without
/// an entry is bound as it is declared.
struct PortMap: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var gateway: String
        var declared: UInt16
        /// Nil means the gateway's own default address.
        var address: IPAddress?
        var bound: UInt16
    }

    struct Malformed: Error, CustomStringConvertible {
        var description: String
    }

    var entries: [Entry] = []

    static let none = PortMap()

    private init() {}

    init(_ text: String) throws {
        for part in text.split(separator: ",") {
            entries.append(try Self.entry(part.trimmingWhitespace()))
        }
        for (index, entry) in entries.enumerated() {
            for other in entries[..<index] {
                if other.gateway == entry.gateway, other.declared == entry.declared {
                    throw Malformed(description: "port \(entry.declared) of \(entry.gateway) is mapped twice")
                }
                if other.bound == entry.bound, other.overlaps(entry) {
                    throw Malformed(
                        description: "\(other.gateway)/\(other.declared) and \(entry.gateway)/\(entry.declared) "
                            + "are both mapped to port \(entry.bound)"
                    )
                }
            }
        }
    }

    private static func entry(_ text: Substring) throws -> Entry {
        let shape = "write GATEWAY/PORT:[ADDR:]PORT, for example ingress/443:0.0.0.0:8443"
        var rest = text
        var gateway = "ingress"
        if let slash = rest.firstIndex(of: "/") {
            gateway = String(rest[..<slash])
            rest = rest[rest.index(after: slash)...]
        }
        guard gateway == "ingress" || gateway == "egress" else {
            throw Malformed(description: "'\(text)': gateway '\(gateway)' is neither ingress nor egress; \(shape)")
        }
        guard let colon = rest.firstIndex(of: ":"), let declared = UInt16(rest[..<colon]), declared > 0 else {
            throw Malformed(description: "'\(text)': \(shape)")
        }
        let target = rest[rest.index(after: colon)...]
        if let port = UInt16(target), port > 0 {
            return Entry(gateway: gateway, declared: declared, address: nil, bound: port)
        }
        guard let address = SocketAddress(target), address.port > 0 else {
            throw Malformed(description: "'\(text)': '\(target)' is not a port or ADDR:PORT; \(shape)")
        }
        return Entry(gateway: gateway, declared: declared, address: address.address, bound: address.port)
    }

    /// The entries of one gateway in the form its own command takes: `PORT:[ADDR:]PORT,…`.
    func argument(for gateway: String) -> String {
        entries.filter { $0.gateway == gateway }.map { entry in
            let address = entry.address.map { SocketAddress($0, port: entry.bound).description }
            return "\(gateway)/\(entry.declared):\(address ?? String(entry.bound))"
        }.joined(separator: ",")
    }
}

extension PortMap.Entry {
    func overlaps(_ other: PortMap.Entry) -> Bool {
        guard let mine = address, let theirs = other.address else { return true }
        return mine == theirs || mine.isUnspecified || theirs.isUnspecified
    }
}

extension Substring {
    func trimmingWhitespace() -> Substring {
        var text = self
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
