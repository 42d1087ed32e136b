internal import Base

/// How HTTP/1 writes field names. Names mean the same in any case (RFC 9110 §5.1); some old peers think otherwise.
public enum HeaderCase: Equatable, Sendable {
    /// Received lines as they came, everything else in lower case. Costs nothing.
    case asReceived
    /// Received lines as they came, ours `Like-This`.
    case preserved
    /// Every name `Like-This`.
    case proper
}

extension MessageHead {
    /// The field lines with names in the case asked for.
    func writeLines(_ out: inout ByteWriter, _ headerCase: HeaderCase) {
        for i in 0..<fieldCount where !fields[i].isRemoved {
            let field = fields[i]
            let start = Int(field.line)
            let isOurs = start >= receivedCount
            if isOurs || headerCase == .proper {
                out.putProper(block + start, Int(field.nameLength))
                out.put(block + start + Int(field.nameLength), Int(field.lineEnd) &- start &- Int(field.nameLength))
            } else {
                out.put(block + start, Int(field.lineEnd) &- start)
            }
        }
    }

    func writeResponse(
        _ out: inout ByteWriter,
        framing: OutgoingFraming,
        closes: Bool,
        keepsAlive10: Bool,
        _ headerCase: HeaderCase
    ) {
        if headerCase == .asReceived {
            writeResponse(&out, framing: framing, closes: closes, keepsAlive10: keepsAlive10)
            return
        }
        writeStatusLine(&out)
        writeLines(&out, headerCase)
        switch framing {
        case .chunked: out.put("Transfer-Encoding: chunked\r\n")
        case .empty: out.put("Content-Length: 0\r\n")
        case .none, .length, .untilClose, .raw: break
        }
        if status == 101 {
            out.put("Connection: Upgrade\r\n")
        } else if closes {
            out.put("Connection: close\r\n")
        } else if keepsAlive10 {
            out.put("Connection: keep-alive\r\n")
        }
        out.put("\r\n")
    }

    func writeRequest(_ out: inout ByteWriter, framing: OutgoingFraming, _ headerCase: HeaderCase) {
        if headerCase == .asReceived {
            writeRequest(&out, framing: framing)
            return
        }
        out.put(methodBytes)
        out.put(byte: 32)
        out.put(method == .connect ? authority : path)
        out.put(" HTTP/1.1\r\n")
        if hostNameStart > 0 && headerCase == .preserved {
            out.put(block + Int(hostNameStart), 4)
        } else {
            out.put("Host")
        }
        out.put(": ")
        out.put(authority)
        out.put("\r\n")
        writeLines(&out, headerCase)
        switch framing {
        case .chunked: out.put("Transfer-Encoding: chunked\r\n")
        case .empty: out.put("Content-Length: 0\r\n")
        case .none, .length, .untilClose, .raw: break
        }
        if has(.upgrade) { out.put("Connection: Upgrade\r\n") }
        if has(.te) { out.put("Connection: TE\r\n") }
        out.put("\r\n")
    }
}

extension ByteWriter {
    /// A name with its first letter and each one behind a hyphen in upper case, the others in lower case.
    mutating func putProper(_ p: BytePointer, _ n: Int) {
        var startsWord = true
        for i in 0..<n {
            let b = p[i]
            if startsWord {
                put(byte: b &- 97 < 26 ? b & 0xDF : b)
            } else {
                put(byte: b &- 65 < 26 ? b | 0x20 : b)
            }
            startsWord = b == 0x2D
        }
    }
}
