internal import Base
internal import CSys

/// Byte classes, made once; engines keep the pointer so that the hot loop pays no lazy initialisation.
enum ByteClass {
    /// 1 for characters of a token (RFC 9110 §5.6.2). Never changed or freed after it was made.
    nonisolated(unsafe) static let token: BytePointer = {
        let table = MutableBytePointer.allocate(capacity: 256)
        table.initialize(repeating: 0, count: 256)
        for b in UInt8(33)...126 { table[Int(b)] = 1 }
        for b in "\"(),/:;<=>?@[\\]{}".utf8 { table[Int(b)] = 0 }
        return BytePointer(table)
    }()
}

/// Reads one HTTP/1 head in place: one pass, strict, no allocation (RFC 9112 §2–§6).
///
/// Strictness is the point: wherever two implementations could disagree about where a message ends or what it asks
/// for, the message is refused (RFC 9112 §11.2). The buffer has eight readable bytes behind its end.
struct HTTP1HeadParser {
    /// Result of a parse: bytes of the head, 0 for incomplete, -1 for refused (see `status` and `reason`).
    static let incomplete = 0
    static let refused = -1

    let token: BytePointer
    let headBytesMax: Int
    let fieldsMax: Int

    /// The answer to give to a refused request.
    private(set) var status: UInt16 = 400
    private(set) var reason: StaticString = ""
    private(set) var isKeepAlive = true
    private(set) var isChunked = false
    /// The request line is not of HTTP/1 in any part: method, target and version are all unknown.
    private(set) var isForeign = false
    /// `Connection` lists `upgrade`.
    private(set) var isUpgradeNominated = false
    /// `Expect` holds something else than `100-continue`.
    private(set) var hasUnknownExpectation = false
    var hostStart = 0
    var hostCount = -1
    var targetStart = 0
    var targetCount = 0

    init(token: BytePointer, headBytesMax: Int, fieldsMax: Int) {
        self.token = token
        self.headBytesMax = headBytesMax
        self.fieldsMax = fieldsMax
    }

    mutating func refuse(_ status: UInt16, _ reason: StaticString) -> Int {
        self.status = status
        self.reason = reason
        return HTTP1HeadParser.refused
    }

    // MARK: Whole heads

    mutating func parseRequest(_ p: BytePointer, _ count: Int, into head: MessageHead) -> Int {
        let length = requestHead(p, count, head)
        if length > 0 { return length > headBytesMax ? tooLarge(count) : finishRequest(p, length, head) }
        head.clear()
        return length == HTTP1HeadParser.incomplete && count > headBytesMax ? tooLarge(count) : length
    }

    private mutating func tooLarge(_ count: Int) -> Int { refuse(431, "the head is too large") }

    private mutating func requestHead(_ p: BytePointer, _ count: Int, _ head: MessageHead) -> Int {
        var i = 0
        while i < count && token[Int(p[i])] != 0 { i &+= 1 }
        if i == count { return i > 64 ? refuse(400, "the method is too long") : 0 }
        guard i > 0, i <= 64, p[i] == 32 else { return refuse(400, "no method") }
        head.method = Method.of(p, i)
        if head.method == .other {
            head.methodRange = MessageHead.Range(start: 0, count: UInt32(truncatingIfNeeded: i))
        }
        i &+= 1
        targetStart = i
        while true {
            let x = loadWord(p + i)
            let other = ((x &- 0x2121_2121_2121_2121) | (x &+ 0x0101_0101_0101_0101) | x) & 0x8080_8080_8080_8080
            if other == 0 {
                i &+= 8
                if i >= count { return 0 }
                continue
            }
            i &+= other.trailingZeroBitCount >> 3
            break
        }
        if i >= count { return 0 }
        targetCount = i &- targetStart
        guard p[i] == 32, targetCount > 0 else { return refuse(400, "the request target is malformed") }
        i &+= 1
        isForeign = head.method == .other && p[targetStart] != 47 && p[i] != 72
        if count &- i < 10 { return incompleteVersion(p + i, count &- i) }
        guard loadWord(p + i) & 0x00FF_FFFF_FFFF_FFFF == 0x2E31_2F50_5454_48 else { return badVersion(p + i) }
        let minor = p[i &+ 7] &- 48
        guard minor <= 9, p[i &+ 8] == 13, p[i &+ 9] == 10 else {
            return refuse(400, "the protocol version is malformed")
        }
        guard minor <= 1 else { return refuse(505, "the protocol version is not supported") }
        head.minorVersion = minor
        isKeepAlive = minor == 1
        return fields(p, count, from: i &+ 10, head)
    }

    /// `HTTP/x.y` with other digits is a version we do not speak; anything else is garbage.
    private mutating func badVersion(_ p: BytePointer) -> Int {
        let isVersion = loadWord(p) & 0x00FF_FFFF_FFFF == 0x2F50_5454_48 && isDigit(p[5]) && p[6] == 46 && isDigit(p[7])
        return isVersion && p[8] == 13
            ? refuse(505, "the protocol version is not supported") : refuse(400, "the protocol version is malformed")
    }

    /// Refuses what cannot become `HTTP/1.x\r\n` without waiting for ten bytes that may never come.
    private mutating func incompleteVersion(_ p: BytePointer, _ count: Int) -> Int {
        let wanted: StaticString = "HTTP/"
        for i in 0..<min(count, 5) where p[i] != wanted.utf8Start[i] {
            return refuse(400, "the protocol version is malformed")
        }
        for i in 5..<max(count, 5) where p[i] == 13 || p[i] == 10 {
            if i < 8 { return refuse(400, "the protocol version is malformed") }
        }
        return 0
    }

    private func isDigit(_ b: UInt8) -> Bool { b >= 48 && b <= 57 }

    mutating func parseResponse(_ p: BytePointer, _ count: Int, into head: MessageHead) -> Int {
        let length = responseHead(p, count, head)
        if length > headBytesMax { return tooLarge(count) }
        guard length > 0 else {
            head.clear()
            return length == HTTP1HeadParser.incomplete && count > headBytesMax ? tooLarge(count) : length
        }
        guard adopt(p, length, head) else { return tooLarge(count) }
        if isChunked && head.contentLength != nil { return refuse(502, "both length and chunked") }
        if isChunked && head.minorVersion == 0 { return refuse(502, "chunked in HTTP/1.0") }
        return length
    }

    private mutating func responseHead(_ p: BytePointer, _ count: Int, _ head: MessageHead) -> Int {
        let wanted: StaticString = "HTTP/1."
        for i in 0..<min(count, 7) where p[i] != wanted.utf8Start[i] { return refuse(502, "not an HTTP/1 response") }
        if count < 14 { return 0 }
        guard p[7] == 48 || p[7] == 49, p[8] == 32 else { return refuse(502, "the response version is malformed") }
        guard isDigit(p[9]), isDigit(p[10]), isDigit(p[11]), p[12] == 32 || p[12] == 13 else {
            return refuse(502, "the status is malformed")
        }
        let status = UInt16(p[9] &- 48) &* 100 &+ UInt16(p[10] &- 48) &* 10 &+ UInt16(p[11] &- 48)
        guard status >= 100, status <= 599 else { return refuse(502, "the status is out of range") }
        head.status = status
        head.minorVersion = p[7] &- 48
        isKeepAlive = head.minorVersion == 1
        let start = p[12] == 32 ? 13 : 12
        let end = skipValue(p, start, count)
        if end &+ 1 >= count { return 0 }
        guard p[end] == 13, p[end &+ 1] == 10 else { return refuse(502, "the status line is malformed") }
        head.reasonRange = MessageHead.Range(
            start: UInt32(truncatingIfNeeded: start),
            count: UInt32(truncatingIfNeeded: end &- start)
        )
        return fields(p, count, from: end &+ 2, head)
    }

    /// The trailer section behind the last chunk, its final empty line included.
    mutating func parseTrailers(_ p: BytePointer, _ count: Int, into head: MessageHead) -> Int {
        let length = fields(p, count, from: 0, head)
        if length > headBytesMax || (length == 0 && count > headBytesMax) { return tooLarge(count) }
        guard length > 0 else {
            head.clear()
            return length
        }
        guard adopt(p, length, head) else { return tooLarge(count) }
        head.removeNonTrailers()
        return length
    }

    /// Copies the head into its own block; the references were made relative to the first byte.
    func adopt(_ p: BytePointer, _ length: Int, _ head: MessageHead) -> Bool {
        guard head.reserve(length) else { return false }
        memcpy(head.block, p, length)
        head.used = length
        head.receivedCount = length
        return true
    }

    // MARK: Field lines

    private mutating func fields(_ p: BytePointer, _ count: Int, from start: Int, _ head: MessageHead) -> Int {
        var i = start
        while true {
            if i &+ 2 > count {
                return i < count && p[i] == 10 ? refuse(400, "a bare LF") : 0
            }
            if p[i] == 13 { return p[i &+ 1] == 10 ? i &+ 2 : refuse(400, "a bare CR") }
            let line = i
            while i < count && token[Int(p[i])] != 0 { i &+= 1 }
            if i == count { return 0 }
            let nameCount = i &- line
            guard nameCount > 0, p[i] == 58 else { return refuse(400, "a field name is malformed") }
            i &+= 1
            while i < count && (p[i] == 32 || p[i] == 9) { i &+= 1 }
            let value = i
            i = skipValue(p, i, count)
            if i &+ 1 >= count { return i < count && p[i] != 13 ? refuse(400, "a field value is malformed") : 0 }
            guard p[i] == 13, p[i &+ 1] == 10 else { return refuse(400, "a field value is malformed") }
            var valueEnd = i
            while valueEnd > value && (p[valueEnd &- 1] == 32 || p[valueEnd &- 1] == 9) { valueEnd &-= 1 }
            i &+= 2
            guard nameCount < 1 << 15, head.fieldCount < fieldsMax else { return refuse(431, "too many fields") }
            let id = KnownField.of(p + line, nameCount)
            if id != .other {
                switch note(id, p + value, valueEnd &- value, value, head) {
                case .keep: break
                case .drop:
                    if id == .host { head.hostNameStart = UInt32(truncatingIfNeeded: line) }
                    continue
                case .refuse: return HTTP1HeadParser.refused
                }
            }
            head.note(
                MessageHead.Field(
                    line: UInt32(truncatingIfNeeded: line),
                    lineEnd: UInt32(truncatingIfNeeded: i),
                    value: UInt32(truncatingIfNeeded: value),
                    valueEnd: UInt32(truncatingIfNeeded: valueEnd),
                    nameLength: UInt16(truncatingIfNeeded: nameCount),
                    id: id.rawValue,
                    isRemoved: false
                )
            )
        }
    }

    /// The first byte that may not stand in a field value: a control character other than tab, or DEL.
    private func skipValue(_ p: BytePointer, _ start: Int, _ count: Int) -> Int {
        var i = start
        while i < count {
            let x = loadWord(p + i)
            let y = x ^ 0x7F7F_7F7F_7F7F_7F7F
            let low = (x &- 0x2020_2020_2020_2020) & ~x
            let del = (y &- 0x0101_0101_0101_0101) & ~y
            let other = (low | del) & 0x8080_8080_8080_8080
            if other == 0 {
                i &+= 8
                continue
            }
            i &+= other.trailingZeroBitCount >> 3
            if i < count && p[i] == 9 {
                i &+= 1
                continue
            }
            break
        }
        return min(i, count)
    }

    private enum Fate { case keep, drop, refuse }

    /// What framing and connection handling need from a field.
    private mutating func note(
        _ id: KnownField,
        _ p: BytePointer,
        _ count: Int,
        _ offset: Int,
        _ head: MessageHead
    ) -> Fate {
        let value = UnsafeRawBufferPointer(start: p, count: count)
        switch id {
        case .host:
            guard hostCount < 0 else { return refused(400, "more than one Host") }
            hostStart = offset
            hostCount = count
            return .drop
        case .contentLength:
            guard head.contentLength == nil else { return refused(400, "more than one Content-Length") }
            guard let length = MessageHead.decimal(value) else { return refused(400, "Content-Length is malformed") }
            head.contentLength = length
        case .transferEncoding:
            guard !isChunked else { return refused(400, "more than one Transfer-Encoding") }
            guard equalsLowercased(p, count, "chunked") else { return refusedCoding(value) }
            isChunked = true
            return .drop
        case .connection: noteConnection(value, head)
        case .expect: MessageHead.forEachElement(value) { noteExpectation($0) }
        default: break
        }
        return .keep
    }

    private mutating func noteExpectation(_ element: UnsafeRawBufferPointer) {
        guard let p = element.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
        if !equalsLowercased(p, element.count, "100-continue") { hasUnknownExpectation = true }
    }

    /// Where such a message ends is unknown unless chunked comes last (400, RFC 9112 §6.3); the other codings are not
    /// ours to undo (501, §6.1).
    private mutating func refusedCoding(_ value: UnsafeRawBufferPointer) -> Fate {
        var isChunkedLast = false
        MessageHead.forEachElement(value) { element in
            guard let p = element.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            isChunkedLast = equalsLowercased(p, element.count, "chunked")
        }
        return isChunkedLast
            ? refused(501, "Transfer-Encoding is not supported")
            : refused(400, "Transfer-Encoding does not end in chunked")
    }

    private mutating func refused(_ status: UInt16, _ reason: StaticString) -> Fate {
        _ = refuse(status, reason)
        return .refuse
    }

    private mutating func noteConnection(_ value: UnsafeRawBufferPointer, _ head: MessageHead) {
        var isClose = false, isKeep = false, hasOther = false
        MessageHead.forEachElement(value) { element in
            guard let p = element.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            if equalsLowercased(p, element.count, "close") {
                isClose = true
            } else if equalsLowercased(p, element.count, "keep-alive") {
                isKeep = true
            } else if equalsLowercased(p, element.count, "upgrade") {
                isUpgradeNominated = true
            } else {
                hasOther = true
            }
        }
        if isClose { isKeepAlive = false } else if isKeep && head.minorVersion == 0 { isKeepAlive = true }
        if hasOther { head.hasNominations = true }
    }
}
