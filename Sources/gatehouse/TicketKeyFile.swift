internal import Crypto
internal import Identity

/// The keys of gateways' TLS session tickets, kept in a file of the data directory: a restart of the control plane or
/// of a gateway then costs no client a full handshake.
///
/// A new key is made twice a day and the three newest are used, so a ticket opens for at least a day, and what was
/// recorded on the wire is safe a day and a half later even from somebody who takes the file. (TLS 1.3 resumption also
/// runs a fresh key exchange, so that only its early bytes would be.)
struct TicketKeyFile {
    static let keyLifetimeSeconds: Int64 = 12 * 3600
    static let keysMax = 3
    private static let keyBytes = 80

    /// Newest first; when each was made.
    private var entries: [(made: Int64, key: [UInt8])] = []
    private let path: String

    init(path: String, now: Int64) throws {
        self.path = path
        for line in try PrivateFile.readText(path)?.split(separator: "\n") ?? [] {
            let words = line.split(separator: " ")
            guard words.count == 2, let made = Int64(words[0]), made <= now, let key = Hex.decode(String(words[1])),
                key.count == Self.keyBytes
            else { continue }
            entries.append((made, key))
        }
        try renew(now: now)
    }

    var keys: [[UInt8]] { entries.map(\.key) }

    /// Seconds since 1970 at which the newest key is to be replaced.
    var renewal: Int64 { (entries.first?.made ?? 0) + Self.keyLifetimeSeconds }

    /// Makes a key when the newest is old, and drops those that no ticket in use was made with.
    mutating func renew(now: Int64) throws {
        entries.removeAll { $0.made + Self.keyLifetimeSeconds * Int64(Self.keysMax) <= now }
        guard renewal <= now else { return }
        entries.insert((now, SecureRandom.bytes(Self.keyBytes)), at: 0)
        entries.removeSubrange(min(Self.keysMax, entries.count)...)
        let text = entries.map { "\($0.made) \(Hex.encode($0.key))\n" }.joined()
        try PrivateFile.write(Array(text.utf8), to: path)
    }
}
