internal import Base
internal import HTTP

extension HeaderFormat {
    /// Appends the value for one exchange; a command without a value appends nothing.
    func append(to output: inout [UInt8], request: MessageHead, response: MessageHead?, facts: RequestFacts) {
        for piece in pieces {
            switch piece {
            case .text(let text): output.append(contentsOf: text)
            case .command(let command):
                Self.append(command, to: &output, request: request, response: response, facts: facts)
            }
        }
    }

    private static func append(
        _ command: Command,
        to output: inout [UInt8],
        request: MessageHead,
        response: MessageHead?,
        facts: RequestFacts
    ) {
        let connection = facts.connection
        switch command {
        case .requestHeader(let name, let otherwise, let bytesMax):
            append(name, otherwise, bytesMax, of: request, to: &output)
        case .responseHeader(let name, let otherwise, let bytesMax):
            if let response { append(name, otherwise, bytesMax, of: response, to: &output) }
        case .downstream(let end, let part):
            let address =
                switch end {
                case .remote: facts.remote
                case .directRemote: connection.directRemote
                case .local: connection.local
                }
            append(address, part, to: &output)
        case .startTime: TimeText.appendISO8601(milliseconds: facts.startMilliseconds, to: &output)
        case .startTimeSeconds: output.append(contentsOf: "\(facts.startMilliseconds / 1000)".utf8)
        case .startTimeMilliseconds:
            output.append(contentsOf: "\(facts.startMilliseconds / 1000).".utf8)
            TimeText.append(Int(facts.startMilliseconds % 1000), digits: 3, to: &output)
        case .protocolName:
            let name = facts.protocolName
            output.append(contentsOf: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        case .routeName: output.append(contentsOf: (facts.route?.name ?? "").utf8)
        case .upstreamCluster: output.append(contentsOf: (facts.cluster?.name ?? "").utf8)
        case .upstreamHost: if let upstream = facts.upstream { append(upstream, .whole, to: &output) }
        case .responseCode: if facts.status > 0 { output.append(contentsOf: "\(facts.status)".utf8) }
        case .serverName, .tlsVersion, .tlsCipher: appendTLS(command, connection, to: &output)
        case .peerSubject, .peerIssuer, .peerURINames, .peerDNSNames, .peerFingerprint, .peerCertificate:
            if let peer = connection.peer { append(command, of: peer, to: &output) }
        }
    }

    private static func append(
        _ name: HeaderName,
        _ otherwise: HeaderName?,
        _ bytesMax: Int,
        of head: MessageHead,
        to output: inout [UInt8]
    ) {
        let chosen = head.has(name) ? name : otherwise ?? name
        head.withJoinedValue(chosen) { value in
            guard let value else { return }
            output.append(contentsOf: value.part(0, bytesMax))
        }
    }

    private static func append(_ address: SocketAddress, _ part: Part, to output: inout [UInt8]) {
        switch part {
        case .whole: output.append(contentsOf: address.description.utf8)
        case .address: output.append(contentsOf: address.address.description.utf8)
        case .port: output.append(contentsOf: "\(address.port)".utf8)
        }
    }

    private static func appendTLS(_ command: Command, _ connection: ConnectionFacts, to output: inout [UInt8]) {
        switch command {
        case .serverName: output.append(contentsOf: connection.requestedServerName)
        case .tlsVersion: output.append(contentsOf: connection.tlsVersion)
        default: output.append(contentsOf: connection.tlsCipher)
        }
    }

    private static func append(_ command: Command, of peer: ConnectionFacts.Peer, to output: inout [UInt8]) {
        switch command {
        case .peerSubject: output.append(contentsOf: peer.subject)
        case .peerIssuer: output.append(contentsOf: peer.issuer)
        case .peerURINames: append(list: peer.uriNames, to: &output)
        case .peerDNSNames: append(list: peer.dnsNames, to: &output)
        case .peerFingerprint: output.append(contentsOf: peer.sha256)
        default: output.append(contentsOf: peer.pem)
        }
    }

    private static func append(list: [[UInt8]], to output: inout [UInt8]) {
        for (index, element) in list.enumerated() {
            if index > 0 { output.append(0x2C) }
            output.append(contentsOf: element)
        }
    }
}

/// Dates in headers, without Foundation.
enum TimeText {
    /// `2026-11-24T11:06:00.123Z`, from Unix milliseconds (UTC, proleptic Gregorian calendar).
    static func appendISO8601(milliseconds: Int64, to output: inout [UInt8]) {
        let clamped = max(0, min(milliseconds, 253_402_300_799_999))
        let days = Int(clamped / 86_400_000)
        let inDay = Int(clamped % 86_400_000)
        let (year, month, day) = civil(daysSince1970: days)
        append(year, digits: 4, to: &output)
        output.append(0x2D)
        append(month, digits: 2, to: &output)
        output.append(0x2D)
        append(day, digits: 2, to: &output)
        output.append(0x54)
        append(inDay / 3_600_000, digits: 2, to: &output)
        output.append(0x3A)
        append(inDay / 60_000 % 60, digits: 2, to: &output)
        output.append(0x3A)
        append(inDay / 1000 % 60, digits: 2, to: &output)
        output.append(0x2E)
        append(inDay % 1000, digits: 3, to: &output)
        output.append(0x5A)
    }

    /// Exactly `digits` digits, zeros in front.
    static func append(_ value: Int, digits: Int, to output: inout [UInt8]) {
        var scale = 1
        for _ in 1..<digits { scale *= 10 }
        while scale > 0 {
            output.append(UInt8(value / scale % 10) &+ 48)
            scale /= 10
        }
    }

    /// Counts in 400-year eras that start on 1 March, so that leap days come last.
    private static func civil(daysSince1970: Int) -> (year: Int, month: Int, day: Int) {
        let days = daysSince1970 + 719_468
        let era = days / 146_097
        let dayOfEra = days % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shifted + 2) / 5 + 1
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }
}
