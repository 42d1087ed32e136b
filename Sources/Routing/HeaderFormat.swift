internal import Base
internal import HTTP

/// A header value with `%COMMAND%` places, compiled.
///
/// Source: Envoy's substitution format strings (access log command operators that make sense in a header). A command
/// without a value at request time yields nothing; an unknown one is refused when the configuration arrives.
struct HeaderFormat: Sendable {
    enum Command: Sendable {
        /// `%REQ(name?other):length%`
        case requestHeader(HeaderName, otherwise: HeaderName?, bytesMax: Int)
        case responseHeader(HeaderName, otherwise: HeaderName?, bytesMax: Int)
        case downstream(End, Part)
        case startTime
        case startTimeMilliseconds
        case startTimeSeconds
        case protocolName
        case routeName
        case upstreamCluster
        case upstreamHost
        case serverName
        case peerSubject
        case peerIssuer
        case peerURINames
        case peerDNSNames
        case peerFingerprint
        case peerCertificate
        case tlsVersion
        case tlsCipher
        case responseCode
    }

    enum End: Sendable { case remote, directRemote, local }
    enum Part: Sendable { case whole, address, port }

    enum Piece: Sendable {
        case text([UInt8])
        case command(Command)
    }

    let pieces: [Piece]

    /// The text when there is no command in it, so that the usual header is one copy.
    let literal: [UInt8]?

    /// - Throws: a command that is unknown or not closed.
    init(_ text: [UInt8]) throws(CompileError) {
        var pieces: [Piece] = []
        var plain: [UInt8] = []
        var index = 0
        while index < text.count {
            guard text[index] == 0x25 else {
                plain.append(text[index])
                index += 1
                continue
            }
            if index + 1 < text.count, text[index + 1] == 0x25 {
                plain.append(0x25)
                index += 2
                continue
            }
            let (word, argument, bytesMax, next) = try Self.split(text, from: index)
            if !plain.isEmpty { pieces.append(.text(plain)) }
            plain = []
            pieces.append(.command(try Self.command(word, argument: argument, bytesMax: bytesMax)))
            index = next
        }
        if !plain.isEmpty { pieces.append(.text(plain)) }
        self.pieces = pieces
        switch (pieces.count, pieces.first) {
        case (0, _): literal = []
        case (1, .text(let only)?): literal = only
        default: literal = nil
        }
    }

    /// Takes `%WORD(argument):length%` apart.
    private static func split(
        _ text: [UInt8],
        from start: Int
    ) throws(CompileError) -> (word: String, argument: String?, bytesMax: Int, next: Int) {
        func refused() -> CompileError {
            CompileError(
                path: "value",
                message: "`\(String(decoding: text, as: UTF8.self))` is not a valid format string"
            )
        }
        var index = start + 1
        while index < text.count, text[index] != 0x28, text[index] != 0x3A, text[index] != 0x25 { index += 1 }
        let word = String(decoding: text[(start + 1)..<index], as: UTF8.self)
        var argument: String?
        if index < text.count, text[index] == 0x28 {
            guard let close = text[index...].firstIndex(of: 0x29) else { throw refused() }
            argument = String(decoding: text[(index + 1)..<close], as: UTF8.self)
            index = close + 1
        }
        var bytesMax = Int.max
        if index < text.count, text[index] == 0x3A {
            guard let end = text[index...].firstIndex(of: 0x25),
                let length = Int(String(decoding: text[(index + 1)..<end], as: UTF8.self)), length >= 0
            else { throw refused() }
            bytesMax = length
            index = end
        }
        guard index < text.count, text[index] == 0x25, !word.isEmpty else { throw refused() }
        return (word, argument, bytesMax, index + 1)
    }

    private static let plainCommands: [String: Command] = [
        "DOWNSTREAM_REMOTE_ADDRESS": .downstream(.remote, .whole),
        "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT": .downstream(.remote, .address),
        "DOWNSTREAM_REMOTE_PORT": .downstream(.remote, .port),
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS": .downstream(.directRemote, .whole),
        "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT": .downstream(.directRemote, .address),
        "DOWNSTREAM_DIRECT_REMOTE_PORT": .downstream(.directRemote, .port),
        "DOWNSTREAM_LOCAL_ADDRESS": .downstream(.local, .whole),
        "DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT": .downstream(.local, .address),
        "DOWNSTREAM_LOCAL_PORT": .downstream(.local, .port),
        "PROTOCOL": .protocolName,
        "ROUTE_NAME": .routeName,
        "UPSTREAM_CLUSTER": .upstreamCluster,
        "UPSTREAM_HOST": .upstreamHost,
        "REQUESTED_SERVER_NAME": .serverName,
        "DOWNSTREAM_PEER_SUBJECT": .peerSubject,
        "DOWNSTREAM_PEER_ISSUER": .peerIssuer,
        "DOWNSTREAM_PEER_URI_SAN": .peerURINames,
        "DOWNSTREAM_PEER_DNS_SAN": .peerDNSNames,
        "DOWNSTREAM_PEER_FINGERPRINT_256": .peerFingerprint,
        "DOWNSTREAM_PEER_CERT": .peerCertificate,
        "DOWNSTREAM_TLS_VERSION": .tlsVersion,
        "DOWNSTREAM_TLS_CIPHER": .tlsCipher,
        "RESPONSE_CODE": .responseCode,
    ]

    private static func command(_ word: String, argument: String?, bytesMax: Int) throws(CompileError) -> Command {
        func refused(_ reason: String) -> CompileError {
            CompileError(path: "value", message: "format command `%\(word)%` \(reason)")
        }
        switch word {
        case "REQ", "RESP":
            guard let argument, !argument.isEmpty else { throw refused("needs a header name") }
            let names = argument.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
            guard !names[0].isEmpty else { throw refused("needs a header name") }
            let name = HeaderName(String(names[0]))
            let other = names.count > 1 ? HeaderName(String(names[1])) : nil
            return word == "REQ"
                ? .requestHeader(name, otherwise: other, bytesMax: bytesMax)
                : .responseHeader(name, otherwise: other, bytesMax: bytesMax)
        case "START_TIME":
            switch argument {
            case nil, "": return .startTime
            case "%s": return .startTimeSeconds
            case "%s.%3f": return .startTimeMilliseconds
            default: throw refused("supports `%s` and `%s.%3f` only")
            }
        default:
            guard let command = plainCommands[word] else { throw refused("is not supported") }
            guard argument == nil else { throw refused("takes no argument") }
            return command
        }
    }
}
