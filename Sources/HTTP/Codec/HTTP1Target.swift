internal import Base
internal import CSys

// The four forms of a request target (RFC 9112 §3.2) and what a whole request must fulfil.
extension HTTP1HeadParser {
    /// Copies the head, then sets path and authority; refuses contradictions between target, Host and framing.
    mutating func finishRequest(_ p: BytePointer, _ length: Int, _ head: MessageHead) -> Int {
        guard adopt(p, length, head) else { return refuse(431, "the head is too large") }
        if hostCount >= 0 {
            guard Authority.isValid(p + hostStart, hostCount) else { return refuse(400, "Host is malformed") }
            head.authorityRange = MessageHead.Range(
                start: UInt32(truncatingIfNeeded: hostStart),
                count: UInt32(truncatingIfNeeded: hostCount)
            )
        } else if head.minorVersion == 1 {
            return refuse(400, "no Host")
        }
        if isChunked {
            if head.contentLength != nil { return refuse(400, "both Content-Length and Transfer-Encoding") }
            if head.minorVersion == 0 { return refuse(400, "Transfer-Encoding in HTTP/1.0") }
        }
        guard setTarget(p + targetStart, head) else { return HTTP1HeadParser.refused }
        if head.method == .trace { return refuse(405, "TRACE is not allowed") }
        // Upgrade counts only as a connection option of HTTP/1.1, and never on a message with content: what would be
        // content and what the new protocol's first bytes is nothing two peers must agree on (RFC 9110 §7.8).
        if head.has(.upgrade), !isUpgradeNominated || head.minorVersion == 0 || isChunked || head.hasContent {
            head.remove(.upgrade)
        }
        if head.has(.expect) { return finishExpectation(length, head) }
        return length
    }

    /// Without content to come, and in HTTP/1.0, an expectation means nothing (RFC 9110 §10.1.1).
    private mutating func finishExpectation(_ length: Int, _ head: MessageHead) -> Int {
        if head.minorVersion == 0 || !(isChunked || head.hasContent) {
            head.remove(.expect)
        } else if hasUnknownExpectation {
            return refuse(417, "the expectation is not supported")
        }
        return length
    }

    private mutating func setTarget(_ p: BytePointer, _ head: MessageHead) -> Bool {
        let count = targetCount
        if head.method == .connect {
            guard Authority.isValid(p, count), Authority.hasPort(p, count) else {
                return deny("CONNECT needs host:port")
            }
            if isChunked || (head.contentLength ?? 0) > 0 { return deny("CONNECT with content") }
            head.authorityRange = range(targetStart, count)
            return true
        }
        if memchr(p, 35, count) != nil { return deny("a fragment in the request target") }
        if p[0] == 47 {
            head.pathRange = range(targetStart, count)
            return true
        }
        if count == 1 && p[0] == 42 {
            guard head.method == .options else { return deny("* is only for OPTIONS") }
            head.pathRange = range(targetStart, 1)
            return true
        }
        return setAbsoluteTarget(p, head)
    }

    /// `http://authority/path`: the target's authority replaces Host (RFC 9112 §3.2.2).
    private mutating func setAbsoluteTarget(_ p: BytePointer, _ head: MessageHead) -> Bool {
        var start = 0
        if targetCount > 7 && strncasecmp(p, "http://", 7) == 0 { start = 7 }
        if targetCount > 8 && strncasecmp(p, "https://", 8) == 0 { start = 8 }
        guard start > 0 else { return deny("the request target is malformed") }
        var end = start
        while end < targetCount && p[end] != 47 && p[end] != 63 { end &+= 1 }
        guard Authority.isValid(p + start, end &- start) else {
            return deny("the request target's authority is malformed")
        }
        head.authorityRange = range(targetStart &+ start, end &- start)
        if end == targetCount {
            head.setPath(head.method == .options ? UnsafeRawBufferPointer("*") : UnsafeRawBufferPointer("/"))
        } else if p[end] == 47 {
            head.pathRange = range(targetStart &+ end, targetCount &- end)
        } else {
            let query = targetCount &- end
            guard head.reserve(query &+ 1) else { return deny("the head is too large") }
            let offset = head.used
            head.block[offset] = 47
            memcpy(head.block + offset + 1, p + end, query)
            head.used &+= query &+ 1
            head.pathRange = range(offset, query &+ 1)
        }
        return true
    }

    private mutating func deny(_ reason: StaticString) -> Bool {
        _ = refuse(400, reason)
        return false
    }

    private func range(_ start: Int, _ count: Int) -> MessageHead.Range {
        MessageHead.Range(start: UInt32(truncatingIfNeeded: start), count: UInt32(truncatingIfNeeded: count))
    }
}

/// `host[:port]` as Host and :authority carry it.
enum Authority {
    /// A registered name of letters, digits, `-`, `.` and `_`, or an IPv6 address in brackets; then at most one port
    /// from 0 to 65535. RFC 3986 allows more, no DNS name needs it, and back ends differ in how they read it.
    static func isValid(_ p: BytePointer, _ count: Int) -> Bool {
        guard count > 0, count <= 512 else { return false }
        var i = 0
        if p[0] == 0x5B {
            i = 1
            while i < count && isAddressByte(p[i]) { i &+= 1 }
            guard i < count, p[i] == 0x5D, isIPv6(p + 1, i &- 1) else { return false }
            i &+= 1
        } else {
            while i < count && isNameByte(p[i]) { i &+= 1 }
            guard i > 0 else { return false }
        }
        if i == count { return true }
        guard p[i] == 58, count &- i >= 2, count &- i <= 6 else { return false }
        i &+= 1
        var port = 0
        while i < count {
            guard p[i] >= 48, p[i] <= 57 else { return false }
            port = port &* 10 &+ Int(p[i] &- 48)
            i &+= 1
        }
        return port <= 65_535
    }

    /// Groups of one to four digits, eight of them or fewer around one `::`; the last may be an IPv4 address, which
    /// counts as two (RFC 3986 §3.2.2).
    private static func isIPv6(_ p: BytePointer, _ count: Int) -> Bool {
        var groups = 0, digits = 0, i = 0
        var hasGap = false
        while i < count {
            if p[i] == 58 {
                if i &+ 1 < count && p[i &+ 1] == 58 {
                    guard !hasGap else { return false }
                    hasGap = true
                    i &+= 2
                } else {
                    guard digits > 0, i &+ 1 < count else { return false }
                    i &+= 1
                }
                digits = 0
                continue
            }
            if digits == 0 {
                groups &+= 1
                if isIPv4(p + i, count &- i) { return isGroupCount(groups &+ 1, hasGap) }
            }
            guard p[i] != 46, digits < 4 else { return false }
            digits &+= 1
            i &+= 1
        }
        return isGroupCount(groups, hasGap)
    }

    private static func isGroupCount(_ groups: Int, _ hasGap: Bool) -> Bool {
        hasGap ? groups < 8 : groups == 8
    }

    /// Four decimal numbers up to 255, to the end.
    private static func isIPv4(_ p: BytePointer, _ count: Int) -> Bool {
        var parts = 0, digits = 0, value = 0
        for i in 0..<count {
            if p[i] == 46 {
                guard digits > 0 else { return false }
                parts &+= 1
                digits = 0
                value = 0
            } else {
                guard p[i] >= 48, p[i] <= 57, digits < 3 else { return false }
                value = value &* 10 &+ Int(p[i] &- 48)
                digits &+= 1
                guard value <= 255 else { return false }
            }
        }
        return parts == 3 && digits > 0
    }

    static func hasPort(_ p: BytePointer, _ count: Int) -> Bool {
        var i = count &- 1
        while i >= 0 && p[i] >= 48 && p[i] <= 57 { i &-= 1 }
        return i > 0 && i < count &- 1 && p[i] == 58
    }

    private static func isNameByte(_ b: UInt8) -> Bool {
        (b >= 97 && b <= 122) || (b >= 65 && b <= 90) || (b >= 48 && b <= 57) || b == 45 || b == 46 || b == 95
    }

    private static func isAddressByte(_ b: UInt8) -> Bool {
        (b >= 97 && b <= 102) || (b >= 65 && b <= 70) || (b >= 48 && b <= 58) || b == 46
    }
}
