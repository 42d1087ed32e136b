internal import Base
internal import CSys

/// A cursor over a block that is known to be large enough.
struct ByteWriter {
    let start: MutableBytePointer
    var count = 0

    init(_ start: MutableBytePointer) {
        self.start = start
    }

    mutating func put(_ bytes: UnsafeRawBufferPointer) {
        guard let p = bytes.baseAddress else { return }
        memcpy(start + count, p, bytes.count)
        count &+= bytes.count
    }

    mutating func put(_ literal: StaticString) {
        memcpy(start + count, literal.utf8Start, literal.utf8CodeUnitCount)
        count &+= literal.utf8CodeUnitCount
    }

    mutating func put(_ p: BytePointer, _ n: Int) {
        memcpy(start + count, p, n)
        count &+= n
    }

    mutating func put(byte: UInt8) {
        start[count] = byte
        count &+= 1
    }

    /// Three digits.
    mutating func put(status: UInt16) {
        put(byte: 48 &+ UInt8(truncatingIfNeeded: status / 100 % 10))
        put(byte: 48 &+ UInt8(truncatingIfNeeded: status / 10 % 10))
        put(byte: 48 &+ UInt8(truncatingIfNeeded: status % 10))
    }

    mutating func put(hex value: Int) {
        var digits = 1
        while digits < 16 && value >> (4 &* digits) != 0 { digits &+= 1 }
        while digits > 0 {
            digits &-= 1
            let d = UInt8(truncatingIfNeeded: value >> (4 &* digits) & 15)
            put(byte: d < 10 ? 48 &+ d : 87 &+ d)
        }
    }
}

/// How the codec delimits the content of a message it writes.
enum OutgoingFraming: Equatable {
    case none
    /// As the head's own Content-Length says.
    case length
    /// No content, said by `content-length: 0`.
    case empty
    case chunked
    case untilClose
    /// 101, or 2xx to CONNECT.
    case raw
}

extension MessageHead {
    /// Upper bound of what the writers below produce.
    var wireBytesMax: Int { used &+ 256 }

    func writeLines(_ out: inout ByteWriter) {
        var i = 0
        while i < fieldCount {
            if fields[i].isRemoved {
                i &+= 1
                continue
            }
            let start = fields[i].line
            var end = fields[i].lineEnd
            i &+= 1
            while i < fieldCount && !fields[i].isRemoved && fields[i].line == end {
                end = fields[i].lineEnd
                i &+= 1
            }
            out.put(block + Int(start), Int(end &- start))
        }
    }

    @inline(__always)
    func writeStatusLine(_ out: inout ByteWriter) {
        out.put("HTTP/1.1 ")
        out.put(status: status)
        out.put(byte: 32)
        if reasonRange.count > 0 { out.put(reason) } else { out.put(StatusText.phrase(status)) }
        out.put("\r\n")
    }

    func writeResponse(_ out: inout ByteWriter, framing: OutgoingFraming, closes: Bool, keepsAlive10: Bool) {
        writeStatusLine(&out)
        writeLines(&out)
        switch framing {
        case .chunked: out.put("transfer-encoding: chunked\r\n")
        case .empty: out.put("content-length: 0\r\n")
        case .none, .length, .untilClose, .raw: break
        }
        if status == 101 {
            out.put("connection: upgrade\r\n")
        } else if closes {
            out.put("connection: close\r\n")
        } else if keepsAlive10 {
            out.put("connection: keep-alive\r\n")
        }
        out.put("\r\n")
    }

    func writeRequest(_ out: inout ByteWriter, framing: OutgoingFraming) {
        out.put(methodBytes)
        out.put(byte: 32)
        out.put(method == .connect ? authority : path)
        out.put(" HTTP/1.1\r\nhost: ")
        out.put(authority)
        out.put("\r\n")
        writeLines(&out)
        switch framing {
        case .chunked: out.put("transfer-encoding: chunked\r\n")
        case .empty: out.put("content-length: 0\r\n")
        case .none, .length, .untilClose, .raw: break
        }
        if has(.upgrade) { out.put("connection: upgrade\r\n") }
        if has(.te) { out.put("connection: te\r\n") }
        out.put("\r\n")
    }
}

/// Reason phrases (RFC 9110 §15), for messages that came without one.
enum StatusText {
    static func phrase(_ status: UInt16) -> StaticString {
        switch status {
        case 100: "Continue"
        case 101: "Switching Protocols"
        case 103: "Early Hints"
        case 200: "OK"
        case 201: "Created"
        case 202: "Accepted"
        case 204: "No Content"
        case 206: "Partial Content"
        case 301: "Moved Permanently"
        case 302: "Found"
        case 303: "See Other"
        case 304: "Not Modified"
        case 307: "Temporary Redirect"
        case 308: "Permanent Redirect"
        case 400: "Bad Request"
        case 401: "Unauthorized"
        case 403: "Forbidden"
        case 404: "Not Found"
        case 405: "Method Not Allowed"
        case 408: "Request Timeout"
        case 409: "Conflict"
        case 411: "Length Required"
        case 412: "Precondition Failed"
        case 413: "Content Too Large"
        case 415: "Unsupported Media Type"
        case 421: "Misdirected Request"
        case 422: "Unprocessable Content"
        case 426: "Upgrade Required"
        case 429: "Too Many Requests"
        case 431: "Request Header Fields Too Large"
        case 500: "Internal Server Error"
        case 501: "Not Implemented"
        case 502: "Bad Gateway"
        case 503: "Service Unavailable"
        case 504: "Gateway Timeout"
        case 505: "HTTP Version Not Supported"
        default: ""
        }
    }
}
